//! One node, and the only code that encodes or decodes it.

use super::{Base, Cell, DataBase, EMPTY, Load};
use crate::isa::Field;

use load_number as load;
use test_number as test;

/// Where execution goes: a later node, by its index in the body, or a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Next(pub u32);

impl Next {
    /// The filter matches.
    pub const ACCEPT: Self = Self(u32::MAX);
    /// The filter does not match.
    pub const REJECT: Self = Self(u32::MAX - 1);
    /// A field of another layer was asked for. Only stock programs have this.
    pub const FAULT: Self = Self(u32::MAX - 2);

    /// The target that is this verdict.
    pub(crate) const fn of_verdict(verdict: bool) -> Self {
        if verdict { Self::ACCEPT } else { Self::REJECT }
    }

    /// The verdict, or `None` for a node or a fault.
    pub const fn verdict(self) -> Option<bool> {
        match self {
            Self::ACCEPT => Some(true),
            Self::REJECT => Some(false),
            _ => None,
        }
    }
}

/// Which values pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Those from `low` to `low + span`, modulo 2^32.
    Range {
        /// The smallest.
        low: u32,
        /// How much larger the largest is.
        span: u32,
    },
    /// Those that an odd number of bounds is not above.
    Table {
        /// Where the bounds start: a word of the body.
        start: u32,
        /// How many there are, in strictly increasing order.
        len: u32,
    },
    /// Those between two 128-bit numbers, which are included.
    Wide {
        /// The cell of the body with both, low words first.
        cell: u32,
    },
    /// As [`Test::Table`], with bounds of 128 bits, two a cell.
    WideTable {
        /// The cell of the body at which the bounds start.
        cell: u32,
        /// How many there are, in strictly increasing order.
        len: u32,
    },
}

/// One decision of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// Loads a value and tests it.
    Branch {
        /// How to get the value.
        load: Load,
        /// Which values pass.
        test: Test,
        /// Where to go if it passes.
        yes: Next,
        /// Where to go if it does not.
        no: Next,
        /// Where to go if there is no value.
        absent: Next,
    },
    /// Makes 1 to 4 tests, and looks their outcomes up in a table.
    Truth {
        /// The cell of the body at which the [`Probe`]s start, two a cell.
        tests: u32,
        /// How many there are.
        count: u8,
        /// Bit `n` is the outcome where bit `i` of `n` is that of test `i`.
        table: u16,
        /// Where to go if the table says 1.
        yes: Next,
        /// Where to go if it says 0.
        no: Next,
    },
}

/// One test of a truth table: [`Load::Word`] and [`Test::Range`].
///
/// It fails if the header is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    /// The header.
    pub base: Base,
    /// Bytes from its start, a multiple of 4.
    pub offset: u8,
    /// Bits to shift by, at most 31.
    pub shift: u8,
    /// Bits to keep.
    pub mask: u32,
    /// The smallest value that passes.
    pub low: u32,
    /// How much larger the largest is.
    pub span: u32,
}

/// Numbers of loads, in the low half of the first byte of a node.
pub(crate) mod load_number {
    pub(crate) const WORD: u8 = 0;
    pub(crate) const DATA: u8 = 1;
    pub(crate) const FIELD: u8 = 2;
    pub(crate) const TRUTH: u8 = 3;
    /// A word of [`Base::Status`](super::Base::Status), which is in no packet.
    pub(crate) const STATUS: u8 = 4;
}

/// Numbers of tests, in the high half of the first byte of a node.
pub(crate) mod test_number {
    pub(crate) const RANGE: u8 = 0;
    pub(crate) const TABLE: u8 = 1;
    pub(crate) const WIDE: u8 = 2;
    pub(crate) const WIDE_TABLE: u8 = 3;
}

/// First bytes of the nodes that most are.
pub(crate) const WORD_RANGE: u8 = load::WORD | test::RANGE << 4;
pub(crate) const WORD_TABLE: u8 = load::WORD | test::TABLE << 4;

impl Node {
    /// The cell with this node.
    pub const fn encode(&self) -> Cell {
        match *self {
            Self::Branch {
                load,
                test,
                yes,
                no,
                absent,
            } => {
                let ([kind, base, place, shift], w1) = encode_load(load);
                let (number, w2, w3) = encode_test(test);
                let head = u32::from_le_bytes([kind | number << 4, base, place, shift]);
                [head, w1, w2, w3, yes.0, no.0, absent.0, 0]
            }
            Self::Truth {
                tests,
                count,
                table,
                yes,
                no,
            } => {
                let head = u32::from_le_bytes([load::TRUTH, count, 0, 0]);
                let table = u32::from_le_bytes({
                    let [low, high] = table.to_le_bytes();
                    [low, high, 0, 0]
                });
                [head, tests, table, 0, yes.0, no.0, 0, 0]
            }
        }
    }

    /// The node in this cell, if there is one.
    ///
    /// Words without a meaning have to be zero. Whether targets, tables and
    /// offsets make sense is for the verifier to say.
    pub fn decode(cell: &Cell) -> Option<Self> {
        Self::read(cell).filter(|node| node.encode() == *cell)
    }

    /// Like [`Node::decode`], whatever the words without a meaning are.
    pub(crate) fn read(cell: &Cell) -> Option<Self> {
        let [head, w1, w2, w3, yes, no, absent, _] = *cell;
        let [kind, base, place, shift] = head.to_le_bytes();
        Some(if kind == load::TRUTH {
            let [low, high, ..] = w2.to_le_bytes();
            Self::Truth {
                tests: w1,
                count: base,
                table: u16::from_le_bytes([low, high]),
                yes: Next(yes),
                no: Next(no),
            }
        } else {
            Self::Branch {
                load: decode_load([kind & 0xF, base, place, shift], w1)?,
                test: decode_test(kind >> 4, w2, w3)?,
                yes: Next(yes),
                no: Next(no),
                absent: Next(absent),
            }
        })
    }

    /// The load of a branch, and the number of its test.
    #[inline]
    pub(crate) fn read_load(cell: &Cell) -> Option<(Load, u8)> {
        let [head, word, ..] = *cell;
        let [kind, base, place, shift] = head.to_le_bytes();
        let load = decode_load([kind & 0xF, base, place, shift], word)?;
        Some((load, kind >> 4))
    }

    /// Where execution can go from here.
    pub(crate) fn targets(&self) -> [Next; 3] {
        match *self {
            Self::Branch {
                yes, no, absent, ..
            } => [yes, no, absent],
            Self::Truth { yes, no, .. } => [yes, no, no],
        }
    }
}

const fn word_number(base: Base) -> u8 {
    match base {
        Base::Status => load::STATUS,
        _ => load::WORD,
    }
}

const fn encode_load(load: Load) -> ([u8; 4], u32) {
    match load {
        Load::Word {
            base,
            offset,
            shift,
            mask,
        } => ([word_number(base), base.as_u8(), offset, shift], mask),
        Load::Data {
            base,
            width,
            offset,
        } => ([load::DATA, base.as_u8(), width, 0], offset.cast_unsigned()),
        Load::Field(field) => {
            let [id, _] = field.id().to_le_bytes();
            ([load::FIELD, 0, id, 0], 0)
        }
    }
}

fn decode_load([kind, base, place, shift]: [u8; 4], word: u32) -> Option<Load> {
    Some(match kind {
        load::WORD | load::STATUS => Load::Word {
            base: Base::from_u8(base).filter(|base| word_number(*base) == kind)?,
            offset: place,
            shift,
            mask: word,
        },
        load::DATA => Load::Data {
            base: DataBase::from_u8(base)?,
            width: place,
            offset: word.cast_signed(),
        },
        load::FIELD => Load::Field(Field::from_id(place.into())?),
        _ => return None,
    })
}

const fn encode_test(test: Test) -> (u8, u32, u32) {
    match test {
        Test::Range { low, span } => (test::RANGE, low, span),
        Test::Table { start, len } => (test::TABLE, start, len),
        Test::Wide { cell } => (test::WIDE, cell, 0),
        Test::WideTable { cell, len } => (test::WIDE_TABLE, cell, len),
    }
}

const fn decode_test(number: u8, w2: u32, w3: u32) -> Option<Test> {
    Some(match number {
        test::RANGE => Test::Range { low: w2, span: w3 },
        test::TABLE => Test::Table { start: w2, len: w3 },
        test::WIDE => Test::Wide { cell: w2 },
        test::WIDE_TABLE => Test::WideTable { cell: w2, len: w3 },
        _ => return None,
    })
}

impl Probe {
    /// The cells of up to four tests; what is left over is zero.
    pub fn encode(probes: &[Self]) -> [Cell; 2] {
        let mut cells = [EMPTY; 2];
        let halves = cells.as_flattened_mut().as_chunks_mut::<4>().0;
        for (half, probe) in halves.iter_mut().zip(probes) {
            *half = probe.words();
        }
        cells
    }

    /// The test in half a cell, if there is one.
    pub(crate) fn decode(words: [u32; 4]) -> Option<Self> {
        let [head, mask, low, span] = words;
        match decode_load(head.to_le_bytes(), mask)? {
            Load::Word {
                base,
                offset,
                shift,
                mask,
            } => Some(Self {
                base,
                offset,
                shift,
                mask,
                low,
                span,
            }),
            _ => None,
        }
    }

    pub(crate) const fn load(&self) -> Load {
        Load::Word {
            base: self.base,
            offset: self.offset,
            shift: self.shift,
            mask: self.mask,
        }
    }

    const fn words(&self) -> [u32; 4] {
        let place = [
            word_number(self.base),
            self.base.as_u8(),
            self.offset,
            self.shift,
        ];
        [u32::from_le_bytes(place), self.mask, self.low, self.span]
    }
}
