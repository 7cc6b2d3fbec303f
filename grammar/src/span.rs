//! Where a piece of syntax stands in the filter text.

use core::ops::Range;

/// A half-open range of byte offsets into the filter text.
///
/// Offsets are `u32`: a filter is never longer than
/// [`MAX_SOURCE_LEN`](crate::limits::MAX_SOURCE_LEN), and spans are stored in
/// every node, so their size matters.
///
/// ```
/// use divert_grammar::Span;
///
/// let span = Span::new(2, 5).to(Span::new(7, 9));
/// assert_eq!(&"a tcp or udp"[span.range()], "tcp or ");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just after the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The empty span at `at`: a place where something is missing.
    #[must_use]
    pub const fn at(at: u32) -> Self {
        Self { start: at, end: at }
    }

    /// The smallest span that covers `self` and `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The same range, ready to index the text with.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The number of bytes covered.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the span covers no byte, as that of a missing thing does.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The text the span covers; empty if the span is not of this text.
    ///
    /// Total on purpose: a span from another text must not bring a panic.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_join_in_any_order() {
        assert_eq!(Span::new(4, 6).to(Span::new(1, 2)), Span::new(1, 6));
        assert_eq!(Span::new(1, 2).to(Span::new(4, 6)), Span::new(1, 6));
    }

    #[test]
    fn a_span_of_another_text_covers_nothing() {
        assert_eq!(Span::new(3, 9).of("tcp"), "");
        assert_eq!(Span::new(1, 2).of("é"), "");
    }

    #[test]
    fn a_missing_thing_has_an_empty_span() {
        assert!(Span::at(7).is_empty());
        assert_eq!(Span::at(7).len(), 0);
        assert_eq!(Span::new(2, 5).len(), 3);
    }
}
