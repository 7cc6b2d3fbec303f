//! The value of a field in one packet and event. Total: absent is `None`.

use crate::bytecode::{Base, DataBase, Load, status};
use crate::event::{Event, FlowRecord, NetworkRecord, Record, ReflectRecord};
use crate::hash::hash_at;
use crate::isa::{Field, Layer, ordinal_of_signed};
use crate::locate::{Location, status_of_transport};
use crate::packet::{IpVersion, Source, Transport, icmp, ipv4, ipv6, tcp, udp};

/// Where the value of a field comes from.
enum Origin {
    /// Part of a word of a header.
    Word(Base, u8, u8, u32),
    /// So many bytes of data, at an offset that the test gives.
    Data(DataBase, u8),
    /// Computed, or not of the packet.
    Other(Other),
}

/// A value that is no part of a header.
enum Other {
    IfIdx,
    SubIfIdx,
    FlowLabel,
    Ipv6Addr(usize),
    PayloadLength(Base),
    ProcessId,
    Addr(End),
    Port(End),
    Protocol,
    EndpointId,
    ParentEndpointId,
    Layer,
    Priority,
    Event,
    Length,
    Timestamp,
    /// Bits of the hash from this one up, and which of them count.
    Random(u32, u64),
    Fragment,
}

/// `len` bytes at `at` of a header, which lie within one word of it.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "on constants only"
)]
const fn bytes(base: Base, at: usize, len: usize) -> Origin {
    bits(base, at, (4 - len as u8 - at as u8 % 4) * 8, len as u32 * 8)
}

/// `len` bits of the word around byte `at`, the lowest `shift` left out.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "on constants only"
)]
const fn bits(base: Base, at: usize, shift: u8, len: u32) -> Origin {
    Origin::Word(base, at as u8 / 4 * 4, shift, u32::MAX >> (32 - len))
}

/// One bit of the status word.
const fn flag(bit: u8) -> Origin {
    Origin::Word(Base::Status, 0, bit, 1)
}

/// What each field is. Nothing else in this crate names them one by one.
const fn origin(field: Field) -> Origin {
    use Base::{Icmp, Icmpv6, Ip, Ipv6, Tcp, Udp};
    match field {
        Field::Zero => Origin::Word(Base::Status, 0, 0, 0),
        Field::Inbound => flag(status::INBOUND),
        Field::Outbound => flag(status::OUTBOUND),
        Field::IfIdx => Origin::Other(Other::IfIdx),
        Field::SubIfIdx => Origin::Other(Other::SubIfIdx),
        Field::Ip => flag(status::IP),
        Field::Ipv6 => flag(status::IPV6),
        Field::Icmp => flag(status::ICMP),
        Field::Tcp => flag(status::TCP),
        Field::Udp => flag(status::UDP),
        Field::Icmpv6 => flag(status::ICMPV6),
        Field::IpHdrLength => bits(Ip, ipv4::VERSION_IHL, 24, 4),
        Field::IpTos => bytes(Ip, ipv4::TOS, 1),
        Field::IpLength => bytes(Ip, ipv4::LENGTH, 2),
        Field::IpId => bytes(Ip, ipv4::ID, 2),
        Field::IpDf => bits(Ip, ipv4::FRAGMENT, 14, 1),
        Field::IpMf => bits(Ip, ipv4::FRAGMENT, 13, 1),
        Field::IpFragOff => bits(Ip, ipv4::FRAGMENT, 0, 13),
        Field::IpTtl => bytes(Ip, ipv4::TTL, 1),
        Field::IpProtocol => bytes(Ip, ipv4::PROTOCOL, 1),
        Field::IpChecksum => bytes(Ip, ipv4::CHECKSUM, 2),
        Field::IpSrcAddr => bytes(Ip, ipv4::SRC, 4),
        Field::IpDstAddr => bytes(Ip, ipv4::DST, 4),
        Field::Ipv6TrafficClass => bits(Ipv6, ipv6::VERSION_CLASS, 20, 8),
        Field::Ipv6FlowLabel => Origin::Other(Other::FlowLabel),
        Field::Ipv6Length => bytes(Ipv6, ipv6::LENGTH, 2),
        Field::Ipv6NextHdr => bytes(Ipv6, ipv6::NEXT_HEADER, 1),
        Field::Ipv6HopLimit => bytes(Ipv6, ipv6::HOP_LIMIT, 1),
        Field::Ipv6SrcAddr => Origin::Other(Other::Ipv6Addr(ipv6::SRC)),
        Field::Ipv6DstAddr => Origin::Other(Other::Ipv6Addr(ipv6::DST)),
        Field::IcmpType => bytes(Icmp, icmp::TYPE, 1),
        Field::IcmpCode => bytes(Icmp, icmp::CODE, 1),
        Field::IcmpChecksum => bytes(Icmp, icmp::CHECKSUM, 2),
        Field::IcmpBody => bytes(Icmp, icmp::BODY, 4),
        Field::Icmpv6Type => bytes(Icmpv6, icmp::TYPE, 1),
        Field::Icmpv6Code => bytes(Icmpv6, icmp::CODE, 1),
        Field::Icmpv6Checksum => bytes(Icmpv6, icmp::CHECKSUM, 2),
        Field::Icmpv6Body => bytes(Icmpv6, icmp::BODY, 4),
        Field::TcpSrcPort => bytes(Tcp, tcp::SRC_PORT, 2),
        Field::TcpDstPort => bytes(Tcp, tcp::DST_PORT, 2),
        Field::TcpSeqNum => bytes(Tcp, tcp::SEQ, 4),
        Field::TcpAckNum => bytes(Tcp, tcp::ACK, 4),
        Field::TcpHdrLength => bits(Tcp, tcp::DATA_OFFSET, 28, 4),
        Field::TcpUrg => bits(Tcp, tcp::FLAGS, 21, 1),
        Field::TcpAck => bits(Tcp, tcp::FLAGS, 20, 1),
        Field::TcpPsh => bits(Tcp, tcp::FLAGS, 19, 1),
        Field::TcpRst => bits(Tcp, tcp::FLAGS, 18, 1),
        Field::TcpSyn => bits(Tcp, tcp::FLAGS, 17, 1),
        Field::TcpFin => bits(Tcp, tcp::FLAGS, 16, 1),
        Field::TcpWindow => bytes(Tcp, tcp::WINDOW, 2),
        Field::TcpChecksum => bytes(Tcp, tcp::CHECKSUM, 2),
        Field::TcpUrgPtr => bytes(Tcp, tcp::URG_PTR, 2),
        Field::TcpPayloadLength => Origin::Other(Other::PayloadLength(Tcp)),
        Field::UdpSrcPort => bytes(Udp, udp::SRC_PORT, 2),
        Field::UdpDstPort => bytes(Udp, udp::DST_PORT, 2),
        Field::UdpLength => bytes(Udp, udp::LENGTH, 2),
        Field::UdpChecksum => bytes(Udp, udp::CHECKSUM, 2),
        Field::UdpPayloadLength => Origin::Other(Other::PayloadLength(Udp)),
        Field::Loopback => flag(status::LOOPBACK),
        Field::Impostor => flag(status::IMPOSTOR),
        Field::ProcessId => Origin::Other(Other::ProcessId),
        Field::LocalAddr => Origin::Other(Other::Addr(End::Local)),
        Field::RemoteAddr => Origin::Other(Other::Addr(End::Remote)),
        Field::LocalPort => Origin::Other(Other::Port(End::Local)),
        Field::RemotePort => Origin::Other(Other::Port(End::Remote)),
        Field::Protocol => Origin::Other(Other::Protocol),
        Field::EndpointId => Origin::Other(Other::EndpointId),
        Field::ParentEndpointId => Origin::Other(Other::ParentEndpointId),
        Field::Layer => Origin::Other(Other::Layer),
        Field::Priority => Origin::Other(Other::Priority),
        Field::Event => Origin::Other(Other::Event),
        Field::Packet => Origin::Data(DataBase::Packet, 1),
        Field::Packet16 => Origin::Data(DataBase::Packet, 2),
        Field::Packet32 => Origin::Data(DataBase::Packet, 4),
        Field::TcpPayload => Origin::Data(DataBase::Tcp, 1),
        Field::TcpPayload16 => Origin::Data(DataBase::Tcp, 2),
        Field::TcpPayload32 => Origin::Data(DataBase::Tcp, 4),
        Field::UdpPayload => Origin::Data(DataBase::Udp, 1),
        Field::UdpPayload16 => Origin::Data(DataBase::Udp, 2),
        Field::UdpPayload32 => Origin::Data(DataBase::Udp, 4),
        Field::Length => Origin::Other(Other::Length),
        Field::Timestamp => Origin::Other(Other::Timestamp),
        Field::Random8 => Origin::Other(Other::Random(48, 0xFF)),
        Field::Random16 => Origin::Other(Other::Random(32, 0xFFFF)),
        Field::Random32 => Origin::Other(Other::Random(0, 0xFFFF_FFFF)),
        Field::Fragment => Origin::Other(Other::Fragment),
    }
}

impl Load {
    /// The load that gets a field, a data field at `offset`.
    ///
    /// Of other fields the offset is ignored.
    pub const fn of(field: Field, offset: i32) -> Self {
        match origin(field) {
            Origin::Word(base, offset, shift, mask) => Self::Word {
                base,
                offset,
                shift,
                mask,
            },
            Origin::Data(base, width) => Self::Data {
                base,
                width,
                offset,
            },
            Origin::Other(_) => Self::Field(field),
        }
    }
}

/// An event with its packet, headers found, as values are read from it.
///
/// Functions that are not inlined take it by value. So it is in memory only
/// when they are called, and else in registers.
pub(crate) struct View<'a, P: ?Sized> {
    pub(crate) packet: &'a P,
    pub(crate) found: Location,
    pub(crate) event: &'a Event,
}

impl<P: ?Sized> Clone for View<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: ?Sized> Copy for View<'_, P> {}

/// `::ffff:a.b.c.d`
const fn mapped(v4: u128) -> u128 {
    0xFFFF_0000_0000 | v4
}

impl<'a, P: Source + ?Sized> View<'a, P> {
    #[inline]
    pub(crate) fn new(layer: Layer, packet: &'a P, event: &'a Event) -> Self {
        Self {
            packet,
            found: if layer.has_packets() {
                Location::of(packet)
            } else {
                Location::NOWHERE
            },
            event,
        }
    }

    pub(crate) fn ip_version(&self) -> Option<IpVersion> {
        self.found.version()
    }

    /// Where the packet's class stands among all classes.
    #[inline(always)]
    pub(crate) fn class(&self) -> u8 {
        self.found.class(self.event.outbound)
    }

    /// The ordinal of the field's value, `None` if the field is absent.
    ///
    /// `offset` is the byte offset of a data field, negative from the end.
    pub(crate) fn load(&self, field: Field, offset: i32) -> Option<u128> {
        let value = self.value(Load::of(field, offset))?;
        value.checked_add(Load::ordinal_base(field))
    }

    /// What a load gets, `None` if it is absent.
    pub(crate) fn value(&self, load: Load) -> Option<u128> {
        match load {
            Load::Word {
                base,
                offset,
                shift,
                mask,
            } => {
                let word = self.word(base, offset)?;
                Some((word.wrapping_shr(shift.into()) & mask).into())
            }
            Load::Data {
                base,
                width,
                offset,
            } => {
                let base = base.as_u8();
                Some(self.found.data(self.packet, base, width, offset)?.into())
            }
            Load::Field(field) => match origin(field) {
                Origin::Other(other) => self.other(&other),
                // These are other loads, and verified programs know.
                Origin::Word(..) | Origin::Data(..) => None,
            },
        }
    }

    /// Like [`View::value`], for the fields with these numbers that are
    /// asked for most and have up to 32 bits; `None` for all others.
    #[inline(always)]
    pub(crate) fn usual_field(&self, id: u8) -> Option<Option<u32>> {
        let payload_len = |base| {
            let (start, end) = self.found.payload(self.packet, base)?;
            u32::try_from(end.wrapping_sub(start)).ok()
        };
        Some(match id {
            id::TCP_PAYLOAD_LENGTH => payload_len(Base::Tcp),
            id::UDP_PAYLOAD_LENGTH => payload_len(Base::Udp),
            id::RANDOM8 => self.random().map(|hash| narrow(hash >> 48 & 0xFF)),
            id::RANDOM16 => self.random().map(|hash| narrow(hash >> 32 & 0xFFFF)),
            _ => return None,
        })
    }

    /// Like [`View::value`], for the addresses with these numbers; `None` for
    /// all other fields.
    #[inline(always)]
    pub(crate) fn usual_addr(&self, id: u8) -> Option<Option<u128>> {
        let at = match id {
            id::IPV6_SRC_ADDR => ipv6::SRC,
            id::IPV6_DST_ADDR => ipv6::DST,
            _ => return None,
        };
        let is_there = self.ip_version() == Some(IpVersion::V6);
        let bytes = self.packet.read(at).filter(|_| is_there);
        Some(bytes.map(u128::from_be_bytes))
    }

    /// The word of [`Base::Status`].
    #[inline(always)]
    pub(crate) fn status(&self) -> u32 {
        status(self.found, self.event)
    }

    fn word(&self, base: Base, offset: u8) -> Option<u32> {
        match base {
            Base::Status => Some(self.status()),
            _ => self.found.word(self.packet, base.as_u8(), offset),
        }
    }

    fn other(&self, other: &Other) -> Option<u128> {
        let event = self.event;
        Some(match *other {
            Other::IfIdx => self.network()?.if_idx.into(),
            Other::SubIfIdx => self.network()?.sub_if_idx.into(),
            Other::FlowLabel => mangled_flow_label(self.v6::<4>(ipv6::VERSION_CLASS)?),
            Other::Ipv6Addr(at) => self.v6::<16>(at)?,
            Other::PayloadLength(base) => {
                let (start, end) = self.found.payload(self.packet, base)?;
                u128::try_from(end.saturating_sub(start)).ok()?
            }
            Other::ProcessId => self.process_id()?.into(),
            Other::Addr(end) => self.addr(end)?,
            Other::Port(end) => self.port(end)?,
            Other::Protocol => self.protocol()?.into(),
            Other::EndpointId => self.flow()?.endpoint_id.into(),
            Other::ParentEndpointId => self.flow()?.parent_endpoint_id.into(),
            Other::Layer => self.reflect()?.layer.into(),
            Other::Priority => ordinal_of_signed(self.reflect()?.priority.into()),
            Other::Event => event.event.into(),
            Other::Length => u128::try_from(self.packet.len()).ok()? & u128::from(u32::MAX),
            Other::Timestamp => ordinal_of_signed(event.timestamp),
            Other::Random(from, mask) => u128::from(self.random()?.checked_shr(from)? & mask),
            Other::Fragment => self.found.is_fragment()?.into(),
        })
    }

    fn network(&self) -> Option<&NetworkRecord> {
        match &self.event.record {
            Record::Network(record) => Some(record),
            _ => None,
        }
    }

    fn flow(&self) -> Option<&FlowRecord> {
        match &self.event.record {
            Record::Flow(record) => Some(record),
            _ => None,
        }
    }

    fn reflect(&self) -> Option<&ReflectRecord> {
        match &self.event.record {
            Record::Reflect(record) => Some(record),
            _ => None,
        }
    }

    fn process_id(&self) -> Option<u32> {
        match &self.event.record {
            Record::Flow(record) => Some(record.process_id),
            Record::Reflect(record) => Some(record.process_id),
            Record::Network(_) => None,
        }
    }

    fn protocol(&self) -> Option<u8> {
        match self.found.protocol() {
            Some(protocol) => Some(protocol),
            None => Some(self.flow()?.protocol),
        }
    }

    /// `N` big-endian bytes at `at` of the packet.
    #[inline]
    fn read<const N: usize>(&self, at: usize) -> Option<u128> {
        let bytes = self.packet.read::<N>(at)?;
        Some(
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u128::from(*byte)),
        )
    }

    fn v6<const N: usize>(&self, at: usize) -> Option<u128> {
        (self.ip_version()? == IpVersion::V6).then(|| self.read::<N>(at))?
    }

    /// Source or destination, whichever is the local or the remote end.
    fn is_source(&self, end: End) -> bool {
        self.event.outbound == matches!(end, End::Local)
    }

    fn addr(&self, end: End) -> Option<u128> {
        let Some(version) = self.ip_version() else {
            let flow = self.flow()?;
            return Some(match end {
                End::Local => flow.local_addr,
                End::Remote => flow.remote_addr,
            });
        };
        match (version, self.is_source(end)) {
            (IpVersion::V4, true) => self.read::<4>(ipv4::SRC).map(mapped),
            (IpVersion::V4, false) => self.read::<4>(ipv4::DST).map(mapped),
            (IpVersion::V6, true) => self.read::<16>(ipv6::SRC),
            (IpVersion::V6, false) => self.read::<16>(ipv6::DST),
        }
    }

    /// ICMP has no ports: its type stands for the source port.
    fn port(&self, end: End) -> Option<u128> {
        if self.ip_version().is_none() {
            let flow = self.flow()?;
            return Some(match end {
                End::Local => flow.local_port.into(),
                End::Remote => flow.remote_port.into(),
            });
        }
        let at = |offset: usize| self.found.transport_at().checked_add(offset);
        match (self.found.transport(), self.is_source(end)) {
            (Transport::Tcp, true) => self.read::<2>(at(tcp::SRC_PORT)?),
            (Transport::Tcp, false) => self.read::<2>(at(tcp::DST_PORT)?),
            (Transport::Udp, true) => self.read::<2>(at(udp::SRC_PORT)?),
            (Transport::Udp, false) => self.read::<2>(at(udp::DST_PORT)?),
            (Transport::Icmp | Transport::Icmpv6, true) => self.read::<1>(at(icmp::TYPE)?),
            _ => Some(0),
        }
    }

    /// The packet hash that `random*` fields are cut from.
    fn random(&self) -> Option<u64> {
        let seed = self.event.timestamp.cast_unsigned();
        let (transport, at) = (self.found.transport(), self.found.transport_at());
        Some(hash_at(
            self.packet,
            self.ip_version()?,
            transport,
            at,
            seed,
        ))
    }
}

/// Numbers of fields.
pub(crate) mod id {
    use crate::isa::Field;

    pub(super) const IPV6_SRC_ADDR: u8 = of(Field::Ipv6SrcAddr);
    pub(super) const IPV6_DST_ADDR: u8 = of(Field::Ipv6DstAddr);
    pub(super) const TCP_PAYLOAD_LENGTH: u8 = of(Field::TcpPayloadLength);
    pub(super) const UDP_PAYLOAD_LENGTH: u8 = of(Field::UdpPayloadLength);
    pub(crate) const LENGTH: u8 = of(Field::Length);
    pub(super) const RANDOM8: u8 = of(Field::Random8);
    pub(super) const RANDOM16: u8 = of(Field::Random16);

    const fn of(field: Field) -> u8 {
        let [id, _] = field.id().to_le_bytes();
        id
    }
}

/// A number that has no more than 32 bits.
#[allow(clippy::as_conversions, clippy::cast_possible_truncation)]
const fn narrow(number: u64) -> u32 {
    number as u32
}

#[derive(Clone, Copy)]
enum End {
    Local,
    Remote,
}

/// The flow label as the reference compares it: byte-swapped
/// (spec: filter language, section 9).
fn mangled_flow_label(first_word: u128) -> u128 {
    let low_half = (first_word & 0xFFFF) << 16;
    let high_bits = first_word >> 16 & 0xF;
    low_half | high_bits << 8
}

/// The booleans of an event, one bit each.
#[inline(never)]
pub(crate) fn status(found: Location, event: &Event) -> u32 {
    let bit = |number: u8, is_set: bool| u32::from(is_set).wrapping_shl(number.into());
    let headers = match found.status() {
        0 => flow_status(event),
        headers => headers,
    };
    headers
        | bit(status::OUTBOUND, event.outbound)
        | bit(status::INBOUND, !event.outbound)
        | bit(status::LOOPBACK, event.loopback)
        | bit(status::IMPOSTOR, event.impostor)
}

/// A flow has no headers, but it is that of a transport protocol.
fn flow_status(event: &Event) -> u32 {
    let Record::Flow(flow) = &event.record else {
        return 0;
    };
    let transport = match (flow.protocol, event.ipv6) {
        (tcp::PROTOCOL, _) => Transport::Tcp,
        (udp::PROTOCOL, _) => Transport::Udp,
        (icmp::PROTOCOL, false) => Transport::Icmp,
        (icmp::PROTOCOL_V6, true) => Transport::Icmpv6,
        _ => Transport::None,
    };
    status_of_transport(transport).into()
}
