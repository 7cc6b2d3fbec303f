//! Which transport header a packet has, and how long it is.

use super::network::{IpVersion, Network};
use super::{Source, icmp, tcp, udp};

/// The transport header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// None: another protocol, a later fragment, or a header cut short.
    None,
    /// ICMP, in an IPv4 packet.
    Icmp,
    /// ICMPv6, in an IPv6 packet.
    Icmpv6,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// The header that a protocol number stands for.
    #[inline]
    pub(crate) const fn of(protocol: u8, version: IpVersion) -> Self {
        match (protocol, version) {
            (tcp::PROTOCOL, _) => Self::Tcp,
            (udp::PROTOCOL, _) => Self::Udp,
            (icmp::PROTOCOL, IpVersion::V4) => Self::Icmp,
            (icmp::PROTOCOL_V6, IpVersion::V6) => Self::Icmpv6,
            _ => Self::None,
        }
    }

    /// The header at the end of `network`'s, and where it ends.
    #[inline]
    pub(super) fn find<S: Source + ?Sized>(
        packet: &S,
        end: usize,
        network: &Network,
    ) -> Option<(Self, usize)> {
        if network.fragment_offset != 0 {
            return None;
        }
        let start = network.header_len;
        let transport = Self::of(network.protocol, network.version);
        let header_len = match transport {
            Self::Tcp => tcp::HEADER_LEN,
            Self::Udp => udp::HEADER_LEN,
            Self::Icmp | Self::Icmpv6 => icmp::HEADER_LEN,
            Self::None => return None,
        };
        let after = start.saturating_add(header_len);
        if after > end {
            return None;
        }
        if transport != Self::Tcp {
            return Some((transport, after));
        }
        let [words] = packet.read(start.saturating_add(tcp::DATA_OFFSET))?;
        let header_len = usize::from(words >> 4).saturating_mul(4);
        // Options that run over the end are cut there.
        let after = start.saturating_add(header_len).min(end);
        (header_len >= tcp::HEADER_LEN).then_some((transport, after))
    }
}
