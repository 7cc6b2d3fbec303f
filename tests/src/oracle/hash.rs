//! The hash of packet headers that the `random` fields are slices of.

use super::packet::{Parsed, Transport};

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const PADS: [u64; 8] = [
    0x428A_2F98_7137_4491,
    0xB5C0_FBCF_E9B5_DBA5,
    0x3956_C25B_59F1_11F1,
    0x923F_82A4_AB1C_5ED5,
    0xD807_AA98_1283_5B01,
    0x2431_85BE_550C_7DC3,
    0x72BE_5D74_80DE_B1FE,
    0x9BDC_06A7_C19B_F174,
];

/// A word of `width` bytes, least significant first.
fn word(bytes: &[u8], at: usize, width: usize) -> u64 {
    let bytes = bytes[at..at + width].iter().rev();
    bytes.fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(P2))
        .rotate_left(31)
        .wrapping_mul(P1)
}

/// The hash of the headers of a packet.
#[must_use]
pub fn hash(packet: &[u8], parsed: &Parsed, seed: u64) -> u64 {
    let mut inputs = [seed ^ PADS[0], 0, 0, 0];
    let mut lanes: Vec<u64> = Vec::with_capacity(4);
    let append = |lanes: &mut Vec<u64>, value: u64| {
        let pad = PADS[lanes.len() + 4];
        lanes.push(value ^ pad);
    };
    inputs[1] = word(packet, 0, 8) ^ PADS[1];
    inputs[2] = word(packet, 8, 8) ^ PADS[2];
    if parsed.v6 {
        inputs[3] = word(packet, 16, 8) ^ PADS[3];
        append(&mut lanes, word(packet, 24, 8));
        append(&mut lanes, word(packet, 32, 8));
    } else {
        inputs[3] = word(packet, 16, 4) ^ PADS[3];
    }
    let at = parsed.transport_at;
    match parsed.transport {
        Transport::None => {}
        Transport::Tcp => {
            append(&mut lanes, word(packet, at, 8));
            append(&mut lanes, word(packet, at + 8, 8));
            let last = word(packet, at + 16, 4);
            if lanes.len() < 4 {
                append(&mut lanes, last);
            } else {
                inputs[1] ^= last << 32;
            }
        }
        _ => append(&mut lanes, word(packet, at, 8)),
    }
    while lanes.len() < 4 {
        append(&mut lanes, seed);
    }
    let rounds: Vec<u64> = lanes
        .iter()
        .zip(inputs)
        .map(|(lane, input)| round(*lane, input))
        .collect();
    let turned = rounds
        .iter()
        .zip([1, 7, 12, 18])
        .map(|(round, by)| round.rotate_left(by));
    let mut hash = turned.fold(0_u64, u64::wrapping_add);
    for lane in rounds {
        hash = (hash ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4);
    }
    hash = hash.wrapping_add(32);
    hash = (hash ^ hash >> 33).wrapping_mul(P2);
    hash = (hash ^ hash >> 29).wrapping_mul(P3);
    hash ^ hash >> 32
}
