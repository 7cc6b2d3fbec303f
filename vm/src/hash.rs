//! The packet hash: a one-block xxHash64 over the headers.
//!
//! Addresses, ports and all else in the fixed part of the headers count;
//! IPv4 options, IPv6 extension headers and payload do not.

use crate::packet::{Headers, IpVersion, Source, Transport};

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;

/// Pads of the inputs, then of the accumulators.
const INPUT_PADS: [u64; 4] = [
    0x428A_2F98_7137_4491,
    0xB5C0_FBCF_E9B5_DBA5,
    0x3956_C25B_59F1_11F1,
    0x923F_82A4_AB1C_5ED5,
];
const LANE_PADS: [u64; 4] = [
    0xD807_AA98_1283_5B01,
    0x2431_85BE_550C_7DC3,
    0x72BE_5D74_80DE_B1FE,
    0x9BDC_06A7_C19B_F174,
];

/// Hash of a packet's headers; 0 if it is malformed or truncated.
///
/// ```
/// let packet = b"\x45\x00\x00\x17\x12\x34\x00\x00\x40\x63\x00\x00\
///     \x0a\x00\x00\x01\x08\x08\x08\x08abc";
/// assert_eq!(divert_vm::packet_hash(packet, 0), 0x07d7_1c2d_6bbd_fbdb);
/// ```
pub fn packet_hash(packet: &[u8], seed: u64) -> u64 {
    match Headers::parse_whole(packet) {
        Some(headers) => header_hash(packet, &headers, seed),
        None => 0,
    }
}

/// Hash of headers already found, also those of a truncated packet.
///
/// The `random` fields are cut from it. 0 if the headers are another packet's
/// and run over the end of this one.
pub fn header_hash<S: Source + ?Sized>(packet: &S, headers: &Headers, seed: u64) -> u64 {
    let (version, transport) = (headers.version(), headers.transport());
    hash_at(packet, version, transport, headers.ip_header_len(), seed)
}

/// Like [`header_hash`], of headers that are an IP header of length `at`, and
/// a transport header.
pub(crate) fn hash_at<S: Source + ?Sized>(
    packet: &S,
    version: IpVersion,
    transport: Transport,
    at: usize,
    seed: u64,
) -> u64 {
    match words(packet, version, transport, at, seed) {
        Some((inputs, lanes)) => mix(pad(inputs, INPUT_PADS), pad(lanes, LANE_PADS)),
        None => 0,
    }
}

/// The inputs and the accumulators, the seed where there is no header.
#[inline]
fn words<S: Source + ?Sized>(
    packet: &S,
    version: IpVersion,
    transport: Transport,
    at: usize,
    seed: u64,
) -> Option<([u64; 4], [u64; 4])> {
    let q = |at| packet.read(at).map(u64::from_le_bytes);
    let d = |at| packet.read(at).map(u32::from_le_bytes).map(u64::from);
    let [t0, t1, t2] = match transport {
        Transport::Tcp => [q(at)?, q(at.saturating_add(8))?, d(at.saturating_add(16))?],
        Transport::Udp | Transport::Icmp | Transport::Icmpv6 => [q(at)?, seed, seed],
        Transport::None => [seed; 3],
    };
    Some(match version {
        IpVersion::V4 => ([seed, q(0)?, q(8)?, d(16)?], [t0, t1, t2, seed]),
        IpVersion::V6 => {
            // No lane is left for the third word of TCP.
            let folded = match transport {
                Transport::Tcp => t2 << 32,
                _ => 0,
            };
            (
                [seed, q(0)? ^ folded, q(8)?, q(16)?],
                [q(24)?, q(32)?, t0, t1],
            )
        }
    })
}

fn pad([a, b, c, d]: [u64; 4], [p, q, r, s]: [u64; 4]) -> [u64; 4] {
    [a ^ p, b ^ q, c ^ r, d ^ s]
}

fn mix([x1, x2, x3, x4]: [u64; 4], [a1, a2, a3, a4]: [u64; 4]) -> u64 {
    let (v1, v2) = (round(a1, x1), round(a2, x2));
    let (v3, v4) = (round(a3, x3), round(a4, x4));
    let mut h = v1
        .rotate_left(1)
        .wrapping_add(v2.rotate_left(7))
        .wrapping_add(v3.rotate_left(12))
        .wrapping_add(v4.rotate_left(18));
    for v in [v1, v2, v3, v4] {
        h = (h ^ round(0, v)).wrapping_mul(P1).wrapping_add(P4);
    }
    h = h.wrapping_add(32);
    h = (h ^ h >> 33).wrapping_mul(P2);
    h = (h ^ h >> 29).wrapping_mul(P3);
    h ^ h >> 32
}

fn round(accumulator: u64, input: u64) -> u64 {
    accumulator
        .wrapping_add(input.wrapping_mul(P2))
        .rotate_left(31)
        .wrapping_mul(P1)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            panic!("odd number of digits: {text}");
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        pairs
            .iter()
            .map(|[high, low]| digit(*high) << 4 | digit(*low))
            .collect()
    }

    /// Hashes with three seeds; bytes after the packet do not count.
    #[track_caller]
    fn check(packet: &str, expect: [u64; 3]) {
        let mut packet = unhex(packet);
        let seeds = [0, 1, 0x1234_5678_9abc_def0];
        assert_eq!(seeds.map(|seed| packet_hash(&packet, seed)), expect);
        packet.push(0xFF);
        assert_eq!(seeds.map(|seed| packet_hash(&packet, seed)), expect);
    }

    #[test]
    fn tcp_over_ipv4_is_hashed() {
        check(
            "4500002f12340000400600000a0000010808080803e800500000000100000002\
             50120064000000007061796c6f6164",
            [
                0x6ec2_2994_9b16_350b,
                0xc5e2_3f0a_5eb5_3abd,
                0xa7ac_2dc9_848c_ce7b,
            ],
        );
    }

    #[test]
    fn udp_over_ipv4_is_hashed() {
        check(
            "4500001e12340000401100000a00000108080808003514e9000a00006869",
            [
                0x1fbc_b99d_942c_083c,
                0x78a8_1b36_9fc3_227a,
                0x8af7_d749_0097_a2be,
            ],
        );
    }

    #[test]
    fn icmp_over_ipv4_is_hashed() {
        check(
            "4500001c12340000400100000a000001080808080800000011223344",
            [
                0x7acb_a42c_306c_e92e,
                0xe5b2_c079_2783_ac04,
                0xe2a0_7d06_fcf6_d7e2,
            ],
        );
    }

    #[test]
    fn other_protocol_over_ipv4_is_hashed() {
        check(
            "4500001712340000406300000a00000108080808616263",
            [
                0x07d7_1c2d_6bbd_fbdb,
                0x01cc_b9d5_6973_572c,
                0x4670_f60c_ff13_fd69,
            ],
        );
    }

    #[test]
    fn udp_over_ipv6_is_hashed() {
        check(
            "6ab12345000a1140000000000000000000000000000000010000000000000000\
             0000000000000002003514e9000a00006869",
            [
                0x00ab_b104_ddd1_43ca,
                0x24df_a006_8efc_d0ed,
                0xf2e4_bc68_9cf6_5933,
            ],
        );
    }

    #[test]
    fn tcp_over_ipv6_is_hashed() {
        check(
            "6000000000140640000000000000000000000000000000010000000000000000\
             000000000000000203e8005000000001000000025012006400000000",
            [
                0x296c_13ea_e0ca_b4e9,
                0x9ace_3722_b4c7_b70d,
                0x5312_748a_06e1_64ee,
            ],
        );
    }

    #[test]
    fn icmpv6_is_hashed() {
        check(
            "6000000000083a40000000000000000000000000000000010000000000000000\
             00000000000000028000000011223344",
            [
                0xa956_73a2_53df_e04a,
                0x6a7e_3cb9_8c4a_bcfa,
                0x0807_dd86_2651_4a33,
            ],
        );
    }

    #[test]
    fn other_protocol_over_ipv6_is_hashed() {
        check(
            "6000000000036340000000000000000000000000000000010000000000000000\
             0000000000000002616263",
            [
                0xff80_e20c_74da_2053,
                0x0edd_faa0_e22b_9fbc,
                0x5ca5_7b3c_bb43_9aba,
            ],
        );
    }

    #[test]
    fn only_the_exported_hash_refuses_a_truncated_packet() {
        let packet = unhex("4500001712340000406300000a0000010808080861");
        let headers = Headers::parse(packet.as_slice()).unwrap();
        assert_eq!(packet_hash(&packet, 0), 0);
        let hash = header_hash(packet.as_slice(), &headers, 0);
        assert_eq!(hash, 0x07d7_1c2d_6bbd_fbdb);
        assert_eq!(packet_hash(b"", 0), 0);
    }

    #[test]
    fn headers_of_another_packet_hash_to_zero() {
        let packet = unhex("4500001c12340000400100000a000001080808080800000011223344");
        let headers = Headers::parse(packet.as_slice()).unwrap();
        assert_eq!(header_hash(&packet[..27], &headers, 1), 0);
    }
}
