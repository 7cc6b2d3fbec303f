//! Decision graphs, as text.

use std::fmt::Write;

use divert_vm::{Field, Interval, Layer};

use super::Source;
use super::constant::magnitude;

/// Offsets of data that generated packets often have, and often have not.
const OFFSETS: [i32; 8] = [0, 1, 9, 20, 40, -1, -4, 1000];

/// A graph for a layer, in the form that `Graph::from_str` reads: up to a
/// dozen nodes over few fields, so that nodes have much to say of each other.
///
/// It passes `Graph::verify`.
pub fn graph_text(source: &mut Source<'_>, layer: Layer) -> String {
    let at_layer = |field: &Field| field.layers().contains(layer);
    let fields: Vec<Field> = Field::ALL.into_iter().filter(at_layer).collect();
    // What a packet is says much of what else it has.
    let headers = [
        "outbound", "inbound", "ip", "ipv6", "tcp", "udp", "icmp", "icmpv6",
    ];
    let headers = headers.map(|name| Field::from_name(name).expect("a field"));
    let headers: Vec<Field> = headers.into_iter().filter(at_layer).collect();
    let mut subjects = Vec::new();
    for _ in 0..=source.below(5) {
        let field = match source.below(3) {
            0 if !headers.is_empty() => source.pick(&headers),
            _ => source.pick(&fields),
        };
        let is_data = field.field_type().is_data();
        subjects.push((field, is_data.then(|| source.pick(&OFFSETS))));
    }
    let count = source.below(13);
    let mut lines = Vec::with_capacity(count);
    for at in 0..count {
        let (field, offset) = source.pick(&subjects);
        let mut line = format!("n{at}: {}", field.name());
        if let Some(offset) = offset {
            let _ = write!(line, "[{offset}]");
        }
        let mut starts: Vec<u128> = (0..source.below(4))
            .map(|_| start(source, field, layer))
            .filter(|start| *start > 0)
            .collect();
        starts.push(0);
        starts.sort_unstable();
        starts.dedup();
        for (edge, from) in starts.into_iter().enumerate() {
            let before = if edge == 0 { " [" } else { ", " };
            let _ = write!(line, "{before}{from}: {}", target(source, at));
        }
        let _ = write!(line, "] absent {}", target(source, at));
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(target(source, 0));
    }
    lines.push(format!("graph {}", layer.slug()));
    lines.reverse();
    lines.join("\n")
}

/// Where an interval of a field might start.
fn start(source: &mut Source<'_>, field: Field, layer: Layer) -> u128 {
    let (low, high) = Interval::domain(field);
    match source.below(6) {
        0 => low.saturating_add(1),
        1 => high.saturating_add(source.below(2) as u128),
        2 => low.saturating_add(source.below(4) as u128),
        3 if field.field_type().is_signed() => {
            let small = magnitude(source, field, layer) & u128::from(u64::MAX);
            let zero = 1_u128 << 127;
            if source.one_in(2) {
                zero - small
            } else {
                zero + small
            }
        }
        _ => magnitude(source, field, layer),
    }
}

/// A node that is there already, most often a late one, or a verdict.
fn target(source: &mut Source<'_>, at: usize) -> String {
    match source.below(8) {
        0 | 1 => "accept".to_owned(),
        2 | 3 => "reject".to_owned(),
        _ if at == 0 => "accept".to_owned(),
        4 => format!("n{}", source.below(at)),
        _ => format!("n{}", at - 1 - source.below(at.min(3))),
    }
}
