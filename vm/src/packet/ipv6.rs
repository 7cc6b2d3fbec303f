//! IPv6 header: offsets of its members, and its parser with extensions.

use super::Source;
use super::network::{IpVersion, Network};

/// Version, traffic class and flow label: 4, 8 and 20 bits of 4 bytes.
pub const VERSION_CLASS: usize = 0;
/// Length of all that follows this header, 2 bytes.
pub const LENGTH: usize = 4;
/// Number of the protocol or extension that follows, 1 byte.
pub const NEXT_HEADER: usize = 6;
/// Hop limit, 1 byte.
pub const HOP_LIMIT: usize = 7;
/// Source address, 16 bytes.
pub const SRC: usize = 8;
/// Destination address, 16 bytes.
pub const DST: usize = 24;

/// Length of the header without extensions.
pub const HEADER_LEN: usize = 40;

/// "More fragments", a bit of the two bytes at [`FRAGMENT`].
const MORE_FRAGMENTS: u16 = 1;
/// Offset in bytes, bits of the two bytes at [`FRAGMENT`].
const FRAGMENT_OFFSET: u16 = 0xFFF8;
/// Flag and offset, from the start of a fragment header.
const FRAGMENT: usize = 2;
/// Number of the fragment header.
const FRAGMENT_HEADER: u8 = 44;

#[inline]
pub(super) fn parse<S: Source + ?Sized>(packet: &S) -> Option<Network> {
    let len = packet.len();
    if len < HEADER_LEN {
        return None;
    }
    let payload_len = usize::from(u16::from_be_bytes(packet.read(LENGTH)?));
    let total_len = payload_len.saturating_add(HEADER_LEN);
    let [protocol] = packet.read(NEXT_HEADER)?;
    let mut network = Network {
        version: IpVersion::V6,
        header_len: HEADER_LEN,
        total_len,
        protocol,
        is_fragment: false,
        more_fragments: false,
        fragment_offset: 0,
    };
    skip_extensions(packet, total_len.min(len), &mut network)?;
    Some(network)
}

/// Moves past extension headers, each of at least 8 bytes, so this ends.
///
/// Stops before one that is cut short, before a second fragment header, and
/// after a fragment header with an offset: what follows is payload.
#[inline]
fn skip_extensions<S: Source + ?Sized>(packet: &S, end: usize, found: &mut Network) -> Option<()> {
    while found.fragment_offset == 0 {
        let at = found.header_len;
        if at.saturating_add(2) > end {
            break;
        }
        let [next, length] = packet.read(at)?;
        let is_fragment = found.protocol == FRAGMENT_HEADER;
        if is_fragment && found.is_fragment {
            break;
        }
        let Some(extension_len) = extension_len(found.protocol, length) else {
            break;
        };
        let after = at.saturating_add(extension_len);
        if after > end {
            break;
        }
        if is_fragment {
            let bits = u16::from_be_bytes(packet.read(at.saturating_add(FRAGMENT))?);
            found.is_fragment = true;
            found.more_fragments = bits & MORE_FRAGMENTS != 0;
            found.fragment_offset = bits & FRAGMENT_OFFSET;
        }
        found.header_len = after;
        found.protocol = next;
    }
    Some(())
}

/// Whether this is the number of an extension header, which is skipped.
pub(crate) const fn is_extension(number: u8) -> bool {
    extension_len(number, 0).is_some()
}

/// Length of the extension header `number`, `None` if it is not one.
#[inline]
const fn extension_len(number: u8, length: u8) -> Option<usize> {
    #[allow(clippy::as_conversions, reason = "lossless, and `From` is not const")]
    let length = length as usize;
    match number {
        // Hop-by-hop, routing, destination options, mobility.
        0 | 43 | 60 | 135 => Some(length.saturating_add(1).saturating_mul(8)),
        FRAGMENT_HEADER => Some(8),
        // Authentication counts in words of 4 bytes.
        51 => Some(length.saturating_add(2).saturating_mul(4)),
        _ => None,
    }
}
