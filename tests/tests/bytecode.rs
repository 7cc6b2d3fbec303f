//! Divert bytecode against the plain interpreter, and against nonsense.

use divert_testkit::generators::{self, Source, random_bytes, scene};
use divert_testkit::plain::Plain;
use divert_vm::bytecode::{self, Base, Class, DataBase, EMPTY, Load, Next, Node, Test};
use divert_vm::bytecode::{HEADER_CELLS, MAX_STOCK_CELLS, cells_for};
use divert_vm::isa::limits::{MAX_BODY_CELLS, MAX_NODES, MAX_TABLE_BOUNDS, MAX_USER_INSNS};
use divert_vm::{
    Cell, Event, Field, Layer, Program, VerifyErrorKind, evaluate, execute, execute_batch, trace,
};

fn bytes(cells: &[Cell]) -> Vec<u8> {
    cells.iter().flat_map(bytecode::to_bytes).collect()
}

/// Executes on a few packets, alone and together, with the same verdicts;
/// gives packets, events and verdicts.
fn run(program: &Program<Vec<Cell>>, source: &mut Source<'_>) -> Vec<(Vec<u8>, Event, bool)> {
    let layer = program.layer();
    let scenes: Vec<_> = (0..20).map(|_| scene(source, layer)).collect();
    let packets: Vec<&[u8]> = scenes
        .iter()
        .map(|(packet, _)| packet.as_deref().unwrap_or_default())
        .collect();
    let events: Vec<Event> = scenes.iter().map(|(_, event)| *event).collect();
    let mut verdicts = vec![false; packets.len()];
    execute_batch(program, &packets, &events, &mut verdicts);
    for ((packet, event), verdict) in packets.iter().zip(&events).zip(&verdicts) {
        assert_eq!(execute(program, *packet, event), *verdict);
        if let Ok(evaluated) = evaluate(program, Some(*packet), event) {
            assert_eq!(evaluated, *verdict);
        }
    }
    let packets = packets.into_iter().map(<[u8]>::to_vec);
    packets
        .zip(events)
        .zip(verdicts)
        .map(|((p, e), v)| (p, e, v))
        .collect()
}

#[test]
fn lowered_programs_mean_what_the_instructions_mean() {
    let (mut runs, mut matches, mut decoded) = (0, 0, 0);
    for seed in 0..4000 {
        let choices = random_bytes(seed, 3000);
        let mut source = Source::new(&choices);
        let layer = generators::layer(&mut source);
        let insns = generators::program(&mut source, layer);
        let storage = vec![EMPTY; cells_for(insns.len())];
        let program = Program::load(&insns, layer, storage).unwrap();
        let again = Program::decode(
            &bytes(program.cells()),
            vec![EMPTY; cells_for(MAX_USER_INSNS)],
        );
        let has_fault = insns
            .iter()
            .any(|insn| !insn.field.layers().contains(layer));
        assert_eq!(again.is_err(), has_fault, "{layer}: {insns:?}: {again:?}");
        decoded += u64::from(!has_fault);
        for _ in 0..8 {
            let (packet, event) = scene(&mut source, layer);
            let packet = packet.unwrap_or_default();
            let expect = trace(&insns, layer, &packet[..], &event, |_| {});
            let what = format!("{layer}: {insns:?}, {event:?}, {packet:02x?}");
            assert_eq!(execute(&program, &packet[..], &event), expect, "{what}");
            if let Ok(again) = &again {
                assert_eq!(execute(again, &packet[..], &event), expect, "{what}");
            }
            runs += 1;
            matches += u64::from(expect);
        }
        run(&program, &mut source);
    }
    println!("{runs} executions, {matches} matches, {decoded} programs decoded");
    assert!(matches > runs / 10 && decoded > 2000);
}

#[test]
fn whatever_is_accepted_means_what_it_says() {
    let (mut accepted, mut refused, mut matches) = (0_u64, 0_u64, 0_u64);
    for seed in 0..20_000 {
        let choices = random_bytes(seed ^ 0xB17E << 32, 2000);
        let mut source = Source::new(&choices);
        let mut cells = generators::image(&mut source);
        let damage = if source.one_in(2) { source.below(3) } else { 0 };
        for _ in 0..damage {
            let at = source.below(cells.len());
            let word = source.below(8);
            cells[at][word] ^= 1 << source.below(32);
        }
        let wire = bytes(&cells);
        let decoded = Program::decode(&wire, vec![EMPTY; 64]);
        let in_place = Program::from_cells(cells);
        let errors = (decoded.as_ref().err(), in_place.as_ref().err());
        assert_eq!(errors.0, errors.1);
        match decoded {
            Ok(program) => {
                accepted += 1;
                for (packet, event, verdict) in run(&program, &mut source) {
                    let plain = Plain {
                        cells: program.cells(),
                        layer: program.layer(),
                        packet: &packet,
                        event: &event,
                    };
                    let what = format!("{:08x?}, {event:?}, {packet:02x?}", program.cells());
                    assert_eq!(verdict, plain.verdict(), "{what}");
                    matches += u64::from(verdict);
                }
            }
            Err(_) => refused += 1,
        }
    }
    println!("{accepted} accepted, {refused} refused, {matches} matches");
    assert!(accepted > 2000 && refused > 2000 && matches > 20_000);
}

#[test]
fn random_bytes_are_refused_without_a_panic() {
    for seed in 0..20_000 {
        let raw = random_bytes(seed, 32 * (seed as usize % 9) + seed as usize % 3);
        assert!(Program::decode(&raw, vec![EMPTY; 16]).is_err());
    }
    let small = Program::decode(&[0; 64], vec![EMPTY; 1]).unwrap_err();
    assert_eq!(small.kind, VerifyErrorKind::Storage);
}

#[test]
fn constant_programs_read_no_packet() {
    struct Untouchable;
    impl divert_vm::packet::Source for Untouchable {
        fn len(&self) -> usize {
            panic!("read")
        }
        fn read<const N: usize>(&self, _: usize) -> Option<[u8; N]> {
            panic!("read")
        }
    }
    for verdict in [Next::ACCEPT, Next::REJECT] {
        let entries = [verdict; Class::COUNT];
        let program =
            Program::from_cells(bytecode::header(Layer::Network, 0, 0, &entries)).unwrap();
        let expect = verdict == Next::ACCEPT;
        for event in [Event::inbound(), Event::outbound()] {
            assert_eq!(execute(&program, &Untouchable, &event), expect);
            let mut verdicts = [!expect];
            execute_batch(&program, &[Untouchable], &[event], &mut verdicts);
            assert_eq!(verdicts, [expect]);
        }
    }
}

/// The numbers in the description are those in the code.
#[test]
fn the_description_has_the_numbers_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bytecode.md");
    let text = std::fs::read_to_string(path).unwrap();
    let grouped = |number: u32| {
        let digits = number.to_string();
        let groups: Vec<&str> = digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .map(|group| std::str::from_utf8(group).unwrap())
            .collect();
        groups.join(",")
    };
    let has = |line: String| assert!(text.contains(&line), "no line {line:?}");
    has(format!("| nodes | {} |", grouped(MAX_NODES)));
    has(format!(
        "| cells of the body | {} |",
        grouped(MAX_BODY_CELLS)
    ));
    has(format!(
        "| bounds of all tables | {} |",
        grouped(MAX_TABLE_BOUNDS)
    ));
    has(format!("| cells before the body | {HEADER_CELLS} |"));
    has(format!(
        "| cells for 255 instructions | {MAX_STOCK_CELLS} |"
    ));
    has(format!("| magic | {:#010x} |", bytecode::MAGIC));
    has(format!("| version | {} |", bytecode::VERSION));
    has(format!("| `ACCEPT` | {:#010x} |", Next::ACCEPT.0));
    has(format!("| `REJECT` | {:#010x} |", Next::REJECT.0));
    for base in Base::ALL {
        has(format!("| {} | {base:?} | {} |", base.as_u8(), base.len()));
    }
    for base in [DataBase::Packet, DataBase::Tcp, DataBase::Udp] {
        has(format!("| {} | {base:?} |", base.as_u8()));
    }
    for class in Class::ALL {
        let version = class
            .version()
            .map_or("none".to_owned(), |v| format!("{v:?}"));
        let way = if class.outbound() { "out" } else { "in" };
        let (index, transport) = (class.index(), class.transport());
        has(format!("| {index} | {version} | {transport:?} | {way} |"));
    }
    let first_byte = |load, test| {
        let (yes, no, absent) = (Next::ACCEPT, Next::REJECT, Next::REJECT);
        let node = Node::Branch {
            load,
            test,
            yes,
            no,
            absent,
        };
        node.encode()[0] & 0xFF
    };
    let range = Test::Range { low: 0, span: 0 };
    let status = Load::of(Field::Outbound, 0);
    for (name, load) in [
        ("`Word` of a header", Load::of(Field::TcpDstPort, 0)),
        ("`Data`", Load::of(Field::Packet, 0)),
        ("`Field`", Load::of(Field::Length, 0)),
        ("`Word` of `Status`", status),
    ] {
        has(format!("| {} | {name} |", first_byte(load, range)));
    }
    for (name, test) in [
        ("Range", range),
        ("Table", Test::Table { start: 0, len: 0 }),
        ("Wide", Test::Wide { cell: 0 }),
        ("WideTable", Test::WideTable { cell: 0, len: 0 }),
    ] {
        let number = first_byte(Load::of(Field::TcpDstPort, 0), test) >> 4;
        has(format!("| {number} | `{name}` |"));
    }
    for kind in 11..=23 {
        assert!(
            text.contains(&format!("| B{} |", kind - 10)),
            "B{}",
            kind - 10
        );
    }
}
