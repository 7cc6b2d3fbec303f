//! Divert bytecode against the plain interpreter, and against nonsense.

use divert_testkit::generators::{self, Source, random_bytes, scene};
use divert_vm::bytecode::{self, Base, Class, DataBase, EMPTY, Load, Next, Node, Probe, Test};
use divert_vm::bytecode::{HEADER_CELLS, MAX_STOCK_CELLS, cells_for};
use divert_vm::isa::limits::{MAX_BODY_CELLS, MAX_NODES, MAX_TABLE_BOUNDS, MAX_USER_INSNS};
use divert_vm::packet::{Headers, Transport};
use divert_vm::{
    Cell, Event, Field, Insn, Layer, Program, VerifyErrorKind, evaluate, execute, execute_batch,
    trace,
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

/// A second interpreter of images, as plain as can be.
struct Plain<'a> {
    cells: &'a [Cell],
    layer: Layer,
    packet: &'a [u8],
    event: &'a Event,
}

impl Plain<'_> {
    fn body(&self) -> &[Cell] {
        &self.cells[HEADER_CELLS..]
    }

    fn headers(&self) -> Option<Headers> {
        Headers::parse(self.packet).filter(|_| self.layer.has_packets())
    }

    fn verdict(&self) -> bool {
        let headers = self.headers();
        let version = headers.map(|h| h.version());
        let transport = headers.map_or(Transport::None, |h| h.transport());
        let class = Class::of(version, transport, self.event.outbound);
        let mut here = Next(self.cells[1..].as_flattened()[class.index()]);
        while here.verdict().is_none() {
            here = self.step(&Node::decode(&self.body()[here.0 as usize]).unwrap());
        }
        here == Next::ACCEPT
    }

    fn step(&self, node: &Node) -> Next {
        match *node {
            Node::Branch {
                load,
                test,
                yes,
                no,
                absent,
            } => match self.value(load) {
                Some(value) if self.passes(value, test) => yes,
                Some(_) => no,
                None => absent,
            },
            Node::Truth {
                tests,
                count,
                table,
                yes,
                no,
            } => {
                let words = &self.body().as_flattened()[tests as usize * 8..];
                let mut row = 0;
                for bit in 0..usize::from(count) {
                    let [head, mask, low, span] = words[bit * 4..bit * 4 + 4] else {
                        unreachable!()
                    };
                    let [_, base, offset, shift] = head.to_le_bytes();
                    let base = Base::from_u8(base).unwrap();
                    let load = Load::Word {
                        base,
                        offset,
                        shift,
                        mask,
                    };
                    let value = self.value(load);
                    if value.is_some_and(|v| self.passes(v, Test::Range { low, span })) {
                        row |= 1 << bit;
                    }
                }
                if table >> row & 1 == 1 { yes } else { no }
            }
        }
    }

    fn passes(&self, value: u128, test: Test) -> bool {
        let words = self.body().as_flattened();
        let wide = |at: u32| {
            let words = words[at as usize * 4..].first_chunk::<4>().unwrap();
            words
                .iter()
                .rev()
                .fold(0_u128, |wide, word| wide << 32 | u128::from(*word))
        };
        match test {
            Test::Range { low, span } => {
                let reach = (value as u32).wrapping_sub(low);
                reach <= span
            }
            Test::Table { start, len } => {
                let bounds = &words[start as usize..][..len as usize];
                bounds.iter().filter(|b| u128::from(**b) <= value).count() % 2 == 1
            }
            Test::Wide { cell } => (wide(cell * 2)..=wide(cell * 2 + 1)).contains(&value),
            Test::WideTable { cell, len } => {
                let bounds = (0..len).filter(|at| wide(cell * 2 + at) <= value);
                bounds.count() % 2 == 1
            }
        }
    }

    fn value(&self, load: Load) -> Option<u128> {
        match load {
            Load::Word {
                base,
                offset,
                shift,
                mask,
            } => Some((self.word(base, offset.into())? >> shift & mask).into()),
            Load::Data {
                base,
                width,
                offset,
            } => {
                use Field::*;
                let fields = match base {
                    DataBase::Packet => [Packet, Packet16, Packet32],
                    DataBase::Tcp => [TcpPayload, TcpPayload16, TcpPayload32],
                    DataBase::Udp => [UdpPayload, UdpPayload16, UdpPayload32],
                };
                self.field(fields[usize::from(width) / 2], offset)
            }
            Load::Field(field) => self.field(field, 0),
        }
    }

    fn word(&self, base: Base, offset: usize) -> Option<u32> {
        use Field::*;
        let booleans = [
            Outbound, Inbound, Loopback, Impostor, Ip, Ipv6, Icmp, Icmpv6, Tcp, Udp,
        ];
        let name = match base {
            Base::Status => {
                let bits = booleans.iter().enumerate();
                return Some(bits.fold(0, |word, (bit, field)| {
                    word | u32::from(self.field(*field, 0) == Some(1)) << bit
                }));
            }
            Base::Ip => Ip,
            Base::Ipv6 => Ipv6,
            Base::Icmp => Icmp,
            Base::Icmpv6 => Icmpv6,
            Base::Tcp => Tcp,
            Base::Udp => Udp,
        };
        if self.field(name, 0) != Some(1) {
            return None;
        }
        let start = match base {
            Base::Ip | Base::Ipv6 => 0,
            _ => self.headers()?.transport_offset()?,
        };
        let bytes = self.packet[start + offset..].first_chunk().unwrap();
        Some(u32::from_be_bytes(*bytes))
    }

    /// The value that a test of the field sees, by the stock algorithm.
    fn field(&self, field: Field, offset: i32) -> Option<u128> {
        let mut insn = Insn {
            field,
            ..Insn::ALWAYS
        };
        insn.args[1] = offset.cast_unsigned();
        let mut value = None;
        trace(&[insn], self.layer, self.packet, self.event, |step| {
            value = step.value;
        });
        value
    }
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

/// Cells of constants in an image: tests of truth tables, then rising words.
const TESTS: u32 = 2;
const TABLES: u32 = 3;

/// A random node, mostly a sensible one.
fn node(source: &mut Source<'_>, layer: Layer, at: u32, nodes: u32) -> Node {
    let mut next = || match source.below(4) {
        0 => Next::ACCEPT,
        1 => Next::REJECT,
        _ => match at + 1 + source.below(3) as u32 {
            ahead if ahead < nodes => Next(ahead),
            _ => Next::ACCEPT,
        },
    };
    let (yes, no, absent) = (next(), next(), next());
    if source.one_in(4) {
        let count = source.below(4) as u8 + 1;
        return Node::Truth {
            tests: nodes,
            count,
            table: u16::from(source.byte()) & ((1_u32 << (1 << count)) - 1) as u16,
            yes,
            no,
        };
    }
    let field = source.pick(&Field::ALL);
    let load = if source.one_in(4) {
        Load::Data {
            base: source.pick(&[DataBase::Packet, DataBase::Tcp, DataBase::Udp]),
            width: source.pick(&[1, 2, 4]),
            offset: i32::from(source.byte()) - 128,
        }
    } else if field.layers().contains(layer) {
        Load::of(field, 0)
    } else {
        Load::of(Field::Timestamp, 0)
    };
    let cell = nodes + TESTS;
    let some = |source: &mut Source<'_>, most: u32| 1 + source.below(most as usize) as u32;
    let test = match (load.is_wide(), source.one_in(2)) {
        (false, false) => Test::Range {
            low: source.byte().into(),
            span: source.byte().into(),
        },
        (false, true) => Test::Table {
            start: cell * 8,
            len: some(source, TABLES * 8),
        },
        (true, false) => Test::Wide { cell },
        (true, true) => Test::WideTable {
            cell,
            len: some(source, TABLES * 2),
        },
    };
    Node::Branch {
        load,
        test,
        yes,
        no,
        absent,
    }
}

fn image(source: &mut Source<'_>) -> Vec<Cell> {
    let layer = if source.one_in(4) {
        generators::layer(source)
    } else {
        Layer::Network
    };
    let nodes = source.below(5) as u32;
    let targets = [0; Class::COUNT].map(|_| match source.below(4) {
        0 => Next::ACCEPT,
        1 => Next::REJECT,
        _ if nodes == 0 => Next::ACCEPT,
        _ => Next(source.below(nodes as usize) as u32),
    });
    let body = nodes + TESTS + TABLES;
    let mut cells = bytecode::header(layer, nodes, body, &targets).to_vec();
    for at in 0..nodes {
        cells.push(node(source, layer, at, nodes).encode());
    }
    let status = source.one_in(3);
    let probe = |_| Probe {
        base: match status {
            true => source.pick(&Base::ALL),
            false => source.pick(&Base::ALL[1..]),
        },
        offset: 0,
        shift: 0,
        mask: 1 << source.below(3),
        low: source.below(2) as u32,
        span: 1,
    };
    cells.extend(Probe::encode(&[0; 4].map(probe)));
    let first = u32::from(source.byte());
    let rising: Vec<u32> = (0..TABLES * 8).map(|at| first + at * at).collect();
    cells.extend_from_slice(rising.as_chunks().0);
    cells
}

#[test]
fn whatever_is_accepted_means_what_it_says() {
    let (mut accepted, mut refused, mut matches) = (0_u64, 0_u64, 0_u64);
    for seed in 0..20_000 {
        let choices = random_bytes(seed ^ 0xB17E << 32, 2000);
        let mut source = Source::new(&choices);
        let mut cells = image(&mut source);
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
