//! The value of a field, by its name.

use divert_compiler::Dialect;
use divert_vm::{Event, FlowRecord, Layer, NetworkRecord, Record, ReflectRecord};

use super::hash::hash;
use super::number::Number;
use super::packet::{Parsed, Transport, parse};

/// A packet, if the layer has packets, and an event.
pub(super) struct World<'a> {
    dialect: Dialect,
    layer: Layer,
    event: &'a Event,
    packet: &'a [u8],
    parsed: Option<Parsed>,
}

impl<'a> World<'a> {
    /// `None` if packet and event fit neither the layer nor each other.
    pub(super) fn new(
        layer: Layer,
        dialect: Dialect,
        packet: Option<&'a [u8]>,
        event: &'a Event,
    ) -> Option<Self> {
        if event.layer != layer {
            return None;
        }
        let nothing = Self {
            dialect,
            layer,
            event,
            packet: &[],
            parsed: None,
        };
        match (layer, packet) {
            (Layer::Network | Layer::NetworkForward, packet) => {
                let packet = packet?;
                let parsed = parse(packet)?;
                let whole = Self {
                    packet,
                    parsed: Some(parsed),
                    ..nothing
                };
                (parsed.v6 == event.ipv6).then_some(whole)
            }
            (Layer::Flow | Layer::Socket, Some(_)) => None,
            _ => Some(nothing),
        }
    }

    /// Whether a header is there.
    pub(super) fn has(&self, header: &str) -> bool {
        let Some(parsed) = self.parsed else {
            return self.has_at_flow(header);
        };
        match header {
            "ip" => !parsed.v6,
            "ipv6" => parsed.v6,
            "tcp" => parsed.transport == Transport::Tcp,
            "udp" => parsed.transport == Transport::Udp,
            "icmp" => parsed.transport == Transport::Icmp,
            "icmpv6" => parsed.transport == Transport::Icmpv6,
            _ => unreachable!("{header} is no header"),
        }
    }

    fn has_at_flow(&self, header: &str) -> bool {
        let flow = self.flow();
        let v4 = !self.event.ipv6;
        match header {
            // Packet headers, which the reference looks for in vain.
            "ip" | "ipv6" if self.dialect == Dialect::WinDivert22 => false,
            "ip" => flow.local_addr >> 32 == 0xFFFF,
            "ipv6" => flow.local_addr >> 32 != 0xFFFF,
            "tcp" => flow.protocol == 6,
            "udp" => flow.protocol == 17,
            "icmp" => v4 && flow.protocol == 1,
            "icmpv6" => !v4 && flow.protocol == 58,
            _ => unreachable!("{header} is no header"),
        }
    }

    /// The value of a field; `None` if it is absent.
    pub(super) fn value(&self, name: &str, offset: i64) -> Option<Number> {
        let bit = |set: bool| Some(Number::positive(set.into()));
        if let Some((header, member)) = name.split_once('.') {
            return self
                .has(header)
                .then(|| self.member(header, member, offset))?;
        }
        match name {
            "event" => some(self.event.event),
            "timestamp" => Some(Number::signed(self.event.timestamp)),
            "inbound" => bit(!self.event.outbound),
            "outbound" => bit(self.event.outbound),
            "loopback" => bit(self.event.loopback),
            "impostor" => bit(self.event.impostor),
            "ip" | "ipv6" | "tcp" | "udp" | "icmp" | "icmpv6" => bit(self.has(name)),
            "ifIdx" => some(self.network().if_idx),
            "subIfIdx" => some(self.network().sub_if_idx),
            "layer" => some(self.reflect().layer),
            "priority" => Some(Number::signed(self.reflect().priority.into())),
            "processId" => match self.layer {
                Layer::Reflect => some(self.reflect().process_id),
                _ => some(self.flow().process_id),
            },
            "endpointId" => some(self.flow().endpoint_id),
            "parentEndpointId" => some(self.flow().parent_endpoint_id),
            "protocol" | "localAddr" | "remoteAddr" | "localPort" | "remotePort" => {
                match self.parsed {
                    Some(parsed) => self.end_of_packet(&parsed, name),
                    None => self.end_of_flow(name),
                }
            }
            _ => self.of_packet(name, offset),
        }
    }

    fn of_packet(&self, name: &str, offset: i64) -> Option<Number> {
        let parsed = self.parsed?;
        let random = || hash(self.packet, &parsed, self.event.timestamp.cast_unsigned());
        match name {
            "fragment" => some(u8::from(parsed.fragment)),
            "length" => some(self.packet.len() as u64),
            "random8" => some(random() >> 48 & 0xFF),
            "random16" => some(random() >> 32 & 0xFFFF),
            "random32" => some(random() & 0xFFFF_FFFF),
            "packet" => data(self.packet, offset, 1),
            "packet16" => data(self.packet, offset, 2),
            "packet32" => data(self.packet, offset, 4),
            _ => unreachable!("{name} is no field"),
        }
    }

    fn end_of_flow(&self, name: &str) -> Option<Number> {
        let flow = self.flow();
        match name {
            "protocol" => some(flow.protocol),
            "localAddr" => some(flow.local_addr),
            "remoteAddr" => some(flow.remote_addr),
            "localPort" => some(flow.local_port),
            _ => some(flow.remote_port),
        }
    }

    /// Source or destination, by the direction.
    fn end_of_packet(&self, parsed: &Parsed, name: &str) -> Option<Number> {
        let source = self.event.outbound == name.starts_with("local");
        let at = parsed.transport_at;
        match name {
            "protocol" => some(parsed.protocol),
            "localAddr" | "remoteAddr" => match (parsed.v6, source) {
                (false, true) => self.member("ip", "SrcAddr", 0),
                (false, false) => self.member("ip", "DstAddr", 0),
                (true, true) => self.member("ipv6", "SrcAddr", 0),
                (true, false) => self.member("ipv6", "DstAddr", 0),
            },
            _ => match parsed.transport {
                Transport::None => some(0_u8),
                Transport::Tcp | Transport::Udp => {
                    Some(bytes(self.packet, at + 2 * usize::from(!source), 2))
                }
                // The type stands in for the source port.
                Transport::Icmp | Transport::Icmpv6 if source => Some(bytes(self.packet, at, 1)),
                Transport::Icmp | Transport::Icmpv6 => some(0_u8),
            },
        }
    }

    /// A member of a header that is there.
    fn member(&self, header: &str, member: &str, offset: i64) -> Option<Number> {
        let parsed = self.parsed?;
        let of = |at: usize, width: usize| bytes(self.packet, at, width);
        let flag = |at: usize, shift: u32| Number::positive(of(at, 1).magnitude >> shift & 1);
        let t = parsed.transport_at;
        let payload = &self.packet[parsed.payload_at..parsed.end];
        Some(match (header, member) {
            ("ip", "HdrLength") => Number::positive(of(0, 1).magnitude & 15),
            ("ip", "TOS") => of(1, 1),
            ("ip", "Length") => of(2, 2),
            ("ip", "Id") => of(4, 2),
            ("ip", "DF") => flag(6, 6),
            ("ip", "MF") => flag(6, 5),
            ("ip", "FragOff") => Number::positive(of(6, 2).magnitude & 0x1FFF),
            ("ip", "TTL") => of(8, 1),
            ("ip", "Protocol") => of(9, 1),
            ("ip", "Checksum") => of(10, 2),
            ("ip", "SrcAddr") => Number::positive(0xFFFF_0000_0000 | of(12, 4).magnitude),
            ("ip", "DstAddr") => Number::positive(0xFFFF_0000_0000 | of(16, 4).magnitude),
            ("ipv6", "TrafficClass") => Number::positive(of(0, 2).magnitude >> 4 & 0xFF),
            ("ipv6", "FlowLabel") => self.flow_label(),
            ("ipv6", "Length") => of(4, 2),
            ("ipv6", "NextHdr") => of(6, 1),
            ("ipv6", "HopLimit") => of(7, 1),
            ("ipv6", "SrcAddr") => of(8, 16),
            ("ipv6", "DstAddr") => of(24, 16),
            ("icmp" | "icmpv6", "Type") => of(t, 1),
            ("icmp" | "icmpv6", "Code") => of(t + 1, 1),
            ("icmp" | "icmpv6", "Checksum") => of(t + 2, 2),
            ("icmp" | "icmpv6", "Body") => of(t + 4, 4),
            ("tcp" | "udp", "SrcPort") => of(t, 2),
            ("tcp" | "udp", "DstPort") => of(t + 2, 2),
            ("tcp", "SeqNum") => of(t + 4, 4),
            ("tcp", "AckNum") => of(t + 8, 4),
            ("tcp", "HdrLength") => Number::positive(of(t + 12, 1).magnitude >> 4),
            ("tcp", "Fin") => flag(t + 13, 0),
            ("tcp", "Syn") => flag(t + 13, 1),
            ("tcp", "Rst") => flag(t + 13, 2),
            ("tcp", "Psh") => flag(t + 13, 3),
            ("tcp", "Ack") => flag(t + 13, 4),
            ("tcp", "Urg") => flag(t + 13, 5),
            ("tcp", "Window") => of(t + 14, 2),
            ("tcp", "Checksum") => of(t + 16, 2),
            ("tcp", "UrgPtr") => of(t + 18, 2),
            ("udp", "Length") => of(t + 4, 2),
            ("udp", "Checksum") => of(t + 6, 2),
            ("tcp" | "udp", "PayloadLength") => Number::positive(payload.len() as u128),
            ("tcp" | "udp", "Payload") => return data(payload, offset, 1),
            ("tcp" | "udp", "Payload16") => return data(payload, offset, 2),
            ("tcp" | "udp", "Payload32") => return data(payload, offset, 4),
            _ => unreachable!("{header}.{member} is no field"),
        })
    }

    fn flow_label(&self) -> Number {
        let [b1, b2, b3] = [1, 2, 3].map(|at| bytes(self.packet, at, 1).magnitude);
        let nibble = b1 & 15;
        Number::positive(match self.dialect {
            Dialect::WinDivert22 => b2 << 24 | b3 << 16 | nibble << 8,
            _ => nibble << 16 | b2 << 8 | b3,
        })
    }

    fn network(&self) -> NetworkRecord {
        match self.event.record {
            Record::Network(record) => record,
            other => unreachable!("{other:?} at {}", self.layer),
        }
    }

    fn flow(&self) -> FlowRecord {
        match self.event.record {
            Record::Flow(record) => record,
            other => unreachable!("{other:?} at {}", self.layer),
        }
    }

    fn reflect(&self) -> ReflectRecord {
        match self.event.record {
            Record::Reflect(record) => record,
            other => unreachable!("{other:?} at {}", self.layer),
        }
    }
}

fn some(value: impl Into<u128>) -> Option<Number> {
    Some(Number::positive(value.into()))
}

/// Bytes that are there, the most significant first.
fn bytes(from: &[u8], at: usize, width: usize) -> Number {
    let bytes = from[at..at + width].iter();
    Number::positive(bytes.fold(0, |value, byte| value << 8 | u128::from(*byte)))
}

/// Bytes that may not be there; a negative offset counts from the end.
fn data(from: &[u8], offset: i64, width: usize) -> Option<Number> {
    let base = if offset < 0 { from.len() as i64 } else { 0 };
    let at = usize::try_from(base + offset).ok()?;
    (at + width <= from.len()).then(|| bytes(from, at, width))
}
