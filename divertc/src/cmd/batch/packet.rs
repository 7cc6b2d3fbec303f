//! The packet helpers, and the cases that filters are evaluated on.

use divert_compiler::{Event, Layer};
use divert_vm::checksum::{self, ChecksumFlags};
use divert_vm::packet::{Headers, IpVersion, Transport};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Wrong, bytes};
use crate::address::Address;
use crate::cmd::compile::hex;

/// A packet and its event, as a request has them.
#[derive(Deserialize)]
pub(super) struct CaseRecord {
    layer: u8,
    packet: Option<String>,
    #[serde(default)]
    addr: Address,
}

pub(super) struct Case {
    pub(super) packet: Option<Vec<u8>>,
    pub(super) event: Event,
}

impl TryFrom<CaseRecord> for Case {
    type Error = Wrong;

    fn try_from(case: CaseRecord) -> Result<Self, Wrong> {
        let layer = Layer::from_u8(case.layer).ok_or_else(|| Wrong("a layer is 0 to 4".into()))?;
        let event = case.addr.event(layer);
        let packet = case.packet.map(|hex| bytes(&hex)).transpose()?;
        Ok(Self { packet, event })
    }
}

/// What the parser makes of a packet; -1 stands for "there is none".
pub(super) fn parse(packet: &[u8]) -> Value {
    let Some(h) = Headers::parse(packet) else {
        return json!({"ok": false, "ex": null, "api": null});
    };
    let offset = |at: Option<usize>| at.map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX));
    let ip = offset((h.version() == IpVersion::V4).then_some(0));
    let ip6 = offset((h.version() == IpVersion::V6).then_some(0));
    let transport = |kind| offset(h.transport_offset().filter(|_| h.transport() == kind));
    let [icmp, icmp6] = [Transport::Icmp, Transport::Icmpv6].map(transport);
    let [tcp, udp] = [Transport::Tcp, Transport::Udp].map(transport);
    let payload = offset((h.payload_len() > 0).then_some(h.payload_offset()));
    let extended = packet
        .len()
        .checked_sub(h.total_len())
        .filter(|len| *len > 0);
    let api = (!h.is_truncated()).then(|| {
        json!({
            "ip": ip, "ip6": ip6, "proto": h.protocol(), "icmp": icmp, "icmp6": icmp6,
            "tcp": tcp, "udp": udp, "data": payload, "datalen": h.payload_len(),
            "next": offset(extended.map(|_| h.total_len())), "nextlen": extended.unwrap_or(0),
        })
    });
    let ex = json!({
        "hdrlen": h.header_len(), "paylen": h.payload_len(), "proto": h.protocol(),
        "fragment": u8::from(h.is_fragment()), "mf": u8::from(h.more_fragments()),
        "fragoff": h.fragment_offset(), "trunc": u8::from(h.is_truncated()),
        "ext": u8::from(h.is_extended()), "ip": ip, "ip6": ip6, "icmp": icmp, "icmp6": icmp6,
        "tcp": tcp, "udp": udp, "pay": payload,
    });
    json!({"ok": true, "ex": ex, "api": api})
}

pub(super) fn checksum(packet: &[u8], flags: u64) -> Value {
    let mut changed = packet.to_vec();
    let mut event = super::event(Layer::Network);
    let flags = ChecksumFlags::from_bits(flags);
    let ret = checksum::update(&mut changed, Some(&mut event), flags);
    let valid = [event.ip_checksum, event.tcp_checksum, event.udp_checksum].map(u8::from);
    json!({"ok": true, "ret": u8::from(ret), "patch": patch(packet, &changed), "addr": valid})
}

pub(super) fn ttl(packet: &[u8]) -> Value {
    let mut changed = packet.to_vec();
    let ret = divert_vm::decrement_ttl(&mut changed);
    json!({"ok": true, "ret": u8::from(ret), "patch": patch(packet, &changed)})
}

/// The runs of bytes that differ: offset, and what is there now.
fn patch(before: &[u8], after: &[u8]) -> Vec<(usize, String)> {
    let mut runs: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, (old, new)) in before.iter().zip(after).enumerate() {
        if old == new {
            continue;
        }
        match runs.last_mut() {
            Some((start, run)) if *start + run.len() == at => run.push(*new),
            _ => runs.push((at, vec![*new])),
        }
    }
    runs.into_iter().map(|(at, run)| (at, hex(&run))).collect()
}
