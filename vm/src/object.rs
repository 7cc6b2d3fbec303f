//! Object strings: programs as printable text, e.g. `@WinDiv_WX_eXWWAX`.
//!
//! The layout is that of spec: filter bytecode, section 7. Numbers are
//! base 32, most significant digit first; the last digit comes from a second
//! alphabet, so numbers need no separator.

use core::fmt;

use crate::isa::limits::{MAX_DATA_INDEX, MAX_USER_INSNS};
use crate::isa::{Field, FieldType, Insn, Op, Target};

/// What every object string begins with.
pub const MAGIC: &str = "@WinDiv_";

/// First character of an object string, which no filter text begins with.
pub const MARK: char = '@';

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+=";
const VERSION: u32 = 0;
/// What the format adds to data offsets so that they are not negative.
const OFFSET_BIAS: u32 = MAX_DATA_INDEX;

/// Why a string is not an object, and at which byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectError {
    /// What is wrong.
    pub kind: ObjectErrorKind,
    /// The byte where reading stopped.
    pub at: usize,
}

/// What is wrong with an object string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectErrorKind {
    /// It does not begin with [`MAGIC`].
    Magic,
    /// A format version other than 0.
    Version,
    /// No instruction, or more than 256.
    Count,
    /// It ends in the middle.
    Truncated,
    /// A character that does not belong here.
    Character,
    /// A number that is too long or above 32 bits.
    Number,
    /// A field number above the last field.
    UnknownField,
    /// A comparison number above 5.
    UnknownOp,
    /// A sign other than 0 and 1.
    Sign,
    /// A target that is neither a verdict nor a later instruction.
    Target,
    /// Something after the last instruction.
    Trailing,
    /// The buffer for the instructions is too small.
    Buffer,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.kind {
            ObjectErrorKind::Magic => "an object string begins with `@WinDiv_`",
            ObjectErrorKind::Version => "unknown format version",
            ObjectErrorKind::Count => "an object has 1 to 256 instructions",
            ObjectErrorKind::Truncated => "the object string ends too early",
            ObjectErrorKind::Character => "unexpected character",
            ObjectErrorKind::Number => "number too long",
            ObjectErrorKind::UnknownField => "unknown field number",
            ObjectErrorKind::UnknownOp => "unknown comparison number",
            ObjectErrorKind::Sign => "a sign is 0 or 1",
            ObjectErrorKind::Target => "target is neither a verdict nor a later instruction",
            ObjectErrorKind::Trailing => "unexpected text after the last instruction",
            ObjectErrorKind::Buffer => "buffer too small for the instructions",
        };
        write!(f, "{reason}, at byte {}", self.at)
    }
}

impl core::error::Error for ObjectError {}

/// Reads an object string into `insns`, and returns how many there are.
///
/// Neither the layer of fields nor the range of constants is checked; that is
/// what [`Program::verify`](crate::Program::verify) does.
///
/// # Errors
///
/// The first thing that is wrong, with its byte position.
///
/// # Examples
///
/// ```
/// use divert_vm::{object, Insn};
///
/// let mut insns = [Insn::ALWAYS; 255];
/// assert_eq!(object::decode(b"@WinDiv_WX_WWWWXX", &mut insns), Ok(1));
/// assert_eq!(insns[0], Insn::NEVER);
/// ```
pub fn decode(object: &[u8], insns: &mut [Insn]) -> Result<usize, ObjectError> {
    let mut reader = Reader { all: object, at: 0 };
    for byte in MAGIC.bytes() {
        if reader.next() != Some(byte) {
            return Err(ObjectErrorKind::Magic.at(0));
        }
    }
    if reader.number(4)? != VERSION {
        return Err(reader.error(ObjectErrorKind::Version));
    }
    let len = usize::try_from(reader.number(2)?).unwrap_or(usize::MAX);
    if len == 0 || len > MAX_USER_INSNS {
        return Err(reader.error(ObjectErrorKind::Count));
    }
    let Some(slots) = insns.get_mut(..len) else {
        return Err(reader.error(ObjectErrorKind::Buffer));
    };
    let count = u16::try_from(len).unwrap_or(u16::MAX);
    for (at, slot) in (0..count).zip(slots) {
        *slot = reader.insn(at, count)?;
    }
    match reader.next() {
        None | Some(0) => Ok(len),
        Some(_) => Err(ObjectErrorKind::Trailing.at(reader.at.saturating_sub(1))),
    }
}

/// A program that displays as its object string.
///
/// # Examples
///
/// ```
/// use divert_vm::{object::Object, Insn};
///
/// assert_eq!(Object(&[Insn::ALWAYS]).to_string(), "@WinDiv_WX_WWWWAA");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(pub &'a [Insn]);

impl fmt::Display for Object<'_> {
    /// WinDivert 2.2 keeps the length in 8 bits, so that 256 instructions
    /// give an object of length 0 that nothing can load; so does this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MAGIC)?;
        let len = u8::try_from(self.0.len()).ok();
        let mut header = Text::EMPTY;
        header.number(VERSION);
        header.number(len.unwrap_or(0).into());
        header.write(f)?;
        let insns = if len.is_some() { self.0 } else { &[] };
        for insn in insns {
            let mut text = Text::EMPTY;
            text.insn(insn);
            text.write(f)?;
        }
        Ok(())
    }
}

/// What an instruction of some field stores besides the low constant word.
enum Extra {
    Nothing,
    Offset,
    /// This many further words of the constant.
    Words(usize),
}

const fn extra(ty: FieldType) -> Extra {
    match ty {
        FieldType::IpAddr => Extra::Words(3),
        FieldType::U64 | FieldType::I64 => Extra::Words(1),
        _ if ty.is_data() => Extra::Offset,
        _ => Extra::Nothing,
    }
}

/// Characters that are written at once: those of one instruction.
struct Text {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Text {
    /// The mark, three short numbers, four words and two labels.
    const CAPACITY: usize = 1 + 2 + 2 + 1 + 4 * 7 + 2 * 5;

    const EMPTY: Self = Self {
        bytes: [0; Self::CAPACITY],
        len: 0,
    };

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    fn number(&mut self, value: u32) {
        let digit = |index: u32| {
            let byte = usize::try_from(index).ok().and_then(|i| DIGITS.get(i));
            byte.copied().unwrap_or(b'W')
        };
        for shift in [30_u32, 25, 20, 15, 10, 5] {
            let rest = value.checked_shr(shift).unwrap_or(0);
            if rest != 0 {
                self.push(digit(rest & 31));
            }
        }
        self.push(digit(value & 31 | 32));
    }

    fn target(&mut self, target: Target) {
        match (target, target.index()) {
            (_, Some(index)) => {
                self.push(b'L');
                self.number(index.into());
            }
            (Target::ACCEPT, None) => self.push(b'A'),
            _ => self.push(b'X'),
        }
    }

    fn insn(&mut self, insn: &Insn) {
        let [low, high @ ..] = insn.args;
        self.push(b'_');
        self.number(insn.field.id().into());
        self.number(insn.op.as_u8().into());
        self.number(insn.negative.into());
        self.number(low);
        match extra(insn.field.field_type()) {
            Extra::Nothing => {}
            Extra::Offset => {
                let [offset, ..] = high;
                self.number(offset.wrapping_add(OFFSET_BIAS));
            }
            Extra::Words(count) => {
                for word in high.iter().take(count) {
                    self.number(*word);
                }
            }
        }
        self.target(insn.success);
        self.target(insn.failure);
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes.get(..self.len).unwrap_or_default();
        f.write_str(core::str::from_utf8(text).unwrap_or_default())
    }
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.all.get(self.at).copied()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    const fn error(&self, kind: ObjectErrorKind) -> ObjectError {
        ObjectError { kind, at: self.at }
    }

    fn expect(&mut self) -> Result<u8, ObjectError> {
        self.next().ok_or(self.error(ObjectErrorKind::Truncated))
    }

    /// Reads a number of at most `budget` digits.
    fn number(&mut self, budget: usize) -> Result<u32, ObjectError> {
        let mut value: u32 = 0;
        for _ in 0..budget {
            let byte = self.expect()?;
            let Some(index) = (0_u32..).zip(DIGITS).find(|(_, d)| **d == byte) else {
                return Err(ObjectErrorKind::Character.at(self.at.saturating_sub(1)));
            };
            let (digit, is_last) = (index.0 & 31, index.0 >= 32);
            if value.leading_zeros() < 5 {
                return Err(self.error(ObjectErrorKind::Number));
            }
            value = value << 5 | digit;
            if is_last {
                return Ok(value);
            }
        }
        Err(self.error(ObjectErrorKind::Number))
    }

    fn insn(&mut self, at: u16, count: u16) -> Result<Insn, ObjectError> {
        if self.expect()? != b'_' {
            return Err(ObjectErrorKind::Character.at(self.at.saturating_sub(1)));
        }
        let field = u16::try_from(self.number(2)?).ok().and_then(Field::from_id);
        let field = field.ok_or(self.error(ObjectErrorKind::UnknownField))?;
        let op = u8::try_from(self.number(2)?).ok().and_then(Op::from_u8);
        let op = op.ok_or(self.error(ObjectErrorKind::UnknownOp))?;
        let sign = self.number(1)?;
        if sign > 1 {
            return Err(self.error(ObjectErrorKind::Sign));
        }
        let mut args = [self.number(7)?, 0, 0, 0];
        let [_, high @ ..] = &mut args;
        match extra(field.field_type()) {
            Extra::Nothing => {
                if matches!(field.field_type(), FieldType::Ipv4Addr) {
                    let [mapped, ..] = high;
                    *mapped = 0xFFFF;
                }
            }
            Extra::Offset => {
                let [offset, ..] = high;
                *offset = self.number(7)?.wrapping_sub(OFFSET_BIAS);
            }
            Extra::Words(words) => {
                for word in high.iter_mut().take(words) {
                    *word = self.number(7)?;
                }
            }
        }
        Ok(Insn {
            field,
            op,
            negative: sign == 1,
            args,
            success: self.target(at, count)?,
            failure: self.target(at, count)?,
        })
    }

    fn target(&mut self, at: u16, count: u16) -> Result<Target, ObjectError> {
        match self.expect()? {
            b'A' => Ok(Target::ACCEPT),
            b'X' => Ok(Target::REJECT),
            b'L' => match u16::try_from(self.number(2)?) {
                Ok(index) if at < index && index < count => Ok(Target::from_u16(index)),
                _ => Err(self.error(ObjectErrorKind::Target)),
            },
            _ => Err(ObjectErrorKind::Character.at(self.at.saturating_sub(1))),
        }
    }
}

impl ObjectErrorKind {
    const fn at(self, at: usize) -> ObjectError {
        ObjectError { kind: self, at }
    }
}
