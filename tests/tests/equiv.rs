//! Comparing filters: no proof is wrong, no difference without a packet.

use std::time::Instant;

use divert_compiler::equiv::{Comparison, Side, Witness, compare, compare_graphs, validate};
use divert_compiler::graph::Graph;
use divert_compiler::opt::PASSES;
use divert_compiler::{Compiler, Dialect, Filter, Layer};
use divert_testkit::generators::{Source, can_occur, filter_text, layer, random_bytes, scene};
use divert_testkit::oracle::Oracle;
use divert_testkit::vectors;

fn compile(text: &str, layer: Layer) -> Filter {
    let compiler = Compiler::new().layer(layer);
    compiler
        .compile(text)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Compares, and has the independent oracle confirm a difference.
#[track_caller]
fn compared(a: &Filter, b: &Filter) -> Comparison {
    let outcome = compare(a, b).unwrap();
    if let Comparison::Different(witness) = &outcome {
        confirm(a, b, witness);
    }
    outcome
}

#[track_caller]
fn confirm(a: &Filter, b: &Filter, witness: &Witness) {
    let packet = a.layer().has_packets().then_some(witness.packet.as_slice());
    let expect = [witness.matches == Side::A, witness.matches == Side::B];
    for (filter, expect) in [a, b].into_iter().zip(expect) {
        let text = filter.source();
        let verdict = filter.evaluate(packet, &witness.event);
        assert_eq!(verdict, Ok(expect), "{text} on {witness:02x?}");
        if let Some(oracle) = Oracle::new(text, filter.layer(), filter.dialect()) {
            let verdict = oracle.matches(packet, &witness.event);
            assert_eq!(verdict, Ok(expect), "oracle: {text} on {witness:02x?}");
        }
    }
}

/// Filters of one layer, and scenes on which they have been told apart.
#[derive(Default)]
struct Crowd {
    filters: Vec<Filter>,
    scenes: Vec<Witness>,
    equivalent: usize,
    different: usize,
}

impl Crowd {
    /// Adds a filter, and compares it with every other one. Most are told
    /// apart by a packet that told others apart.
    fn add(&mut self, filter: Filter) {
        for other in &self.filters {
            let matches = |w: &Witness, f: &Filter| f.matches(&w.packet, &w.event);
            if self
                .scenes
                .iter()
                .any(|w| matches(w, &filter) != matches(w, other))
            {
                self.different += 1;
                continue;
            }
            match compared(&filter, other) {
                Comparison::Equivalent => self.equivalent += 1,
                Comparison::Different(witness) => {
                    self.different += 1;
                    self.scenes.push(*witness);
                }
                Comparison::Undecided(open) => {
                    panic!("{open}\n{}\n{}", filter.source(), other.source())
                }
            }
        }
        assert_eq!(compared(&filter, &filter), Comparison::Equivalent);
        assert_eq!(
            validate(&filter),
            Comparison::Equivalent,
            "{}",
            filter.source()
        );
        self.filters.push(filter);
    }
}

#[test]
fn all_pairs_of_wild_filters_are_decided() {
    let rows = vectors::wild_filters();
    let begin = Instant::now();
    let (mut equivalent, mut different) = (0, 0);
    for layer in Layer::ALL {
        let mut crowd = Crowd::default();
        for row in rows.iter().filter(|row| row.ok && row.layer == layer) {
            crowd.add(compile(&row.filter, layer));
        }
        println!("{layer}: {} packets tell all apart", crowd.scenes.len());
        equivalent += crowd.equivalent;
        different += crowd.different;
    }
    println!(
        "{equivalent} equivalent, {different} different in {:?}",
        begin.elapsed()
    );
    assert!(different > 40_000);
}

/// Equivalent rewrites, pair by pair.
const SAME: &[(Layer, &str, &str)] = &[
    (Layer::Network, "not (tcp or udp)", "not tcp and not udp"),
    (Layer::Network, "true", "ip or ipv6"),
    (Layer::Network, "true", "inbound or outbound"),
    (Layer::Network, "event = PACKET", "true"),
    (Layer::Network, "length >= 20", "true"),
    (Layer::Network, "length < 28 and udp and ip", "false"),
    (Layer::Network, "tcp and ip.Protocol = 6", "tcp and ip"),
    (Layer::Network, "tcp and protocol = 6", "tcp"),
    (Layer::Network, "ip and packet[9] = 6", "ip.Protocol = 6"),
    (
        Layer::Network,
        "packet[0] >= 0x45 and packet[0] < 0x50",
        "ip",
    ),
    (Layer::Network, "ip and packet16[1] = 60", "ip.Length = 60"),
    (
        Layer::Network,
        "ip and packet32[3] = 0x0a000001",
        "ip.SrcAddr = 10.0.0.1",
    ),
    (
        Layer::Network,
        "ip and packet16[12b] = 0x0a00 and packet16[14b] = 1",
        "ip.SrcAddr = 10.0.0.1",
    ),
    (
        Layer::Network,
        "ip and packet[12] = 10",
        "ip.SrcAddr >= 10.0.0.0 and ip.SrcAddr <= 10.255.255.255",
    ),
    (
        Layer::Network,
        "tcp.Payload32[0] = 0x47455420",
        "tcp.Payload16[0] = 0x4745 and tcp.Payload16[1] = 0x5420",
    ),
    (
        Layer::Network,
        "tcp.Payload[0] = 0x47 and tcp.PayloadLength > 0",
        "tcp.Payload[0] = 71",
    ),
    (
        Layer::Network,
        "udp.Payload32[1] = 7 and udp.PayloadLength < 8",
        "false",
    ),
    (
        Layer::Network,
        "udp.PayloadLength = 4 and udp.Payload32[0] = 7",
        "udp.PayloadLength = 4 and udp.Payload32[-4b] = 7",
    ),
    (
        Layer::Network,
        "outbound and localPort = 80 and tcp",
        "outbound and tcp.SrcPort = 80",
    ),
    (
        Layer::Network,
        "fragment and ip",
        "ip.MF or ip.FragOff != 0",
    ),
    // A TCP header is in a first fragment only.
    (Layer::Network, "tcp and fragment and ip.MF == 0", "false"),
    (
        Layer::Network,
        "tcp.HdrLength > 5 and packet[0] = 0x45 and packet[32] < 0x60",
        "false",
    ),
    (Layer::Network, "length > 100 and length < 50", "false"),
    (
        Layer::Network,
        "udp.PayloadLength > 100 and length < 128",
        "false",
    ),
    (
        Layer::Network,
        "ipv6.Length > 40 and udp.PayloadLength > 40 and length < 80",
        "false",
    ),
    (Layer::Network, "random8 < 10 or random8 >= 10", "true"),
    (Layer::Flow, "tcp", "protocol = 6"),
    (Layer::Flow, "icmp and icmpv6", "false"),
    (
        Layer::Flow,
        "event = ESTABLISHED or event = DELETED",
        "true",
    ),
    (
        Layer::Network,
        "not ipv6.FlowLabel >= 1048575 and ipv6",
        "ipv6.FlowLabel < 1048575",
    ),
    (Layer::Reflect, "layer <= 4", "true"),
];

#[test]
fn what_means_the_same_is_equivalent() {
    for (layer, a, b) in SAME {
        let [a, b] = [a, b].map(|text| compile(text, *layer));
        let outcome = compared(&a, &b);
        assert_eq!(
            outcome,
            Comparison::Equivalent,
            "{}\n{}",
            a.source(),
            b.source()
        );
    }
}

/// Filters that differ on few packets.
const DIFFERENT: &[(Layer, &str, &str)] = &[
    (Layer::Network, "true", "tcp or udp or icmp or icmpv6"),
    (Layer::Network, "ipv6 and fragment", "ipv6.NextHdr = 44"),
    (Layer::Network, "ipv6.NextHdr = 6", "ipv6 and tcp"),
    (Layer::Network, "ip.Protocol = 6", "ip and tcp"),
    (
        Layer::Network,
        "ipv6.NextHdr = 0 and fragment and udp.DstPort = 53",
        "false",
    ),
    (
        Layer::Network,
        "tcp.HdrLength > 5 and packet[0] = 0x46 and packet[36] < 0x70",
        "false",
    ),
    (
        Layer::Network,
        "tcp.Payload[-1] = 10 and tcp.Payload[0] = 13",
        "false",
    ),
    (
        Layer::Network,
        "udp.PayloadLength = 3 and length = 100",
        "false",
    ),
    (Layer::Network, "udp.Payload[1471] = 1", "false"),
    (Layer::Network, "ipv6.FlowLabel = 0x12345", "false"),
    (Layer::Network, "random8 = 7 and udp", "false"),
    (Layer::Network, "random16 < 7 and random8 < 64", "false"),
    (Layer::Network, "timestamp < 0", "false"),
    // Only behind 60 bytes of options is a UDP header cut off here.
    (
        Layer::Network,
        "ip.Protocol = 17 and not udp and not fragment and length = 65 and ip.Length = 66",
        "false",
    ),
    (Layer::NetworkForward, "ifIdx = 7", "subIfIdx = 7"),
    (Layer::Socket, "event = CONNECT", "event = BIND"),
    (Layer::Flow, "icmp", "protocol = 1"),
    (Layer::Flow, "ip", "true"),
    (Layer::Reflect, "priority < 0", "false"),
];

#[test]
fn what_differs_on_few_packets_is_told_apart() {
    for (layer, a, b) in DIFFERENT {
        let [a, b] = [a, b].map(|text| compile(text, *layer));
        let outcome = compared(&a, &b);
        let is_different = matches!(outcome, Comparison::Different(_));
        assert!(is_different, "{outcome:?}: {}\n{}", a.source(), b.source());
    }
}

/// Packets with long extension headers are not made, but not denied either.
#[test]
fn what_only_long_extension_headers_tell_apart_is_not_equivalent() {
    for text in [
        "ipv6 and protocol = 17 and not udp and not fragment and length > 200 and ipv6.Length > 100",
        "ipv6.Length = 200 and length = 240 and udp.PayloadLength = 8",
        "ipv6 and packet[70] = 6 and udp.DstPort = 53 and packet[50] = 0 and packet[42] != 0",
    ] {
        let [a, b] = [text, "false"].map(|text| compile(text, Layer::Network));
        assert_ne!(compared(&a, &b), Comparison::Equivalent, "{text}");
    }
}

/// Filters that a generator makes, each with choices that are left.
fn generated(seeds: std::ops::Range<u64>, mut each: impl FnMut(Filter, &mut Source<'_>)) {
    for seed in seeds {
        let bytes = random_bytes(seed, 4000);
        let mut source = Source::new(&bytes);
        let layer = layer(&mut source);
        let text = filter_text(&mut source, layer, Dialect::Divert);
        if let Ok(filter) = Compiler::new().layer(layer).compile(&text) {
            each(filter, &mut source);
        }
    }
}

/// A proof of equivalence is held against random scenes.
fn check_proof(a: &Filter, b: &Filter, source: &mut Source<'_>) {
    for _ in 0..24 {
        let (packet, event) = scene(source, a.layer());
        if !can_occur(&event) {
            continue;
        }
        let verdicts = [a, b].map(|filter| filter.evaluate(packet.as_deref(), &event));
        let [left, right] = [a, b].map(Filter::source);
        assert_eq!(
            verdicts[0], verdicts[1],
            "{left}\n{right}\n{packet:02x?} {event:?}"
        );
    }
}

#[derive(Default, Debug)]
struct Tally {
    equivalent: usize,
    different: usize,
    undecided: usize,
}

impl Tally {
    fn add(&mut self, outcome: &Comparison) {
        match outcome {
            Comparison::Equivalent => self.equivalent += 1,
            Comparison::Different(_) => self.different += 1,
            Comparison::Undecided(_) => self.undecided += 1,
        }
    }
}

#[test]
fn generated_pairs_are_told_apart_or_agree() {
    let mut tally = Tally::default();
    generated(0..1000, |a, source| {
        let text = filter_text(source, a.layer(), Dialect::Divert);
        let Ok(b) = Compiler::new().layer(a.layer()).compile(&text) else {
            return;
        };
        let outcome = compared(&a, &b);
        tally.add(&outcome);
        if outcome == Comparison::Equivalent {
            check_proof(&a, &b, source);
        } else if let Comparison::Undecided(open) = outcome {
            println!("{open}\n{}\n{}", a.source(), b.source());
        }
    });
    println!("{tally:?}");
    // Of 32 bits of a hash, one value is not found.
    assert!(tally.undecided * 50 < tally.different, "{tally:?}");
}

/// The text with one number one higher.
fn bumped(text: &str, source: &mut Source<'_>) -> Option<String> {
    let parse = divert_grammar::parse(text);
    let words: Vec<_> = divert_grammar::tokens(text).map(|(_, span)| span).collect();
    let is_number =
        |span: &&divert_compiler::Span| span.of(text).bytes().all(|b| b.is_ascii_digit());
    let numbers: Vec<_> = words.iter().filter(is_number).collect();
    if numbers.is_empty() || !parse.errors.is_empty() {
        return None;
    }
    let span = *source.pick(&numbers);
    let number: u128 = span.of(text).parse().ok()?;
    let range = span.range();
    Some(format!(
        "{}{}{}",
        &text[..range.start],
        number.checked_add(1)?,
        &text[range.end..]
    ))
}

#[test]
fn changed_numbers_are_noticed() {
    let mut tally = Tally::default();
    generated(10_000..11_000, |a, source| {
        let Some(text) = bumped(a.source(), source) else {
            return;
        };
        let Ok(b) = Compiler::new().layer(a.layer()).compile(&text) else {
            return;
        };
        let outcome = compared(&a, &b);
        tally.add(&outcome);
        if outcome == Comparison::Equivalent {
            check_proof(&a, &b, source);
        } else if let Comparison::Undecided(open) = outcome {
            println!("{open}\n{}\n{}", a.source(), b.source());
        }
    });
    println!("{tally:?}");
    // Of 32 bits of a hash, one value is not found.
    assert!(tally.undecided * 50 < tally.different, "{tally:?}");
}

#[test]
fn what_is_generated_agrees_with_what_is_written() {
    let (mut tally, mut passes) = (Tally::default(), 0);
    generated(20_000..21_000, |filter, _| {
        let outcome = validate(&filter);
        tally.add(&outcome);
        let is_fine = !matches!(outcome, Comparison::Different(_));
        assert!(is_fine, "{outcome:?}: {}", filter.source());
        if let Comparison::Undecided(open) = outcome {
            println!("{open}\n{}", filter.source());
        }
        let mut graph = Graph::of_hir(filter.hir(), filter.layer());
        for pass in PASSES {
            let before = graph.clone();
            (pass.run)(&mut graph);
            let outcome = compare_graphs(&before, &graph).unwrap();
            let is_fine = !matches!(outcome, Comparison::Different(_));
            assert!(is_fine, "{}: {outcome:02x?}\n{before}\n{graph}", pass.name);
            passes += 1;
        }
    });
    println!("{tally:?}, {passes} passes");
    assert!(tally.undecided * 100 < tally.equivalent, "{tally:?}");
}

#[test]
fn printed_negated_and_decompiled_filters_are_equivalent() {
    let mut tally = Tally::default();
    generated(30_000..30_500, |a, source| {
        let text = a.source();
        let print = divert_grammar::print(&divert_grammar::parse(text).ast, text);
        let mut others = vec![
            format!("not (not ({text}))"),
            format!("({text}) and true"),
            format!("false or ({print})"),
            format!("(({text})? true: false)"),
            a.object(),
        ];
        if source.one_in(2) {
            others.push(format!("({text}) or ({text})"));
        }
        for other in others {
            // Parentheses of their own need not fit everywhere.
            let Ok(b) = Compiler::new().layer(a.layer()).compile(&other) else {
                continue;
            };
            let outcome = compared(&a, &b);
            tally.add(&outcome);
            let is_fine = !matches!(outcome, Comparison::Different(_));
            assert!(is_fine, "{outcome:02x?}\n{text}\n{other}");
        }
    });
    println!("{tally:?}");
    assert!(tally.undecided * 1000 < tally.equivalent, "{tally:?}");
}
