//! Printing diagnostics, always to standard error.
//!
//! Whether anybody reads them does not change what a filter is worth, so a
//! standard error that is closed or full is no failure.

use std::fmt::Display;
use std::fmt::Write as _;
use std::io::Write as _;

use divert_compiler::diag::RenderOptions;
use divert_compiler::diag::format::{GitHub, Record, Short, sarif};
use divert_compiler::{Diagnostic, Engine, Filter};

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
    let mut out = String::new();
    let (source, name) = (input.text.as_str(), input.name.as_str());
    let short = |diagnostic| Short {
        diagnostic,
        source,
        name,
    };
    if format == CheckFormat::Sarif {
        let log = sarif::Log::new(diagnostics, source, name);
        let log = serde_json::to_string_pretty(&log).map_err(std::io::Error::from)?;
        show(&(log + "\n"));
        return Ok(());
    }
    for diagnostic in diagnostics {
        match format {
            CheckFormat::Short => _ = writeln!(out, "{}", short(diagnostic)),
            CheckFormat::Github => _ = writeln!(out, "{}", GitHub(short(diagnostic))),
            CheckFormat::Json => {
                let record = Record::new(diagnostic, source, name);
                let json = serde_json::to_string(&record).map_err(std::io::Error::from)?;
                out += &(json + "\n");
            }
            CheckFormat::Human | CheckFormat::Sarif => {
                // The stream strips colours where they are not wanted.
                let options = RenderOptions { color: true, name };
                out += &diagnostic.render(source, options);
            }
        }
    }
    show(&out);
    Ok(())
}

/// Says something that is not about a place in a filter.
pub(crate) fn say(message: impl Display) {
    show(&format!("divertc: {message}\n"));
}

fn show(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Says that a filter is not text.
pub(crate) fn not_text(filter: &NotText) {
    let NotText {
        name,
        valid,
        is_utf16,
    } = filter;
    let advice = if *is_utf16 {
        "; it looks like UTF-16, so save it as UTF-8"
    } else {
        ""
    };
    say(format_args!(
        "{name} is not a filter: it is not UTF-8 text, from byte {valid} on{advice}"
    ));
}

/// Reads and compiles a filter, and prints what is wrong or strange with it.
/// `None` if it is wrong.
pub(crate) fn compile(
    source: &Source,
    engine: Engine,
    format: Format,
) -> Result<Option<(Input, Filter)>, Failure> {
    match source.read()? {
        Ok(input) => {
            let filter = compile_input(&input, &source.options, engine, format)?;
            Ok(filter.map(|filter| (input, filter)))
        }
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
    engine: Engine,
    format: Format,
) -> Result<Option<Filter>, Failure> {
    match options.compiler().engine(engine).compile(&input.text) {
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
