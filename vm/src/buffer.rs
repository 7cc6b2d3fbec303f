//! Text into a fixed buffer, cut and terminated as the reference does it.

use core::fmt;

/// A buffer that takes the text that fits and remembers if some did not.
///
/// What the helper functions with an output buffer write goes through here.
/// Writing never fails; [`finish`](Self::finish) tells whether all is well.
///
/// ```
/// use core::fmt::Write;
/// use divert_vm::TextBuffer;
///
/// let mut bytes = [0xCC; 4];
/// let mut text = TextBuffer::new(&mut bytes);
/// let _ = write!(text, "{}", 443);
/// assert!(text.finish());
/// assert_eq!(&bytes, b"443\0");
/// ```
#[derive(Debug)]
pub struct TextBuffer<'a> {
    bytes: &'a mut [u8],
    len: usize,
    overflowed: bool,
}

impl<'a> TextBuffer<'a> {
    /// An empty text over `bytes`; what they hold is kept until written.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            bytes,
            len: 0,
            overflowed: false,
        }
    }

    /// Appends as much of `text` as there is room for.
    pub fn push(&mut self, text: &[u8]) {
        for byte in text {
            match self.bytes.get_mut(self.len) {
                Some(place) => {
                    *place = *byte;
                    self.len = self.len.saturating_add(1);
                }
                None => self.overflowed = true,
            }
        }
    }

    /// Whether there is no room for another byte.
    pub fn is_full(&self) -> bool {
        self.len >= self.bytes.len()
    }

    /// Terminates the text, and tells whether it is whole.
    ///
    /// A text that fills the buffer loses its last byte to the NUL, yet
    /// counts as whole: callers of the reference rely on it. In a buffer of
    /// size 0 nothing is whole, not even an empty text.
    pub fn finish(self) -> bool {
        let end = if self.len < self.bytes.len() {
            self.bytes.get_mut(self.len)
        } else {
            self.bytes.last_mut()
        };
        match end {
            Some(place) => {
                *place = 0;
                !self.overflowed
            }
            None => false,
        }
    }
}

impl fmt::Write for TextBuffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, size: usize, whole: bool, expect: &[u8]) {
        let mut bytes = [0xCC; 8];
        let mut buffer = TextBuffer::new(&mut bytes[..size]);
        buffer.push(text.as_bytes());
        assert_eq!(buffer.finish(), whole);
        assert_eq!(&bytes[..size], expect);
        assert!(bytes[size..].iter().all(|b| *b == 0xCC));
    }

    #[test]
    fn room_to_spare_is_left_alone() {
        check("abc", 6, true, b"abc\0\xCC\xCC");
        check("", 2, true, b"\0\xCC");
    }

    #[test]
    fn text_that_just_fits_loses_its_last_byte_and_counts_as_whole() {
        check("abc", 4, true, b"abc\0");
        check("abc", 3, true, b"ab\0");
    }

    #[test]
    fn text_that_does_not_fit_is_cut_and_terminated() {
        check("abc", 2, false, b"a\0");
        check("abc", 1, false, b"\0");
        check("abc", 0, false, b"");
        check("", 0, false, b"");
    }
}
