//! Events of all layers, and packets with them.

use divert_vm::{Event, FlowRecord, Layer, NetworkRecord, Record, ReflectRecord};

use super::constant::{BYTES, PORTS, V4, V6, WORDS};
use super::{Source, packet};

/// An event, and the packet that belongs to it.
///
/// Now and then they do not fit each other, which evaluation must refuse.
pub fn scene(source: &mut Source<'_>, layer: Layer) -> (Option<Vec<u8>>, Event) {
    let mut event = event(source, layer);
    if !layer.has_packets() {
        let unexpected = source.one_in(48);
        return (unexpected.then(|| packet(source)), event);
    }
    if source.one_in(96) {
        return (None, event);
    }
    let packet = packet(source);
    let v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    event.ipv6 = v6 != source.one_in(48);
    (Some(packet), event)
}

/// An event that can occur at a layer.
pub fn event(source: &mut Source<'_>, layer: Layer) -> Event {
    let events = layer.events();
    let [flags] = source.array();
    Event {
        timestamp: source.pick(&[0, 1, -1, i64::MAX, i64::MIN, 1 << 32, -65_536, 132_537_600]),
        event: events[source.below(events.len())].1,
        sniffed: flags & 1 != 0,
        outbound: flags & 2 != 0,
        loopback: flags & 12 == 12,
        impostor: flags & 48 == 48,
        ipv6: flags & 64 != 0,
        record: record(source, layer, flags & 64 != 0),
        ..Event::new(layer)
    }
}

/// Whether everything in the event is in its documented range.
#[must_use]
pub fn can_occur(event: &Event) -> bool {
    let known = event
        .layer
        .events()
        .iter()
        .any(|(_, number)| *number == event.event);
    known
        && match event.record {
            Record::Reflect(record) => {
                record.layer <= 4 && (-30_000..=30_000).contains(&record.priority)
            }
            _ => true,
        }
}

fn record(source: &mut Source<'_>, layer: Layer, ipv6: bool) -> Record {
    let id = |source: &mut Source<'_>| source.pick(&[0, 1, u64::MAX, 1 << 32, 0xFFFF_FFFF, 64]);
    match layer {
        Layer::Network | Layer::NetworkForward => Record::Network(NetworkRecord {
            if_idx: source.pick(&WORDS),
            sub_if_idx: source.pick(&WORDS),
        }),
        Layer::Flow | Layer::Socket => Record::Flow(FlowRecord {
            endpoint_id: id(source),
            parent_endpoint_id: id(source),
            process_id: source.pick(&WORDS),
            local_addr: address(source, ipv6),
            remote_addr: address(source, ipv6),
            local_port: source.pick(&PORTS),
            remote_port: source.pick(&PORTS),
            protocol: source.pick(&[6, 17, 1, 58, 0, 255]),
        }),
        Layer::Reflect => Record::Reflect(ReflectRecord {
            timestamp: source.pick(&[0, 1, -1, i64::MAX]),
            process_id: source.pick(&WORDS),
            layer: source.pick(&[0, 1, 2, 3, 4]),
            flags: u64::from(source.pick(&BYTES)),
            priority: source.pick(&[0, 1, -1, 30_000, -30_000, 128, -256, 255]),
        }),
    }
}

fn address(source: &mut Source<'_>, ipv6: bool) -> u128 {
    if ipv6 != source.one_in(16) {
        source.pick(&V6)
    } else {
        0xFFFF_0000_0000 | u128::from(source.pick(&V4))
    }
}
