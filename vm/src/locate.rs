//! Where the headers of a packet are, found as fast as can be.
//!
//! Most packets are IPv4 without options, or IPv6 without extension headers,
//! and neither cut nor fragments. They are located without any jump that
//! depends on the protocol, because a jump that the processor guesses wrong
//! costs more than all the rest. The others go through [`Headers::parse`],
//! with which this always agrees.

use core::hint::select_unpredictable;

use crate::bytecode::{Base, Class, DataBase, EXTENDED, status};
use crate::packet::{Headers, IpVersion, Source, Transport, ipv4, ipv6, tcp};

/// Where the headers are, and what of them costs time to find again: [`Parts`]
/// in one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location(u64);

/// The parts of a [`Location`].
struct Parts {
    /// Index of the class of such packets that enter this host.
    class: u8,
    /// Number of the base that the packet starts with, or [`NO_BASE`].
    network: u8,
    /// Number of the base that follows, or [`NO_BASE`].
    transport: u8,
    protocol: u8,
    /// Where TCP says how long its header is, in a usual packet; 0 without.
    tcp_len_at: u8,
    /// Where these headers end in a usual packet.
    end: u8,
    /// Length of the IP header in words, each of 4 bytes, and [`FRAGMENT`].
    /// The transport header follows, if there is one.
    words: u16,
}

/// Set in [`Parts::words`] of fragments.
const FRAGMENT: u16 = 0x8000;

impl Location {
    const fn new(parts: &Parts) -> Self {
        let [words_low, words_high] = parts.words.to_le_bytes();
        Self(u64::from_le_bytes([
            parts.class,
            parts.network,
            parts.transport,
            parts.protocol,
            parts.tcp_len_at,
            parts.end,
            words_low,
            words_high,
        ]))
    }

    #[inline(always)]
    const fn parts(self) -> Parts {
        let [
            class,
            network,
            transport,
            protocol,
            tcp_len_at,
            end,
            words_low,
            words_high,
        ] = self.0.to_le_bytes();
        Parts {
            class,
            network,
            transport,
            protocol,
            tcp_len_at,
            end,
            words: u16::from_le_bytes([words_low, words_high]),
        }
    }
}

/// The number of no base.
const NO_BASE: u8 = u8::MAX;

/// Numbers of the bases that a packet starts with.
const V4: u8 = Base::Ip.as_u8();
const V6: u8 = Base::Ipv6.as_u8();

/// The first byte of an IPv4 header without options.
const PLAIN_V4: u8 = 0x45;

impl Parts {
    const fn of(version: IpVersion, transport: Transport, protocol: u8, words: u16) -> Self {
        let start = header_len(version);
        let len = match base_of(transport) {
            Some(base) => base.len(),
            None => 0,
        };
        Self {
            class: class_of(Some(version), transport),
            network: match version {
                IpVersion::V4 => V4,
                IpVersion::V6 => V6,
            },
            transport: match base_of(transport) {
                Some(base) => base.as_u8(),
                None => NO_BASE,
            },
            protocol,
            tcp_len_at: match transport {
                Transport::Tcp => narrow(start.wrapping_add(tcp::DATA_OFFSET)),
                _ => 0,
            },
            end: narrow(start.wrapping_add(len)),
            words,
        }
    }
}

/// Length of an IP header without options or extensions.
const fn header_len(version: IpVersion) -> usize {
    match version {
        IpVersion::V4 => ipv4::HEADER_LEN,
        IpVersion::V6 => ipv6::HEADER_LEN,
    }
}

/// Bits of the status word that say which headers there are, by class.
static STATUS: [u16; Class::COUNT] = {
    let mut all = [0; Class::COUNT];
    let mut classes: &[Class] = &Class::ALL;
    let mut rest: &mut [u16] = &mut all;
    while let ([class, more @ ..], [first, tail @ ..]) = (classes, rest) {
        *first = status_of(*class);
        (classes, rest) = (more, tail);
    }
    all
};

const fn status_of(class: Class) -> u16 {
    let network = match class.version() {
        None => return 0,
        Some(IpVersion::V4) => status::IP,
        Some(IpVersion::V6) => status::IPV6,
    };
    1 << network | status_of_transport(class.transport())
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

/// A stand-in for what only [`Headers::parse`] can find out.
const WITH_EXTENSION: Location = Location::new(&Parts {
    class: EXTENDED,
    // Not 0, so that it never passes a check.
    end: 1,
    ..Location::NOWHERE.parts()
});

/// Where all is in usual packets with these protocol numbers.
///
/// Looked up rather than found out: TCP and UDP come in no order, so that a
/// jump on them would often be guessed wrong.
static USUAL_V4: [Location; 256] = usual(IpVersion::V4);
static USUAL_V6: [Location; 256] = usual(IpVersion::V6);

const fn usual(version: IpVersion) -> [Location; 256] {
    let mut all = [Location::NOWHERE; 256];
    let mut rest: &mut [Location] = &mut all;
    let mut protocol = 0_u8;
    while let [first, tail @ ..] = rest {
        *first = usual_with(version, protocol);
        protocol = protocol.wrapping_add(1);
        rest = tail;
    }
    all
}

const fn usual_with(version: IpVersion, protocol: u8) -> Location {
    if matches!(version, IpVersion::V6) && ipv6::is_extension(protocol) {
        return WITH_EXTENSION;
    }
    let transport = Transport::of(protocol, version);
    let words = words(header_len(version));
    Location::new(&Parts::of(version, transport, protocol, words))
}

/// Bytes in words of 4. The length of every IP header is a multiple, with all
/// extensions; so it fits, though it can be more than 65,535 bytes.
#[allow(clippy::as_conversions, clippy::cast_possible_truncation)]
const fn words(bytes: usize) -> u16 {
    (bytes / 4) as u16
}

/// What the first bytes of a packet say, before anything is checked.
#[derive(Clone, Copy)]
pub(crate) struct Glance {
    /// Where all is, if this is a usual packet.
    found: Location,
    /// The length that the IP header states; 0 if this is no usual packet.
    total_len: usize,
}

impl Glance {
    /// Reads no more than the fixed part of an IPv4 header.
    ///
    /// `None` if there is not even that, or something else before it.
    #[inline(always)]
    pub(crate) fn at<P: Source + ?Sized>(packet: &P) -> Option<Self> {
        let [first, _, c, d, e, f, g, h, _, protocol, ..] =
            packet.read::<{ ipv4::HEADER_LEN }>(0)?;
        if first == PLAIN_V4 {
            let fragment = u16::from_be_bytes([g, h]);
            let is_whole = fragment & (ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET) == 0;
            if !is_whole {
                return None;
            }
            Some(Self {
                found: *USUAL_V4.get(usize::from(protocol))?,
                total_len: usize::from(u16::from_be_bytes([c, d])),
            })
        } else if first >> 4 == 6 {
            let payload_len = usize::from(u16::from_be_bytes([e, f]));
            let found = *USUAL_V6.get(usize::from(g))?;
            let total_len = payload_len.wrapping_add(ipv6::HEADER_LEN);
            Some(Self {
                found,
                total_len: select_unpredictable(found.parts().class == EXTENDED, 0, total_len),
            })
        } else {
            None
        }
    }

    /// Index of the class of such packets, if all is well with this one.
    ///
    /// Otherwise it is without transport header, or no packet.
    #[inline(always)]
    pub(crate) fn class(&self, outbound: bool) -> u8 {
        self.found.class(outbound)
    }

    /// Checks what was seen; `None` if the packet is not a usual one.
    #[inline(always)]
    pub(crate) fn check<P: Source + ?Sized>(self, packet: &P) -> Option<Location> {
        let Parts {
            end, tcp_len_at, ..
        } = self.found.parts();
        let end = usize::from(end);
        // Only TCP says itself how long its header is, and may be wrong.
        let [words] = packet.read(tcp_len_at.into())?;
        let is_long = (words >= MIN_TCP_LEN) | (tcp_len_at == 0);
        if end > self.total_len || end > packet.len() || !is_long {
            return None;
        }
        Some(self.found)
    }
}

/// The least byte at [`tcp::DATA_OFFSET`]: five words in its upper half.
const MIN_TCP_LEN: u8 = 0x50;

impl Location {
    /// That of something that is no IP packet.
    pub(crate) const NOWHERE: Self = Self::new(&Parts {
        class: class_of(None, Transport::None),
        network: NO_BASE,
        transport: NO_BASE,
        protocol: 0,
        tcp_len_at: 0,
        end: 0,
        words: 0,
    });

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
    pub(crate) fn of_any<P: Source + ?Sized>(packet: &P) -> Self {
        match Headers::parse(packet) {
            Some(headers) => Self::from(&headers),
            None => Self::NOWHERE,
        }
    }

    /// Finds the headers of a usual packet; `None` if it is not one.
    #[inline(always)]
    pub(crate) fn of_usual<P: Source + ?Sized>(packet: &P) -> Option<Self> {
        Glance::at(packet)?.check(packet)
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

    /// The lowest half of the first words of nodes about words of the two
    /// headers. Without a header it is that of no node.
    #[inline(always)]
    pub(crate) fn heads(&self) -> (u32, u32) {
        let Parts {
            network, transport, ..
        } = self.parts();
        let of = |base| u32::from_le_bytes([0, base, 0, 0]);
        (of(network), of(transport))
    }

    /// Where the base with this number starts, or somewhere out of reach.
    #[inline(always)]
    fn start(&self, base: u8, out_of_reach: usize) -> usize {
        let Parts {
            network, transport, ..
        } = self.parts();
        let at = select_unpredictable(base == transport, self.transport_at(), out_of_reach);
        select_unpredictable(base == network, 0, at)
    }

    /// Where the packet's class stands among all classes.
    #[inline(always)]
    pub(crate) fn class(&self, outbound: bool) -> u8 {
        self.parts().class | u8::from(outbound)
    }

    pub(crate) fn version(&self) -> Option<IpVersion> {
        match self.parts().network {
            V4 => Some(IpVersion::V4),
            V6 => Some(IpVersion::V6),
            _ => None,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        match Base::from_u8(self.parts().transport) {
            Some(Base::Icmp) => Transport::Icmp,
            Some(Base::Icmpv6) => Transport::Icmpv6,
            Some(Base::Tcp) => Transport::Tcp,
            Some(Base::Udp) => Transport::Udp,
            _ => Transport::None,
        }
    }

    /// The bits of the status word that say which headers there are.
    pub(crate) fn status(&self) -> u32 {
        let class = usize::from(self.parts().class);
        STATUS.get(class).copied().unwrap_or_default().into()
    }

    /// Where the transport header starts, if there is one.
    #[inline(always)]
    pub(crate) fn transport_at(&self) -> usize {
        usize::from(self.parts().words & !FRAGMENT).wrapping_mul(4)
    }

    /// Where the payload of this transport header starts and ends.
    ///
    /// It ends where the packet does by its own account, or is cut. TCP
    /// options that run over the end are cut there, too.
    #[inline(always)]
    pub(crate) fn payload<P: Source + ?Sized>(
        &self,
        packet: &P,
        base: Base,
    ) -> Option<(usize, usize)> {
        let Parts {
            network, transport, ..
        } = self.parts();
        if transport != base.as_u8() {
            return None;
        }
        let is_v4 = network == V4;
        // IPv6 does not count its own header.
        let uncounted = if is_v4 { 0 } else { ipv6::HEADER_LEN };
        let stated = packet.read(if is_v4 { ipv4::LENGTH } else { ipv6::LENGTH })?;
        let total_len = usize::from(u16::from_be_bytes(stated)).wrapping_add(uncounted);
        let end = total_len.min(packet.len());
        let at = self.transport_at();
        let header_len = match base {
            Base::Tcp => tcp_len(packet, at),
            _ => base.len(),
        };
        Some((at.wrapping_add(header_len).min(end), end))
    }

    /// Where the data with this number start and end.
    #[inline(always)]
    fn extent<P: Source + ?Sized>(&self, packet: &P, base: u8) -> Option<(usize, usize)> {
        match DataBase::from_u8(base)? {
            DataBase::Packet if self.parts().network == NO_BASE => None,
            DataBase::Packet => Some((0, packet.len())),
            DataBase::Tcp => self.payload(packet, Base::Tcp),
            DataBase::Udp => self.payload(packet, Base::Udp),
        }
    }

    /// A number in the data with this base, as [`data`] reads it.
    #[inline(never)]
    pub(crate) fn data<P: Source + ?Sized>(
        &self,
        packet: &P,
        base: u8,
        width: u8,
        offset: i32,
    ) -> Option<u32> {
        data(packet, self.extent(packet, base)?, width, offset)
    }

    pub(crate) fn protocol(&self) -> Option<u8> {
        self.version().map(|_| self.parts().protocol)
    }

    pub(crate) fn is_fragment(&self) -> Option<bool> {
        self.version().map(|_| self.parts().words & FRAGMENT != 0)
    }
}

/// A number at `offset` from the start, or from the end if it is negative;
/// absent unless all of it lies inside.
#[inline(always)]
pub(crate) fn data<P: Source + ?Sized>(
    packet: &P,
    (start, end): (usize, usize),
    width: u8,
    offset: i32,
) -> Option<u32> {
    let from = if offset < 0 { end } else { start };
    let at = from.checked_add_signed(isize::try_from(offset).ok()?)?;
    let width = usize::from(width);
    if at < start || at.checked_add(width)? > end {
        return None;
    }
    // Most often there are four bytes to read, of which some are too many.
    match packet.read(at) {
        Some([a, _, _, _]) if width == 1 => Some(a.into()),
        Some([a, b, _, _]) if width == 2 => Some(u16::from_be_bytes([a, b]).into()),
        Some(bytes) => Some(u32::from_be_bytes(bytes)),
        None if width == 1 => packet.read(at).map(|[byte]| byte.into()),
        None => packet
            .read(at)
            .map(|bytes| u16::from_be_bytes(bytes).into()),
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
        let mut words = words(headers.ip_header_len());
        if headers.is_fragment() {
            words |= FRAGMENT;
        }
        let (version, transport) = (headers.version(), headers.transport());
        Self::new(&Parts::of(version, transport, headers.protocol(), words))
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
