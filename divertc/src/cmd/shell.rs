//! `divertc completions` and `divertc man`

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::Args;
use crate::{Failure, Outcome};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "divertc", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Outcome::Fine)
}

/// The page of the whole program, or of one of its commands.
pub(crate) fn man(command: Option<&str>) -> Result<Outcome, Failure> {
    let mut program = Args::command();
    // Only then do the commands have their full names and global options.
    program.build();
    let command = match command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| {
                let names = program.get_subcommands().map(clap::Command::get_name);
                let names: Vec<&str> = names.collect();
                Failure::Usage(format!(
                    "no command {name:?}; the commands are: {}",
                    names.join(", ")
                ))
            })?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(Outcome::Fine)
}
