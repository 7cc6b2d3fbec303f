//! The rules of the passes on all small graphs, for all values.
//!
//! Graphs of two and three nodes over two fields of four bits, with all
//! intervals and all targets, mean after each pass what they meant before,
//! for all 16 values of each field and for its absence. The same for fields
//! that say something of each other, on packets of every class. What holds of
//! 16 values holds of more, since passes only compare numbers; `smt/rules.py`
//! proves that apart.
//!
//! `ALL_RULES=1` takes all intervals of the lower node as well.

use std::fmt::Write;

use divert_compiler::graph::{Graph, Subject};
use divert_compiler::opt::PASSES;
use divert_testkit::generators::{Source, random_bytes, scene};
use divert_testkit::meaning;
use divert_vm::bytecode::Class;
use divert_vm::packet::{Headers, Transport};
use divert_vm::{Field, Layer};

/// What each subject is, in one case.
type World = Vec<Option<u128>>;

/// Edges and absence of a node as text.
type Shape = String;

/// All ways to divide the numbers at up to two of `starts`, with all targets
/// that differ from their neighbours, and all targets for absence.
fn shapes(starts: &[u128], targets: &[&str]) -> Vec<Shape> {
    let mut edges: Vec<(String, &str)> = Vec::new();
    for first in targets {
        let one = format!("0: {first}");
        for (at, start) in starts.iter().enumerate() {
            for second in targets.iter().filter(|to| *to != first) {
                let two = format!("{one}, {start}: {second}");
                for later in &starts[at + 1..] {
                    for third in targets.iter().filter(|to| *to != second) {
                        edges.push((format!("{two}, {later}: {third}"), ""));
                    }
                }
                edges.push((two, ""));
            }
        }
        edges.push((one, first));
    }
    let absent = |(edges, _): &(String, &str)| {
        let edges = edges.clone();
        let with = move |absent: &&str| format!("[{edges}] absent {absent}");
        targets.iter().map(with).collect::<Vec<_>>()
    };
    edges.iter().flat_map(absent).collect()
}

struct Judge {
    fields: Vec<Field>,
    worlds: Vec<World>,
    graphs: u64,
    changed: u64,
}

impl Judge {
    fn new(names: &[&str], worlds: Vec<World>) -> Self {
        let fields = names.iter().map(|name| Field::from_name(name).unwrap());
        Self {
            fields: fields.collect(),
            worlds,
            graphs: 0,
            changed: 0,
        }
    }

    fn verdicts(&self, graph: &Graph) -> Vec<bool> {
        let value = |world: &World, subject: Subject| {
            let at = self.fields.iter().position(|field| *field == subject.field);
            world[at.expect("no other field")]
        };
        let verdict = |world: &World| graph.eval(|subject| value(world, subject));
        self.worlds.iter().map(verdict).collect()
    }

    /// Runs each pass on the graph, and all of them one after the other.
    fn judge(&mut self, text: &str) {
        let graph: Graph = text.parse().unwrap();
        let expect = self.verdicts(&graph);
        let mut all = graph.clone();
        for (at, pass) in PASSES.iter().enumerate() {
            let is_first = PASSES[..at].iter().all(|other| other.name != pass.name);
            let mut alone = graph.clone();
            if is_first && (pass.run)(&mut alone) {
                self.check(&alone, &expect, pass.name, text);
            }
            if (pass.run)(&mut all) {
                self.check(&all, &expect, pass.name, text);
            }
        }
        self.graphs += 1;
    }

    fn check(&mut self, graph: &Graph, expect: &[bool], pass: &str, text: &str) {
        assert_eq!(graph.verify(), [], "{pass} of {text}\n{graph}");
        let verdicts = self.verdicts(graph);
        let at = verdicts.iter().zip(expect).position(|(a, b)| a != b);
        let world = at.map(|at| &self.worlds[at]);
        assert_eq!(world, None, "{pass} of {text}\n{graph}");
        self.changed += 1;
    }
}

const A: &str = "ip.HdrLength";
const B: &str = "tcp.HdrLength";

/// Every value of four bits, and none, for each of the two.
fn independent() -> Vec<World> {
    let values = || (0..16).map(Some).chain([None]);
    values()
        .flat_map(|a| values().map(move |b| vec![a, b]))
        .collect()
}

/// A graph, its nodes from the root down.
fn text(nodes: &[(&str, &str)]) -> String {
    let mut text = String::from("graph network\n");
    for (at, (field, shape)) in nodes.iter().enumerate() {
        let _ = writeln!(text, "n{}: {field} {shape}", nodes.len() - 1 - at);
    }
    text
}

#[test]
fn two_nodes_of_four_bits_keep_their_meaning() {
    let every: Vec<u128> = (1..=16).collect();
    let lower = match std::env::var_os("ALL_RULES") {
        Some(_) => shapes(&every, &["accept", "reject"]),
        None => shapes(&[1, 8, 15], &["accept", "reject"]),
    };
    let upper = shapes(&every, &["accept", "reject", "n0"]);
    let mut same = Judge::new(
        &[A],
        (0..16).map(Some).chain([None]).map(|a| vec![a]).collect(),
    );
    let mut other = Judge::new(&[A, B], independent());
    for below in &lower {
        for above in &upper {
            same.judge(&text(&[(A, above), (A, below)]));
        }
        // Of two fields no interval of the one meets one of the other.
        for above in upper.iter().step_by(29) {
            other.judge(&text(&[(A, above), (B, below)]));
        }
    }
    for judge in [same, other] {
        println!(
            "{} graphs, {} changed by a pass",
            judge.graphs, judge.changed
        );
        assert!(judge.graphs > 4_000 && judge.changed > judge.graphs / 4);
    }
}

#[test]
fn three_nodes_of_four_bits_keep_their_meaning() {
    let lowest = shapes(&[8], &["accept", "reject"]);
    let middle = shapes(&[5], &["accept", "reject", "n0"]);
    let highest = shapes(&[5, 11], &["accept", "reject", "n0", "n1"]);
    let mut judge = Judge::new(&[A, B], independent());
    let mut at = 0_usize;
    for fields in [[A, A, A], [A, A, B], [A, B, A], [A, B, B]] {
        for low in &lowest {
            for mid in &middle {
                for high in &highest {
                    at += 1;
                    if at.is_multiple_of(3) || std::env::var_os("ALL_RULES").is_some() {
                        judge.judge(&text(&[
                            (fields[0], high),
                            (fields[1], mid),
                            (fields[2], low),
                        ]));
                    }
                }
            }
        }
    }
    println!(
        "{} graphs, {} changed by a pass",
        judge.graphs, judge.changed
    );
    assert!(judge.graphs > 50_000 && judge.changed > judge.graphs);
}

/// Fields that say something of each other, and where their values part.
const RELATED: [(&str, u128); 12] = [
    ("tcp", 1),
    ("udp", 1),
    ("ip", 1),
    ("ipv6", 1),
    ("icmp", 1),
    ("outbound", 1),
    ("inbound", 1),
    ("protocol", 17),
    ("tcp.DstPort", 256),
    ("udp.DstPort", 256),
    ("remotePort", 256),
    ("ip.Protocol", 7),
];

/// What the fields are in a few packets of every class.
fn packets(names: &[&str]) -> Vec<World> {
    let mut worlds: Vec<World> = Vec::new();
    let mut seen = [0; Class::COUNT];
    for seed in 0..4000 {
        let bytes = random_bytes(seed, 300);
        let (packet, event) = scene(&mut Source::new(&bytes), Layer::Network);
        let packet = packet.unwrap_or_default();
        let headers = Headers::parse(packet.as_slice());
        let version = headers.map(|headers| headers.version());
        let transport = headers.map_or(Transport::None, |headers| headers.transport());
        seen[Class::of(version, transport, event.outbound).index()] += 1;
        let load = |name: &&str| {
            let field = Field::from_name(name).unwrap();
            let subject = Subject { field, offset: 0 };
            meaning::load(subject, Layer::Network, &packet, &event)
        };
        worlds.push(names.iter().map(load).collect());
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    // Only on which side of its start a value is makes a difference.
    let side = |(value, (_, start)): (&Option<u128>, &(&str, u128))| value.map(|v| v >= *start);
    let mut sides: Vec<Vec<Option<bool>>> = Vec::new();
    worlds.retain(|world| {
        let own: Vec<_> = world.iter().zip(&RELATED).map(side).collect();
        let is_new = !sides.contains(&own);
        if is_new {
            sides.push(own);
        }
        is_new
    });
    worlds
}

#[test]
fn nodes_that_say_something_of_each_other_keep_their_meaning() {
    let names = RELATED.map(|(name, _)| name);
    let worlds = packets(&names);
    println!("{} kinds of packets", worlds.len());
    let mut judge = Judge::new(&names, worlds);
    let of = |start: u128, targets: &[&str]| shapes(&[start], targets);
    let all = std::env::var_os("ALL_RULES").is_some();
    let mut at = 0_usize;
    for (a, a_start) in RELATED {
        for (b, b_start) in RELATED {
            for below in of(b_start, &["accept", "reject"]) {
                for above in of(a_start, &["accept", "reject", "n0"]) {
                    judge.judge(&text(&[(a, &above), (b, &below)]));
                }
            }
            for (c, c_start) in RELATED {
                let lowest = of(c_start, &["accept", "reject"]);
                for mid in of(b_start, &["accept", "reject", "n0"]) {
                    for high in of(a_start, &["n0", "n1", "reject"]) {
                        at += 1;
                        if at.is_multiple_of(16) || all {
                            let low = &lowest[at / 16 % lowest.len()];
                            judge.judge(&text(&[(a, &high), (b, &mid), (c, low)]));
                        }
                    }
                }
            }
        }
    }
    println!(
        "{} graphs, {} changed by a pass",
        judge.graphs, judge.changed
    );
    assert!(judge.graphs > 50_000 && judge.changed > judge.graphs / 2);
}
