//! Printing diagnostics, always to standard error.

use std::io::Write;

use divert_compiler::diag::RenderOptions;
use divert_compiler::diag::format::{GitHub, Short, sarif};
use divert_compiler::{Diagnostic, Filter};

use crate::args::{CheckFormat, Format, Options, Source};
use crate::input::{Input, NotText};
use crate::{Failure, Outcome};

impl From<Format> for CheckFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Short => Self::Short,
            Format::Json => Self::Json,
        }
    }
}

/// Prints diagnostics of one filter.
pub(crate) fn print(
    diagnostics: &[Diagnostic],
    input: &Input,
    format: CheckFormat,
) -> Result<(), Failure> {
    let mut out = anstream::stderr();
    let (source, name) = (input.text.as_str(), input.name.as_str());
    let short = |diagnostic| Short {
        diagnostic,
        source,
        name,
    };
    if format == CheckFormat::Sarif {
        let log = sarif::Log::new(diagnostics, source, name);
        let log = serde_json::to_string_pretty(&log).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{log}")?);
    }
    for diagnostic in diagnostics {
        match format {
            CheckFormat::Short => writeln!(out, "{}", short(diagnostic))?,
            CheckFormat::Github => writeln!(out, "{}", GitHub(short(diagnostic)))?,
            CheckFormat::Json => {
                let json = serde_json::to_string(diagnostic).map_err(std::io::Error::from)?;
                writeln!(out, "{json}")?;
            }
            CheckFormat::Human | CheckFormat::Sarif => {
                // The stream strips colours where they are not wanted.
                let options = RenderOptions { color: true, name };
                write!(out, "{}", diagnostic.render(source, options))?;
            }
        }
    }
    Ok(())
}

/// Says that a filter is not text.
pub(crate) fn not_text(filter: &NotText) {
    let NotText { name, valid } = filter;
    anstream::eprintln!(
        "divertc: {name} is not a filter: it is not UTF-8 text, from byte {valid} on"
    );
}

/// Reads and compiles a filter, and prints what is wrong or strange with it.
/// `None` if it is wrong.
pub(crate) fn compile(source: &Source, format: Format) -> Result<Option<(Input, Filter)>, Failure> {
    match source.read()? {
        Ok(input) => Ok(compile_input(&input, &source.options, format)?.map(|f| (input, f))),
        Err(not) => {
            not_text(&not);
            Ok(None)
        }
    }
}

/// Compiles a filter that was read.
pub(crate) fn compile_input(
    input: &Input,
    options: &Options,
    format: Format,
) -> Result<Option<Filter>, Failure> {
    match options.compiler().compile(&input.text) {
        Ok(filter) => {
            print(filter.warnings(), input, format.into())?;
            Ok(Some(filter))
        }
        Err(diagnostics) => {
            print(diagnostics.iter().as_slice(), input, format.into())?;
            Ok(None)
        }
    }
}

impl Outcome {
    /// Fine if `fine`.
    pub(crate) const fn of(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Wrong }
    }
}
