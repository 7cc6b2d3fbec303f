//! The limits that keep hostile text cheap, each stated once.
//!
//! They bound time and memory only. The limits of the WinDivert language
//! itself (length of a word, number of tokens, nesting) are the compiler's.

/// The longest text that is read at all, in bytes.
pub const MAX_SOURCE_LEN: usize = 1 << 20;

/// How many parentheses and unfinished ternaries may be open at once.
pub const MAX_DEPTH: usize = 1000;

/// How many mistakes are looked for before the parse is given up.
///
/// Each one costs a search for a place to go on, so a text of nothing but
/// mistakes would take quadratic time without this.
pub const MAX_ERRORS: usize = 256;
