//! Diagnostics: what is wrong with a filter, as data.
//!
//! The compiler finds facts; `text` puts them in words, and nothing else does.

mod codes;
mod finding;
pub mod format;
#[cfg(feature = "render")]
mod render;
mod suggest;
mod syntax;
mod text;

use core::fmt;

use divert_grammar::Span;

pub use codes::{Code, Example, Severity, UnknownCode};
#[cfg(feature = "render")]
pub use render::RenderOptions;

pub(crate) use finding::{Finding, FindingKind};
pub(crate) use text::describe;

use crate::reference::ReferenceError;

/// One thing to say about a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Diagnostic {
    /// Which kind of thing it is.
    pub code: Code,
    /// How serious it is.
    pub severity: Severity,
    /// What is the matter, in one line.
    pub message: String,
    /// The place it is about.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_span"))]
    pub span: Span,
    /// What to write at the place, and at others that matter.
    pub labels: Vec<Label>,
    /// Why it is so.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// A change of the text that would do it.
    pub suggestion: Option<Suggestion>,
}

/// A remark on one place of the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Label {
    /// The place.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_span"))]
    pub span: Span,
    /// The remark.
    pub message: String,
}

/// A change of the filter text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Suggestion {
    /// What it does, e.g. "write `and`".
    pub title: String,
    /// The text to replace.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_span"))]
    pub span: Span,
    /// The new text.
    pub replacement: String,
}

#[cfg(feature = "serde")]
fn serialize_span<S: serde::Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    [span.start, span.end].serialize(serializer)
}

impl Suggestion {
    /// The filter text with the change made.
    #[must_use]
    pub fn apply(&self, source: &str) -> String {
        let range = self.span.range();
        let before = source.get(..range.start).unwrap_or_default();
        let after = source.get(range.end..).unwrap_or_default();
        [before, &self.replacement, after].concat()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { start, end } = self.span;
        write!(
            f,
            "{}[{}] at {start}..{end}: {}",
            self.severity, self.code, self.message
        )
    }
}

/// Everything that is wrong with a filter. Never empty.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, Layer};
///
/// let wrong = compile("tcp.dstport = 80 and udpp", Layer::Network).unwrap_err();
/// let codes: Vec<&str> = wrong.iter().map(|d| d.code.as_str()).collect();
/// assert_eq!(codes, ["E0202", "E0201"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    source: Box<str>,
    reference: Option<ReferenceError>,
}

impl Diagnostics {
    pub(crate) fn new(
        mut list: Vec<Diagnostic>,
        source: &str,
        reference: Option<ReferenceError>,
    ) -> Self {
        // Errors first; within them the order of the text.
        list.sort_by_key(|d| (core::cmp::Reverse(d.severity), d.span));
        Self {
            list,
            source: source.into(),
            reference,
        }
    }

    /// The filter text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The first of the most serious diagnostics.
    #[must_use]
    pub fn first(&self) -> Option<&Diagnostic> {
        self.list.first()
    }

    /// All of them, the most serious first.
    pub fn iter(&self) -> core::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The error as WinDivert 2.2 reports it; in its dialect always there.
    #[must_use]
    pub const fn reference_error(&self) -> Option<ReferenceError> {
        self.reference
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.list.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for Diagnostics {}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = core::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// Whether a filter with this finding is refused.
pub(crate) fn is_error(kind: &FindingKind) -> bool {
    kind.code().severity() == Severity::Error
}
