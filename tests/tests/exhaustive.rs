//! All small programs, and all cuts of packets.

use divert_compiler::{Compiler, Dialect, Event, Layer};
use divert_testkit::oracle::raw::{self, ACCEPT, FIELDS, REJECT, Scene};
use divert_testkit::oracle::{self, Oracle};
use divert_testkit::trees;
use divert_testkit::vectors::{self, Case, RawInsn};
use divert_vm::bytecode::{EMPTY, MAX_STOCK_CELLS, cells_for};
use divert_vm::packet::Headers;
use divert_vm::{Insn, Program, execute, trace};

/// Cases a program is run on.
const SCENES: usize = 16;

/// Numbers at which some check or comparison changes its mind.
const EDGES: [u128; 22] = [
    0,
    1,
    2,
    4,
    5,
    9,
    10,
    15,
    16,
    20,
    255,
    256,
    8191,
    8192,
    30_000,
    65_535,
    65_575,
    0xF_FFFF,
    0xFFFF_FFFF,
    0xFFFF_0A00_0005,
    u64::MAX as u128,
    u128::MAX,
];

/// Byte offsets of data, as two's complement.
const OFFSETS: [i32; 8] = [0, 9, -1, -4, 65_575, 65_576, -65_575, -65_576];

fn is_data(field: u32) -> bool {
    (71..=79).contains(&field)
}

/// A test with the words of a constant; the targets are still to be set.
fn insn(field: u32, test: u32, neg: u32, constant: u128) -> RawInsn {
    let word = |shift: u32| (constant >> shift) as u32;
    [
        field,
        test,
        neg,
        word(0),
        word(32),
        word(64),
        word(96),
        0,
        0,
    ]
}

fn with_targets(mut insn: RawInsn, success: u32, failure: u32) -> RawInsn {
    insn[7] = success;
    insn[8] = failure;
    insn
}

/// Compares check and interpreter with those of the testkit, and counts.
struct Judge<'a> {
    layer: Layer,
    cases: Vec<(&'a Case, Scene<'a>)>,
    programs: u64,
    accepted: u64,
    runs: u64,
    matches: u64,
}

impl<'a> Judge<'a> {
    fn new(layer: Layer, cases: &'a [Case]) -> Self {
        let usable = cases.iter().filter_map(|case| {
            let scene = Scene::new(case.packet.as_deref(), &case.event)?;
            Some((case, scene))
        });
        let usable: Vec<_> = usable.collect();
        // Spread over the file, which is sorted by kind.
        let stride = (usable.len() / SCENES).max(1);
        let cases: Vec<_> = usable.into_iter().step_by(stride).take(SCENES).collect();
        assert_eq!(cases.len(), SCENES, "{layer}");
        Self {
            layer,
            cases,
            programs: 0,
            accepted: 0,
            runs: 0,
            matches: 0,
        }
    }

    fn judge(&mut self, program: &[RawInsn]) {
        self.programs += 1;
        let bytes: Vec<u8> = program.iter().flat_map(raw::encode).collect();
        let ours = Program::verify_bytes(&bytes, self.layer, [EMPTY; cells_for(2)]);
        let accepts = raw::driver_accepts(program, self.layer);
        assert_eq!(
            ours.as_ref().err().is_none(),
            accepts,
            "{}: {program:?}: {ours:?}",
            self.layer
        );
        let Ok(ours) = ours else { return };
        self.accepted += 1;
        let (records, _) = bytes.as_chunks();
        let insns: Vec<Insn> = records.iter().map(|r| Insn::decode(r).unwrap()).collect();
        for (case, scene) in &self.cases {
            let mut steps = 0;
            let packet = case.packet.as_deref().unwrap_or_default();
            let verdict = trace(&insns, self.layer, packet, &case.event, |_| steps += 1);
            let expect = scene.run(program);
            assert_eq!(
                (verdict, steps),
                expect,
                "{}: {program:?} on {}",
                self.layer,
                case.id
            );
            assert_eq!(
                execute(&ours, packet, &case.event),
                verdict,
                "{}: {program:?} on {}",
                self.layer,
                case.id
            );
            self.runs += 1;
            self.matches += u64::from(verdict);
        }
    }
}

/// All single tests of a field: comparisons, signs, constants, offsets.
fn tests_of(field: u32) -> Vec<RawInsn> {
    let mut tests = Vec::new();
    for test in 0..=6 {
        for neg in 0..=1 {
            for edge in EDGES {
                if !is_data(field) {
                    tests.push(insn(field, test, neg, edge));
                    continue;
                }
                // The second word is the offset, and is no part of the edge.
                for offset in OFFSETS {
                    let mut insn = insn(field, test, neg, edge);
                    insn[4] = offset.cast_unsigned();
                    tests.push(insn);
                }
            }
        }
    }
    tests
}

/// A few tests of a field that can have either outcome.
fn few_tests_of(field: u32, tests: &[u32]) -> Vec<RawInsn> {
    let edges: &[u128] = match FIELDS.get(field as usize) {
        Some(&("ip.SrcAddr" | "ip.DstAddr" | "localAddr" | "remoteAddr")) => &[0xFFFF_0A00_0005],
        Some(&"event") => &[0, 1, 4, 8],
        Some(&"length") => &[40],
        _ => &[0, 1],
    };
    let all = tests
        .iter()
        .flat_map(|test| edges.iter().map(|edge| insn(field, *test, 0, *edge)));
    all.collect()
}

/// Pairs of targets for both instructions, right and wrong ones.
fn targets() -> Vec<[(u32, u32); 2]> {
    let first = [ACCEPT, REJECT, 1, 0, 2, 0x7FFD];
    let second = [ACCEPT, REJECT, 1, 2];
    let pairs = |targets: &[u32]| -> Vec<(u32, u32)> {
        targets
            .iter()
            .flat_map(|s| targets.iter().map(|f| (*s, *f)))
            .collect()
    };
    let mut all = Vec::new();
    for a in pairs(&first) {
        // A wrong target in both instructions says no more than in one.
        let wrong = [a.0, a.1].iter().any(|t| matches!(t, 0 | 2 | 0x7FFD));
        let second: &[u32] = if wrong { &[ACCEPT, REJECT] } else { &second };
        all.extend(pairs(second).into_iter().map(|b| [a, b]));
    }
    all
}

/// Fields of each kind: constant, flag, event, number, wide, signed, data.
const KINDS: [u32; 12] = [0, 2, 5, 8, 18, 21, 39, 61, 69, 70, 71, 81];

#[test]
fn every_program_of_two_instructions_agrees_with_the_driver_check() {
    let cases = vectors::cases_by_layer();
    let targets = targets();
    let mut totals = [0; 4];
    for layer in Layer::ALL {
        let mut judge = Judge::new(layer, &cases[usize::from(layer.as_u8())]);
        // One instruction: everything about it, on all numbers of fields.
        for field in (0..=86).chain([87, 127, 2047]) {
            for test in tests_of(field) {
                for (success, failure) in [(ACCEPT, REJECT), (REJECT, ACCEPT)] {
                    judge.judge(&[with_targets(test, success, failure)]);
                }
            }
            for test in few_tests_of(field, &[0, 5, 31]) {
                for success in [ACCEPT, REJECT, 0, 1, 0x7FFD, 0x8000, 0xFFFF] {
                    for failure in [ACCEPT, REJECT, 0, 1, 0x7FFD, 0x8000, 0xFFFF] {
                        judge.judge(&[with_targets(test, success, failure)]);
                    }
                }
            }
        }
        // Two: every field beside every field, one test of each.
        let singles: Vec<RawInsn> = (0..=86).map(|field| few_tests_of(field, &[1])[0]).collect();
        for a in &singles {
            for b in &singles {
                for (success, failure) in [(ACCEPT, 1), (1, REJECT), (1, 1)] {
                    let a = with_targets(*a, success, failure);
                    judge.judge(&[a, with_targets(*b, ACCEPT, REJECT)]);
                }
            }
        }
        // Two: every kind of field, with every comparison and target.
        let all: Vec<RawInsn> = KINDS
            .iter()
            .flat_map(|f| few_tests_of(*f, &[0, 1, 2, 5]))
            .collect();
        for a in &all {
            for b in all.iter().step_by(3) {
                for [ta, tb] in &targets {
                    judge.judge(&[with_targets(*a, ta.0, ta.1), with_targets(*b, tb.0, tb.1)]);
                }
            }
        }
        println!(
            "{layer}: {} programs, {} accepted, {} runs, {} matched",
            judge.programs, judge.accepted, judge.runs, judge.matches
        );
        assert!(judge.accepted > 10_000 && judge.programs > 2 * judge.accepted);
        assert!(judge.runs / 10 < judge.matches && judge.matches < judge.runs / 10 * 9);
        let counts = [judge.programs, judge.accepted, judge.runs, judge.matches];
        totals
            .iter_mut()
            .zip(counts)
            .for_each(|(total, count)| *total += count);
    }
    let [programs, accepted, runs, matches] = totals;
    println!("{programs} programs, {accepted} accepted, {runs} runs, {matches} matched");
    assert_eq!(runs, accepted * SCENES as u64);
    assert!(programs > 1_500_000 && accepted > 200_000);
}

#[test]
fn neither_no_instruction_nor_half_of_one_is_a_program() {
    let insn = raw::encode(&with_targets(insn(8, 1, 0, 0), ACCEPT, REJECT));
    let program = insn.repeat(256);
    let mut accepted = Vec::new();
    for len in 0..=program.len() {
        let storage = vec![EMPTY; MAX_STOCK_CELLS];
        if Program::verify_bytes(&program[..len], Layer::Network, storage).is_ok() {
            accepted.push(len);
        }
    }
    let expect: Vec<usize> = (1..=255).map(|count| count * insn.len()).collect();
    println!("{} lengths accepted", accepted.len());
    assert_eq!(accepted, expect);
}

/// A filter for every field that packets have, and for data at many offsets.
fn probes() -> Vec<String> {
    let at_network = |(id, name): &(usize, &&str)| {
        *name != &"zero" && !matches!(id, 60 | 66..=69) && !is_data(*id as u32)
    };
    let plain = FIELDS
        .iter()
        .enumerate()
        .filter(at_network)
        .map(|(_, name)| match *name {
            "ip.SrcAddr" | "ip.DstAddr" => format!("{name} >= 10.0.0.5"),
            "length" => format!("{name} >= 41"),
            name if name.contains('.') || name.contains("Port") => format!("{name} != 1"),
            name => format!("{name} > 0"),
        });
    let offsets = [0, 1, 3, 19, 20, 39, 53, -1, -2, -4, -20, -21, 65531];
    let data = FIELDS[71..=79].iter().flat_map(|name| {
        offsets
            .iter()
            .map(move |at| format!("{name}[{at}b] != 0x45 or {name}[{at}b] = 0x45"))
    });
    let data = data.filter(|text| Compiler::new().compile(text).is_ok());
    plain.chain(data).collect()
}

#[test]
fn every_packet_cut_at_every_length_is_survived() {
    let probes: Vec<_> = probes()
        .into_iter()
        .map(|text| {
            let filter = Compiler::new()
                .dialect(Dialect::WinDivert22)
                .compile(&text)
                .unwrap();
            (
                filter,
                Oracle::new(&text, Layer::Network, Dialect::WinDivert22).unwrap(),
            )
        })
        .collect();
    let (mut cuts, mut parsed, mut verdicts) = (0, 0, 0);
    let cases = vectors::cases();
    for packet in cases.iter().filter_map(|case| case.packet.as_deref()) {
        // What lies behind all headers is cut in few places only.
        let lengths = (0..=packet.len()).filter(|len| *len <= 160 || len % 97 == 0);
        for len in lengths.chain([packet.len()]) {
            // A copy of its own, so that tools that watch memory see an
            // access beyond its end.
            let cut: Box<[u8]> = packet[..len].into();
            cuts += 1;
            let theirs = oracle::parse(&cut);
            let ours = Headers::parse(&*cut);
            assert_eq!(ours.is_some(), theirs.is_some(), "{cut:02x?}");
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                continue;
            };
            assert_eq!(
                (
                    ours.protocol(),
                    ours.is_fragment(),
                    ours.payload_offset(),
                    ours.payload_len()
                ),
                (
                    theirs.protocol,
                    theirs.fragment,
                    theirs.payload_at,
                    theirs.end - theirs.payload_at
                ),
                "{cut:02x?}"
            );
            parsed += 1;
            let event = Event {
                ipv6: theirs.v6,
                outbound: len % 2 == 0,
                ..Event::default()
            };
            for (filter, oracle) in probes.iter().skip(len % 7).step_by(7) {
                let expect = oracle.matches(Some(&cut), &event).ok();
                let verdict = filter.evaluate(Some(&*cut), &event).ok();
                assert_eq!(verdict, expect, "{} on {cut:02x?}", filter.source());
                verdicts += 1;
            }
        }
    }
    println!(
        "{cuts} cuts, {parsed} of them packets, {} filters, {verdicts} verdicts",
        probes.len()
    );
    assert!(cuts > 14_000 && parsed > 8_000 && verdicts > 200_000);
}

/// All trees of up to three tests, and some of four; all of those are for the
/// example `differential`.
#[test]
fn every_small_tree_of_tests_means_what_its_parts_say() {
    let counts = trees::compare(4, 16);
    println!("{counts}");
    let (one, two, three) = (8, 2 * 8 * 8, 4 * 8 * (2 * 8 * 8) + 8 * 8 * 8);
    let four = 4 * 8 * three + 2 * two * two + 3 * 8 * 8 * two;
    assert_eq!(counts.trees, one + two + three + four / 16);
}
