//! The packet parser: finds the headers, reads no more than it must.
//!
//! One parser for user mode and kernel, over any [`Source`]. Member offsets
//! are constants, one module a header. Checksums are not checked here, and
//! nothing is looked for behind the transport header.

pub mod icmp;
pub mod ipv4;
pub mod ipv6;
mod network;
mod source;
pub mod tcp;
mod transport;
pub mod udp;

pub use network::IpVersion;
use network::Network;
pub use source::Source;
pub(crate) use source::store;
pub use transport::Transport;

/// Where the headers of a packet are, and what they say of its extent.
///
/// ```
/// use divert_vm::packet::{Headers, Transport};
///
/// let ping = b"\x45\x00\x00\x1d\x00\x01\x00\x00\x40\x01\x00\x00\x7f\x00\x00\x01\x7f\x00\x00\x01\
///     \x08\x00\x00\x00\x00\x01\x00\x01!";
/// let headers = Headers::parse(ping).expect("an IPv4 packet");
/// assert_eq!(headers.transport(), Transport::Icmp);
/// assert_eq!(headers.payload_offset(), 28);
/// assert_eq!(headers.payload_len(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    network: Network,
    transport: Transport,
    payload_offset: usize,
    payload_len: usize,
    is_truncated: bool,
    is_extended: bool,
}

impl Headers {
    /// Finds the headers of a packet, even of one that is cut short.
    ///
    /// `None` if this is no IP packet, or not even its IP header is whole.
    #[inline]
    pub fn parse<S: Source + ?Sized>(packet: &S) -> Option<Self> {
        let len = packet.len();
        if len < ipv4::HEADER_LEN {
            return None;
        }
        let [first] = packet.read(0)?;
        let network = match first >> 4 {
            4 => ipv4::parse(packet)?,
            6 => ipv6::parse(packet)?,
            _ => return None,
        };
        let end = network.total_len.min(len);
        let (transport, payload_offset) =
            Transport::find(packet, end, &network).unwrap_or((Transport::None, network.header_len));
        Some(Self {
            network,
            transport,
            payload_offset,
            payload_len: end.saturating_sub(payload_offset),
            is_truncated: network.total_len > len,
            is_extended: network.total_len < len,
        })
    }

    /// As [`parse`](Self::parse), but refuses a packet that is cut short.
    pub fn parse_whole<S: Source + ?Sized>(packet: &S) -> Option<Self> {
        Self::parse(packet).filter(|headers| !headers.is_truncated)
    }

    /// The version of the IP header.
    pub fn version(&self) -> IpVersion {
        self.network.version
    }

    /// Length of the IP header with its options or extension headers.
    pub fn ip_header_len(&self) -> usize {
        self.network.header_len
    }

    /// The transport header that was found.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Where the transport header starts, if there is one.
    pub fn transport_offset(&self) -> Option<usize> {
        (self.transport != Transport::None).then_some(self.network.header_len)
    }

    /// Length of all headers together; the payload follows at once.
    pub fn header_len(&self) -> usize {
        self.payload_offset
    }

    /// Where the payload starts, or would start if there were any.
    pub fn payload_offset(&self) -> usize {
        self.payload_offset
    }

    /// Length of the payload that is there, not counting trailing bytes.
    pub fn payload_len(&self) -> usize {
        self.payload_len
    }

    /// The protocol after the IP header, extension headers skipped.
    pub fn protocol(&self) -> u8 {
        self.network.protocol
    }

    /// Whether this is a fragment; with IPv6, even if it is the only one.
    pub fn is_fragment(&self) -> bool {
        self.network.is_fragment
    }

    /// Whether fragments follow this one.
    pub fn more_fragments(&self) -> bool {
        self.network.more_fragments
    }

    /// Where the fragment belongs: with IPv4 in units of 8 bytes, with IPv6
    /// in bytes.
    pub fn fragment_offset(&self) -> u16 {
        self.network.fragment_offset
    }

    /// The length of the packet that its IP header states.
    pub fn total_len(&self) -> usize {
        self.network.total_len
    }

    /// Whether the packet is longer than the bytes at hand.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Whether bytes follow that do not belong to the packet.
    pub fn is_extended(&self) -> bool {
        self.is_extended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V6: &[u8; 40] = b"\x60\x00\x00\x00\x00\x10\x2c\x40\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02";

    fn v6_with(extension: &[u8; 16]) -> [u8; 56] {
        let mut packet = [0; 56];
        packet[..40].copy_from_slice(V6);
        packet[40..].copy_from_slice(extension);
        packet
    }

    #[test]
    fn only_versions_4_and_6_are_packets() {
        for version in 0..16_u8 {
            let mut packet = *V6;
            packet[0] = version << 4 | 5;
            packet[3] = 40;
            let is_packet = Headers::parse(&packet).is_some();
            assert_eq!(is_packet, version == 4 || version == 6, "version {version}");
        }
    }

    #[test]
    fn ipv6_fragment_with_an_offset_has_a_protocol_but_no_transport() {
        let packet = v6_with(b"\x11\x00\x00\x09\0\0\0\0\0\x35\0\x35\0\x08\0\0");
        let headers = Headers::parse(&packet).unwrap();
        assert_eq!(headers.transport(), Transport::None);
        assert_eq!(headers.protocol(), 17);
        assert_eq!(headers.fragment_offset(), 8);
        assert!(headers.more_fragments());
        assert_eq!(headers.payload_offset(), 48);
    }

    #[test]
    fn second_ipv6_fragment_header_is_payload() {
        let packet = v6_with(b"\x2c\x00\x00\x01\0\0\0\0\x11\x00\x00\x01\0\0\0\0");
        let headers = Headers::parse(&packet).unwrap();
        assert_eq!(headers.protocol(), 44);
        assert_eq!(headers.payload_offset(), 48);
        assert_eq!(headers.payload_len(), 8);
    }

    #[test]
    fn cut_ipv6_fragment_header_sets_no_fragment() {
        let packet = v6_with(b"\x11\x00\x00\x09\0\0\0\0\0\x35\0\x35\0\x08\0\0");
        let headers = Headers::parse(&packet[..47]).unwrap();
        assert!(!headers.is_fragment());
        assert!(headers.is_truncated());
        assert_eq!(headers.protocol(), 44);
    }

    #[test]
    fn source_that_lies_about_its_length_is_malformed() {
        struct Liar;
        impl Source for Liar {
            fn len(&self) -> usize {
                1500
            }
            fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
                V6.read(at)
            }
        }
        assert_eq!(Headers::parse(&Liar), None);
        assert!(!Liar.is_empty());
    }
}
