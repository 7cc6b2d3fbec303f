//! The verifier of divert bytecode.
//!
//! Executing is safe on any cells: every step goes forward, every read is
//! checked. The verifier refuses what has no meaning, so that all programs
//! that pass mean the same to every executor. Each rule is local to the header
//! or to one node; none reasons about values.
//!
//! * **B1** The header has magic, version, and a layer, and zeros after.
//! * **B2** The counts are within the limits, and there are as many cells.
//! * **B3** Each entry is a verdict or a node; the words after are zero.
//! * **B4** Each node has a load and a test that exist.
//! * **B5** Parts of a node without a meaning are zero.
//! * **B6** Words are aligned, lie in the part of a header that is always
//!   there, and shift by at most 31 bits. Data are 1, 2 or 4 bytes. A field
//!   that is a word or data is loaded as such.
//! * **B7** What is loaded exists at the layer.
//! * **B8** Tests of 128 bits go with values of up to 128 bits, and only they.
//! * **B9** Each target is a verdict or a later node.
//! * **B10** Constants lie behind the nodes, and in the body; a table has a
//!   bound.
//! * **B11** The bounds of a table increase, and so do those of a wide range.
//! * **B12** A truth table has 1 to 4 tests, and no bit for what cannot occur.
//! * **B13** The tables of all nodes together are not too long.

use super::{Base, Cell, DataBase, Load, MAGIC, Next, Node, Probe, Test, VERSION, class};
use super::{HEADER_CELLS, wide};
use crate::isa::limits::{MAX_BODY_CELLS, MAX_NODES, MAX_TABLE_BOUNDS};
use crate::isa::{Field, Layer};
use crate::program::{VerifyError, VerifyErrorKind};

type Outcome = Result<(), VerifyErrorKind>;

/// A rule about the header, or about all nodes together.
type ImageRule = fn(&Image<'_>) -> Outcome;
/// A rule about one node, given its index.
type NodeRule = fn(&Image<'_>, u32, &Cell) -> Outcome;

const IMAGE_RULES: [ImageRule; 4] = [b1_header, b2_counts, b3_entries, b13_tables];

const NODE_RULES: [NodeRule; 9] = [
    b4_known,
    b5_reserved,
    b6_place,
    b7_layer,
    b8_width,
    b9_targets,
    b10_constants,
    b11_order,
    b12_truth,
];

/// What an image says of itself, once it is verified.
pub(crate) struct Counts {
    pub(crate) layer: Layer,
    pub(crate) nodes: u32,
}

/// Checks a whole image.
pub(crate) fn verify(cells: &[Cell]) -> Result<Counts, VerifyError> {
    verify_by(cells, &IMAGE_RULES, &NODE_RULES)
}

fn verify_by(
    cells: &[Cell],
    image_rules: &[ImageRule],
    node_rules: &[NodeRule],
) -> Result<Counts, VerifyError> {
    let image = Image::of(cells);
    for rule in image_rules {
        rule(&image).map_err(|kind| kind.at(0))?;
    }
    for (at, cell) in (0_u32..).zip(image.node_cells()) {
        for rule in node_rules {
            rule(&image, at, cell).map_err(|kind| kind.at(narrow(at)))?;
        }
    }
    Ok(Counts {
        layer: image.layer().unwrap_or_default(),
        nodes: image.nodes,
    })
}

/// Indices of nodes fit 16 bits, by B2.
fn narrow(at: u32) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// The parts of an image, as far as they are there.
struct Image<'a> {
    head: [u32; 8],
    entries: &'a [u32],
    nodes: u32,
    body_len: u32,
    body: &'a [Cell],
}

impl<'a> Image<'a> {
    fn of(cells: &'a [Cell]) -> Self {
        let (header, body) = cells.split_at_checked(HEADER_CELLS).unwrap_or_default();
        let (head, entries) = header
            .as_flattened()
            .split_first_chunk()
            .unwrap_or((&[0; 8], &[]));
        let [_, _, _, nodes, body_len, ..] = *head;
        Self {
            head: *head,
            entries,
            nodes,
            body_len,
            body,
        }
    }

    fn layer(&self) -> Option<Layer> {
        let [_, _, number, ..] = self.head;
        Layer::from_u8(u8::try_from(number).ok()?)
    }

    fn node_cells(&self) -> &'a [Cell] {
        let nodes = usize::try_from(self.nodes).unwrap_or(usize::MAX);
        self.body.get(..nodes).unwrap_or(self.body)
    }

    /// `len` bounds from `start`, of which `per_cell` are in a cell; `None`
    /// if there are none or some are nodes or lie outside.
    fn constants<const WORDS: usize>(&self, start: u32, len: u32) -> Option<&'a [[u32; WORDS]]> {
        let (items, _) = self.body.as_flattened().as_chunks::<WORDS>();
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        let first_word = start.checked_mul(WORDS)?;
        let behind_nodes = first_word >= self.node_cells().as_flattened().len();
        items
            .get(start..end)
            .filter(|items| behind_nodes && !items.is_empty())
    }

    /// The tests of a truth table.
    fn probes(&self, tests: u32, count: u8) -> Option<&'a [[u32; 4]]> {
        self.constants(tests.checked_mul(2)?, count.into())
    }

    /// Calls `check` with every load of a node.
    fn loads(&self, cell: &Cell, check: impl Fn(Load) -> Outcome) -> Outcome {
        match Node::read(cell) {
            Some(Node::Branch { load, .. }) => check(load),
            Some(Node::Truth { tests, count, .. }) => {
                let probes = self.probes(tests, count).unwrap_or_default();
                let probes = probes.iter().filter_map(|words| Probe::decode(*words));
                probes.map(|probe| probe.load()).try_for_each(check)
            }
            None => Ok(()),
        }
    }
}

fn demand(holds: bool, kind: VerifyErrorKind) -> Outcome {
    if holds { Ok(()) } else { Err(kind) }
}

fn b1_header(image: &Image<'_>) -> Outcome {
    let [magic, version, _, _, _, rest @ ..] = image.head;
    let is_known = magic == MAGIC && version == VERSION && image.layer().is_some();
    demand(is_known && rest == [0; 3], VerifyErrorKind::Header)
}

fn b2_counts(image: &Image<'_>) -> Outcome {
    let Image {
        nodes, body_len, ..
    } = *image;
    let are_small = nodes <= MAX_NODES && body_len <= MAX_BODY_CELLS && nodes <= body_len;
    let are_right = u32::try_from(image.body.len()) == Ok(body_len);
    demand(are_small && are_right, VerifyErrorKind::Counts)
}

fn b3_entries(image: &Image<'_>) -> Outcome {
    let (targets, rest) = image
        .entries
        .split_at_checked(class::Class::COUNT)
        .ok_or(VerifyErrorKind::Entry)?;
    let is_target = |word: &u32| *word < image.nodes || Next(*word).verdict().is_some();
    let is_right = targets.iter().all(is_target) && rest.iter().all(|word| *word == 0);
    demand(is_right, VerifyErrorKind::Entry)
}

fn b4_known(_: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    demand(Node::read(cell).is_some(), VerifyErrorKind::UnknownNode)
}

fn b5_reserved(_: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    let is_clean = Node::read(cell).is_none_or(|node| node.encode() == *cell);
    demand(is_clean, VerifyErrorKind::Reserved)
}

fn b6_place(image: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    image.loads(cell, |load| {
        let is_right = match load {
            Load::Word {
                base,
                offset,
                shift,
                ..
            } => {
                let end = usize::from(offset).saturating_add(4);
                offset.is_multiple_of(4) && end <= base.len() && shift < 32
            }
            Load::Data { width, .. } => matches!(width, 1 | 2 | 4),
            // Fields that are words or data are loaded as such.
            Load::Field(field) => Load::of(field, 0) == load,
        };
        demand(is_right, VerifyErrorKind::LoadPlace)
    })
}

fn b7_layer(image: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    let layer = image.layer().unwrap_or_default();
    image.loads(cell, |load| {
        demand(exists(load, layer), VerifyErrorKind::LoadLayer)
    })
}

fn exists(load: Load, layer: Layer) -> bool {
    match load {
        Load::Word {
            base: Base::Status,
            shift,
            mask,
            ..
        } => mask.wrapping_shl(shift.into()) & !status_bits(layer) == 0,
        Load::Word { .. }
        | Load::Data {
            base: DataBase::Packet | DataBase::Tcp | DataBase::Udp,
            ..
        } => layer.has_packets(),
        Load::Field(field) => field.layers().contains(layer),
    }
}

/// The booleans that exist at a layer.
fn status_bits(layer: Layer) -> u32 {
    let at_layer = Field::ALL
        .into_iter()
        .filter(|field| field.layers().contains(layer));
    at_layer.fold(0, |bits, field| match Load::of(field, 0) {
        Load::Word {
            base: Base::Status,
            shift,
            mask,
            ..
        } => bits | mask.wrapping_shl(shift.into()),
        _ => bits,
    })
}

fn b8_width(_: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    let Some(Node::Branch { load, test, .. }) = Node::read(cell) else {
        return Ok(());
    };
    let is_wide = matches!(test, Test::Wide { .. } | Test::WideTable { .. });
    demand(is_wide == load.is_wide(), VerifyErrorKind::TestWidth)
}

fn b9_targets(image: &Image<'_>, at: u32, cell: &Cell) -> Outcome {
    let Some(node) = Node::read(cell) else {
        return Ok(());
    };
    let is_target = |next: Next| next.verdict().is_some() || at < next.0 && next.0 < image.nodes;
    demand(
        node.targets().into_iter().all(is_target),
        VerifyErrorKind::Edge,
    )
}

fn b10_constants(image: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    let is_there = match Node::read(cell) {
        Some(Node::Branch { test, .. }) => match test {
            Test::Range { .. } => true,
            Test::Table { start, len } => image.constants::<1>(start, len).is_some(),
            Test::Wide { cell } => image.constants::<8>(cell, 1).is_some(),
            Test::WideTable { cell, len } => wide_bounds(image, cell, len).is_some(),
        },
        // Without tests there is nothing to find; B12 says how many.
        Some(Node::Truth { tests, count, .. }) => {
            count == 0 || image.probes(tests, count).is_some()
        }
        None => true,
    };
    demand(is_there, VerifyErrorKind::ConstantPlace)
}

fn wide_bounds<'a>(image: &Image<'a>, cell: u32, len: u32) -> Option<&'a [[u32; 4]]> {
    image.constants(cell.checked_mul(2)?, len)
}

fn b11_order(image: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    let Some(Node::Branch { test, .. }) = Node::read(cell) else {
        return Ok(());
    };
    let is_sorted = match test {
        Test::Range { .. } => true,
        Test::Table { start, len } => {
            let bounds = image.constants::<1>(start, len).unwrap_or_default();
            bounds.is_sorted_by(|a, b| a < b)
        }
        Test::Wide { cell } => {
            let bounds = wide_bounds(image, cell, 2).unwrap_or_default();
            bounds.is_sorted_by_key(|words| wide(*words))
        }
        Test::WideTable { cell, len } => {
            let bounds = wide_bounds(image, cell, len).unwrap_or_default();
            bounds.is_sorted_by(|a, b| wide(*a) < wide(*b))
        }
    };
    demand(is_sorted, VerifyErrorKind::ConstantOrder)
}

fn b12_truth(image: &Image<'_>, _: u32, cell: &Cell) -> Outcome {
    let Some(Node::Truth {
        tests,
        count,
        table,
        ..
    }) = Node::read(cell)
    else {
        return Ok(());
    };
    let probes = image.probes(tests, count).unwrap_or_default();
    let are_known = probes.iter().all(|words| Probe::decode(*words).is_some());
    let outcomes = 1_u32.wrapping_shl(count.into());
    let has_spare_bits = u32::from(table).checked_shr(outcomes).unwrap_or(0) != 0;
    let is_right = matches!(count, 1..=4) && are_known && !has_spare_bits;
    demand(is_right, VerifyErrorKind::TruthTable)
}

fn b13_tables(image: &Image<'_>) -> Outcome {
    let bounds = image
        .node_cells()
        .iter()
        .map(|cell| match Node::read(cell) {
            Some(Node::Branch { test, .. }) => match test {
                Test::Table { len, .. } | Test::WideTable { len, .. } => len,
                Test::Range { .. } | Test::Wide { .. } => 0,
            },
            _ => 0,
        });
    let sum = bounds.fold(0, u32::saturating_add);
    demand(sum <= MAX_TABLE_BOUNDS, VerifyErrorKind::TableWork)
}

#[cfg(test)]
mod tests;
