//! Lines and columns, for people and editors.

use core::fmt;

/// A place in a text as editors count: from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset`.
    ///
    /// An offset past the end, or inside a character, counts as the next
    /// position before it.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::diag::Position;
    ///
    /// let position = Position::of("tcp\nand udp", 8);
    /// assert_eq!((position.line, position.column), (2, 5));
    /// ```
    #[must_use]
    pub fn of(source: &str, offset: u32) -> Self {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let before = source.get(..floor(source, offset)).unwrap_or(source);
        let newlines = before.bytes().filter(|byte| *byte == b'\n').count();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: newlines.saturating_add(1),
            column: line.chars().count().saturating_add(1),
        }
    }
}

/// The last character boundary that is not after `offset`.
pub(super) fn floor(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset = offset.saturating_sub(1);
    }
    offset
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, offset: u32, expect: &str) {
        assert_eq!(Position::of(source, offset).to_string(), expect);
    }

    #[test]
    fn columns_count_characters_from_1() {
        check("", 0, "1:1");
        check("tcp", 3, "1:4");
        check("é é", 3, "1:3");
        check("é é", 1, "1:1");
        check("tcp\r\nudp", 5, "2:1");
        check("tcp\n", 4, "2:1");
        check("tcp", 99, "1:4");
    }
}
