//! The address record as JSON has it, with the names of the test vectors.

use divert_compiler::{Event, Layer};
use divert_vm::{FlowRecord, NetworkRecord, Record, ReflectRecord, Value};
use serde::Deserialize;

/// The address record; what is left out is 0.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Address {
    timestamp: i64,
    event: u8,
    sniffed: u8,
    outbound: u8,
    loopback: u8,
    impostor: u8,
    ipv6: u8,
    ifidx: u32,
    subifidx: u32,
    endpointid: u64,
    parentendpointid: u64,
    processid: u32,
    localaddr: [u32; 4],
    remoteaddr: [u32; 4],
    localport: u16,
    remoteport: u16,
    protocol: u8,
    reflect_timestamp: i64,
    reflect_layer: u32,
    reflect_flags: u64,
    priority: i16,
}

impl Address {
    /// The event that the record tells of, at a layer.
    pub(crate) fn event(&self, layer: Layer) -> Event {
        let wide = |words| Value::from_words(false, words).magnitude;
        let record = match layer {
            Layer::Network | Layer::NetworkForward => Record::Network(NetworkRecord {
                if_idx: self.ifidx,
                sub_if_idx: self.subifidx,
            }),
            Layer::Flow | Layer::Socket => Record::Flow(FlowRecord {
                endpoint_id: self.endpointid,
                parent_endpoint_id: self.parentendpointid,
                process_id: self.processid,
                local_addr: wide(self.localaddr),
                remote_addr: wide(self.remoteaddr),
                local_port: self.localport,
                remote_port: self.remoteport,
                protocol: self.protocol,
            }),
            Layer::Reflect => Record::Reflect(ReflectRecord {
                timestamp: self.reflect_timestamp,
                process_id: self.processid,
                layer: self.reflect_layer,
                flags: self.reflect_flags,
                priority: self.priority,
            }),
        };
        Event {
            timestamp: self.timestamp,
            event: self.event,
            sniffed: self.sniffed != 0,
            outbound: self.outbound != 0,
            loopback: self.loopback != 0,
            impostor: self.impostor != 0,
            ipv6: self.ipv6 != 0,
            record,
            ..Event::new(layer)
        }
    }
}
