//! What must hold for any input: the bodies of the fuzz targets.
//!
//! Each takes any bytes, and panics where something is wrong.

use divert_compiler::diag::{Code, Severity};
use divert_compiler::equiv::{Comparison, Side, compare};
use divert_compiler::graph::{Graph, Subject};
use divert_compiler::opt::PASSES;
use divert_compiler::{Compiler, Diagnostics, Dialect, Event, Filter, Layer, OptLevel};
use divert_grammar::{parse as parse_text, print};
use divert_vm::bytecode::{EMPTY, MAX_STOCK_CELLS, cells_for};
use divert_vm::checksum::{self, ChecksumFlags};
use divert_vm::isa::limits::{MAX_INSNS, MAX_USER_INSNS};
use divert_vm::object::{self, Object};
use divert_vm::packet::{Headers, Transport};
use divert_vm::{Insn, Program, decrement_ttl, execute as run, header_hash, packet_hash, trace};

use crate::generators::{self, Source, can_occur, mutated, scene};
use crate::meaning;
use crate::oracle::raw::{self, Scene};
use crate::oracle::{self, Oracle};
use crate::plain::Plain;
use crate::vectors::RawInsn;

/// A check of any bytes.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target.
pub const ALL: [(&str, Check); 9] = [
    ("parse", parse),
    ("compile", compile),
    ("object", object),
    ("execute", execute),
    ("packet", packet),
    ("differential", differential),
    ("verify", verify),
    ("passes", passes),
    ("diff", diff),
];

/// Any text parses to a tree that lies within it, and what is printed of a
/// tree without holes parses to the same tree.
pub fn parse(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parsed = parse_text(text);
    let inside = |span: divert_grammar::Span| text.get(span.range()).is_some();
    for error in &parsed.errors {
        assert!(inside(error.span), "{error:?} in {text:?}");
    }
    for (id, expr) in parsed.ast.iter() {
        assert!(inside(expr.span), "{:?} in {text:?}", expr.kind);
        assert!(id <= parsed.ast.root());
    }
    let printed = print(&parsed.ast, text);
    if !parsed.errors.is_empty() {
        return;
    }
    let again = parse_text(&printed);
    assert!(again.errors.is_empty(), "{text:?} printed as {printed:?}");
    assert!(
        again.ast.same_shape(&printed, &parsed.ast, text),
        "{text:?} printed as {printed:?}"
    );
    assert_eq!(
        print(&again.ast, &printed),
        printed,
        "printing {text:?} twice"
    );
}

/// Any text compiles or is refused with a reason, at every layer and in both
/// dialects; what is accepted loads again, and means what the oracle says.
pub fn compile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for layer in Layer::ALL {
        let compile = |dialect| Compiler::new().layer(layer).dialect(dialect).compile(text);
        let [divert, reference] = Dialect::ALL.map(compile);
        let optimised = Dialect::ALL.map(|dialect| {
            let compiler = Compiler::new().layer(layer).dialect(dialect);
            compiler.opt_level(OptLevel::O1).compile(text)
        });
        if let Err(error) = &reference {
            assert!(error.reference_error().is_some(), "{text:?}");
        }
        if let (Ok(reference), Err(error)) = (&reference, &divert) {
            let has = |code| error.iter().any(|diagnostic| diagnostic.code == code);
            // What makes up for these quirks takes more than one instruction.
            let grows = has(Code::IpAtFlow) || has(Code::FlowLabel);
            let is_long = reference.instructions().len() > MAX_INSNS || grows;
            assert!(
                has(Code::TooManyInsns) && is_long,
                "{layer}: {text:?} only in 2.2: {error}"
            );
        }
        for filter in optimised.iter().flatten() {
            accepted(filter, data);
        }
        for outcome in [divert, reference] {
            match outcome {
                Ok(filter) => accepted(&filter, data),
                Err(error) => refused(text, &error),
            }
        }
    }
}

fn refused(text: &str, error: &Diagnostics) {
    assert!(
        error
            .first()
            .is_some_and(|first| first.severity == Severity::Error),
        "{text:?}"
    );
    for diagnostic in error {
        assert!(!diagnostic.message.is_empty(), "{text:?}");
        assert!(
            text.get(diagnostic.span.range()).is_some(),
            "{diagnostic:?} in {text:?}"
        );
        for label in &diagnostic.labels {
            assert!(
                text.get(label.span.range()).is_some(),
                "{label:?} in {text:?}"
            );
        }
        if let Some(suggestion) = &diagnostic.suggestion {
            // Whatever it says, taking it must be possible.
            let _ = suggestion.apply(text);
        }
    }
}

fn accepted(filter: &Filter, data: &[u8]) {
    let text = filter.source();
    let (layer, dialect) = (filter.layer(), filter.dialect());
    let count = filter.instructions().len();
    assert!((1..=MAX_USER_INSNS).contains(&count), "{text:?}");
    assert_eq!(filter.spans().len(), count, "{text:?}");
    let is_object = text.starts_with(object::MARK);
    if dialect == Dialect::Divert && !is_object {
        assert!(
            filter.driver_accepts(),
            "{layer}: {text:?}: {:?}",
            filter.verify()
        );
    }
    let compiler = Compiler::new().layer(layer).dialect(dialect);
    let compiler = compiler.opt_level(OptLevel::O0);
    let object = filter.object();
    if count <= MAX_INSNS {
        let again = compiler
            .compile(&object)
            .unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(again.object(), object, "{text:?}");
        if filter.driver_accepts() {
            assert_eq!(again.instructions(), filter.instructions(), "{text:?}");
        }
    }
    if is_object {
        return;
    }
    let oracle = Oracle::new(text, layer, dialect);
    let oracle = oracle.unwrap_or_else(|| panic!("{dialect}, {layer}: {text:?} means nothing"));
    for (packet, event) in scenes_for(data, layer, 4) {
        agree(filter, &oracle, packet.as_deref(), &event);
    }
}

/// Scenes that depend on the data only, so that a crash can be repeated.
fn scenes_for(
    data: &[u8],
    layer: Layer,
    count: u64,
) -> impl Iterator<Item = (Option<Vec<u8>>, Event)> {
    let seed = data
        .iter()
        .fold(0, |seed: u64, byte| seed.rotate_left(7) ^ u64::from(*byte));
    (0..count).map(move |at| {
        let bytes = generators::random_bytes(seed ^ at << 60, 256);
        scene(&mut Source::new(&bytes), layer)
    })
}

#[track_caller]
fn agree(filter: &Filter, oracle: &Oracle, packet: Option<&[u8]>, event: &Event) {
    assert!(can_occur(event));
    let ours = filter.evaluate(packet, event).ok();
    let theirs = oracle.matches(packet, event).ok();
    let (dialect, text) = (filter.dialect(), filter.source());
    assert_eq!(
        ours, theirs,
        "{dialect}: {text:?}, {event:?}, packet {packet:02x?}"
    );
    if let Some(expect) = theirs {
        let packet = packet.unwrap_or_default();
        let stock = trace(filter.instructions(), filter.layer(), packet, event, |_| {});
        assert_eq!(
            stock, expect,
            "object of {text:?}, {event:?}, {packet:02x?}"
        );
    }
}

/// Any bytes are an object or are not; an object loads, and is written again
/// in a form that reads as the same.
pub fn object(data: &[u8]) {
    let mut insns = [Insn::NEVER; MAX_USER_INSNS];
    let decoded = object::decode(data, &mut insns);
    if let Ok(text) = std::str::from_utf8(data)
        && text.starts_with(object::MARK)
    {
        let compiled = Compiler::new().compile(text);
        assert_eq!(compiled.is_ok(), decoded.is_ok(), "{text:?}");
    }
    let len = match decoded {
        Ok(len) => len,
        Err(error) => return assert!(error.at <= data.len(), "{error:?} of {data:02x?}"),
    };
    let insns = &insns[..len];
    for layer in Layer::ALL {
        let storage = vec![EMPTY; cells_for(len)];
        let program = Program::load(insns, layer, storage).expect("objects are well-formed");
        let (event, mut steps) = (Event::new(layer), 0);
        let verdict = trace(insns, layer, data, &event, |_| steps += 1);
        assert_eq!(run(&program, data, &event), verdict, "{layer}: {insns:?}");
        // A field of another layer ends it before the first step.
        assert!(steps <= len);
    }
    if len > MAX_INSNS {
        return;
    }
    let written = Object(insns).to_string();
    let mut again = [Insn::NEVER; MAX_USER_INSNS];
    assert_eq!(object::decode(written.as_bytes(), &mut again), Ok(len));
    assert_eq!(&again[..len], insns, "{written}");
}

/// Any bytes are a program or are not, as the stock driver sees it; and a
/// program does on any packet what the stock interpreter does.
pub fn execute(data: &[u8]) {
    let mut source = Source::new(data);
    let layer = generators::layer(&mut source);
    let bytes = if source.one_in(2) {
        let (packet_part, program) = data.split_at(data.len() / 2);
        source = Source::new(packet_part);
        program.to_vec()
    } else {
        generators::raw_program(&mut source, layer)
    };
    let (packet, event) = scene(&mut source, layer);
    let (records, rest) = bytes.as_chunks::<24>();
    let insns: Vec<RawInsn> = records.iter().map(raw::decode).collect();
    let accepts = rest.is_empty() && raw::driver_accepts(&insns, layer);
    let program = Program::verify_bytes(&bytes, layer, vec![EMPTY; MAX_STOCK_CELLS]);
    assert_eq!(program.is_ok(), accepts, "{layer}: {insns:?}: {program:?}");
    let (Ok(program), Some(scene)) = (program, Scene::new(packet.as_deref(), &event)) else {
        return;
    };
    let mut steps = 0;
    let packet = packet.as_deref().unwrap_or_default();
    let decoded: Vec<Insn> = records
        .iter()
        .map(Insn::decode)
        .map(Result::unwrap)
        .collect();
    let verdict = trace(&decoded, layer, packet, &event, |_| steps += 1);
    assert_eq!(
        (verdict, steps),
        scene.run(&insns),
        "{layer}: {insns:?}, {event:?}, {packet:02x?}"
    );
    assert_eq!(
        run(&program, packet, &event),
        verdict,
        "{layer}: {insns:?}, {event:?}, {packet:02x?}"
    );
}

/// Any bytes are a packet or are not; the helpers agree with each other and
/// with the oracle on what is in it.
pub fn packet(data: &[u8]) {
    let headers = Headers::parse(data);
    let parsed = oracle::parse(data);
    assert_eq!(headers.is_some(), parsed.is_some(), "{data:02x?}");
    let mut changed = data.to_vec();
    let mut event = Event::default();
    let updated = checksum::update(&mut changed, Some(&mut event), ChecksumFlags::default());
    let (Some(headers), Some(parsed)) = (headers, parsed) else {
        assert!(!updated && changed == data);
        assert_eq!(packet_hash(data, 7), 0);
        return;
    };
    let transport = match parsed.transport {
        oracle::Transport::None => Transport::None,
        oracle::Transport::Icmp => Transport::Icmp,
        oracle::Transport::Icmpv6 => Transport::Icmpv6,
        oracle::Transport::Tcp => Transport::Tcp,
        oracle::Transport::Udp => Transport::Udp,
    };
    assert_eq!(
        (
            (
                headers.transport(),
                headers.protocol(),
                headers.is_fragment()
            ),
            (headers.payload_offset(), headers.payload_len()),
        ),
        (
            (transport, parsed.protocol, parsed.fragment),
            (parsed.payload_at, parsed.end - parsed.payload_at),
        ),
        "{data:02x?}"
    );
    let hash = oracle::hash(data, &parsed, 7);
    assert_eq!(header_hash(data, &headers, 7), hash, "{data:02x?}");
    let expect = if headers.is_truncated() { 0 } else { hash };
    assert_eq!(packet_hash(data, 7), expect, "{data:02x?}");

    // Checksums stay where they are once they are right.
    let mut again = changed.clone();
    let twice = checksum::update(&mut again, None, ChecksumFlags::default());
    assert_eq!((twice, &again), (updated, &changed), "{data:02x?}");
    assert_eq!(
        Headers::parse(&changed[..]).as_ref(),
        Some(&headers),
        "{data:02x?}"
    );
    let time_to_live = if parsed.v6 { 7 } else { 8 };
    let alive = changed[time_to_live] > 1;
    assert_eq!(decrement_ttl(&mut again), alive);
    assert_eq!(again[time_to_live], changed[time_to_live] - u8::from(alive));
}

/// Any filter means to the virtual machine what it means to the oracle.
pub fn differential(data: &[u8]) {
    let mut source = Source::new(data);
    let layer = generators::layer(&mut source);
    let dialect = source.pick(&Dialect::ALL);
    let scenes: Vec<_> = (0..4).map(|_| scene(&mut source, layer)).collect();
    let text = generators::filter_text(&mut source, layer, dialect);
    let Ok(filter) = Compiler::new().layer(layer).dialect(dialect).compile(&text) else {
        return;
    };
    let Some(oracle) = Oracle::new(&text, layer, dialect) else {
        panic!("{dialect}, {layer}: {text:?} means nothing");
    };
    for (packet, event) in &scenes {
        agree(&filter, &oracle, packet.as_deref(), event);
    }
}

/// Any bytes are an image of divert bytecode or are not; one that is does on
/// any packet what a second, plain interpreter does.
pub fn verify(data: &[u8]) {
    let storage = vec![EMPTY; data.len().div_ceil(32)];
    let Ok(program) = Program::decode(data, storage) else {
        return;
    };
    let layer = program.layer();
    for (packet, event) in scenes_for(data, layer, 6) {
        let packet = packet.as_deref().unwrap_or_default();
        let plain = Plain {
            cells: program.cells(),
            layer,
            packet,
            event: &event,
        };
        assert_eq!(
            run(&program, packet, &event),
            plain.verdict(),
            "{:08x?}, {event:?}, {packet:02x?}",
            program.cells()
        );
    }
}

/// Any graph means after every pass what it meant before, and stays well
/// formed; what is printed of it reads as the same.
pub fn passes(data: &[u8]) {
    let mut source = Source::new(data);
    let layer = generators::layer(&mut source);
    let text = generators::graph_text(&mut source, layer);
    let mut graph: Graph = text.parse().unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(graph.verify(), [], "{text}");
    let subjects = meaning::subjects(&graph);
    let scenes: Vec<Vec<_>> = scenes_for(data, layer, 8)
        .map(|(packet, event)| {
            let packet = packet.as_deref().unwrap_or_default();
            let load = |subject: &Subject| meaning::load(*subject, layer, packet, &event);
            subjects.iter().map(load).collect()
        })
        .collect();
    let verdicts = |graph: &Graph| -> Vec<bool> {
        let value = |values: &[Option<u128>], subject: Subject| {
            let at = subjects.binary_search(&subject).expect("no new subject");
            values[at]
        };
        let verdict = |values: &Vec<_>| graph.eval(|subject| value(values, subject));
        scenes.iter().map(verdict).collect()
    };
    let expect = verdicts(&graph);
    for pass in PASSES.iter().chain(PASSES) {
        let before = graph.to_string();
        let again: Graph = before.parse().unwrap_or_else(|e| panic!("{e}: {before}"));
        assert_eq!(verdicts(&again), expect, "{before}");
        (pass.run)(&mut graph);
        assert_eq!(graph.verify(), [], "{} of {before}", pass.name);
        assert_eq!(verdicts(&graph), expect, "{} of {before}", pass.name);
    }
}

/// Comparing two filters never proves what some packet refutes, and claims a
/// difference only with a packet on which it is one.
pub fn diff(data: &[u8]) {
    let mut source = Source::new(data);
    let layer = generators::layer(&mut source);
    let dialect = source.pick(&Dialect::ALL);
    let compiler = Compiler::new().layer(layer).dialect(dialect);
    let first = generators::filter_text(&mut source, layer, dialect);
    let second = match source.below(3) {
        0 => format!("({first}) and ({first})"),
        1 => mutated(&mut source, &first),
        _ => generators::filter_text(&mut source, layer, dialect),
    };
    let both = [&first, &second].map(|text| compiler.compile(text).ok());
    let [Some(a), Some(b)] = both else {
        return;
    };
    let what = format!("{dialect}, {layer}: {first:?} and {second:?}");
    let (packet, event, expect) = match compare(&a, &b).expect("one layer") {
        Comparison::Undecided(_) => return,
        Comparison::Equivalent => {
            for (packet, event) in scenes_for(data, layer, 64) {
                let verdicts = [&a, &b].map(|f| f.evaluate(packet.as_deref(), &event).ok());
                assert_eq!(verdicts[0], verdicts[1], "{what}, {event:?}, {packet:02x?}");
            }
            return;
        }
        Comparison::Different(witness) => {
            let matches_a = witness.matches == Side::A;
            (witness.packet, witness.event, [matches_a, !matches_a])
        }
    };
    let packet = layer.has_packets().then_some(packet.as_slice());
    for (filter, expect) in [a, b].iter().zip(expect) {
        let verdict = filter.evaluate(packet, &event);
        assert_eq!(verdict, Ok(expect), "{what}, {event:?}, {packet:02x?}");
        let oracle = Oracle::new(filter.source(), layer, dialect).expect("a filter");
        let verdict = oracle.matches(packet, &event);
        assert_eq!(verdict, Ok(expect), "{what}, {event:?}, {packet:02x?}");
    }
}
