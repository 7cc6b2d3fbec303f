//! Time to live: what a router does to a packet it forwards.

use crate::packet::{Source, ipv4, ipv6, store};

/// Takes one off the TTL or hop limit; `false` if the packet must not go on.
///
/// It must not if it is at its last hop (0 or 1) or no IP packet; then
/// nothing changes. The IPv4 checksum is corrected rather than computed, so
/// one that was wrong stays wrong.
///
/// ```
/// let mut packet = *b"\x45\x00\x00\x14\x00\x01\x00\x00\x02\x63\xa4\x84\x0a\x00\x00\x01\x0a\x00\x00\x02";
/// assert!(divert_vm::decrement_ttl(&mut packet));
/// assert!(!divert_vm::decrement_ttl(&mut packet));
/// ```
pub fn decrement_ttl(packet: &mut [u8]) -> bool {
    decrement(packet).is_some()
}

fn decrement(packet: &mut [u8]) -> Option<()> {
    if packet.len() < ipv4::HEADER_LEN {
        return None;
    }
    let [first] = packet.read(0)?;
    match first >> 4 {
        4 => {
            take_one(packet, ipv4::TTL)?;
            let checksum = u16::from_le_bytes(packet.read(ipv4::CHECKSUM)?);
            store(packet, ipv4::CHECKSUM, one_more(checksum).to_le_bytes());
            Some(())
        }
        6 if packet.len() >= ipv6::HEADER_LEN => take_one(packet, ipv6::HOP_LIMIT),
        _ => None,
    }
}

fn take_one(packet: &mut [u8], at: usize) -> Option<()> {
    let [hops] = packet.read(at)?;
    let left = hops.checked_sub(1).filter(|left| *left != 0)?;
    store(packet, at, [left]);
    Some(())
}

/// One's complement addition, as the reference has it: never to 0xFFFF.
fn one_more(checksum: u16) -> u16 {
    match checksum.checked_sub(0xFFFE) {
        Some(rest) => rest,
        None => checksum.wrapping_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: [u8; 2], after: [u8; 2]) {
        let mut packet = [0; 20];
        packet[0] = 0x45;
        packet[ipv4::TTL] = 64;
        packet[ipv4::CHECKSUM..][..2].copy_from_slice(&before);
        assert!(decrement_ttl(&mut packet));
        assert_eq!(packet[ipv4::TTL], 63);
        assert_eq!(packet[ipv4::CHECKSUM..][..2], after);
    }

    #[test]
    fn checksum_carries_around() {
        check([0x00, 0x00], [0x01, 0x00]);
        check([0xFE, 0xFF], [0x00, 0x00]);
        check([0xFF, 0xFF], [0x01, 0x00]);
        check([0xFE, 0xFE], [0xFF, 0xFE]);
    }

    #[test]
    fn last_hop_leaves_the_packet_alone() {
        for ttl in [0, 1] {
            let mut packet = [0; 20];
            packet[0] = 0x45;
            packet[ipv4::TTL] = ttl;
            let before = packet;
            assert!(!decrement_ttl(&mut packet));
            assert_eq!(packet, before);
        }
    }

    #[test]
    fn short_packets_are_refused() {
        let mut packet = [0x60; 40];
        packet[ipv6::HOP_LIMIT] = 9;
        assert!(!decrement_ttl(&mut packet[..39]));
        assert!(decrement_ttl(&mut packet));
        assert_eq!(packet[ipv6::HOP_LIMIT], 8);
        assert!(!decrement_ttl(&mut [0x45; 19]));
        assert!(!decrement_ttl(&mut []));
    }
}
