//! The divert bytecode: decision nodes in cells of 32 bytes.
//!
//! An *image* is a whole program as a sequence of [`Cell`]s. On the wire a
//! cell is eight little-endian words.
//!
//! | cells | content |
//! |---|---|
//! | 0 | [`MAGIC`], [`VERSION`], layer, nodes, cells of the body, three zeros |
//! | 1 to 3 | one target for each [`Class`] of packets, then zeros |
//! | 4 on | the body: nodes, then constants |
//!
//! Execution starts at the target of the packet's class and goes from node to
//! node, always forward, until a verdict. What a compiler knows of a class,
//! say that there is a TCP header, it need not test.

mod class;
mod load;
mod lower;
mod node;
mod shortcut;
mod verify;

pub use class::Class;
pub(crate) use load::status;
pub use load::{Base, DataBase, Load};
pub(crate) use lower::lower;
pub use node::{Next, Node, Probe, Test};
pub(crate) use node::{WORD_RANGE, WORD_TABLE, load_number, test_number};
pub(crate) use shortcut::{EXTENDED, Shortcuts};
pub(crate) use verify::verify;

use crate::isa::limits::MAX_INSNS;
use crate::isa::{Layer, Value};

/// Eight words: a node, or constants.
pub type Cell = [u32; 8];

/// A cell of zeros; what storage is filled with before a program is there.
pub const EMPTY: Cell = [0; 8];

/// First word of an image: `DVRT` on the wire.
pub const MAGIC: u32 = u32::from_le_bytes(*b"DVRT");

/// Second word of an image.
pub const VERSION: u32 = 1;

/// Cells before the body.
pub const HEADER_CELLS: usize = 4;

/// Cells that an instruction array of the largest size needs.
pub const MAX_STOCK_CELLS: usize = cells_for(MAX_INSNS);

/// Cells that suffice for so many instructions: a node and a constant each.
pub const fn cells_for(insns: usize) -> usize {
    insns.saturating_mul(2).saturating_add(HEADER_CELLS)
}

/// The cells before the body, which has `nodes` nodes and `body` cells.
pub fn header(
    layer: Layer,
    nodes: u32,
    body: u32,
    entries: &[Next; Class::COUNT],
) -> [Cell; HEADER_CELLS] {
    let mut cells = [EMPTY; HEADER_CELLS];
    let [first, targets @ ..] = &mut cells;
    *first = [MAGIC, VERSION, layer.as_u8().into(), nodes, body, 0, 0, 0];
    for (word, next) in targets.as_flattened_mut().iter_mut().zip(entries) {
        *word = next.0;
    }
    cells
}

/// The wire form of a cell.
pub fn to_bytes(cell: &Cell) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(cell) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

/// The cell with this wire form.
pub fn from_bytes(bytes: &[u8; 32]) -> Cell {
    let mut cell = EMPTY;
    for (word, chunk) in cell.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*chunk);
    }
    cell
}

/// The cell of a wide range, or of two bounds of a wide table.
pub fn wide_words(first: u128, second: u128) -> Cell {
    let mut cell = EMPTY;
    let words = Value::new(first)
        .words()
        .into_iter()
        .chain(Value::new(second).words());
    for (place, word) in cell.iter_mut().zip(words) {
        *place = word;
    }
    cell
}

/// The number with these words, least significant first.
pub(crate) const fn wide(words: [u32; 4]) -> u128 {
    Value::from_words(false, words).magnitude
}
