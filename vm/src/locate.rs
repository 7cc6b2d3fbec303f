//! Where the headers of a packet are, found as fast as can be.
//!
//! Most packets are IPv4 without options, or IPv6 without extension headers,
//! and neither cut nor fragments. They are located by arithmetic with one jump, because
//! a jump that the processor guesses wrong costs more than all the rest. The
//! others go through [`Headers::parse`], with which this always agrees.

use core::hint::select_unpredictable;

use crate::bytecode::{Base, Class, status};
use crate::packet::{Headers, IpVersion, Source, Transport, ipv4, ipv6, tcp, udp};

/// Where the headers are, and what of them costs time to find again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    kind: Kind,
    /// Length of the IP header; the transport header follows, if there is one.
    transport_at: usize,
}

/// What headers there are: a [`Parts`] in one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind(u64);

/// The parts of a [`Kind`].
struct Parts {
    /// Number of the base that the packet starts with, or [`NO_BASE`].
    network: u8,
    /// Number of the base that follows, or [`NO_BASE`].
    transport: u8,
    /// Index of the class of such packets that enter this host.
    class: u8,
    protocol: u8,
    /// The bits of the status word that say which headers there are, and
    /// [`status::FRAGMENT`].
    status: u16,
}

impl Kind {
    const fn new(parts: &Parts) -> Self {
        let [status_low, status_high] = parts.status.to_le_bytes();
        Self(u64::from_le_bytes([
            parts.class,
            parts.network,
            parts.transport,
            parts.protocol,
            status_low,
            status_high,
            0,
            0,
        ]))
    }

    #[inline(always)]
    const fn parts(self) -> Parts {
        let [
            class,
            network,
            transport,
            protocol,
            status_low,
            status_high,
            ..,
        ] = self.0.to_le_bytes();
        Parts {
            network,
            transport,
            class,
            protocol,
            status: u16::from_le_bytes([status_low, status_high]),
        }
    }
}

/// The number of no base.
const NO_BASE: u8 = u8::MAX;

/// Numbers of the bases that a packet starts with.
const V4: u8 = Base::Ip.as_u8();
const V6: u8 = Base::Ipv6.as_u8();

/// Where [`status::FRAGMENT`] is. No field of the status word has it.
const FRAGMENT_BIT: u32 = 1 << status::FRAGMENT;

/// The first byte of an IPv4 header without options.
const PLAIN_V4: u8 = 0x45;

impl Kind {
    const fn of(version: IpVersion, transport: Transport, protocol: u8) -> Self {
        Self::new(&Parts::of(version, transport, protocol))
    }
}

impl Parts {
    const fn of(version: IpVersion, transport: Transport, protocol: u8) -> Self {
        Self {
            network: match version {
                IpVersion::V4 => V4,
                IpVersion::V6 => V6,
            },
            transport: match base_of(transport) {
                Some(base) => base.as_u8(),
                None => NO_BASE,
            },
            class: class_of(Some(version), transport),
            protocol,
            status: status_of(version, transport),
        }
    }
}

const fn status_of(version: IpVersion, transport: Transport) -> u16 {
    let network = match version {
        IpVersion::V4 => status::IP,
        IpVersion::V6 => status::IPV6,
    };
    1 << network | status_of_transport(transport)
}

pub(crate) const fn status_of_transport(transport: Transport) -> u16 {
    match transport {
        Transport::None => 0,
        Transport::Icmp => 1 << status::ICMP,
        Transport::Icmpv6 => 1 << status::ICMPV6,
        Transport::Tcp => 1 << status::TCP,
        Transport::Udp => 1 << status::UDP,
    }
}

#[allow(clippy::as_conversions, clippy::cast_possible_truncation)]
const fn narrow(small: usize) -> u8 {
    small as u8
}

/// The index of the class of packets that enter this host.
const fn class_of(version: Option<IpVersion>, transport: Transport) -> u8 {
    narrow(Class::of(version, transport, false).index())
}

const fn base_of(transport: Transport) -> Option<Base> {
    match transport {
        Transport::None => None,
        Transport::Icmp => Some(Base::Icmp),
        Transport::Icmpv6 => Some(Base::Icmpv6),
        Transport::Tcp => Some(Base::Tcp),
        Transport::Udp => Some(Base::Udp),
    }
}

const V4_TCP: Kind = Kind::of(IpVersion::V4, Transport::Tcp, tcp::PROTOCOL);
const V6_TCP: Kind = Kind::of(IpVersion::V6, Transport::Tcp, tcp::PROTOCOL);
const V4_UDP: Kind = Kind::of(IpVersion::V4, Transport::Udp, udp::PROTOCOL);
const V6_UDP: Kind = Kind::of(IpVersion::V6, Transport::Udp, udp::PROTOCOL);

/// The kind of any other packet, and bytes of the header that it has to have.
#[inline(never)]
fn other(version: IpVersion, protocol: u8) -> Option<(Kind, usize)> {
    if version == IpVersion::V6 && ipv6::is_extension(protocol) {
        return None;
    }
    let transport = Transport::of(protocol, version);
    let len = base_of(transport).map_or(0, Base::len);
    Some((Kind::of(version, transport, protocol), len))
}

impl Location {
    /// That of something that is no IP packet.
    pub(crate) const NOWHERE: Self = Self {
        kind: Kind::new(&Parts {
            network: NO_BASE,
            transport: NO_BASE,
            class: class_of(None, Transport::None),
            protocol: 0,
            status: 0,
        }),
        transport_at: 0,
    };

    /// Finds the headers of a packet.
    #[inline]
    pub(crate) fn of<P: Source + ?Sized>(packet: &P) -> Self {
        match Self::of_usual(packet) {
            Some(location) => location,
            None => Self::of_any(packet),
        }
    }

    /// Finds the headers of any packet, one by one.
    #[inline(never)]
    fn of_any<P: Source + ?Sized>(packet: &P) -> Self {
        match Headers::parse(packet) {
            Some(headers) => Self::from(&headers),
            None => Self::NOWHERE,
        }
    }

    /// Finds the headers of a usual packet; `None` if it is not one.
    #[inline(always)]
    pub(crate) fn of_usual<P: Source + ?Sized>(packet: &P) -> Option<Self> {
        let [first, _, c, d, e, f, g, h, _, protocol, ..] =
            packet.read::<{ ipv4::HEADER_LEN }>(0)?;
        if first == PLAIN_V4 {
            let total_len = usize::from(u16::from_be_bytes([c, d]));
            let fragment = u16::from_be_bytes([g, h]);
            let is_fragment = fragment & (ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET) != 0;
            let found = Self::behind(packet, IpVersion::V4, protocol, total_len)?;
            (!is_fragment).then_some(found)
        } else if first >> 4 == 6 {
            let payload_len = usize::from(u16::from_be_bytes([e, f]));
            let total_len = payload_len.wrapping_add(ipv6::HEADER_LEN);
            Self::behind(packet, IpVersion::V6, g, total_len)
        } else {
            None
        }
    }

    /// What is behind an IP header without options.
    ///
    /// TCP and UDP are most of all packets. Their kinds are constants, known
    /// as soon as the processor has guessed the protocol.
    #[inline(always)]
    fn behind<P: Source + ?Sized>(
        packet: &P,
        version: IpVersion,
        protocol: u8,
        total_len: usize,
    ) -> Option<Self> {
        let transport_at = match version {
            IpVersion::V4 => ipv4::HEADER_LEN,
            IpVersion::V6 => ipv6::HEADER_LEN,
        };
        let (kind, len) = match (protocol, version) {
            (tcp::PROTOCOL, IpVersion::V4) => (V4_TCP, tcp::HEADER_LEN),
            (tcp::PROTOCOL, IpVersion::V6) => (V6_TCP, tcp::HEADER_LEN),
            (udp::PROTOCOL, IpVersion::V4) => (V4_UDP, udp::HEADER_LEN),
            (udp::PROTOCOL, IpVersion::V6) => (V6_UDP, udp::HEADER_LEN),
            _ => other(version, protocol)?,
        };
        // Only TCP says itself how long its header is, and may be wrong.
        let is_short = protocol == tcp::PROTOCOL && tcp_len(packet, transport_at) < tcp::HEADER_LEN;
        let is_there = transport_at.wrapping_add(len) <= total_len.min(packet.len());
        (is_there && !is_short).then_some(Self { kind, transport_at })
    }

    /// The word at `offset` of the header with this number.
    ///
    /// Where there is no such header, the read is out of the packet. So the
    /// usual case has one test, and not one for presence and one for length.
    #[inline(always)]
    pub(crate) fn word<P: Source + ?Sized>(&self, packet: &P, base: u8, offset: u8) -> Option<u32> {
        let start = self.start(base, packet.len());
        let bytes = packet.read(start.wrapping_add(offset.into()))?;
        Some(u32::from_be_bytes(bytes))
    }

    /// Where the base with this number starts, or somewhere out of reach.
    #[inline(always)]
    fn start(&self, base: u8, out_of_reach: usize) -> usize {
        let Parts {
            network, transport, ..
        } = self.kind.parts();
        let at = select_unpredictable(base == transport, self.transport_at, out_of_reach);
        select_unpredictable(base == network, 0, at)
    }

    /// Where the packet's class stands among all classes.
    #[inline(always)]
    pub(crate) fn class(&self, outbound: bool) -> usize {
        usize::from(self.kind.parts().class | u8::from(outbound))
    }

    pub(crate) fn version(&self) -> Option<IpVersion> {
        match self.kind.parts().network {
            V4 => Some(IpVersion::V4),
            V6 => Some(IpVersion::V6),
            _ => None,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        match Base::from_u8(self.kind.parts().transport) {
            Some(Base::Icmp) => Transport::Icmp,
            Some(Base::Icmpv6) => Transport::Icmpv6,
            Some(Base::Tcp) => Transport::Tcp,
            Some(Base::Udp) => Transport::Udp,
            _ => Transport::None,
        }
    }

    /// The bits of the status word that say which headers there are.
    #[inline(always)]
    pub(crate) fn status(&self) -> u32 {
        u32::from(self.kind.parts().status) & !FRAGMENT_BIT
    }

    pub(crate) fn transport_at(&self) -> usize {
        self.transport_at
    }

    /// Where the payload of this transport header starts and ends.
    ///
    /// It ends where the packet does by its own account, or is cut. TCP
    /// options that run over the end are cut there, too.
    pub(crate) fn payload<P: Source + ?Sized>(
        &self,
        packet: &P,
        base: Base,
    ) -> Option<(usize, usize)> {
        if self.kind.parts().transport != base.as_u8() {
            return None;
        }
        let total_len = match self.version()? {
            IpVersion::V4 => usize::from(u16::from_be_bytes(packet.read(ipv4::LENGTH)?)),
            IpVersion::V6 => usize::from(u16::from_be_bytes(packet.read(ipv6::LENGTH)?))
                .saturating_add(ipv6::HEADER_LEN),
        };
        let end = total_len.min(packet.len());
        let header_len = match base {
            Base::Tcp => tcp_len(packet, self.transport_at),
            _ => base.len(),
        };
        Some((self.transport_at.saturating_add(header_len).min(end), end))
    }

    pub(crate) fn protocol(&self) -> Option<u8> {
        self.version().map(|_| self.kind.parts().protocol)
    }

    pub(crate) fn is_fragment(&self) -> Option<bool> {
        let is_fragment = u32::from(self.kind.parts().status) & FRAGMENT_BIT != 0;
        self.version().map(|_| is_fragment)
    }
}

/// The length that the TCP header at `at` says it has, 0 if there is none.
#[inline(always)]
fn tcp_len<P: Source + ?Sized>(packet: &P, at: usize) -> usize {
    let words_at = at.wrapping_add(tcp::DATA_OFFSET);
    let [words] = packet.read(words_at).unwrap_or_default();
    usize::from(words >> 4).wrapping_mul(4)
}

impl From<&Headers> for Location {
    fn from(headers: &Headers) -> Self {
        let mut parts = Parts::of(headers.version(), headers.transport(), headers.protocol());
        if headers.is_fragment() {
            parts.status |= 1 << status::FRAGMENT;
        }
        Self {
            kind: Kind::new(&parts),
            transport_at: headers.ip_header_len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet that both ways of locating get.
    #[track_caller]
    fn check(packet: &[u8], is_usual: bool) {
        let usual = Location::of_usual(packet);
        assert_eq!(usual.is_some(), is_usual, "{packet:02x?}");
        if let Some(usual) = usual {
            assert_eq!(usual, Location::of_any(packet), "{packet:02x?}");
        }
    }

    fn v4(protocol: u8) -> [u8; 40] {
        let mut packet = [0; 40];
        packet[0] = 0x45;
        packet[3] = 40;
        packet[9] = protocol;
        packet[32] = 0x50;
        packet
    }

    fn v6(protocol: u8) -> [u8; 60] {
        let mut packet = [0; 60];
        packet[0] = 0x60;
        packet[5] = 20;
        packet[6] = protocol;
        packet[52] = 0x50;
        packet
    }

    #[test]
    fn usual_packets_are_located_as_they_are_parsed() {
        for protocol in 0..=255 {
            check(&v4(protocol), true);
            check(&v6(protocol), !ipv6::is_extension(protocol));
        }
    }

    #[test]
    fn every_cut_is_located_as_it_is_parsed() {
        for protocol in [1, 6, 17, 58, 99] {
            let (v4, v6) = (v4(protocol), v6(protocol));
            for len in 0..=v4.len() {
                assert_same(&v4[..len]);
            }
            for len in 0..=v6.len() {
                assert_same(&v6[..len]);
            }
        }
    }

    #[test]
    fn every_value_of_every_header_byte_is_located_as_it_is_parsed() {
        for protocol in [0, 1, 6, 17, 44, 58, 99] {
            for at in 0..60 {
                for value in 0..=255 {
                    let (mut v4, mut v6) = (v4(protocol), v6(protocol));
                    if let Some(byte) = v4.get_mut(at) {
                        *byte = value;
                    }
                    v6[at] = value;
                    assert_same(&v4);
                    assert_same(&v6);
                }
            }
        }
    }

    #[track_caller]
    fn assert_same(packet: &[u8]) {
        check(packet, Location::of_usual(packet).is_some());
        let (found, headers) = (Location::of(packet), Headers::parse(packet));
        let Some(headers) = headers else {
            return assert_eq!(found, Location::NOWHERE);
        };
        assert_eq!(found.version(), Some(headers.version()));
        assert_eq!(found.transport(), headers.transport());
        assert_eq!(found.protocol(), Some(headers.protocol()));
        assert_eq!(found.is_fragment(), Some(headers.is_fragment()));
        assert_eq!(found.transport_at(), headers.ip_header_len());
        if let Some(base) = base_of(headers.transport()) {
            let start = headers.payload_offset();
            let payload = Some((start, start + headers.payload_len()));
            assert_eq!(found.payload(packet, base), payload, "{packet:02x?}");
        }
    }
}
