//! Packets: well-formed, cut short, and lying about their lengths.

use super::Source;
use super::constant::{BYTES, LABELS, PORTS, V4, V6, WORDS};

/// A packet, of either version and with any transport.
pub fn packet(source: &mut Source<'_>) -> Vec<u8> {
    if source.one_in(64) {
        return source.bytes(80).to_vec();
    }
    let mut packet = if source.one_in(3) {
        v6(source)
    } else {
        v4(source)
    };
    if source.one_in(12) {
        let at = source.below(packet.len());
        packet[at] = source.byte();
    }
    match source.below(16) {
        14 => packet.truncate(source.below(packet.len() + 1)),
        15 => packet.extend(source.bytes(24)),
        _ => {}
    }
    packet
}

/// The stated length: nearly always the true one.
fn stated(source: &mut Source<'_>, len: usize) -> [u8; 2] {
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    let stated = match source.below(24) {
        21 => len.wrapping_add(source.byte().into()),
        22 => len.wrapping_sub(source.byte().into()),
        23 => source.pick(&[0, 19, 20, 39, 40, u16::MAX]),
        _ => len,
    };
    stated.to_be_bytes()
}

fn v4(source: &mut Source<'_>) -> Vec<u8> {
    let options = if source.one_in(8) {
        source.below(11) * 4
    } else {
        0
    };
    let protocol = source.pick(&[6, 6, 6, 17, 17, 1, 58, 47, 0]);
    let fragment: u16 = match source.below(16) {
        13 => 0x2000,
        14 => 0x2000 | u16::from(source.byte()),
        15 => u16::from_be_bytes(source.array()) & 0x1FFF,
        12 => 0x4000,
        _ => 0,
    };
    let header = 20 + options;
    let mut packet = vec![0x40 | (header / 4) as u8, source.pick(&BYTES), 0, 0];
    packet.extend(source.array::<2>());
    packet.extend(fragment.to_be_bytes());
    packet.extend([source.pick(&BYTES), protocol]);
    packet.extend(source.array::<2>());
    packet.extend(source.pick(&V4).to_be_bytes());
    packet.extend(source.pick(&V4).to_be_bytes());
    packet.resize(header, 1);
    transport(source, protocol, &mut packet);
    let len = stated(source, packet.len());
    packet[2..4].copy_from_slice(&len);
    packet
}

fn v6(source: &mut Source<'_>) -> Vec<u8> {
    let label = source.pick(&LABELS);
    let class = u32::from(source.pick(&BYTES));
    let mut packet = (6 << 28 | class << 20 | label).to_be_bytes().to_vec();
    packet.extend([0, 0, 0, source.pick(&BYTES)]);
    packet.extend(source.pick(&V6).to_be_bytes());
    packet.extend(source.pick(&V6).to_be_bytes());
    let extensions = [0, 0, 0, 1, 2, 4][source.below(6)];
    let protocol = source.pick(&[6, 6, 17, 17, 58, 1, 59, 50]);
    // The place where the number of the next header goes.
    let mut slot = 6;
    for _ in 0..extensions {
        let kind = source.pick(&[0, 43, 60, 44, 51, 135, 44]);
        packet[slot] = kind;
        slot = packet.len();
        let units = source.below(3);
        let length = match kind {
            44 => 8,
            51 => 4 * (units + 2),
            _ => 8 * (units + 1),
        };
        packet.extend([0, units as u8]);
        let offset = if source.one_in(4) {
            source.byte()
        } else {
            source.byte() & 7
        };
        packet.extend([0, offset]);
        packet.resize(slot + length, 0xEE);
    }
    packet[slot] = protocol;
    transport(source, protocol, &mut packet);
    let len = stated(source, packet.len() - 40);
    packet[4..6].copy_from_slice(&len);
    packet
}

fn transport(source: &mut Source<'_>, protocol: u8, packet: &mut Vec<u8>) {
    let ports = |source: &mut Source<'_>, packet: &mut Vec<u8>| {
        packet.extend(source.pick(&PORTS).to_be_bytes());
        packet.extend(source.pick(&PORTS).to_be_bytes());
    };
    match protocol {
        6 => {
            ports(source, packet);
            packet.extend(source.pick(&WORDS).to_be_bytes());
            packet.extend(source.pick(&WORDS).to_be_bytes());
            let words = if source.one_in(6) {
                source.byte() >> 4
            } else {
                5
            };
            packet.extend([words << 4, source.byte()]);
            packet.extend(source.array::<6>());
            packet.resize(packet.len() + usize::from(words.saturating_sub(5)) * 4, 1);
        }
        17 => {
            ports(source, packet);
            packet.extend(source.array::<4>());
        }
        1 | 58 => {
            packet.extend([source.pick(&BYTES), source.pick(&BYTES)]);
            packet.extend(source.array::<2>());
            packet.extend(source.pick(&WORDS).to_be_bytes());
        }
        _ => {}
    }
    packet.extend(source.bytes(28));
}
