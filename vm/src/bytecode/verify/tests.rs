//! Each rule is needed: without it, some bad image would be accepted.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::bytecode::{EMPTY, header, wide_words};
use crate::isa::limits::MAX_NODES;
use VerifyErrorKind as Kind;

/// Nodes and constants of a good image: one node of each sort.
fn nodes() -> [Node; 5] {
    let branch = |load, test| Node::Branch {
        load,
        test,
        yes: Next::ACCEPT,
        no: Next::REJECT,
        absent: Next::REJECT,
    };
    let port = Load::of(Field::TcpDstPort, 0);
    let address = Load::of(Field::Ipv6SrcAddr, 0);
    [
        Node::Branch {
            load: port,
            test: Test::Range { low: 443, span: 0 },
            yes: Next(1),
            no: Next(2),
            absent: Next::REJECT,
        },
        branch(port, Test::Table { start: 40, len: 3 }),
        branch(address, Test::Wide { cell: 6 }),
        branch(address, Test::WideTable { cell: 7, len: 2 }),
        Node::Truth {
            tests: 8,
            count: 2,
            table: 0b1000,
            yes: Next::ACCEPT,
            no: Next::REJECT,
        },
    ]
}

fn probes() -> [Cell; 2] {
    let probe = |base, offset| Probe {
        base,
        offset,
        shift: 16,
        mask: 0xFFFF,
        low: 443,
        span: 0,
    };
    Probe::encode(&[probe(Base::Tcp, 0), probe(Base::Udp, 0)])
}

fn image(layer: Layer, nodes: &[Node], constants: &[Cell]) -> Vec<Cell> {
    let count = u32::try_from(nodes.len()).unwrap();
    let body = count + u32::try_from(constants.len()).unwrap();
    let entries = [Next(0); class::Class::COUNT];
    let head = header(layer, count, body, &entries);
    let nodes = nodes.iter().map(Node::encode);
    head.into_iter()
        .chain(nodes)
        .chain(constants.iter().copied())
        .collect()
}

fn good() -> Vec<Cell> {
    let [tests, _] = probes();
    let table = [10, 20, 30, 0, 0, 0, 0, 0];
    let constants = [table, wide_words(5, 9), wide_words(5, 9), tests];
    image(Layer::Network, &nodes(), &constants)
}

/// The good image with one word changed.
fn changed(cell: usize, word: usize, value: u32) -> Vec<Cell> {
    let mut cells = good();
    cells[cell][word] = value;
    cells
}

/// Cells of the good image.
const RANGE: usize = HEADER_CELLS;
const TABLE: usize = HEADER_CELLS + 1;
const WIDE: usize = HEADER_CELLS + 2;
const WIDE_TABLE: usize = HEADER_CELLS + 3;
const TRUTH: usize = HEADER_CELLS + 4;
const CONSTANTS: usize = HEADER_CELLS + 5;

/// A bad image for each rule, which no other rule refuses.
fn bad() -> Vec<(Kind, Vec<Cell>)> {
    let long = {
        let mut cells = good();
        cells[0][4] = MAX_BODY_CELLS + 1;
        let len = usize::try_from(MAX_BODY_CELLS).unwrap() + 1 + HEADER_CELLS;
        cells.resize(len, EMPTY);
        cells
    };
    let first = |bytes: [u8; 4]| changed(RANGE, 0, u32::from_le_bytes(bytes));
    let tcp = Base::Tcp.as_u8();
    let many = {
        let len = 65_536;
        let table = Node::Branch {
            load: Load::of(Field::TcpSeqNum, 0),
            test: Test::Table { start: 65 * 8, len },
            yes: Next::ACCEPT,
            no: Next::REJECT,
            absent: Next::REJECT,
        };
        let bounds: Vec<u32> = (0..len).collect();
        image(Layer::Network, &[table; 65], bounds.as_chunks().0)
    };
    let at_flow = |load| {
        let node = Node::Branch {
            load,
            test: Test::Range { low: 1, span: 0 },
            yes: Next::ACCEPT,
            no: Next::REJECT,
            absent: Next::REJECT,
        };
        image(Layer::Flow, &[node], &[])
    };
    vec![
        (Kind::Header, changed(0, 0, 0)),
        (Kind::Header, changed(0, 1, VERSION + 1)),
        (Kind::Header, changed(0, 2, 5)),
        (Kind::Header, changed(0, 7, 1)),
        (Kind::Counts, long),
        (Kind::Counts, [good(), vec![EMPTY]].concat()),
        (Kind::Entry, changed(1, 0, 5)),
        (Kind::Entry, changed(1, 0, Next::FAULT.0)),
        (Kind::Entry, changed(3, 7, 1)),
        (Kind::UnknownNode, first([0x40, tcp, 0, 16])),
        (Kind::UnknownNode, first([0x05, tcp, 0, 16])),
        (Kind::UnknownNode, first([0x00, 7, 0, 16])),
        (Kind::UnknownNode, first([0x02, 0, 86, 0])),
        (Kind::Reserved, changed(RANGE, 7, 1)),
        (Kind::Reserved, changed(TRUTH, 6, Next::REJECT.0)),
        (Kind::LoadPlace, first([0x00, tcp, 20, 0])),
        (Kind::LoadPlace, first([0x00, tcp, 2, 0])),
        (Kind::LoadPlace, first([0x00, tcp, 0, 32])),
        (
            Kind::LoadPlace,
            changed(RANGE, 0, u32::from_le_bytes([1, 0, 3, 0])),
        ),
        (
            Kind::LoadPlace,
            changed(CONSTANTS + 3, 0, u32::from_le_bytes([0, tcp, 20, 0])),
        ),
        (Kind::LoadLayer, at_flow(Load::of(Field::TcpDstPort, 0))),
        (Kind::LoadLayer, at_flow(Load::of(Field::Packet, 0))),
        (Kind::LoadLayer, at_flow(Load::of(Field::Impostor, 0))),
        (Kind::LoadLayer, at_flow(Load::of(Field::IfIdx, 0))),
        (Kind::TestWidth, {
            let [head, ..] = good()[WIDE];
            changed(WIDE, 0, head & !0xF0)
        }),
        (Kind::Edge, changed(RANGE, 4, 0)),
        (Kind::Edge, changed(RANGE, 5, 5)),
        (Kind::Edge, changed(TABLE, 6, Next::FAULT.0)),
        (Kind::ConstantPlace, changed(TABLE, 2, 39)),
        (Kind::ConstantPlace, changed(TABLE, 3, 33)),
        (Kind::ConstantPlace, changed(TABLE, 3, 0)),
        (Kind::ConstantPlace, changed(WIDE, 2, 9)),
        (Kind::ConstantPlace, changed(WIDE_TABLE, 2, u32::MAX)),
        (Kind::ConstantPlace, changed(TRUTH, 1, 9)),
        (Kind::ConstantOrder, changed(CONSTANTS, 1, 10)),
        (Kind::ConstantOrder, changed(CONSTANTS + 1, 0, 10)),
        (Kind::ConstantOrder, changed(CONSTANTS + 2, 0, 9)),
        (
            Kind::TruthTable,
            changed(TRUTH, 0, u32::from_le_bytes([3, 0, 0, 0])),
        ),
        (Kind::TruthTable, changed(TRUTH, 2, 0x10)),
        (
            Kind::TruthTable,
            changed(CONSTANTS + 3, 4, u32::from_le_bytes([1, 0, 1, 0])),
        ),
        (Kind::TableWork, many),
    ]
}

/// The rule whose breaking this is.
fn image_rule(kind: Kind) -> Option<ImageRule> {
    Some(match kind {
        Kind::Header => b1_header,
        Kind::Counts => b2_counts,
        Kind::Entry => b3_entries,
        Kind::TableWork => b13_tables,
        _ => return None,
    })
}

fn node_rule(kind: Kind) -> Option<NodeRule> {
    Some(match kind {
        Kind::UnknownNode => b4_known,
        Kind::Reserved => b5_reserved,
        Kind::LoadPlace => b6_place,
        Kind::LoadLayer => b7_layer,
        Kind::TestWidth => b8_width,
        Kind::Edge => b9_targets,
        Kind::ConstantPlace => b10_constants,
        Kind::ConstantOrder => b11_order,
        Kind::TruthTable => b12_truth,
        _ => return None,
    })
}

#[test]
fn a_good_image_is_accepted() {
    assert!(verify(&good()).is_ok());
    assert!(verify(&[]).is_err());
}

#[test]
fn each_rule_refuses_what_no_other_does() {
    let mut broken = Vec::new();
    for (kind, cells) in bad() {
        let error = verify(&cells).err().map(|error| error.kind);
        assert_eq!(error, Some(kind), "{:?}", cells.get(..9));
        let without = |rule: Option<usize>, other: usize| rule != Some(other);
        let image_rule = image_rule(kind).map(|rule| rule as usize);
        let node_rule = node_rule(kind).map(|rule| rule as usize);
        let image_rules: Vec<_> = IMAGE_RULES
            .into_iter()
            .filter(|r| without(image_rule, *r as usize))
            .collect();
        let node_rules: Vec<_> = NODE_RULES
            .into_iter()
            .filter(|r| without(node_rule, *r as usize))
            .collect();
        assert_eq!(image_rules.len() + node_rules.len(), 12, "{kind:?}");
        let accepted = verify_by(&cells, &image_rules, &node_rules);
        assert!(accepted.is_ok(), "{kind:?}: {:?}", accepted.err());
        broken.push(kind);
    }
    broken.dedup();
    assert_eq!(broken.len(), IMAGE_RULES.len() + NODE_RULES.len());
}

#[test]
fn the_largest_table_that_has_to_fit_does() {
    let bounds: Vec<u32> = (0..131_072).collect();
    let node = Node::Branch {
        load: Load::of(Field::TcpSeqNum, 0),
        test: Test::Table {
            start: 8,
            len: 131_072,
        },
        yes: Next::ACCEPT,
        no: Next::REJECT,
        absent: Next::REJECT,
    };
    assert!(verify(&image(Layer::Network, &[node], bounds.as_chunks().0)).is_ok());
    assert!(
        MAX_NODES <= u32::from(u16::MAX) + 1,
        "errors name a node by 16 bits"
    );
}

#[test]
fn nodes_decode_as_they_were_encoded() {
    for node in nodes() {
        assert_eq!(Node::decode(&node.encode()), Some(node));
    }
    for field in Field::ALL {
        let node = Node::Branch {
            load: Load::of(field, -3),
            test: Test::Range { low: 1, span: 2 },
            yes: Next::ACCEPT,
            no: Next::REJECT,
            absent: Next::REJECT,
        };
        assert_eq!(Node::decode(&node.encode()), Some(node));
    }
}
