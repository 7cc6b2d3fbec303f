//! Link layers: where the IP packet of a captured frame begins.

use std::ops::Range;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86DD;
/// 802.1Q, 802.1ad and the older numbers of stacked VLAN tags.
const ETHERTYPE_VLAN: [u16; 3] = [0x8100, 0x88A8, 0x9100];

/// A link type of pcap and pcapng files, by its registered number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkType(u32);

impl LinkType {
    /// IP packets without link header.
    pub(crate) const RAW: Self = Self(101);

    /// The link type in a file header, whose upper bits tell about the FCS.
    pub(crate) const fn from_header(number: u32) -> Self {
        Self(number & 0x03FF_FFFF)
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// Whether frames of this type can be read.
    pub(crate) const fn is_known(self) -> bool {
        matches!(self.0, 0 | 1 | 12 | 14 | 101 | 108 | 113 | 228 | 229 | 276)
    }

    /// The bytes of the frame that are an IP packet, cut to the length that
    /// its header states: short frames are padded.
    pub(crate) fn ip_packet(self, frame: &[u8]) -> Option<Range<usize>> {
        let start = match self.0 {
            0 => loopback(frame)?,
            1 => ethertype(frame, 12)?,
            12 | 14 | 101 => 0,
            108 => loopback(frame)?,
            113 => ethertype(frame, 14)?,
            228 => ip_version(frame, 0, 4)?,
            229 => ip_version(frame, 0, 6)?,
            276 => tagged(frame, u16::from_be_bytes(*frame.first_chunk()?), 20)?,
            _ => return None,
        };
        frame
            .get(start)
            .filter(|first| matches!(**first >> 4, 4 | 6))?;
        Some(cut(frame, start))
    }
}

/// A four-byte address family in either byte order.
fn loopback(frame: &[u8]) -> Option<usize> {
    let family = u32::from_le_bytes(*frame.first_chunk()?);
    // The families of IPv4, and of IPv6 on the various systems.
    let is_ip = |family| matches!(family, 2 | 10 | 23 | 24 | 28 | 30);
    (is_ip(family) || is_ip(family.swap_bytes())).then_some(4)
}

/// The payload after an Ethernet type at `at`, behind any VLAN tags.
fn ethertype(frame: &[u8], at: usize) -> Option<usize> {
    let kind = u16::from_be_bytes(*frame.get(at..)?.first_chunk()?);
    tagged(frame, kind, at + 2)
}

fn tagged(frame: &[u8], mut kind: u16, mut at: usize) -> Option<usize> {
    while ETHERTYPE_VLAN.contains(&kind) {
        kind = u16::from_be_bytes(*frame.get(at + 2..)?.first_chunk()?);
        at += 4;
    }
    match kind {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => Some(at),
        _ => None,
    }
}

fn ip_version(frame: &[u8], at: usize, version: u8) -> Option<usize> {
    (frame.get(at)? >> 4 == version).then_some(at)
}

fn cut(frame: &[u8], start: usize) -> Range<usize> {
    let packet = frame.get(start..).unwrap_or_default();
    let stated = match packet {
        [first, _, a, b, ..] if first >> 4 == 4 => usize::from(u16::from_be_bytes([*a, *b])),
        [first, _, _, _, a, b, ..] if first >> 4 == 6 => {
            usize::from(u16::from_be_bytes([*a, *b])) + 40
        }
        _ => packet.len(),
    };
    // A length that cannot be true is left for the packet parser to judge.
    let len = if stated < 20 {
        packet.len()
    } else {
        stated.min(packet.len())
    };
    start..start + len
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: &[u8] = b"\x45\0\0\x14\0\0\0\0\x40\x3b\0\0\x0a\0\0\x01\x0a\0\0\x02";

    #[track_caller]
    fn check(link: u32, header: &[u8], expect: Option<Range<usize>>) {
        let frame = [header, IP, b"padding"].concat();
        assert_eq!(LinkType(link).ip_packet(&frame), expect);
        for len in 0..frame.len() {
            let range = LinkType(link).ip_packet(&frame[..len]);
            assert!(range.is_none_or(|range| range.end <= len));
        }
    }

    #[test]
    fn every_link_type_finds_the_packet() {
        check(
            1,
            b"\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x08\x00",
            Some(14..34),
        );
        check(
            1,
            b"\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x81\0\0\x01\x08\0",
            Some(18..38),
        );
        check(
            1,
            b"\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x88\xa8\0\x01\x81\0\0\x02\x08\0",
            Some(22..42),
        );
        check(
            1,
            b"\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x08\x06",
            None,
        );
        check(101, b"", Some(0..20));
        check(12, b"", Some(0..20));
        check(0, b"\x02\0\0\0", Some(4..24));
        check(0, b"\0\0\0\x02", Some(4..24));
        check(108, b"\0\0\0\x02", Some(4..24));
        check(113, b"\0\0\0\x01\0\x06\0\0\0\0\0\0\0\0\x08\0", Some(16..36));
        check(
            276,
            b"\x08\0\0\0\0\0\0\x01\0\x01\0\x06\0\0\0\0\0\0\0\0",
            Some(20..40),
        );
        check(228, b"", Some(0..20));
        check(229, b"", None);
        check(147, b"", None);
    }

    #[test]
    fn the_fcs_bits_of_a_header_are_masked() {
        assert_eq!(LinkType::from_header(0xF400_0001), LinkType(1));
    }
}
