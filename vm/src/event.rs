//! The event record: what is known of an event besides its packet.
//!
//! [`Event`] is `WINDIVERT_ADDRESS` taken apart. Its 80 bytes are written and
//! read here and nowhere else.

use crate::isa::Layer;
use crate::packet::{Source, store};

/// Length of the record on the wire.
pub(crate) const EVENT_LEN: usize = 80;

/// Where each member is, in bytes from the start of the record.
mod field {
    pub(super) const TIMESTAMP: usize = 0;
    pub(super) const LAYER: usize = 8;
    pub(super) const EVENT: usize = 9;
    pub(super) const FLAGS: usize = 10;

    pub(super) mod network {
        pub(in super::super) const IF_IDX: usize = 16;
        pub(in super::super) const SUB_IF_IDX: usize = 20;
    }

    pub(super) mod flow {
        pub(in super::super) const ENDPOINT_ID: usize = 16;
        pub(in super::super) const PARENT_ENDPOINT_ID: usize = 24;
        pub(in super::super) const PROCESS_ID: usize = 32;
        pub(in super::super) const LOCAL_ADDR: usize = 36;
        pub(in super::super) const REMOTE_ADDR: usize = 52;
        pub(in super::super) const LOCAL_PORT: usize = 68;
        pub(in super::super) const REMOTE_PORT: usize = 70;
        pub(in super::super) const PROTOCOL: usize = 72;
    }

    pub(super) mod reflect {
        pub(in super::super) const TIMESTAMP: usize = 16;
        pub(in super::super) const PROCESS_ID: usize = 24;
        pub(in super::super) const LAYER: usize = 28;
        pub(in super::super) const FLAGS: usize = 32;
        pub(in super::super) const PRIORITY: usize = 40;
    }
}

/// One bit each of the byte at [`field::FLAGS`].
mod flag {
    pub(super) const SNIFFED: u8 = 0x01;
    pub(super) const OUTBOUND: u8 = 0x02;
    pub(super) const LOOPBACK: u8 = 0x04;
    pub(super) const IMPOSTOR: u8 = 0x08;
    pub(super) const IPV6: u8 = 0x10;
    pub(super) const IP_CHECKSUM: u8 = 0x20;
    pub(super) const TCP_CHECKSUM: u8 = 0x40;
    pub(super) const UDP_CHECKSUM: u8 = 0x80;
}

/// What happened, when, in which direction, to whom.
///
/// `record` should be of the kind that `layer` has, as [`Event::new`] and
/// [`Event::from_bytes`] make it; fields of another kind are absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// When it happened, in ticks of the performance counter.
    pub timestamp: i64,
    /// Where it was seen.
    pub layer: Layer,
    /// Its number among the events, one of [`Layer::events`].
    pub event: u8,
    /// The packet was copied, not taken.
    pub sniffed: bool,
    /// It leaves this host; otherwise it enters.
    pub outbound: bool,
    /// It goes from this host to itself.
    pub loopback: bool,
    /// It was injected by another driver.
    pub impostor: bool,
    /// It is IPv6; otherwise IPv4.
    pub ipv6: bool,
    /// The IPv4 header checksum is right.
    pub ip_checksum: bool,
    /// The TCP checksum is right.
    pub tcp_checksum: bool,
    /// The UDP checksum is right.
    pub udp_checksum: bool,
    /// What only events of this layer have.
    pub record: Record,
}

/// What only the events of one layer have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// At the layers of packets.
    Network(NetworkRecord),
    /// At the layers of flows and sockets.
    Flow(FlowRecord),
    /// At the layer of handles.
    Reflect(ReflectRecord),
}

/// Where a packet comes in or goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkRecord {
    /// Index of the interface.
    pub if_idx: u32,
    /// Index of the sub-interface.
    pub sub_if_idx: u32,
}

/// The ends of a flow or socket, and whose it is.
///
/// Addresses are numbers: `::1` is 1, and IPv4 is mapped into `::ffff:0:0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowRecord {
    /// Identifies the endpoint.
    pub endpoint_id: u64,
    /// Identifies the endpoint it was made from.
    pub parent_endpoint_id: u64,
    /// The process it belongs to.
    pub process_id: u32,
    /// Address of this end.
    pub local_addr: u128,
    /// Address of the other end.
    pub remote_addr: u128,
    /// Port of this end.
    pub local_port: u16,
    /// Port of the other end.
    pub remote_port: u16,
    /// Number of the protocol.
    pub protocol: u8,
}

/// A handle that was opened or closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReflectRecord {
    /// When the handle was opened.
    pub timestamp: i64,
    /// The process that opened it.
    pub process_id: u32,
    /// The number of its layer.
    pub layer: u32,
    /// The flags it was opened with.
    pub flags: u64,
    /// Its priority.
    pub priority: i16,
}

impl Event {
    const ZERO: Self = Self {
        timestamp: 0,
        layer: Layer::Network,
        event: 0,
        sniffed: false,
        outbound: false,
        loopback: false,
        impostor: false,
        ipv6: false,
        ip_checksum: false,
        tcp_checksum: false,
        udp_checksum: false,
        record: Record::Network(NetworkRecord {
            if_idx: 0,
            sub_if_idx: 0,
        }),
    };

    /// An IPv4 packet that enters this host; all else is zero.
    pub const fn inbound() -> Self {
        Self::ZERO
    }

    /// An IPv4 packet that leaves this host; all else is zero.
    pub const fn outbound() -> Self {
        Self {
            outbound: true,
            ..Self::ZERO
        }
    }

    /// An event of `layer` with everything else zero.
    pub fn new(layer: Layer) -> Self {
        Self {
            layer,
            record: match layer {
                Layer::Network | Layer::NetworkForward => Record::Network(NetworkRecord::default()),
                Layer::Flow | Layer::Socket => Record::Flow(FlowRecord::default()),
                Layer::Reflect => Record::Reflect(ReflectRecord::default()),
            },
            ..Self::ZERO
        }
    }

    /// The event as `WINDIVERT_ADDRESS`, bytes without a meaning zero.
    ///
    /// ```
    /// use divert_vm::Event;
    ///
    /// let bytes = Event::outbound().to_bytes();
    /// assert_eq!(Event::from_bytes(&bytes), Some(Event::outbound()));
    /// ```
    pub fn to_bytes(&self) -> [u8; EVENT_LEN] {
        let mut bytes = [0; EVENT_LEN];
        store(&mut bytes, field::TIMESTAMP, self.timestamp.to_le_bytes());
        store(&mut bytes, field::LAYER, [self.layer.as_u8()]);
        store(&mut bytes, field::EVENT, [self.event]);
        store(&mut bytes, field::FLAGS, [self.flags()]);
        match &self.record {
            Record::Network(record) => record.store(&mut bytes),
            Record::Flow(record) => record.store(&mut bytes),
            Record::Reflect(record) => record.store(&mut bytes),
        }
        bytes
    }

    /// Reads a `WINDIVERT_ADDRESS`; `None` if there is no such layer.
    ///
    /// Bytes without a meaning are ignored.
    pub fn from_bytes(bytes: &[u8; EVENT_LEN]) -> Option<Self> {
        let [layer, event, flags] = bytes.read(field::LAYER)?;
        let layer = Layer::from_u8(layer)?;
        Some(Self {
            timestamp: i64::from_le_bytes(bytes.read(field::TIMESTAMP)?),
            layer,
            event,
            sniffed: flags & flag::SNIFFED != 0,
            outbound: flags & flag::OUTBOUND != 0,
            loopback: flags & flag::LOOPBACK != 0,
            impostor: flags & flag::IMPOSTOR != 0,
            ipv6: flags & flag::IPV6 != 0,
            ip_checksum: flags & flag::IP_CHECKSUM != 0,
            tcp_checksum: flags & flag::TCP_CHECKSUM != 0,
            udp_checksum: flags & flag::UDP_CHECKSUM != 0,
            record: match layer {
                Layer::Network | Layer::NetworkForward => {
                    Record::Network(NetworkRecord::read(bytes)?)
                }
                Layer::Flow | Layer::Socket => Record::Flow(FlowRecord::read(bytes)?),
                Layer::Reflect => Record::Reflect(ReflectRecord::read(bytes)?),
            },
        })
    }

    fn flags(&self) -> u8 {
        [
            (self.sniffed, flag::SNIFFED),
            (self.outbound, flag::OUTBOUND),
            (self.loopback, flag::LOOPBACK),
            (self.impostor, flag::IMPOSTOR),
            (self.ipv6, flag::IPV6),
            (self.ip_checksum, flag::IP_CHECKSUM),
            (self.tcp_checksum, flag::TCP_CHECKSUM),
            (self.udp_checksum, flag::UDP_CHECKSUM),
        ]
        .into_iter()
        .fold(
            0,
            |flags, (is_set, flag)| if is_set { flags | flag } else { flags },
        )
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::ZERO
    }
}

impl NetworkRecord {
    fn store(&self, bytes: &mut [u8; EVENT_LEN]) {
        use field::network::*;
        store(bytes, IF_IDX, self.if_idx.to_le_bytes());
        store(bytes, SUB_IF_IDX, self.sub_if_idx.to_le_bytes());
    }

    fn read(bytes: &[u8; EVENT_LEN]) -> Option<Self> {
        use field::network::*;
        Some(Self {
            if_idx: u32::from_le_bytes(bytes.read(IF_IDX)?),
            sub_if_idx: u32::from_le_bytes(bytes.read(SUB_IF_IDX)?),
        })
    }
}

impl FlowRecord {
    fn store(&self, bytes: &mut [u8; EVENT_LEN]) {
        use field::flow::*;
        store(bytes, ENDPOINT_ID, self.endpoint_id.to_le_bytes());
        store(
            bytes,
            PARENT_ENDPOINT_ID,
            self.parent_endpoint_id.to_le_bytes(),
        );
        store(bytes, PROCESS_ID, self.process_id.to_le_bytes());
        store(bytes, LOCAL_ADDR, self.local_addr.to_le_bytes());
        store(bytes, REMOTE_ADDR, self.remote_addr.to_le_bytes());
        store(bytes, LOCAL_PORT, self.local_port.to_le_bytes());
        store(bytes, REMOTE_PORT, self.remote_port.to_le_bytes());
        store(bytes, PROTOCOL, [self.protocol]);
    }

    fn read(bytes: &[u8; EVENT_LEN]) -> Option<Self> {
        use field::flow::*;
        let [protocol] = bytes.read(PROTOCOL)?;
        Some(Self {
            endpoint_id: u64::from_le_bytes(bytes.read(ENDPOINT_ID)?),
            parent_endpoint_id: u64::from_le_bytes(bytes.read(PARENT_ENDPOINT_ID)?),
            process_id: u32::from_le_bytes(bytes.read(PROCESS_ID)?),
            local_addr: u128::from_le_bytes(bytes.read(LOCAL_ADDR)?),
            remote_addr: u128::from_le_bytes(bytes.read(REMOTE_ADDR)?),
            local_port: u16::from_le_bytes(bytes.read(LOCAL_PORT)?),
            remote_port: u16::from_le_bytes(bytes.read(REMOTE_PORT)?),
            protocol,
        })
    }
}

impl ReflectRecord {
    fn store(&self, bytes: &mut [u8; EVENT_LEN]) {
        use field::reflect::*;
        store(bytes, TIMESTAMP, self.timestamp.to_le_bytes());
        store(bytes, PROCESS_ID, self.process_id.to_le_bytes());
        store(bytes, LAYER, self.layer.to_le_bytes());
        store(bytes, FLAGS, self.flags.to_le_bytes());
        store(bytes, PRIORITY, self.priority.to_le_bytes());
    }

    fn read(bytes: &[u8; EVENT_LEN]) -> Option<Self> {
        use field::reflect::*;
        Some(Self {
            timestamp: i64::from_le_bytes(bytes.read(TIMESTAMP)?),
            process_id: u32::from_le_bytes(bytes.read(PROCESS_ID)?),
            layer: u32::from_le_bytes(bytes.read(LAYER)?),
            flags: u64::from_le_bytes(bytes.read(FLAGS)?),
            priority: i16::from_le_bytes(bytes.read(PRIORITY)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes all different, so that swapped members show.
    fn distinct(layer: Layer) -> [u8; EVENT_LEN] {
        let mut bytes: [u8; EVENT_LEN] = core::array::from_fn(|at| 0x80 + at as u8);
        bytes[field::LAYER] = layer.as_u8();
        bytes
    }

    #[test]
    fn bytes_with_a_meaning_survive_and_the_rest_is_zero() {
        for (layer, used) in [
            (Layer::Network, 24),
            (Layer::NetworkForward, 24),
            (Layer::Flow, 73),
            (Layer::Socket, 73),
            (Layer::Reflect, 42),
        ] {
            let bytes = distinct(layer);
            let mut expect = bytes;
            expect[11..16].fill(0);
            expect[used..].fill(0);
            let event = Event::from_bytes(&bytes).unwrap();
            assert_eq!(event.to_bytes(), expect, "{layer:?}");
        }
    }

    #[test]
    fn members_lie_where_the_reference_has_them() {
        let network = Event::from_bytes(&distinct(Layer::Network)).unwrap();
        assert_eq!(
            network.timestamp.to_le_bytes(),
            [128, 129, 130, 131, 132, 133, 134, 135]
        );
        assert_eq!(network.event, 0x89);
        assert_eq!(
            network.record,
            Record::Network(NetworkRecord {
                if_idx: 0x9392_9190,
                sub_if_idx: 0x9796_9594,
            })
        );
        let flow = Event::from_bytes(&distinct(Layer::Socket)).unwrap();
        assert_eq!(
            flow.record,
            Record::Flow(FlowRecord {
                endpoint_id: 0x9796_9594_9392_9190,
                parent_endpoint_id: 0x9F9E_9D9C_9B9A_9998,
                process_id: 0xA3A2_A1A0,
                local_addr: 0xB3B2_B1B0_AFAE_ADAC_ABAA_A9A8_A7A6_A5A4,
                remote_addr: 0xC3C2_C1C0_BFBE_BDBC_BBBA_B9B8_B7B6_B5B4,
                local_port: 0xC5C4,
                remote_port: 0xC7C6,
                protocol: 0xC8,
            })
        );
        let reflect = Event::from_bytes(&distinct(Layer::Reflect)).unwrap();
        assert_eq!(
            reflect.record,
            Record::Reflect(ReflectRecord {
                timestamp: 0x9796_9594_9392_9190_u64 as i64,
                process_id: 0x9B9A_9998,
                layer: 0x9F9E_9D9C,
                flags: 0xA7A6_A5A4_A3A2_A1A0,
                priority: 0xA9A8_u16 as i16,
            })
        );
    }

    #[test]
    fn each_flag_is_one_bit() {
        let with = |set: fn(&mut Event)| {
            let mut event = Event::default();
            set(&mut event);
            u32::from_le_bytes(event.to_bytes()[8..12].try_into().unwrap())
        };
        assert_eq!(with(|e| e.sniffed = true), 1 << 16);
        assert_eq!(with(|e| e.outbound = true), 1 << 17);
        assert_eq!(with(|e| e.loopback = true), 1 << 18);
        assert_eq!(with(|e| e.impostor = true), 1 << 19);
        assert_eq!(with(|e| e.ipv6 = true), 1 << 20);
        assert_eq!(with(|e| e.ip_checksum = true), 1 << 21);
        assert_eq!(with(|e| e.tcp_checksum = true), 1 << 22);
        assert_eq!(with(|e| e.udp_checksum = true), 1 << 23);
    }

    #[test]
    fn unknown_layer_is_refused() {
        for layer in 0..=u8::MAX {
            let mut bytes = [0; EVENT_LEN];
            bytes[field::LAYER] = layer;
            assert_eq!(Event::from_bytes(&bytes).is_some(), layer <= 4);
        }
    }

    #[test]
    fn new_event_has_the_record_of_its_layer() {
        for layer in Layer::ALL {
            let event = Event::new(layer);
            assert_eq!(Event::from_bytes(&event.to_bytes()), Some(event));
        }
    }
}
