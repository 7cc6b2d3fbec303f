//! Values that packets have and filters ask for, so that they meet.

use divert_vm::{Field, Layer};

use super::Source;

pub(super) const PORTS: [u16; 8] = [443, 80, 53, 0, 1, 255, 256, 65535];
pub(super) const V4: [u32; 6] = [
    0x0A00_0001,
    0x0A00_0002,
    0xC0A8_0101,
    0,
    0xFFFF_FFFF,
    0x7F00_0001,
];
pub(super) const V6: [u128; 6] = [
    0x2001_0DB8_0000_0000_0000_0000_0000_0001,
    0x2001_0DB8_0000_0000_0000_0000_0000_0002,
    1,
    0,
    0xFFFF_0A00_0001,
    u128::MAX,
];
pub(super) const BYTES: [u8; 8] = [0, 1, 6, 17, 64, 127, 128, 255];
pub(super) const WORDS: [u32; 8] = [
    0,
    1,
    0x1234_5678,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    65536,
    7,
];
pub(super) const LABELS: [u32; 6] = [0, 1, 0x12345, 0x10000, 0xFFFFF, 0x00100];

/// A magnitude that `field` might be compared with.
pub(super) fn magnitude(source: &mut Source<'_>, field: Field, layer: Layer) -> u128 {
    let (low, high) = field.field_type().range();
    match source.below(12) {
        0..=2 => near_real(source, field),
        3 => source.pick(&PORTS).into(),
        4 => source.pick(&BYTES).into(),
        5 => layer.events()[source.below(layer.events().len())].1.into(),
        6 => low.magnitude,
        7 => high.magnitude,
        8 => high.magnitude.wrapping_add(1),
        9 => low.magnitude.wrapping_sub(1),
        10 => {
            let edge = source.pick(&[4, 8, 13, 16, 20, 32, 64, 127_u32]);
            (1_u128 << edge)
                .wrapping_add(u128::from(source.byte() % 3))
                .wrapping_sub(1)
        }
        _ => u128::from_be_bytes(source.array()) >> source.below(128),
    }
}

/// A value that generated packets really have there.
fn near_real(source: &mut Source<'_>, field: Field) -> u128 {
    let name = field.name();
    let value: u128 = if name.ends_with("Addr") && !name.starts_with("ipv6") {
        0xFFFF_0000_0000 | u128::from(source.pick(&V4))
    } else if name.ends_with("Addr") {
        source.pick(&V6)
    } else if name.ends_with("Port") {
        source.pick(&PORTS).into()
    } else if name.ends_with("Label") {
        source.pick(&LABELS).into()
    } else if name.ends_with("32") || name.ends_with("Num") || name.ends_with("Body") {
        source.pick(&WORDS).into()
    } else if name.to_ascii_lowercase().ends_with("length") {
        source.pick(&[20_u8, 5, 0, 40, 60, 8, 28]).into()
    } else {
        source.pick(&BYTES).into()
    };
    match source.below(6) {
        4 => value.wrapping_add(1),
        5 => value.wrapping_sub(1),
        _ => value,
    }
}
