//! All there is to tell about one filter.

use core::fmt;
use core::slice;
use std::vec;

use super::Diagnostic;
use crate::reference::ReferenceError;

/// Why a filter does not compile: every mistake in it, and its warnings.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, Layer};
///
/// let error = compile("tcp AND and processId = 4", Layer::Network).unwrap_err();
/// let codes: Vec<_> = error.iter().map(|d| d.code.as_str()).collect();
/// assert_eq!(codes, ["E0105", "E0301", "E0203"]);
/// assert_eq!(error.source(), "tcp AND and processId = 4");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    // In one allocation, so that the error side of a result stays small.
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    list: Vec<Diagnostic>,
    source: Box<str>,
    reference_error: Option<ReferenceError>,
}

impl Diagnostics {
    /// The diagnostics of `source`, put in the order of the text.
    pub(crate) fn new(
        mut list: Vec<Diagnostic>,
        source: &str,
        reference_error: Option<ReferenceError>,
    ) -> Self {
        list.sort_by_key(|diagnostic| diagnostic.span.start);
        let source = source.into();
        Self {
            inner: Box::new(Inner {
                list,
                source,
                reference_error,
            }),
        }
    }

    /// The filter that they are about.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What WinDivert 2.2 reports, if it was asked.
    #[must_use]
    pub fn reference_error(&self) -> Option<ReferenceError> {
        self.inner.reference_error
    }

    /// The first error of the text, or the first warning if there is none.
    #[must_use]
    pub fn first(&self) -> Option<&Diagnostic> {
        let list = &self.inner.list;
        let error = list.iter().find(|diagnostic| diagnostic.is_error());
        error.or(list.first())
    }

    /// All of them, in the order of the text.
    pub fn iter(&self) -> slice::Iter<'_, Diagnostic> {
        self.inner.list.iter()
    }

    /// All of them, in the order of the text.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.inner.list
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.list.len()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.list.is_empty()
    }

    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(Diagnostic::is_error)
    }
}

impl fmt::Display for Diagnostics {
    /// One line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, diagnostic) in self.iter().enumerate() {
            if count > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(diagnostic, f)?;
        }
        Ok(())
    }
}

impl core::error::Error for Diagnostics {}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.inner.list.into_iter()
    }
}
