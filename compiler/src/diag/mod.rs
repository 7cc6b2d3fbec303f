//! Diagnostics: what is wrong with a filter, as data.
//!
//! The stages of the compiler find facts; here, and only here, they
//! become words. What the words look like on a screen or in a file is
//! the business of the module `format` and of `render`.

mod codes;
mod finding;
pub mod format;
mod list;
mod position;
mod quote;
#[cfg(feature = "render")]
mod render;
mod text;

use core::fmt;

use divert_grammar::Span;

pub use codes::{Code, Example, Severity, UnknownCode};
pub use list::Diagnostics;
pub use position::Position;
#[cfg(feature = "render")]
pub use render::RenderOptions;

pub(crate) use finding::{Finding, FindingKind};
pub(crate) use text::{describe_all, is_error};

/// One thing to tell about a filter: what, where, why, and what to do.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, Layer};
///
/// let error = compile("tcp AND udp", Layer::Network).unwrap_err();
/// let diagnostic = error.first().unwrap();
/// assert_eq!(
///     diagnostic.to_string(),
///     "error[E0105] at 4..7: `AND` must be written `and`",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; empty where something is missing.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_span"))]
    pub span: Span,
    /// Remarks on places in the filter, the place of the mistake first.
    pub labels: Vec<Label>,
    /// Why it is so, and what WinDivert 2.2 does.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// A change of the filter that may be what was meant.
    pub suggestion: Option<Suggestion>,
}

/// A remark on a place in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Label {
    /// The place.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_span"))]
    pub span: Span,
    /// The remark.
    pub message: String,
}

/// A change of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Suggestion {
    /// What to replace; empty to insert.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_span"))]
    pub span: Span,
    /// What to put there.
    pub replacement: String,
    /// What the change does, as an invitation: `swap the sides`.
    pub title: String,
}

impl Suggestion {
    /// The filter with the change made.
    #[must_use]
    pub fn apply(&self, source: &str) -> String {
        let range = self.span.range();
        let before = source.get(..range.start).unwrap_or(source);
        let after = source.get(range.end..).unwrap_or_default();
        [before, &self.replacement, after].concat()
    }
}

impl Diagnostic {
    pub(crate) fn new(code: Code, span: Span, message: String) -> Self {
        Self {
            code,
            severity: code.severity(),
            message,
            span,
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            suggestion: None,
        }
    }

    fn label(self, message: impl Into<String>) -> Self {
        let span = self.span;
        self.label_at(span, message)
    }

    fn label_at(mut self, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        self.labels.push(Label { span, message });
        self
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn suggest(self, span: Span, replacement: impl Into<String>, title: impl Into<String>) -> Self {
        let replacement = replacement.into();
        let title = title.into();
        let suggestion = Suggestion {
            span,
            replacement,
            title,
        };
        self.suggest_if(Some(suggestion))
    }

    fn suggest_if(self, suggestion: Option<Suggestion>) -> Self {
        Self {
            suggestion: suggestion.or(self.suggestion),
            ..self
        }
    }

    /// Whether the filter does not compile because of this.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Line and column where the place of the mistake begins.
    #[must_use]
    pub fn position(&self, source: &str) -> Position {
        Position::of(source, self.span.start)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, severity, .. } = self;
        let Span { start, end } = self.span;
        write!(f, "{severity}[{code}] at {start}..{end}: {}", self.message)
    }
}

/// The grammar does not know serde.
#[cfg(feature = "serde")]
fn serialize_span<S: serde::Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    [span.start, span.end].serialize(serializer)
}
