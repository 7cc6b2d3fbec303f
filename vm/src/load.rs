//! The value of a field in one packet and event. Total: absent is `None`.

use crate::event::{Event, FlowRecord, NetworkRecord, Record, ReflectRecord};
use crate::hash::header_hash;
use crate::isa::{Field, Layer, ordinal_of_signed};
use crate::packet::{Headers, IpVersion, Source, Transport, icmp, ipv4, ipv6, tcp, udp};

/// An event with its packet, headers found, as field values are read from it.
pub(crate) struct View<'a, P: ?Sized> {
    packet: &'a P,
    headers: Option<Headers>,
    event: &'a Event,
}

/// `::ffff:a.b.c.d`
const fn mapped(v4: u128) -> u128 {
    0xFFFF_0000_0000 | v4
}

impl<'a, P: Source + ?Sized> View<'a, P> {
    #[inline]
    pub(crate) fn new(layer: Layer, packet: &'a P, event: &'a Event) -> Self {
        Self {
            packet,
            headers: if layer.has_packets() {
                Headers::parse(packet)
            } else {
                None
            },
            event,
        }
    }

    pub(crate) fn ip_version(&self) -> Option<IpVersion> {
        self.headers.map(|h| h.version())
    }

    /// The ordinal of the field's value, `None` if the field is absent.
    ///
    /// `offset` is the byte offset of a data field, negative from the end.
    #[allow(clippy::too_many_lines, reason = "one arm a field, and only here")]
    pub(crate) fn load(&self, field: Field, offset: i32) -> Option<u128> {
        let event = self.event;
        Some(match field {
            Field::Zero => 0,
            Field::Inbound => u128::from(!event.outbound),
            Field::Outbound => u128::from(event.outbound),
            Field::IfIdx => self.network()?.if_idx.into(),
            Field::SubIfIdx => self.network()?.sub_if_idx.into(),
            Field::Ip => (self.ip_version() == Some(IpVersion::V4)).into(),
            Field::Ipv6 => (self.ip_version() == Some(IpVersion::V6)).into(),
            Field::Icmp => self.has(Transport::Icmp).into(),
            Field::Tcp => self.has(Transport::Tcp).into(),
            Field::Udp => self.has(Transport::Udp).into(),
            Field::Icmpv6 => self.has(Transport::Icmpv6).into(),
            Field::IpHdrLength => self.v4::<1>(ipv4::VERSION_IHL)? & 0xF,
            Field::IpTos => self.v4::<1>(ipv4::TOS)?,
            Field::IpLength => self.v4::<2>(ipv4::LENGTH)?,
            Field::IpId => self.v4::<2>(ipv4::ID)?,
            Field::IpDf => self.v4::<2>(ipv4::FRAGMENT)? >> 14 & 1,
            Field::IpMf => self.v4::<2>(ipv4::FRAGMENT)? >> 13 & 1,
            Field::IpFragOff => self.v4::<2>(ipv4::FRAGMENT)? & 0x1FFF,
            Field::IpTtl => self.v4::<1>(ipv4::TTL)?,
            Field::IpProtocol => self.v4::<1>(ipv4::PROTOCOL)?,
            Field::IpChecksum => self.v4::<2>(ipv4::CHECKSUM)?,
            Field::IpSrcAddr => mapped(self.v4::<4>(ipv4::SRC)?),
            Field::IpDstAddr => mapped(self.v4::<4>(ipv4::DST)?),
            Field::Ipv6TrafficClass => self.v6::<2>(ipv6::VERSION_CLASS)? >> 4 & 0xFF,
            Field::Ipv6FlowLabel => mangled_flow_label(self.v6::<4>(ipv6::VERSION_CLASS)?),
            Field::Ipv6Length => self.v6::<2>(ipv6::LENGTH)?,
            Field::Ipv6NextHdr => self.v6::<1>(ipv6::NEXT_HEADER)?,
            Field::Ipv6HopLimit => self.v6::<1>(ipv6::HOP_LIMIT)?,
            Field::Ipv6SrcAddr => self.v6::<16>(ipv6::SRC)?,
            Field::Ipv6DstAddr => self.v6::<16>(ipv6::DST)?,
            Field::IcmpType => self.transport::<1>(Transport::Icmp, icmp::TYPE)?,
            Field::IcmpCode => self.transport::<1>(Transport::Icmp, icmp::CODE)?,
            Field::IcmpChecksum => self.transport::<2>(Transport::Icmp, icmp::CHECKSUM)?,
            Field::IcmpBody => self.transport::<4>(Transport::Icmp, icmp::BODY)?,
            Field::Icmpv6Type => self.transport::<1>(Transport::Icmpv6, icmp::TYPE)?,
            Field::Icmpv6Code => self.transport::<1>(Transport::Icmpv6, icmp::CODE)?,
            Field::Icmpv6Checksum => self.transport::<2>(Transport::Icmpv6, icmp::CHECKSUM)?,
            Field::Icmpv6Body => self.transport::<4>(Transport::Icmpv6, icmp::BODY)?,
            Field::TcpSrcPort => self.transport::<2>(Transport::Tcp, tcp::SRC_PORT)?,
            Field::TcpDstPort => self.transport::<2>(Transport::Tcp, tcp::DST_PORT)?,
            Field::TcpSeqNum => self.transport::<4>(Transport::Tcp, tcp::SEQ)?,
            Field::TcpAckNum => self.transport::<4>(Transport::Tcp, tcp::ACK)?,
            Field::TcpHdrLength => self.transport::<1>(Transport::Tcp, tcp::DATA_OFFSET)? >> 4,
            Field::TcpUrg => self.tcp_flag(5)?,
            Field::TcpAck => self.tcp_flag(4)?,
            Field::TcpPsh => self.tcp_flag(3)?,
            Field::TcpRst => self.tcp_flag(2)?,
            Field::TcpSyn => self.tcp_flag(1)?,
            Field::TcpFin => self.tcp_flag(0)?,
            Field::TcpWindow => self.transport::<2>(Transport::Tcp, tcp::WINDOW)?,
            Field::TcpChecksum => self.transport::<2>(Transport::Tcp, tcp::CHECKSUM)?,
            Field::TcpUrgPtr => self.transport::<2>(Transport::Tcp, tcp::URG_PTR)?,
            Field::TcpPayloadLength => self.payload_len(Transport::Tcp)?,
            Field::UdpSrcPort => self.transport::<2>(Transport::Udp, udp::SRC_PORT)?,
            Field::UdpDstPort => self.transport::<2>(Transport::Udp, udp::DST_PORT)?,
            Field::UdpLength => self.transport::<2>(Transport::Udp, udp::LENGTH)?,
            Field::UdpChecksum => self.transport::<2>(Transport::Udp, udp::CHECKSUM)?,
            Field::UdpPayloadLength => self.payload_len(Transport::Udp)?,
            Field::Loopback => event.loopback.into(),
            Field::Impostor => event.impostor.into(),
            Field::ProcessId => self.process_id()?.into(),
            Field::LocalAddr => self.addr(End::Local)?,
            Field::RemoteAddr => self.addr(End::Remote)?,
            Field::LocalPort => self.port(End::Local)?,
            Field::RemotePort => self.port(End::Remote)?,
            Field::Protocol => self.protocol()?.into(),
            Field::EndpointId => self.flow()?.endpoint_id.into(),
            Field::ParentEndpointId => self.flow()?.parent_endpoint_id.into(),
            Field::Layer => self.reflect()?.layer.into(),
            Field::Priority => ordinal_of_signed(self.reflect()?.priority.into()),
            Field::Event => event.event.into(),
            Field::Packet => self.packet_data::<1>(offset)?,
            Field::Packet16 => self.packet_data::<2>(offset)?,
            Field::Packet32 => self.packet_data::<4>(offset)?,
            Field::TcpPayload => self.payload::<1>(Transport::Tcp, offset)?,
            Field::TcpPayload16 => self.payload::<2>(Transport::Tcp, offset)?,
            Field::TcpPayload32 => self.payload::<4>(Transport::Tcp, offset)?,
            Field::UdpPayload => self.payload::<1>(Transport::Udp, offset)?,
            Field::UdpPayload16 => self.payload::<2>(Transport::Udp, offset)?,
            Field::UdpPayload32 => self.payload::<4>(Transport::Udp, offset)?,
            Field::Length => u128::try_from(self.packet.len()).ok()? & u128::from(u32::MAX),
            Field::Timestamp => ordinal_of_signed(event.timestamp),
            Field::Random8 => u128::from(self.random()? >> 48) & 0xFF,
            Field::Random16 => u128::from(self.random()? >> 32) & 0xFFFF,
            Field::Random32 => u128::from(self.random()?) & 0xFFFF_FFFF,
            Field::Fragment => self.headers?.is_fragment().into(),
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

    /// Whether this is the packet, or the flow, of a transport protocol.
    fn has(&self, transport: Transport) -> bool {
        match (self.headers, self.flow()) {
            (Some(headers), _) => headers.transport() == transport,
            (None, Some(flow)) => match transport {
                Transport::Tcp => flow.protocol == 6,
                Transport::Udp => flow.protocol == 17,
                Transport::Icmp => !self.event.ipv6 && flow.protocol == 1,
                Transport::Icmpv6 => self.event.ipv6 && flow.protocol == 58,
                Transport::None => false,
            },
            (None, None) => false,
        }
    }

    fn protocol(&self) -> Option<u8> {
        match self.headers {
            Some(headers) => Some(headers.protocol()),
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

    fn v4<const N: usize>(&self, at: usize) -> Option<u128> {
        (self.ip_version()? == IpVersion::V4).then(|| self.read::<N>(at))?
    }

    fn v6<const N: usize>(&self, at: usize) -> Option<u128> {
        (self.ip_version()? == IpVersion::V6).then(|| self.read::<N>(at))?
    }

    fn transport<const N: usize>(&self, transport: Transport, at: usize) -> Option<u128> {
        let headers = self.headers.filter(|h| h.transport() == transport)?;
        self.read::<N>(headers.transport_offset()?.checked_add(at)?)
    }

    fn tcp_flag(&self, bit: u32) -> Option<u128> {
        Some(
            self.transport::<1>(Transport::Tcp, tcp::FLAGS)?
                .checked_shr(bit)?
                & 1,
        )
    }

    fn payload_len(&self, transport: Transport) -> Option<u128> {
        let headers = self.headers.filter(|h| h.transport() == transport)?;
        u128::try_from(headers.payload_len()).ok()
    }

    fn packet_data<const N: usize>(&self, offset: i32) -> Option<u128> {
        self.headers?;
        self.data::<N>(0, self.packet.len(), offset)
    }

    fn payload<const N: usize>(&self, transport: Transport, offset: i32) -> Option<u128> {
        let headers = self.headers.filter(|h| h.transport() == transport)?;
        let start = headers.payload_offset();
        let end = start.checked_add(headers.payload_len())?;
        self.data::<N>(start, end, offset)
    }

    /// Data at `offset` from the start, or from the end if it is negative;
    /// absent unless all of it lies within `start..end`.
    fn data<const N: usize>(&self, start: usize, end: usize, offset: i32) -> Option<u128> {
        let distance = usize::try_from(offset.unsigned_abs()).ok()?;
        let at = if offset < 0 {
            end.checked_sub(distance)?
        } else {
            start.checked_add(distance)?
        };
        if at < start || at.checked_add(N)? > end {
            return None;
        }
        self.read::<N>(at)
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
        let Some(headers) = self.headers else {
            let flow = self.flow()?;
            return Some(match end {
                End::Local => flow.local_port.into(),
                End::Remote => flow.remote_port.into(),
            });
        };
        match (headers.transport(), self.is_source(end)) {
            (t @ Transport::Tcp, true) => self.transport::<2>(t, tcp::SRC_PORT),
            (t @ Transport::Tcp, false) => self.transport::<2>(t, tcp::DST_PORT),
            (t @ Transport::Udp, true) => self.transport::<2>(t, udp::SRC_PORT),
            (t @ Transport::Udp, false) => self.transport::<2>(t, udp::DST_PORT),
            (t @ (Transport::Icmp | Transport::Icmpv6), true) => self.transport::<1>(t, icmp::TYPE),
            _ => Some(0),
        }
    }

    /// The packet hash that `random*` fields are cut from.
    fn random(&self) -> Option<u64> {
        let seed = self.event.timestamp.cast_unsigned();
        Some(header_hash(self.packet, &self.headers?, seed))
    }
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
