//! Programs and object strings: from raw bytes to well-formed.

use divert_vm::object::Object;
use divert_vm::{Field, Insn, Layer, Op, Target};

use super::Source;
use super::constant::magnitude;

/// Bytes that may be instructions: 24 a record, some of them nonsense.
pub fn raw_program(source: &mut Source<'_>, layer: Layer) -> Vec<u8> {
    let mut bytes: Vec<u8> = program(source, layer)
        .iter()
        .flat_map(Insn::encode)
        .collect();
    for _ in 0..source.below(4) {
        let at = source.below(bytes.len());
        bytes[at] = source.byte();
    }
    if source.one_in(16) {
        bytes.truncate(source.below(bytes.len()));
    }
    bytes
}

/// Instructions for a layer whose targets are all verdicts or ahead.
pub fn program(source: &mut Source<'_>, layer: Layer) -> Vec<Insn> {
    let count = 1 + if source.one_in(8) {
        source.below(256)
    } else {
        source.below(6)
    };
    (0..count)
        .map(|at| insn(source, layer, at, count))
        .collect()
}

/// The instruction at `at` of a program of `count`.
pub fn insn(source: &mut Source<'_>, layer: Layer, at: usize, count: usize) -> Insn {
    let at_layer: Vec<Field> = Field::ALL
        .into_iter()
        .filter(|f| f.layers().contains(layer))
        .collect();
    let field = if source.one_in(24) {
        source.pick(&Field::ALL)
    } else {
        source.pick(&at_layer)
    };
    let value = magnitude(source, field, layer);
    let word = |shift: u32| (value >> shift) as u32;
    let mut args = [word(0), word(32), word(64), word(96)];
    if field.field_type().is_data() {
        let offset = source.pick(&[
            0,
            1,
            2,
            9,
            12,
            20,
            23,
            33,
            -1,
            -2,
            -4,
            -40,
            65_535,
            -65_575_i32,
        ]);
        args = [word(0), offset.cast_unsigned(), 0, 0];
    }
    Insn {
        field,
        op: source.pick(&Op::ALL),
        negative: source.one_in(12),
        args,
        success: target(source, at, count),
        failure: target(source, at, count),
    }
}

fn target(source: &mut Source<'_>, at: usize, count: usize) -> Target {
    let ahead = count - 1 - at;
    match source.below(4) {
        0 => Target::ACCEPT,
        1 => Target::REJECT,
        _ if ahead == 0 => Target::ACCEPT,
        _ => Target::from_u16((at + 1 + source.below(ahead)) as u16),
    }
}

/// An object string, perhaps damaged.
pub fn object_text(source: &mut Source<'_>, layer: Layer) -> String {
    let text = Object(&program(source, layer)).to_string();
    if source.one_in(3) {
        mutated(source, &text)
    } else {
        text
    }
}

/// The text with a few characters changed, lost, doubled or moved.
pub fn mutated(source: &mut Source<'_>, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=source.below(3) {
        let at = source.below(chars.len() + 1);
        let other = char::from(source.pick(b"0WX_LA=@( )!:?-[]b.&|xV\x00\xE9"));
        match source.below(4) {
            0 if at < chars.len() => chars[at] = other,
            1 if at < chars.len() => drop(chars.remove(at)),
            2 if at < chars.len() => chars.truncate(at),
            _ => chars.insert(at, other),
        }
    }
    chars.into_iter().collect()
}
