//! The helper functions that write text into a caller's buffer.

use divert_vm::{Layer, TextBuffer};

use super::{ReferenceError, code};
use crate::compile::Compiler;
use crate::decompile::decompile;
use crate::dialect::Dialect;

/// `ERROR_INVALID_PARAMETER` of Windows.
const INVALID_PARAMETER: u32 = 87;
/// `ERROR_INSUFFICIENT_BUFFER` of Windows.
const INSUFFICIENT_BUFFER: u32 = 122;

/// Why a helper function fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferError {
    /// The error that `WinDivertHelperCompileFilter` reports by message.
    pub error: ReferenceError,
    /// What `GetLastError` gives, where the reference defines it.
    pub last_error: Option<u32>,
}

impl core::fmt::Display for BufferError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for BufferError {}

const SHORT_BUFFER: BufferError = BufferError {
    error: ReferenceError::new(code::SHORT_BUFFER, 0),
    last_error: Some(INSUFFICIENT_BUFFER),
};

fn compiler(layer: Layer) -> Compiler {
    Compiler::new().layer(layer).dialect(Dialect::WinDivert22)
}

/// `WinDivertHelperCompileFilter`: writes the object string of a filter.
///
/// Without a buffer the filter is only checked.
///
/// # Errors
///
/// The filter is refused, or the buffer is too short; it then holds what
/// fitted, with a NUL at its end.
pub fn compile_into(
    filter: &str,
    layer: Layer,
    buffer: Option<&mut [u8]>,
) -> Result<(), BufferError> {
    let compiled = compiler(layer).compile(filter).map_err(|diagnostics| {
        let error = diagnostics.reference_error();
        let error = error.unwrap_or(ReferenceError::new(code::PARSE, 0));
        let bad_object = error.code == code::BAD_OBJECT;
        BufferError {
            error,
            last_error: bad_object.then_some(INVALID_PARAMETER),
        }
    })?;
    let Some(buffer) = buffer else {
        return Ok(());
    };
    let mut text = TextBuffer::new(buffer);
    text.push(compiled.object().as_bytes());
    if text.finish() {
        Ok(())
    } else {
        Err(SHORT_BUFFER)
    }
}

/// `WinDivertHelperFormatFilter`: writes a filter or object as plain text.
///
/// # Errors
///
/// The filter is refused, its text is too long to be written out, or the
/// buffer is too short; it then holds what fitted, with a NUL at its end.
pub fn format_into(filter: &str, layer: Layer, buffer: &mut [u8]) -> Result<(), BufferError> {
    let invalid = |error| BufferError {
        error,
        last_error: Some(INVALID_PARAMETER),
    };
    let refused = ReferenceError::new(code::PARSE, 0);
    let compiled = compiler(layer)
        .compile(filter)
        .map_err(|diagnostics| invalid(diagnostics.reference_error().unwrap_or(refused)))?;
    let mut text = TextBuffer::new(buffer);
    decompile(compiled.instructions(), layer, &mut text).map_err(|_| BufferError {
        error: ReferenceError::new(code::TOO_LONG, 0),
        last_error: None,
    })?;
    if text.finish() {
        Ok(())
    } else {
        Err(SHORT_BUFFER)
    }
}
