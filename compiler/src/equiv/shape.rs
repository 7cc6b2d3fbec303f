//! The shapes of packets of one class: where headers end, and what they must
//! say for it.
//!
//! Two packets of one shape differ in lengths and in the values of fields
//! only. All shapes of IPv4 packets are there; of IPv6 packets only those
//! with at most one extension header, and a fragment header behind it.

use divert_vm::packet::{Transport, icmp, ipv4, ipv6, tcp, udp};

use super::bits::Bits;
use super::subject::Kind;
use crate::hir::IntervalSet;

/// One shape.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Length of the IP header, with options and extension headers.
    pub(super) ip_header: usize,
    /// Words of the TCP header; 0 for none.
    pub(super) tcp_words: usize,
    /// Where the payload begins, if it is not cut off.
    pub(super) payload: usize,
    /// Where packets of this shape can end, by their headers or by being cut.
    pub(super) ends: IntervalSet,
    /// What the headers say.
    pub(super) fixed: Vec<Bits>,
    /// The protocol numbers, as IPv6 has them behind extension headers.
    pub(super) protocols: IntervalSet,
    /// The byte that has this number.
    pub(super) protocol_at: usize,
    /// Whether it is a fragment; `None` if that is left to the fields.
    pub(super) is_fragment: Option<bool>,
}

const ANY_END: u128 = u128::MAX;
/// Number of the fragment header.
const FRAGMENT: u8 = 44;
/// Extension headers, 8 bytes each where they are made.
const EXTENSIONS: [u8; 6] = [0, FRAGMENT, 43, 51, 60, 135];
/// What goes before a fragment header.
const BEFORE_FRAGMENT: [u8; 5] = [0, 43, 51, 60, 135];

/// Every shape, the simplest first.
pub(super) fn all(kind: Kind) -> Vec<Shape> {
    let ip = if kind.is_v4() { v4(kind) } else { v6(kind) };
    ip.into_iter()
        .flat_map(|shape| with_transport(kind, shape))
        .collect()
}

/// The protocol number of the class; `None` without a transport header.
const fn protocol(kind: Kind) -> Option<u8> {
    match kind.class.transport() {
        Transport::Tcp => Some(tcp::PROTOCOL),
        Transport::Udp => Some(udp::PROTOCOL),
        Transport::Icmp => Some(icmp::PROTOCOL),
        Transport::Icmpv6 => Some(icmp::PROTOCOL_V6),
        Transport::None => None,
    }
}

/// Protocols with a header that is looked for, and its least length.
const fn known(kind: Kind) -> [(u8, usize); 3] {
    let icmp = if kind.is_v4() {
        icmp::PROTOCOL
    } else {
        icmp::PROTOCOL_V6
    };
    [
        (tcp::PROTOCOL, tcp::HEADER_LEN),
        (udp::PROTOCOL, udp::HEADER_LEN),
        (icmp, icmp::HEADER_LEN),
    ]
}

fn bits(byte: usize, bit: usize, width: u32, wanted: IntervalSet) -> Bits {
    let at = byte.saturating_mul(8).saturating_add(bit);
    Bits { at, width, wanted }
}

fn only(value: impl Into<u128>) -> IntervalSet {
    let value = value.into();
    IntervalSet::range(value, value)
}

fn wide(n: usize) -> u128 {
    u128::try_from(n).unwrap_or(u128::MAX)
}

/// All protocols but these.
fn others(these: impl Iterator<Item = u8>) -> IntervalSet {
    let these = these.map(|n| (u128::from(n), u128::from(n))).collect();
    IntervalSet::union_of(these).complement((0, 255))
}

fn v4(kind: Kind) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for words in 5_usize..=15 {
        let header = words.saturating_mul(4);
        let base = Shape {
            ip_header: header,
            tcp_words: 0,
            payload: header,
            ends: IntervalSet::range(wide(header), ANY_END),
            fixed: vec![bits(0, 0, 8, only(0x40 | wide(words)))],
            protocols: IntervalSet::range(0, 255),
            protocol_at: ipv4::PROTOCOL,
            is_fragment: None,
        };
        let with = |protocols: IntervalSet, offset: (u128, u128)| {
            let mut shape = base.clone();
            shape.fixed.push(bits(ipv4::PROTOCOL, 0, 8, protocols));
            shape.fixed.push(bits(
                ipv4::FRAGMENT,
                3,
                13,
                IntervalSet::range(offset.0, offset.1),
            ));
            shape
        };
        if let Some(protocol) = protocol(kind) {
            shapes.push(with(only(protocol), (0, 0)));
            continue;
        }
        let looked_for = known(kind);
        shapes.push(with(
            others(looked_for.iter().map(|(n, _)| *n)),
            (0, 0x1FFF),
        ));
        shapes.push(with(IntervalSet::range(0, 255), (1, 0x1FFF)));
        for (number, least) in looked_for {
            shapes.push(cut(with(only(number), (0, 0)), least));
        }
        shapes.push(short_tcp(with(only(tcp::PROTOCOL), (0, 0))));
    }
    // A fragment is one by its offset or by "more fragments".
    let both = shapes.into_iter().flat_map(|shape| {
        let fragment = |flag: (u128, u128), offset: (u128, u128), is_fragment| {
            let mut shape = shape.clone();
            let (flag, offset) = (
                IntervalSet::range(flag.0, flag.1),
                IntervalSet::range(offset.0, offset.1),
            );
            shape.fixed.push(bits(ipv4::FRAGMENT, 2, 1, flag));
            shape.fixed.push(bits(ipv4::FRAGMENT, 3, 13, offset));
            shape.is_fragment = Some(is_fragment);
            shape
        };
        [
            fragment((0, 0), (0, 0), false),
            fragment((1, 1), (0, 0x1FFF), true),
            fragment((0, 0), (1, 0x1FFF), true),
        ]
    });
    both.collect()
}

/// A transport header that is cut short, and so is none.
fn cut(mut shape: Shape, least: usize) -> Shape {
    let last = shape.ip_header.saturating_add(least).saturating_sub(1);
    shape.ends = IntervalSet::range(wide(shape.ip_header), wide(last));
    shape
}

/// A TCP header that says it is shorter than one can be.
fn short_tcp(mut shape: Shape) -> Shape {
    let at = shape.ip_header.saturating_add(tcp::DATA_OFFSET);
    shape.fixed.push(bits(at, 0, 4, IntervalSet::range(0, 4)));
    let least = shape.ip_header.saturating_add(tcp::HEADER_LEN);
    shape.ends = IntervalSet::range(wide(least), ANY_END);
    shape
}

fn v6(kind: Kind) -> Vec<Shape> {
    let mut chains: Vec<Vec<u8>> = vec![Vec::new()];
    chains.extend(EXTENSIONS.map(|n| vec![n]));
    chains.extend(BEFORE_FRAGMENT.map(|n| vec![n, FRAGMENT]));
    let mut shapes = Vec::new();
    for chain in chains {
        let with =
            |protocols: IntervalSet, offset: (u128, u128)| chained(&chain, protocols, offset);
        if let Some(protocol) = protocol(kind) {
            shapes.push(with(only(protocol), (0, 0)));
            continue;
        }
        let looked_for = known(kind);
        let numbers = looked_for.iter().map(|(n, _)| *n);
        shapes.push(with(others(numbers.chain(EXTENSIONS)), (0, 0)));
        if chain.contains(&FRAGMENT) {
            shapes.push(with(IntervalSet::range(0, 255), (1, 0x1FFF)));
            shapes.push(with(only(FRAGMENT), (0, 0)));
        }
        for (number, least) in looked_for {
            shapes.push(cut(with(only(number), (0, 0)), least));
        }
        for number in EXTENSIONS {
            shapes.push(cut(with(only(number), (0, 0)), 8));
        }
        shapes.push(short_tcp(with(only(tcp::PROTOCOL), (0, 0))));
    }
    shapes
}

/// An IPv6 header with these extension headers of 8 bytes each; the last may
/// have a fragment offset.
fn chained(chain: &[u8], protocols: IntervalSet, offset: (u128, u128)) -> Shape {
    let mut fixed = vec![bits(0, 0, 4, only(6_u8))];
    let mut slot = ipv6::NEXT_HEADER;
    let mut header = ipv6::HEADER_LEN;
    for number in chain {
        fixed.push(bits(slot, 0, 8, only(*number)));
        slot = header;
        if *number == FRAGMENT {
            let at = header.saturating_add(2);
            fixed.push(bits(at, 0, 13, IntervalSet::range(offset.0, offset.1)));
        } else {
            fixed.push(bits(header.saturating_add(1), 0, 8, only(0_u8)));
        }
        header = header.saturating_add(8);
    }
    fixed.push(bits(slot, 0, 8, protocols.clone()));
    Shape {
        ip_header: header,
        tcp_words: 0,
        payload: header,
        ends: IntervalSet::range(wide(header), ANY_END),
        fixed,
        protocols,
        protocol_at: slot,
        is_fragment: Some(chain.contains(&FRAGMENT)),
    }
}

fn with_transport(kind: Kind, shape: Shape) -> Vec<Shape> {
    let least = kind.least_transport_header();
    if least == 0 {
        return vec![shape];
    }
    let headers = if kind.class.transport() == Transport::Tcp {
        5..=15
    } else {
        0..=0
    };
    let with = |words: usize| {
        let mut shape = shape.clone();
        if words > 0 {
            let at = shape.ip_header.saturating_add(tcp::DATA_OFFSET);
            shape.fixed.push(bits(at, 0, 4, only(wide(words))));
        }
        let header = least.max(words.saturating_mul(4));
        shape.tcp_words = words;
        shape.payload = shape.ip_header.saturating_add(header);
        let least_end = shape.ip_header.saturating_add(least);
        shape.ends = IntervalSet::range(wide(least_end), ANY_END);
        shape
    };
    headers.map(with).collect()
}
