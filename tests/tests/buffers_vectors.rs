//! The helper functions with an output buffer against the reference's
//! recorded answers: what fits, what is cut, and which error is reported.

use divert_compiler::reference::{compile_into, format_into};
use divert_testkit::vectors::{self, BufferRow, unhex};

/// What an untouched byte of the buffer holds.
const UNTOUCHED: u8 = 0xCC;

#[track_caller]
fn check(row: &BufferRow) {
    let mut buffer = vec![UNTOUCHED; row.buflen.unwrap_or(0)];
    let result = match row.op.as_str() {
        "compile" => {
            let buffer = row.buflen.is_some().then_some(buffer.as_mut_slice());
            compile_into(&row.filter, row.layer, buffer)
        }
        "format" => format_into(&row.filter, row.layer, &mut buffer),
        op => panic!("unknown operation {op}"),
    };
    assert_eq!(result.is_ok(), row.ok, "{row:?}");
    let (code, position, last_error) = match result {
        Ok(()) => (0, 0, Some(0)),
        Err(error) => (error.error.code, error.error.position, error.last_error),
    };
    if row.op == "compile" {
        assert_eq!(row.err.unwrap_or(code), code, "{row:?}");
        assert_eq!(row.pos.unwrap_or(position), position, "{row:?}");
    }
    if row.last_error.is_some() {
        assert_eq!(last_error, row.last_error, "{row:?}");
    }
    let expect = row.buf.as_deref().map(unhex).unwrap_or_default();
    assert_eq!(buffer, expect, "{row:?}");
}

#[test]
fn short_buffers_hold_what_the_reference_leaves_in_them() {
    let rows = vectors::buffers();
    rows.iter().for_each(check);
    let failed = rows.iter().filter(|row| !row.ok).count();
    println!("{} calls, {failed} of them fail", rows.len());
    assert_eq!(rows.len(), 146);
    assert!(failed > 50);
}
