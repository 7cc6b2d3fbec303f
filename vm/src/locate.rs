//! Where the headers of a packet are, found as fast as can be.
//!
//! Most packets are IPv4 without a fragment offset, or IPv6 without extension
//! headers, and whole. They are located by arithmetic with one jump, because
//! a jump that the processor guesses wrong costs more than all the rest. The
//! others go through [`Headers::parse`], with which this always agrees.

use crate::bytecode::{Base, Class};
use crate::packet::{Headers, IpVersion, Source, Transport, icmp, ipv4, ipv6, tcp, udp};

/// Where the headers are, and what is often asked of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// Number of the base that the packet starts with, or [`NO_BASE`].
    network: u8,
    /// Number of the base that follows, or [`NO_BASE`].
    transport: u8,
    /// Index of the class of such packets that enter this host.
    class: u8,
    protocol: u8,
    is_fragment: bool,
    transport_at: usize,
    payload_at: usize,
    /// Where the packet ends by its own account, or is cut.
    end: usize,
}

/// The number of no base.
const NO_BASE: u8 = u8::MAX;

/// Beyond the end of every packet, even with an offset added.
const OUT_OF_REACH: usize = usize::MAX >> 1;

/// What a protocol number says of the header that follows the IP header.
#[derive(Clone, Copy)]
struct Follows {
    transport: u8,
    class: u8,
    /// Bytes that have to be there.
    len: u8,
    /// Whether it is an extension header, and more follows.
    is_extension: bool,
}

impl Follows {
    const fn of(version: IpVersion, base: Option<Base>) -> Self {
        let (number, transport, len) = match base {
            Some(base) => (base.as_u8(), transport_of(base.as_u8()), base.len()),
            None => (NO_BASE, Transport::None, 0),
        };
        Self {
            transport: number,
            class: class_of(Some(version), transport),
            len: narrow(len),
            is_extension: false,
        }
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

const fn transport_of(base: u8) -> Transport {
    match Base::from_u8(base) {
        Some(Base::Icmp) => Transport::Icmp,
        Some(Base::Icmpv6) => Transport::Icmpv6,
        Some(Base::Tcp) => Transport::Tcp,
        Some(Base::Udp) => Transport::Udp,
        _ => Transport::None,
    }
}

const fn base_of(transport: Transport) -> u8 {
    match transport {
        Transport::None => NO_BASE,
        Transport::Icmp => Base::Icmp.as_u8(),
        Transport::Icmpv6 => Base::Icmpv6.as_u8(),
        Transport::Tcp => Base::Tcp.as_u8(),
        Transport::Udp => Base::Udp.as_u8(),
    }
}

/// What follows an IPv4 header, by protocol number.
const AFTER_V4: [Follows; 256] = after(IpVersion::V4, icmp::PROTOCOL, Base::Icmp);
/// What follows an IPv6 header, by protocol number.
const AFTER_V6: [Follows; 256] = {
    let mut after = after(IpVersion::V6, icmp::PROTOCOL_V6, Base::Icmpv6);
    let mut rest = ipv6::EXTENSIONS.as_slice();
    while let [first, tail @ ..] = rest {
        set(&mut after, *first, None, true);
        rest = tail;
    }
    after
};

const fn after(version: IpVersion, icmp: u8, icmp_base: Base) -> [Follows; 256] {
    let mut after = [Follows::of(version, None); 256];
    set(
        &mut after,
        icmp,
        Some(Follows::of(version, Some(icmp_base))),
        false,
    );
    set(
        &mut after,
        tcp::PROTOCOL,
        Some(Follows::of(version, Some(Base::Tcp))),
        false,
    );
    set(
        &mut after,
        udp::PROTOCOL,
        Some(Follows::of(version, Some(Base::Udp))),
        false,
    );
    after
}

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "runs while compiling only"
)]
const fn set(after: &mut [Follows; 256], at: u8, follows: Option<Follows>, is_extension: bool) {
    if let Some(follows) = follows {
        after[at as usize] = follows;
    }
    after[at as usize].is_extension = is_extension;
}

impl Location {
    /// That of something that is no IP packet.
    pub(crate) const NOWHERE: Self = Self {
        network: NO_BASE,
        transport: NO_BASE,
        class: class_of(None, Transport::None),
        protocol: 0,
        is_fragment: false,
        transport_at: 0,
        payload_at: 0,
        end: 0,
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
    fn of_usual<P: Source + ?Sized>(packet: &P) -> Option<Self> {
        let len = packet.len();
        let [first, _, a, b, c, d, e, f, _, g, ..] = packet.read::<{ ipv4::HEADER_LEN }>(0)?;
        let is_v6 = first >> 4 == 6;
        let v4_len = usize::from(first & 0xF).wrapping_mul(4);
        let v4_total = usize::from(u16::from_be_bytes([a, b]));
        let v6_total = usize::from(u16::from_be_bytes([c, d])).wrapping_add(ipv6::HEADER_LEN);
        let header_len = if is_v6 { ipv6::HEADER_LEN } else { v4_len };
        let total_len = if is_v6 { v6_total } else { v4_total };
        let fragment = if is_v6 { 0 } else { u16::from_be_bytes([e, f]) };
        let protocol = if is_v6 { e } else { g };
        let after = if is_v6 { &AFTER_V6 } else { &AFTER_V4 };
        let follows = after.get(usize::from(protocol))?;

        let end = total_len.min(len);
        let least = usize::from(follows.len);
        // Only TCP says itself how long its header is.
        let words_at = header_len.wrapping_add(tcp::DATA_OFFSET);
        let [words] = packet.read(words_at).unwrap_or_default();
        let tcp_len = usize::from(words >> 4).wrapping_mul(4);
        let is_tcp = follows.transport == Base::Tcp.as_u8();
        let follows_len = if is_tcp { tcp_len } else { least };

        // 4 and 6 differ in one bit.
        let is_usual = (first >> 4 | 2 == 6)
            & (header_len >= ipv4::HEADER_LEN)
            & (header_len.wrapping_add(least) <= end)
            & (follows_len >= least)
            & (fragment & ipv4::FRAGMENT_OFFSET == 0)
            & !follows.is_extension;
        is_usual.then_some(Self {
            network: if is_v6 { V6 } else { V4 },
            transport: follows.transport,
            class: follows.class,
            protocol,
            is_fragment: fragment & ipv4::MORE_FRAGMENTS != 0,
            transport_at: header_len,
            payload_at: header_len.wrapping_add(follows_len).min(end),
            end,
        })
    }

    /// Where the base with this number starts, or somewhere out of reach.
    #[inline(always)]
    pub(crate) fn start(&self, base: u8) -> usize {
        let at = if base == self.transport {
            self.transport_at
        } else {
            OUT_OF_REACH
        };
        if base == self.network { 0 } else { at }
    }

    /// Where the packet's class stands among all classes.
    #[inline(always)]
    pub(crate) fn class(&self, outbound: bool) -> usize {
        usize::from(self.class | u8::from(outbound))
    }

    pub(crate) fn version(&self) -> Option<IpVersion> {
        match self.network {
            V4 => Some(IpVersion::V4),
            V6 => Some(IpVersion::V6),
            _ => None,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        transport_of(self.transport)
    }

    pub(crate) fn transport_at(&self) -> usize {
        self.transport_at
    }

    /// Where the payload of this transport header starts and ends.
    pub(crate) fn payload(&self, base: Base) -> Option<(usize, usize)> {
        (self.transport == base.as_u8()).then_some((self.payload_at, self.end))
    }

    pub(crate) fn protocol(&self) -> Option<u8> {
        self.version().map(|_| self.protocol)
    }

    pub(crate) fn is_fragment(&self) -> Option<bool> {
        self.version().map(|_| self.is_fragment)
    }
}

/// Numbers of the bases that a packet starts with.
const V4: u8 = Base::Ip.as_u8();
const V6: u8 = Base::Ipv6.as_u8();

impl From<&Headers> for Location {
    fn from(headers: &Headers) -> Self {
        let payload_at = headers.payload_offset();
        Self {
            network: match headers.version() {
                IpVersion::V4 => V4,
                IpVersion::V6 => V6,
            },
            transport: base_of(headers.transport()),
            class: class_of(Some(headers.version()), headers.transport()),
            protocol: headers.protocol(),
            is_fragment: headers.is_fragment(),
            transport_at: headers.ip_header_len(),
            payload_at,
            end: payload_at.saturating_add(headers.payload_len()),
        }
    }
}
