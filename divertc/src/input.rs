//! Where filters come from: an argument, a file, standard input.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::args::Source;

/// What editors of Windows put before UTF-8.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// The text of a filter, and what to call it.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A filter that is not even text.
pub(crate) struct NotText {
    pub(crate) name: String,
    /// How many bytes were fine.
    pub(crate) valid: usize,
    /// Whether it begins with the mark of UTF-16, which Windows likes.
    pub(crate) is_utf16: bool,
}

impl Source {
    pub(crate) fn read(&self) -> Result<Result<Input, NotText>, Failure> {
        read(self.filter.as_deref(), self.file.as_deref())
    }
}

/// Tells the filter from the captures: with `-f` every argument is a capture.
pub(crate) fn filter_and_captures<'a>(
    argument: Option<&'a OsStr>,
    file: Option<&Path>,
    captures: &[PathBuf],
) -> (Option<&'a OsStr>, Vec<PathBuf>) {
    if file.is_none() {
        return (argument, captures.to_vec());
    }
    let first = argument.map(PathBuf::from);
    let captures = first.into_iter().chain(captures.iter().cloned());
    (None, captures.collect())
}

/// Reads a filter. Standard input is read only if the argument is `-`.
pub(crate) fn read(
    argument: Option<&OsStr>,
    file: Option<&Path>,
) -> Result<Result<Input, NotText>, Failure> {
    let (name, bytes) = match (file, argument) {
        (Some(path), _) => {
            let cannot = |error| Failure::Io(format!("cannot read {}: {error}", path.display()));
            (path.display().to_string(), fs::read(path).map_err(cannot)?)
        }
        (None, Some(argument)) if argument == "-" => {
            let mut bytes = Vec::new();
            let cannot = |error| Failure::Io(format!("cannot read standard input: {error}"));
            io::stdin().read_to_end(&mut bytes).map_err(cannot)?;
            ("<stdin>".into(), bytes)
        }
        (None, Some(argument)) => ("filter".into(), argument.as_encoded_bytes().to_vec()),
        (None, None) => return Err(Failure::Usage("a filter is missing".into())),
    };
    let is_file = file.is_some() || argument.is_some_and(|a| a == "-");
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let bytes = error.as_bytes();
            return Ok(Err(NotText {
                name,
                valid: error.utf8_error().valid_up_to(),
                is_utf16: bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff"),
            }));
        }
    };
    if !is_file {
        return Ok(Ok(Input { name, text }));
    }
    // The mark and the line end of a file are not part of the filter.
    let filter = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let filter = filter.strip_suffix('\n').unwrap_or(filter);
    let filter = filter.strip_suffix('\r').unwrap_or(filter);
    let text = filter.to_owned();
    Ok(Ok(Input { name, text }))
}
