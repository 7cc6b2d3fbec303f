//! `divertc`: check, compile, explain and run WinDivert filters.
//!
//! Arguments, files and exit codes; what they are about is in the libraries.

mod address;
mod args;
mod capture;
mod cmd;
mod input;
mod link;
mod report;
mod saved;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// How the program ends: the exit code, by the contract in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well; for `run`, something matched.
    Fine,
    /// The filter is wrong; for `run`, nothing matched; for `diff`, the
    /// filters differ.
    Wrong,
    /// Whether two filters match the same is not known.
    Undecided,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Io(String),
    #[error(transparent)]
    Capture(#[from] capture::CaptureError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 3,
        }
    }

    /// Whoever reads our output has had enough, as in `divertc … | head`.
    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    args.color.write_global();
    match run(&args.command) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Wrong) => ExitCode::from(1),
        Ok(Outcome::Undecided) => ExitCode::from(4),
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            report::say(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Check(args) => cmd::check::run(args),
        Command::Compile(args) => cmd::compile::run(args),
        Command::Explain(args) => cmd::explain::run(args),
        Command::Run(args) => cmd::run::run(args),
        Command::Bench(args) => cmd::bench::run(args),
        Command::Diff(args) => cmd::diff::run(args),
        Command::Fmt(args) => cmd::fmt::run(args),
        Command::Disasm(args) => cmd::disasm::run(args),
        Command::Fields(args) => cmd::fields::run(args),
        Command::Batch => cmd::batch::run(),
        Command::Completions { shell } => cmd::shell::completions(*shell),
        Command::Man { command } => cmd::shell::man(command.as_deref()),
    }
}
