//! Checksums of IPv4, ICMP, ICMPv6, TCP and UDP, computed and stored.
//!
//! Nothing here checks a checksum: a packet that was changed gets new ones.

use core::ops::BitOr;

use crate::event::Event;
use crate::packet::{Headers, IpVersion, Transport, icmp, ipv4, ipv6, store, tcp, udp};

/// Which checksums to leave as they are; by default none.
///
/// Bits without a meaning are kept and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChecksumFlags(u64);

impl ChecksumFlags {
    /// Leave the checksum of the IPv4 header.
    pub const NO_IP: Self = Self(1);
    /// Leave the checksum of ICMP.
    pub const NO_ICMP: Self = Self(2);
    /// Leave the checksum of ICMPv6.
    pub const NO_ICMPV6: Self = Self(4);
    /// Leave the checksum of TCP.
    pub const NO_TCP: Self = Self(8);
    /// Leave the checksum of UDP.
    pub const NO_UDP: Self = Self(16);

    /// The flags with these bits, as WinDivert numbers them.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the flags, as WinDivert numbers them.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of `flags` are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for ChecksumFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Computes the checksums of `packet`, and marks them as right in `event`.
///
/// `false` if it is no IP packet, or if its transport checksum covers bytes
/// that are not at hand: it is truncated, or a fragment. The IPv4 header
/// checksum is then updated all the same.
///
/// ```
/// use divert_vm::checksum::{ChecksumFlags, update};
///
/// let mut packet = *b"\x45\x00\x00\x14\x00\x01\x00\x00\x02\x63\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02";
/// assert!(update(&mut packet, None, ChecksumFlags::default()));
/// assert_eq!(packet[10..12], [0xa4, 0x84]);
/// ```
pub fn update(packet: &mut [u8], mut event: Option<&mut Event>, flags: ChecksumFlags) -> bool {
    let Some(headers) = Headers::parse(&*packet) else {
        return false;
    };
    if headers.version() == IpVersion::V4 && !flags.contains(ChecksumFlags::NO_IP) {
        update_ip(packet, &headers);
        if let Some(event) = event.as_deref_mut() {
            event.ip_checksum = true;
        }
    }
    let Some(kind) = Kind::of(headers.transport()) else {
        return true;
    };
    if flags.contains(kind.unless) {
        return true;
    }
    if headers.is_truncated() || headers.more_fragments() || headers.fragment_offset() != 0 {
        return false;
    }
    update_transport(packet, &headers, kind);
    if let Some(event) = event {
        match headers.transport() {
            Transport::Tcp => event.tcp_checksum = true,
            Transport::Udp => event.udp_checksum = true,
            Transport::Icmp | Transport::Icmpv6 | Transport::None => {}
        }
    }
    true
}

/// What tells the checksum of one transport header from another's.
struct Kind {
    unless: ChecksumFlags,
    /// From the start of the header.
    at: usize,
    /// In the pseudo header, if that is covered.
    protocol: Option<u8>,
    /// What to store instead of 0.
    zero: u16,
}

impl Kind {
    fn of(transport: Transport) -> Option<Self> {
        Some(match transport {
            Transport::None => return None,
            Transport::Icmp => Self {
                unless: ChecksumFlags::NO_ICMP,
                at: icmp::CHECKSUM,
                protocol: None,
                zero: 0,
            },
            Transport::Icmpv6 => Self {
                unless: ChecksumFlags::NO_ICMPV6,
                at: icmp::CHECKSUM,
                protocol: Some(icmp::PROTOCOL_V6),
                zero: 0,
            },
            Transport::Tcp => Self {
                unless: ChecksumFlags::NO_TCP,
                at: tcp::CHECKSUM,
                protocol: Some(tcp::PROTOCOL),
                zero: 0,
            },
            Transport::Udp => Self {
                unless: ChecksumFlags::NO_UDP,
                at: udp::CHECKSUM,
                protocol: Some(udp::PROTOCOL),
                zero: 0xFFFF,
            },
        })
    }
}

fn update_ip(packet: &mut [u8], headers: &Headers) {
    store(packet, ipv4::CHECKSUM, [0, 0]);
    let checksum = !fold(sum_of(packet, 0, headers.ip_header_len()));
    store(packet, ipv4::CHECKSUM, checksum.to_be_bytes());
}

fn update_transport(packet: &mut [u8], headers: &Headers, kind: Kind) {
    let start = headers.ip_header_len();
    let end = headers
        .payload_offset()
        .saturating_add(headers.payload_len());
    let at = start.saturating_add(kind.at);
    store(packet, at, [0, 0]);
    let sum = sum_of(packet, start, end);
    let pseudo = match kind.protocol {
        Some(protocol) => pseudo_header(packet, headers.version(), protocol, start, end),
        None => 0,
    };
    let checksum = match !fold(sum.wrapping_add(pseudo)) {
        0 => kind.zero,
        checksum => checksum,
    };
    store(packet, at, checksum.to_be_bytes());
}

/// Sum of addresses, protocol and length: the same for both IP versions.
fn pseudo_header(packet: &[u8], version: IpVersion, protocol: u8, start: usize, end: usize) -> u64 {
    let addresses = match version {
        IpVersion::V4 => sum_of(packet, ipv4::SRC, ipv4::HEADER_LEN),
        IpVersion::V6 => sum_of(packet, ipv6::SRC, ipv6::HEADER_LEN),
    };
    let length = u64::try_from(end.saturating_sub(start)).unwrap_or(u64::MAX);
    addresses
        .wrapping_add(u64::from(protocol))
        .wrapping_add(length >> 16)
        .wrapping_add(length & 0xFFFF)
}

/// Sum of the 16-bit words in `start..end`, an odd byte padded on the right.
///
/// A packet has too few words for the sum to wrap.
fn sum_of(packet: &[u8], start: usize, end: usize) -> u64 {
    let (words, odd) = packet.get(start..end).unwrap_or_default().as_chunks();
    words
        .iter()
        .map(|word| u16::from_be_bytes(*word))
        .chain(odd.first().map(|byte| u16::from_be_bytes([*byte, 0])))
        .fold(0, |sum, word| sum.wrapping_add(u64::from(word)))
}

/// One's complement sum of the four words of `sum`.
fn fold(sum: u64) -> u16 {
    let mut rest = sum;
    while rest >> 16 != 0 {
        rest = (rest >> 16).wrapping_add(rest & 0xFFFF);
    }
    let [.., high, low] = rest.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(packet: &mut [u8], checksums: &[(usize, [u8; 2])]) {
        assert!(update(packet, None, ChecksumFlags::default()));
        for (at, expect) in checksums {
            assert_eq!(packet[*at..][..2], *expect, "at {at}");
        }
    }

    #[test]
    fn ip_and_tcp_are_summed() {
        let mut packet = *b"\x45\x00\x00\x2f\x12\x34\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x01\
            \x08\x08\x08\x08\x03\xe8\x00\x50\x00\x00\x00\x01\x00\x00\x00\x02\
            \x50\x12\x00\x64\x00\x00\x00\x00payload";
        check(&mut packet, &[(10, [0x4e, 0x85]), (36, [0xd3, 0xec])]);
    }

    #[test]
    fn udp_over_ipv6_is_summed() {
        let mut packet = *b"\x6a\xb1\x23\x45\x00\x0a\x11\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x35\x14\xe9\x00\x0a\x00\x00hi";
        check(&mut packet, &[(46, [0x82, 0x50])]);
    }

    #[test]
    fn odd_byte_of_icmp_is_padded() {
        let mut packet = *b"\x45\x00\x00\x1d\x12\x34\x00\x00\x40\x01\x00\x00\x0a\x00\x00\x01\
            \x08\x08\x08\x08\x08\x00\x00\x00\x11\x22\x33\x44\x78";
        check(&mut packet, &[(10, [0x4e, 0x9c]), (22, [0x3b, 0x99])]);
    }

    #[test]
    fn udp_checksum_zero_is_stored_as_all_ones() {
        let mut packet = *b"\x60\0\0\0\x00\x0a\x11\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x35\x14\xe9\x00\x0a\x00\x00\0\0";
        update(&mut packet, None, ChecksumFlags::default());
        let checksum = [packet[46], packet[47]];
        // What the sum lacked, as payload, brings it to zero.
        packet[48..].copy_from_slice(&checksum);
        check(&mut packet, &[(46, [0xFF, 0xFF])]);
    }

    #[test]
    fn flags_combine() {
        let flags = ChecksumFlags::NO_IP | ChecksumFlags::NO_UDP;
        assert_eq!(flags.bits(), 17);
        assert!(flags.contains(ChecksumFlags::NO_UDP));
        assert!(!flags.contains(ChecksumFlags::NO_TCP));
        assert!(ChecksumFlags::from_bits(u64::MAX).contains(flags));
    }
}
