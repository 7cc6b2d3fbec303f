//! IPv4 header: offsets of its members, and its parser.

use super::Source;
use super::network::{IpVersion, Network};

/// Header length in words, in the low half of the byte.
pub const VERSION_IHL: usize = 0;
/// Type of service, 1 byte.
pub const TOS: usize = 1;
/// Length of the packet, header included, 2 bytes.
pub const LENGTH: usize = 2;
/// Identification, 2 bytes.
pub const ID: usize = 4;
/// Fragment flags and offset, 2 bytes.
pub const FRAGMENT: usize = 6;
/// Time to live, 1 byte.
pub const TTL: usize = 8;
/// Number of the protocol that follows, 1 byte.
pub const PROTOCOL: usize = 9;
/// Checksum of the header, 2 bytes.
pub const CHECKSUM: usize = 10;
/// Source address, 4 bytes.
pub const SRC: usize = 12;
/// Destination address, 4 bytes.
pub const DST: usize = 16;

/// Length of a header without options.
pub const HEADER_LEN: usize = 20;

/// "Don't fragment", a bit of the two bytes at [`FRAGMENT`].
pub const DONT_FRAGMENT: u16 = 0x4000;
/// "More fragments", a bit of the two bytes at [`FRAGMENT`].
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// Offset in units of 8 bytes, bits of the two bytes at [`FRAGMENT`].
pub const FRAGMENT_OFFSET: u16 = 0x1FFF;

#[inline]
pub(super) fn parse<S: Source + ?Sized>(packet: &S) -> Option<Network> {
    let [first] = packet.read(VERSION_IHL)?;
    let words = first & 0xF;
    if words < 5 {
        return None;
    }
    let header_len = usize::from(words).saturating_mul(4);
    let total_len = usize::from(u16::from_be_bytes(packet.read(LENGTH)?));
    if total_len < header_len || packet.len() < header_len {
        return None;
    }
    let fragment = u16::from_be_bytes(packet.read(FRAGMENT)?);
    let [protocol] = packet.read(PROTOCOL)?;
    Some(Network {
        version: IpVersion::V4,
        header_len,
        total_len,
        protocol,
        is_fragment: fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0,
        more_fragments: fragment & MORE_FRAGMENTS != 0,
        fragment_offset: fragment & FRAGMENT_OFFSET,
    })
}
