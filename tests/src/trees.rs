//! All small trees of tests, on packets that tell the tests apart.

use std::fmt;

use divert_compiler::graph::Subject;
use divert_compiler::{Compiler, Dialect, OptLevel};
use divert_vm::{Event, Layer, trace};

use crate::meaning;
use crate::oracle::Oracle;

/// Packets that the trees are evaluated on.
const PACKETS: usize = 16;

/// The tests at the leaves: two values of one field, another field of the
/// same header, one of a header that excludes it, a header, a direction, a
/// test turned around, and data that may not be there.
const TESTS: [&str; 8] = [
    "tcp.DstPort = 80",
    "tcp.DstPort < 1024",
    "tcp.Syn",
    "udp.DstPort = 53",
    "tcp",
    "outbound",
    "not tcp.SrcPort = 443",
    "tcp.Payload[0] = 22",
];

/// What has been compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Trees.
    pub trees: u64,
    /// Verdicts of graphs, machine and objects.
    pub verdicts: u64,
    /// Different functions of the packets among the trees.
    pub functions: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trees,
            verdicts,
            functions,
        } = self;
        write!(
            f,
            "{trees} trees of {functions} functions, {verdicts} verdicts"
        )
    }
}

/// A tree as text, and which packets it matches.
type Tree = (String, u16);

/// Compares every tree of up to `most` tests, of the largest only one in
/// `stride`, at both levels with what its parts say: each test is asked once,
/// the rest is `and`, `or` and `if`.
///
/// # Panics
///
/// Some engine gives another verdict.
#[must_use]
pub fn compare(most: usize, stride: usize) -> Counts {
    let scenes = scenes();
    // By their number of tests.
    let mut trees: Vec<Vec<Tree>> = vec![Vec::new(), leaves(&scenes)];
    while trees.len() <= most {
        trees.push(of_size(&trees, trees.len()));
    }
    let mut judge = Judge {
        scenes: &scenes,
        values: Vec::new(),
    };
    let mut counts = Counts::default();
    let mut seen = vec![false; 1 << PACKETS];
    let largest = trees.pop().unwrap_or_default();
    let some = largest.iter().step_by(stride);
    for (text, expect) in trees.iter().flatten().chain(some) {
        for level in [OptLevel::O1, OptLevel::O2] {
            judge.judge(text, level, *expect);
            counts.verdicts += 3 * PACKETS as u64;
        }
        counts.trees += 1;
        seen[usize::from(*expect)] = true;
    }
    counts.functions = seen.iter().filter(|seen| **seen).count();
    counts
}

fn leaves(scenes: &[(Vec<u8>, Event)]) -> Vec<Tree> {
    let leaves = TESTS.map(|test| {
        let oracle = Oracle::new(test, Layer::Network, Dialect::Divert).expect("a test");
        let mask = mask(scenes, |_, packet, event| {
            oracle.matches(Some(packet), event).expect("a packet")
        });
        (test.to_owned(), mask)
    });
    let mut masks = leaves.clone().map(|(_, mask)| mask);
    masks.sort_unstable();
    assert!(masks.is_sorted_by(|a, b| a < b), "packets tell tests apart");
    leaves.into()
}

/// Every tree of `size` tests, of smaller ones.
fn of_size(smaller: &[Vec<Tree>], size: usize) -> Vec<Tree> {
    let mut trees = Vec::new();
    for left in 1..size {
        for (a, in_a) in &smaller[left] {
            for (b, in_b) in &smaller[size - left] {
                trees.push((format!("({a} and {b})"), in_a & in_b));
                trees.push((format!("({a} or {b})"), in_a | in_b));
            }
        }
        for middle in 1..size - left {
            for (a, in_a) in &smaller[left] {
                for (b, in_b) in &smaller[middle] {
                    for (c, in_c) in &smaller[size - left - middle] {
                        let mask = in_a & in_b | !in_a & in_c;
                        trees.push((format!("({a} ? {b} : {c})"), mask));
                    }
                }
            }
        }
    }
    trees
}

struct Judge<'a> {
    scenes: &'a [(Vec<u8>, Event)],
    /// What each subject so far is in the scenes.
    values: Vec<(Subject, [Option<u128>; PACKETS])>,
}

impl Judge<'_> {
    fn judge(&mut self, text: &str, level: OptLevel, expect: u16) {
        let filter = Compiler::new().opt_level(level).compile(text);
        let filter = filter.unwrap_or_else(|error| panic!("{error}"));
        let graph = filter.graph().expect("an optimised filter");
        for subject in meaning::subjects(graph) {
            if self.values.iter().all(|(of, _)| *of != subject) {
                let load = |at: usize| {
                    let (packet, event) = &self.scenes[at];
                    meaning::load(subject, Layer::Network, packet, event)
                };
                self.values.push((subject, std::array::from_fn(load)));
            }
        }
        let values = &self.values;
        let by_graph = mask(self.scenes, |at, _, _| {
            graph.eval(|subject| {
                let found = values.iter().find(|(of, _)| *of == subject);
                found.expect("a subject of the graph").1[at]
            })
        });
        let by_machine = mask(self.scenes, |_, packet, event| {
            filter.matches(packet, event)
        });
        let insns = filter.instructions();
        let by_object = mask(self.scenes, |_, packet, event| {
            trace(insns, Layer::Network, packet, event, |_| {})
        });
        let masks = [by_graph, by_machine, by_object];
        assert_eq!(masks, [expect; 3], "{text} at {level:?}: {graph}");
    }
}

/// Which scenes there is a `true` for.
fn mask(scenes: &[(Vec<u8>, Event)], verdict: impl Fn(usize, &[u8], &Event) -> bool) -> u16 {
    let bits = scenes.iter().enumerate();
    bits.fold(0, |mask, (at, (packet, event))| {
        mask | u16::from(verdict(at, packet, event)) << at
    })
}

/// Packets with their direction.
fn scenes() -> [(Vec<u8>, Event); PACKETS] {
    let (v4, v6) = (4, 6);
    let out = |packet: Vec<u8>| (packet, Event::outbound());
    let inward = |packet: Vec<u8>| (packet, Event::inbound());
    let mut scenes = [
        out(tcp(v4, (443, 80), 2, &[])),
        inward(tcp(v4, (5000, 80), 16, &[22])),
        out(tcp(v4, (5000, 22), 2, &[23])),
        inward(tcp(v4, (443, 22), 16, &[22])),
        inward(tcp(v4, (5000, 8080), 2, &[])),
        out(tcp(v4, (443, 8080), 16, &[22])),
        inward(tcp(v4, (443, 8080), 2, &[23])),
        out(tcp(v4, (5000, 80), 16, &[])),
        out(tcp(v6, (5000, 80), 2, &[22])),
        inward(tcp(v6, (5000, 22), 16, &[])),
        out(udp(v4, (5000, 53))),
        inward(udp(v6, (443, 53))),
        inward(udp(v4, (443, 80))),
        out(udp(v4, (443, 5000))),
        out(ip(v4, 1, &[8, 0, 0, 0])),
        inward(ip(v6, 58, &[128, 0, 0, 0])),
    ];
    for (packet, event) in &mut scenes {
        event.ipv6 = packet[0] >> 4 == 6;
    }
    scenes
}

fn tcp(version: u8, (from, to): (u16, u16), flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    ip(version, 6, &segment)
}

fn udp(version: u8, (from, to): (u16, u16)) -> Vec<u8> {
    let mut datagram = [from.to_be_bytes(), to.to_be_bytes()].concat();
    datagram.extend([0, 8, 0, 0]);
    ip(version, 17, &datagram)
}

fn ip(version: u8, protocol: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).expect("a short packet");
    let mut packet = if version == 4 {
        let [high, low] = (len + 20).to_be_bytes();
        vec![0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0]
    } else {
        let [high, low] = len.to_be_bytes();
        let mut packet = vec![0x60, 0, 0, 0, high, low, protocol, 64];
        packet.extend([0; 24]);
        packet
    };
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(rest);
    packet
}
