//! Diagnostics for editors and continuous integration.
//!
//! The types here are shapes only: with the feature `serde` they serialise to
//! what the tools expect. Which library writes the JSON is up to the caller.

use core::fmt;

use super::{Diagnostic, Position, Severity};

#[cfg(feature = "serde")]
pub mod sarif;

/// Displays as `file:line:column: error[E0203]: message`.
///
/// # Examples
///
/// ```
/// use divert_compiler::diag::format::Short;
/// use divert_compiler::{compile, Layer};
///
/// let error = compile("tcp and\nTCP", Layer::Network).unwrap_err();
/// let diagnostic = error.first().unwrap();
/// let short = Short { diagnostic, source: error.source(), name: "rules.txt" };
/// assert_eq!(short.to_string(), "rules.txt:2:1: error[E0204]: `TCP` is a number, not a test");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Short<'a> {
    /// The diagnostic.
    pub diagnostic: &'a Diagnostic,
    /// The filter it is about.
    pub source: &'a str,
    /// The file, or another name of the filter.
    pub name: &'a str,
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic {
            code,
            severity,
            message,
            ..
        } = self.diagnostic;
        let (name, position) = (self.name, self.diagnostic.position(self.source));
        write!(f, "{name}:{position}: {severity}[{code}]: {message}")
    }
}

/// Displays as a command of GitHub Actions, which marks the line in a file.
///
/// # Examples
///
/// ```
/// use divert_compiler::diag::format::{GitHub, Short};
/// use divert_compiler::{compile, Layer};
///
/// let error = compile("TCP", Layer::Network).unwrap_err();
/// let diagnostic = error.first().unwrap();
/// let command = GitHub(Short { diagnostic, source: error.source(), name: "a,b.txt" });
/// assert_eq!(
///     command.to_string(),
///     "::error file=a%2Cb.txt,line=1,endLine=1,col=1,endColumn=4,\
///      title=E0204::`TCP` is a number, not a test%0Ahelp: the test is spelled `tcp`",
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GitHub<'a>(pub Short<'a>);

impl fmt::Display for GitHub<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Short {
            diagnostic,
            source,
            name,
        } = self.0;
        let command = match diagnostic.severity {
            Severity::Note => "notice",
            severity => severity.as_str(),
        };
        let start = diagnostic.position(source);
        let end = Position::of(source, diagnostic.span.end);
        write!(
            f,
            "::{command} file={},line={},endLine={},col={},endColumn={},title={}::{}",
            escape(name, &[':', ',']),
            start.line,
            end.line,
            start.column,
            end.column,
            diagnostic.code,
            escape(&diagnostic.message, &[]),
        )?;
        for note in &diagnostic.notes {
            write!(f, "%0Anote: {}", escape(note, &[]))?;
        }
        if let Some(help) = &diagnostic.help {
            write!(f, "%0Ahelp: {}", escape(help, &[]))?;
        }
        Ok(())
    }
}

/// Escapes what would end a command, and some other characters.
fn escape(text: &str, others: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if others.contains(&c) => out.push_str("%3A"),
            ',' if others.contains(&c) => out.push_str("%2C"),
            _ => out.push(c),
        }
    }
    out
}

/// A diagnostic with all a program may want to know, for JSON.
///
/// One object a diagnostic: offsets are bytes, lines and columns count from 1.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Record<'a> {
    /// The file, or another name of the filter.
    pub file: &'a str,
    /// The line where the place of the mistake begins.
    pub line: usize,
    /// Its column, in characters.
    pub column: usize,
    /// The short name of the code.
    pub slug: &'static str,
    /// The filter with the suggestion applied.
    pub fixed: Option<String>,
    /// The diagnostic itself.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub diagnostic: &'a Diagnostic,
}

impl<'a> Record<'a> {
    /// The diagnostic in a file, or another name of the filter.
    #[must_use]
    pub fn new(diagnostic: &'a Diagnostic, source: &'a str, file: &'a str) -> Self {
        let Position { line, column } = diagnostic.position(source);
        let suggestion = diagnostic.suggestion.as_ref();
        // A long filter for each of many mistakes would be too much.
        let suggestion = suggestion.filter(|_| source.len() <= MAX_FIXED);
        Self {
            file,
            line,
            column,
            slug: diagnostic.code.slug(),
            fixed: suggestion.map(|suggestion| suggestion.apply(source)),
            diagnostic,
        }
    }
}

/// Longest filter that a [`Record`] repeats with the suggestion applied.
const MAX_FIXED: usize = 1 << 14;
