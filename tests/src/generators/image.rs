//! Images of divert bytecode.

use divert_vm::bytecode::{self, Base, Class, DataBase, Load, Next, Node, Probe, Test};
use divert_vm::{Cell, Field, Layer};

use super::{Source, layer};

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

/// An image that is well-formed, or nearly so.
pub fn image(source: &mut Source<'_>) -> Vec<Cell> {
    let layer = if source.one_in(4) {
        layer(source)
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
