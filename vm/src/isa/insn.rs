//! One instruction, and the only code that encodes or decodes it.

use super::limits::INSN_LEN;
use super::{Field, Op, Value};

/// Where execution goes after a test: a verdict or an instruction index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target(u16);

impl Target {
    /// The filter matches.
    pub const ACCEPT: Self = Self(0x7FFE);
    /// The filter does not match.
    pub const REJECT: Self = Self(0x7FFF);

    /// The target with this number on the wire: an index, or a verdict.
    pub const fn from_u16(number: u16) -> Self {
        Self(number)
    }

    /// The number on the wire.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// The instruction index, or `None` for a verdict.
    pub const fn index(self) -> Option<u16> {
        match self {
            Self::ACCEPT | Self::REJECT => None,
            Self(index) => Some(index),
        }
    }
}

/// One test of a compiled filter, as WinDivert 2.2 stores it.
///
/// 24 bytes on the wire, little-endian (spec: filter bytecode, section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    /// The field whose value is looked at.
    pub field: Field,
    /// How the value is compared with the constant.
    pub op: Op,
    /// Whether the constant has a minus sign.
    pub negative: bool,
    /// Words of the constant, least significant first. In a data field the
    /// second word is the byte offset instead, as two's complement.
    pub args: [u32; 4],
    /// Where to go if the test holds.
    pub success: Target,
    /// Where to go if it does not, or if the field is absent.
    pub failure: Target,
}

/// Why 24 bytes are not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// The field number is above the last field.
    UnknownField(u16),
    /// The comparison number is above 5.
    UnknownOp(u8),
}

impl Insn {
    /// The one instruction of the filter `true`.
    pub const ALWAYS: Self = Self::constant_filter(Target::ACCEPT);

    /// The one instruction of the filter `false`.
    pub const NEVER: Self = Self::constant_filter(Target::REJECT);

    const fn constant_filter(verdict: Target) -> Self {
        Self {
            field: Field::Zero,
            op: Op::Eq,
            negative: false,
            args: [0; 4],
            success: verdict,
            failure: verdict,
        }
    }

    /// The byte offset of a data field; 0 for every other field.
    pub const fn offset(&self) -> i32 {
        if self.field.field_type().is_data() {
            let [_, offset, ..] = self.args;
            offset.cast_signed()
        } else {
            0
        }
    }

    /// The constant: the words of [`Insn::args`] that are not an offset.
    pub const fn constant(&self) -> Value {
        let [low, _, third, fourth] = self.args;
        if self.field.field_type().is_data() {
            Value::from_words(self.negative, [low, 0, third, fourth])
        } else {
            Value::from_words(self.negative, self.args)
        }
    }

    /// The wire form. Reserved bits are zero.
    pub fn encode(&self) -> [u8; INSN_LEN] {
        let [a0, a1, a2, a3] = self.args;
        let head = u32::from(self.field.id())
            | u32::from(self.op.as_u8()) << 11
            | u32::from(self.success.as_u16()) << 16;
        let tail = u32::from(self.failure.as_u16()) | u32::from(self.negative) << 16;
        let mut bytes = [0; INSN_LEN];
        let words = [head, tail, a0, a1, a2, a3];
        for (chunk, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *chunk = word.to_le_bytes();
        }
        bytes
    }

    /// Reads the wire form. Reserved bits are ignored.
    #[allow(clippy::as_conversions, clippy::cast_possible_truncation)]
    pub fn decode(bytes: &[u8; INSN_LEN]) -> Result<Self, DecodeError> {
        let mut words = [0; INSN_LEN / 4];
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*chunk);
        }
        let [head, tail, args @ ..] = words;
        let field = (head & 0x7FF) as u16;
        let op = (head >> 11 & 0x1F) as u8;
        Ok(Self {
            field: Field::from_id(field).ok_or(DecodeError::UnknownField(field))?,
            op: Op::from_u8(op).ok_or(DecodeError::UnknownOp(op))?,
            negative: tail & 0x1_0000 != 0,
            args,
            success: Target((head >> 16) as u16),
            failure: Target(tail as u16),
        })
    }
}
