//! The observable behaviour of the WinDivert 2.2 helper functions.
//!
//! Acceptance, error code and position are those of the reference
//! implementation to the bit (spec: filter language, section 8). This is a
//! replay of how it *fails*; what a filter means is decided elsewhere, by the
//! same grammar and types in both dialects.

mod buffers;
mod lex;
mod parse;

use divert_vm::Layer;

use crate::diag::FindingKind;

pub use buffers::{BufferError, compile_into, format_into};

/// An error as `WinDivertHelperCompileFilter` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    /// The number of the message, see [`ReferenceError::message`].
    pub code: u8,
    /// Byte offset into the filter.
    pub position: u32,
}

/// Error numbers of the reference.
pub(crate) mod code {
    pub(crate) const TOO_DEEP: u8 = 2;
    pub(crate) const TOO_LONG: u8 = 3;
    pub(crate) const BAD_TOKEN: u8 = 4;
    pub(crate) const BAD_TOKEN_FOR_LAYER: u8 = 5;
    pub(crate) const PARSE: u8 = 6;
    pub(crate) const INDEX: u8 = 7;
    pub(crate) const SHORT_BUFFER: u8 = 8;
    pub(crate) const BAD_OBJECT: u8 = 9;
}

impl ReferenceError {
    pub(crate) const fn new(code: u8, position: u32) -> Self {
        Self { code, position }
    }

    /// The message, verbatim.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self.code {
            0 => "No error",
            1 => "Out of memory",
            code::TOO_DEEP => "Filter expression too deep",
            code::TOO_LONG => "Filter expression too long",
            code::BAD_TOKEN => "Filter expression contains a bad token",
            code::BAD_TOKEN_FOR_LAYER => "Filter expression contains a bad token for layer",
            code::PARSE => "Filter expression parse error",
            code::INDEX => "Filter expression array index is out-of-bounds",
            code::SHORT_BUFFER => "Filter object buffer is too short",
            code::BAD_OBJECT => "Filter object is invalid",
            10 => "Internal assertion failed",
            _ => "Unknown error",
        }
    }
}

impl core::fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}, position {}", self.message(), self.position)
    }
}

impl core::error::Error for ReferenceError {}

/// Whether WinDivert 2.2 accepts the syntax of a filter text.
///
/// Too many instructions (error 3) is found later, when compiling.
///
/// # Errors
///
/// The error that the reference reports.
///
/// # Examples
///
/// ```
/// use divert_compiler::{reference, Layer};
///
/// let error = reference::check("tcp $ udp", Layer::Network).unwrap_err();
/// assert_eq!((error.code, error.position), (4, 5));
/// assert_eq!(error.message(), "Filter expression contains a bad token");
/// ```
pub fn check(text: &str, layer: Layer) -> Result<(), ReferenceError> {
    parse::check(&lex::tokens(text, layer)?)
}

/// The fact behind a refusal that no other finding explains.
pub(crate) fn explain(error: ReferenceError, text: &str) -> FindingKind {
    let limit = lex::MAX_WORD_LEN;
    let too_long = |run: &str| u32::try_from(run.len()).is_ok_and(|len| len > limit);
    let rest = usize::try_from(error.position)
        .ok()
        .and_then(|at| text.get(at..));
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_');
    let run = rest.map_or("", |rest| {
        rest.split(|c| !is_word(c)).next().unwrap_or_default()
    });
    match error.code {
        code::BAD_TOKEN if too_long(run) => FindingKind::WordTooLong {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        },
        code::TOO_LONG => FindingKind::TooManyTokens {
            limit: lex::MAX_TOKENS,
        },
        code => FindingKind::ReferenceRefuses { code },
    }
}
