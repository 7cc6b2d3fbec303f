//! Makes the event of a scene, and gives it a time with a wanted hash.

use divert_vm::packet::Headers;
use divert_vm::{Event, Field, Interval, Record, header_hash};

use super::solve::{Constraint, Work, nice, wanted};
use super::subject::Kind;
use crate::hir::IntervalSet;

/// Most timestamps that are tried for a wanted hash.
const MAX_HASHES: u64 = 1 << 18;

/// An event; `None` if there is none.
pub(super) fn event(constraints: &[Constraint], kind: Kind) -> Option<Event> {
    let pick = |field: Field, preferred: u128| nice(&wanted(constraints, field, kind), preferred);
    let bits = |field: Field| pick(field, 0).and_then(|value| u32::try_from(value).ok());
    let signed = |field: Field| {
        let zero = Interval::ordinal_of(field, 0_i64.into());
        let value = Interval::value_of(field, pick(field, zero)?);
        let magnitude = i128::try_from(value.magnitude).ok()?;
        Some(if value.negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        })
    };
    let mut event = Event::new(kind.layer);
    event.outbound = kind.class.outbound();
    event.ipv6 = kind.layer.has_packets() && !kind.is_v4();
    event.timestamp = i64::try_from(signed(Field::Timestamp)?).ok()?;
    event.event = u8::try_from(pick(Field::Event, 0)?).ok()?;
    event.loopback = pick(Field::Loopback, 0)? == 1;
    event.impostor = pick(Field::Impostor, 0)? == 1;
    match &mut event.record {
        Record::Network(record) => {
            record.if_idx = bits(Field::IfIdx)?;
            record.sub_if_idx = bits(Field::SubIfIdx)?;
        }
        Record::Flow(record) => {
            record.process_id = bits(Field::ProcessId)?;
            let wide = |field: Field| pick(field, 0).and_then(|value| u64::try_from(value).ok());
            record.endpoint_id = wide(Field::EndpointId)?;
            record.parent_endpoint_id = wide(Field::ParentEndpointId)?;
            let mapped = 0xFFFF_0000_0000;
            record.local_addr = pick(Field::LocalAddr, mapped)?;
            let local_is_v4 = record.local_addr >> 32 == mapped >> 32;
            record.remote_addr = pick(Field::RemoteAddr, if local_is_v4 { mapped } else { 0 })?;
            record.local_port = u16::try_from(pick(Field::LocalPort, 0)?).ok()?;
            record.remote_port = u16::try_from(pick(Field::RemotePort, 0)?).ok()?;
            // The flag need not agree with the addresses, but better does.
            let mut flags = [!local_is_v4, local_is_v4].into_iter();
            (event.ipv6, record.protocol) =
                flags.find_map(|ipv6| Some((ipv6, flow_protocol(constraints, kind, ipv6)?)))?;
        }
        Record::Reflect(record) => {
            record.process_id = bits(Field::ProcessId)?;
            record.layer = bits(Field::Layer)?;
            record.priority = i16::try_from(signed(Field::Priority)?).ok()?;
        }
    }
    Some(event)
}

/// The protocol of a flow, of which `tcp` and its like are part.
fn flow_protocol(constraints: &[Constraint], kind: Kind, ipv6: bool) -> Option<u8> {
    let mut protocols = wanted(constraints, Field::Protocol, kind);
    let never = u128::MAX;
    for (field, number) in [
        (Field::Tcp, 6),
        (Field::Udp, 17),
        (Field::Icmp, if ipv6 { never } else { 1 }),
        (Field::Icmpv6, if ipv6 { 58 } else { never }),
    ] {
        let holds = wanted(constraints, field, kind);
        let it = IntervalSet::range(number, number);
        if !holds.contains(1) {
            protocols = protocols.intersect(&it.complement((0, u128::MAX)));
        }
        if !holds.contains(0) {
            protocols = protocols.intersect(&it);
        }
    }
    u8::try_from(nice(&protocols, 6)?).ok()
}

/// Gives the event a time at which the `random` fields are as wanted.
pub(super) fn hashed(
    constraints: &[Constraint],
    packet: &[u8],
    event: Event,
    work: &mut Work,
) -> Option<Event> {
    let parts: Vec<(u32, u64, &IntervalSet)> = constraints
        .iter()
        .filter_map(|(subject, set)| {
            let (from, mask) = match subject.field {
                Field::Random8 => (48, 0xFF),
                Field::Random16 => (32, 0xFFFF),
                Field::Random32 => (0, 0xFFFF_FFFF),
                _ => return None,
            };
            Some((from, mask, set.as_ref()?))
        })
        .collect();
    if parts.is_empty() {
        return Some(event);
    }
    if parts.iter().any(|(_, mask, set)| is_rare(set, *mask)) {
        return None;
    }
    let times = constraints
        .iter()
        .find(|(subject, _)| subject.field == Field::Timestamp);
    let times = times.and_then(|(_, set)| set.as_ref());
    let headers = Headers::parse(packet)?;
    for step in 0..MAX_HASHES.min(work.hashes) {
        work.hashes = work.hashes.saturating_sub(1);
        let timestamp = event.timestamp.wrapping_add_unsigned(step);
        let ordinal = Interval::ordinal_of(Field::Timestamp, timestamp.into());
        if times.is_some_and(|times| !times.contains(ordinal)) {
            return None;
        }
        let hash = header_hash(packet, &headers, timestamp.cast_unsigned());
        let is_wanted = |(from, mask, set): &(u32, u64, &IntervalSet)| {
            set.contains(u128::from(hash.wrapping_shr(*from) & mask))
        };
        if parts.iter().all(is_wanted) {
            return Some(Event { timestamp, ..event });
        }
    }
    None
}

/// Whether so few hashes are wanted that none will be found.
fn is_rare(set: &IntervalSet, mask: u64) -> bool {
    let sizes = set
        .ranges()
        .iter()
        .map(|(low, high)| high.saturating_sub(*low).saturating_add(1));
    let size = sizes.fold(0, u128::saturating_add);
    size.saturating_mul(MAX_HASHES.into()) < u128::from(mask)
}
