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

pub(crate) fn man() -> Result<Outcome, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command()).render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(Outcome::Fine)
}
