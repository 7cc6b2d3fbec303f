//! Programs: instruction arrays that are known to be safe to run.
//!
//! There are two gates, and both produce the same [`Program`]:
//!
//! * [`Program::verify`] accepts exactly what the WinDivert 2.2 driver
//!   accepts when a handle starts (spec: filter bytecode, section 6).
//! * [`Program::load`] accepts what the user-mode evaluation helper accepts:
//!   well-formed instructions, whatever their fields and constants. A test of
//!   a field that its layer does not have is a *fault* when it is reached.
//!
//! The rules of [`Program::verify`], each local to one instruction:
//!
//! * **R1** 1 to 255 instructions of 24 bytes each.
//! * **R2** The field and the comparison exist.
//! * **R3** Each target is a verdict or a later instruction of the program.
//! * **R4** The field exists at the layer.
//! * **R5** A data field has no minus sign, an offset within ±65575, and
//!   nothing in the two upper words of its constant.
//! * **R6** An `event` constant is an event of the layer.
//! * **R7** The constant lies in the range of the field.
//! * **R8** The constant is not negative zero.
//!
//! `load` applies R1 (with one instruction more), R2 and R3.

use crate::isa::limits::{INSN_LEN, MAX_INSNS, MAX_PACKET_LEN, MAX_USER_INSNS};
use crate::isa::{DecodeError, Field, FieldType, Insn, Interval, Layer, Target};

/// One instruction, lowered to what execution needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub(crate) field: Option<Field>,
    pub(crate) success: u16,
    pub(crate) failure: u16,
    pub(crate) offset: i32,
    pub(crate) values: Interval,
}

impl Node {
    /// A node that rejects; what storage is filled with before lowering.
    pub const REJECT: Self = Self {
        field: Some(Field::Zero),
        success: Target::REJECT.as_u16(),
        failure: Target::REJECT.as_u16(),
        offset: 0,
        values: Interval::NONE,
    };
}

/// A filter that is safe to execute on any packet and event.
///
/// `S` holds the nodes: an array, a boxed slice, or a borrowed slice. Nothing
/// changes them after the check.
///
/// # Examples
///
/// ```
/// use divert_vm::{execute, object, Event, Insn, Layer, Node, Program};
///
/// // "tcp", compiled.
/// let mut insns = [Insn::ALWAYS; 255];
/// let len = object::decode(b"@WinDiv_WX_eXWWAX", &mut insns)?;
/// let program = Program::verify(&insns[..len], Layer::Network, [Node::REJECT; 255])?;
///
/// let udp = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\
///     \x0a\x00\x00\x02\x00\x35\x00\x35\x00\x08\x00\x00";
/// assert!(!execute(&program, udp.as_slice(), &Event::outbound()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program<S> {
    layer: Layer,
    len: usize,
    nodes: S,
}

/// Why a program was refused, and at which instruction.
///
/// The discriminants of [`VerifyErrorKind`] are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// What is wrong.
    pub kind: VerifyErrorKind,
    /// The index of the first instruction that is wrong; 0 for the whole.
    pub at: u16,
}

/// The rule that a program breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VerifyErrorKind {
    /// R1: no instruction, too many, or not a whole number of them.
    Length = 1,
    /// R2: the field number is unknown.
    UnknownField = 2,
    /// R2: the comparison number is unknown.
    UnknownOp = 3,
    /// R3: a target is neither a verdict nor a later instruction.
    Target = 4,
    /// R4: the field does not exist at the layer.
    FieldNotAtLayer = 5,
    /// R5: the offset or the constant of a data field is malformed.
    Data = 6,
    /// R6: the event does not occur at the layer.
    EventNotAtLayer = 7,
    /// R7: the constant is outside the range of the field.
    Range = 8,
    /// R8: the constant is negative zero.
    NegativeZero = 9,
    /// The storage is too small for the program.
    Storage = 10,
}

impl core::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let reason = match self.kind {
            VerifyErrorKind::Length => "a program has 1 to 255 instructions of 24 bytes",
            VerifyErrorKind::UnknownField => "unknown field number",
            VerifyErrorKind::UnknownOp => "unknown comparison number",
            VerifyErrorKind::Target => "target is neither a verdict nor a later instruction",
            VerifyErrorKind::FieldNotAtLayer => "field does not exist at this layer",
            VerifyErrorKind::Data => "malformed offset or constant of a data field",
            VerifyErrorKind::EventNotAtLayer => "event does not occur at this layer",
            VerifyErrorKind::Range => "constant outside the range of the field",
            VerifyErrorKind::NegativeZero => "constant is negative zero",
            VerifyErrorKind::Storage => "storage too small for the program",
        };
        write!(f, "instruction {}: {reason}", self.at)
    }
}

impl core::error::Error for VerifyError {}

impl<S: AsRef<[Node]>> Program<S> {
    /// The nodes in order; execution starts at the first.
    #[inline]
    pub(crate) fn nodes(&self) -> &[Node] {
        let all = self.nodes.as_ref();
        all.get(..self.len).unwrap_or(all)
    }

    /// The layer whose events the program judges.
    #[inline]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// The number of instructions.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Never: a program has at least one instruction.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<S: AsMut<[Node]>> Program<S> {
    /// Checks instructions as the driver does, and lowers them into `storage`.
    ///
    /// # Errors
    ///
    /// The first broken rule, R1 to R8, or storage that is too small.
    pub fn verify(insns: &[Insn], layer: Layer, storage: S) -> Result<Self, VerifyError> {
        check_len(insns.len(), MAX_INSNS)?;
        Self::lower(
            insns.iter().copied().map(Ok),
            insns.len(),
            layer,
            storage,
            check,
        )
    }

    /// Like [`Program::verify`], from the wire form.
    ///
    /// # Errors
    ///
    /// As for [`Program::verify`].
    pub fn verify_bytes(bytes: &[u8], layer: Layer, storage: S) -> Result<Self, VerifyError> {
        let (records, rest) = bytes.as_chunks::<INSN_LEN>();
        check_len(records.len(), MAX_INSNS)?;
        if !rest.is_empty() {
            return Err(VerifyErrorKind::Length.at(0));
        }
        Self::lower(
            records.iter().map(Insn::decode),
            records.len(),
            layer,
            storage,
            check,
        )
    }

    /// Loads instructions for evaluation in user mode: R1, R2 and R3 only.
    ///
    /// # Errors
    ///
    /// As for [`Program::verify`], for these rules.
    pub fn load(insns: &[Insn], layer: Layer, storage: S) -> Result<Self, VerifyError> {
        check_len(insns.len(), MAX_USER_INSNS)?;
        Self::lower(
            insns.iter().copied().map(Ok),
            insns.len(),
            layer,
            storage,
            |_, _| Ok(()),
        )
    }

    fn lower(
        insns: impl Iterator<Item = Result<Insn, DecodeError>>,
        len: usize,
        layer: Layer,
        mut storage: S,
        check: impl Fn(&Insn, Layer) -> Result<(), VerifyErrorKind>,
    ) -> Result<Self, VerifyError> {
        let nodes = storage.as_mut();
        if nodes.len() < len {
            return Err(VerifyErrorKind::Storage.at(0));
        }
        let count = u16::try_from(len).unwrap_or(u16::MAX);
        for ((at, insn), node) in (0_u16..).zip(insns).zip(nodes) {
            let insn = insn.map_err(|e| VerifyErrorKind::from(e).at(at))?;
            for target in [insn.success, insn.failure] {
                check_target(target, at, count).map_err(|kind| kind.at(at))?;
            }
            check(&insn, layer).map_err(|kind| kind.at(at))?;
            *node = Node {
                field: Some(insn.field).filter(|f| f.layers().contains(layer)),
                success: insn.success.as_u16(),
                failure: insn.failure.as_u16(),
                offset: insn.offset(),
                values: Interval::of_test(insn.field, insn.op, insn.constant()),
            };
        }
        Ok(Self {
            layer,
            len,
            nodes: storage,
        })
    }
}

impl VerifyErrorKind {
    const fn at(self, at: u16) -> VerifyError {
        VerifyError { kind: self, at }
    }
}

impl From<DecodeError> for VerifyErrorKind {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::UnknownField(_) => Self::UnknownField,
            DecodeError::UnknownOp(_) => Self::UnknownOp,
        }
    }
}

/// Rules R4 to R8, those about one instruction and its layer.
fn check(insn: &Insn, layer: Layer) -> Result<(), VerifyErrorKind> {
    check_layer(insn, layer)?;
    check_data(insn)?;
    check_event(insn, layer)?;
    check_range(insn)?;
    check_negative_zero(insn)
}

fn check_len(len: usize, max: usize) -> Result<(), VerifyError> {
    if len == 0 || len > max {
        return Err(VerifyErrorKind::Length.at(0));
    }
    Ok(())
}

fn check_target(target: Target, at: u16, count: u16) -> Result<(), VerifyErrorKind> {
    match target.index() {
        Some(index) if index <= at || index >= count => Err(VerifyErrorKind::Target),
        _ => Ok(()),
    }
}

fn check_layer(insn: &Insn, layer: Layer) -> Result<(), VerifyErrorKind> {
    if insn.field.layers().contains(layer) {
        Ok(())
    } else {
        Err(VerifyErrorKind::FieldNotAtLayer)
    }
}

fn check_data(insn: &Insn) -> Result<(), VerifyErrorKind> {
    if !insn.field.field_type().is_data() {
        return Ok(());
    }
    let [_, _, third, fourth] = insn.args;
    let clean = !insn.negative && third == 0 && fourth == 0;
    if clean && insn.offset().unsigned_abs() <= MAX_PACKET_LEN {
        Ok(())
    } else {
        Err(VerifyErrorKind::Data)
    }
}

fn check_event(insn: &Insn, layer: Layer) -> Result<(), VerifyErrorKind> {
    let is_event = matches!(insn.field.field_type(), FieldType::EventNumber);
    let [number, ..] = insn.args;
    let occurs = || layer.events().iter().any(|(_, n)| u32::from(*n) == number);
    if is_event && !occurs() {
        return Err(VerifyErrorKind::EventNotAtLayer);
    }
    Ok(())
}

fn check_range(insn: &Insn) -> Result<(), VerifyErrorKind> {
    let (low, high) = insn.field.driver_range();
    let constant = insn.constant();
    if low <= constant && constant <= high || constant.is_negative_zero() {
        Ok(())
    } else {
        Err(VerifyErrorKind::Range)
    }
}

fn check_negative_zero(insn: &Insn) -> Result<(), VerifyErrorKind> {
    if insn.constant().is_negative_zero() {
        Err(VerifyErrorKind::NegativeZero)
    } else {
        Ok(())
    }
}
