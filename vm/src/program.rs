//! Programs: instruction arrays that are known to be safe to run.
//!
//! There are three gates, and all produce the same [`Program`]:
//!
//! * [`Program::verify`] accepts exactly what the WinDivert 2.2 driver
//!   accepts when a handle starts (spec: filter bytecode, section 6).
//! * [`Program::load`] accepts what the user-mode evaluation helper accepts:
//!   well-formed instructions, whatever their fields and constants. A test of
//!   a field that its layer does not have is a *fault* when it is reached.
//! * [`Program::decode`] accepts divert bytecode, and [`Program::from_cells`]
//!   where it lies; see [`bytecode`](crate::bytecode) for their rules.
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

use crate::bytecode::{
    Cell, Class, HEADER_CELLS, Next, Shortcuts, cells_for, from_bytes, header, lower,
    verify as verify_cells,
};
use crate::isa::limits::{INSN_LEN, MAX_INSNS, MAX_PACKET_LEN, MAX_USER_INSNS};
use crate::isa::{DecodeError, FieldType, Insn, Layer, Target};

/// A filter that is safe to execute on any packet and event.
///
/// `S` holds its cells: an array, a boxed slice, or a borrowed slice. Nothing
/// changes them after the check. Instructions need [`cells_for`] their number,
/// which [`MAX_STOCK_CELLS`](crate::bytecode::MAX_STOCK_CELLS) is for most.
///
/// # Examples
///
/// ```
/// use divert_vm::bytecode::{EMPTY, MAX_STOCK_CELLS};
/// use divert_vm::{execute, object, Event, Insn, Layer, Program};
///
/// // "tcp", compiled.
/// let mut insns = [Insn::ALWAYS; 255];
/// let len = object::decode(b"@WinDiv_WX_eXWWAX", &mut insns)?;
/// let program = Program::verify(&insns[..len], Layer::Network, [EMPTY; MAX_STOCK_CELLS])?;
///
/// let udp = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\
///     \x0a\x00\x00\x02\x00\x35\x00\x35\x00\x08\x00\x00";
/// assert!(!execute(&program, udp.as_slice(), &Event::outbound()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program<S> {
    layer: Layer,
    /// Number of nodes.
    len: usize,
    /// Number of all cells, of which the storage may have more.
    cells: usize,
    shortcuts: Shortcuts,
    storage: S,
}

/// Why a program was refused, and at which instruction or node.
///
/// The discriminants of [`VerifyErrorKind`] are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// What is wrong.
    pub kind: VerifyErrorKind,
    /// The index of the first instruction or node that is wrong; 0 for the
    /// whole.
    pub at: u16,
}

/// The rule that a program breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// B1: the header is not that of divert bytecode.
    Header = 11,
    /// B2: too many nodes or cells, or not as many as the header says.
    Counts = 12,
    /// B3: an entry is neither a verdict nor a node.
    Entry = 13,
    /// B4: the load or the test of a node does not exist.
    UnknownNode = 14,
    /// B5: a part of a node that has no meaning is not zero.
    Reserved = 15,
    /// B6: a load reads where it may not.
    LoadPlace = 16,
    /// B7: what a node loads does not exist at the layer.
    LoadLayer = 17,
    /// B8: the test is for values of another width.
    TestWidth = 18,
    /// B9: a target is neither a verdict nor a later node.
    Edge = 19,
    /// B10: constants lie elsewhere than behind the nodes.
    ConstantPlace = 20,
    /// B11: the bounds of a table do not increase.
    ConstantOrder = 21,
    /// B12: a truth table has a wrong number of tests, or too many bits.
    TruthTable = 22,
    /// B13: all tables together are too long.
    TableWork = 23,
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
            VerifyErrorKind::Header => "not divert bytecode of this version",
            VerifyErrorKind::Counts => "too many nodes or cells, or not as many as stated",
            VerifyErrorKind::Entry => "an entry is neither a verdict nor a node",
            VerifyErrorKind::UnknownNode => "unknown load or test",
            VerifyErrorKind::Reserved => "a part without a meaning is not zero",
            VerifyErrorKind::LoadPlace => "load from a place that it may not read",
            VerifyErrorKind::LoadLayer => "load of what does not exist at this layer",
            VerifyErrorKind::TestWidth => "test for values of another width",
            VerifyErrorKind::Edge => "target is neither a verdict nor a later node",
            VerifyErrorKind::ConstantPlace => "constants do not lie behind the nodes",
            VerifyErrorKind::ConstantOrder => "the bounds of a table do not increase",
            VerifyErrorKind::TruthTable => "malformed truth table",
            VerifyErrorKind::TableWork => "all tables together are too long",
        };
        let what = match self.kind {
            VerifyErrorKind::Header | VerifyErrorKind::Counts | VerifyErrorKind::Entry => {
                return f.write_str(reason);
            }
            kind if kind > VerifyErrorKind::Storage => "node",
            _ => "instruction",
        };
        write!(f, "{what} {}: {reason}", self.at)
    }
}

impl core::error::Error for VerifyError {}

impl<S> Program<S> {
    /// The layer whose events the program judges.
    #[inline]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// The number of nodes; of instructions, if it was made from those.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no node, because every entry is a verdict.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) const fn shortcuts(&self) -> &Shortcuts {
        &self.shortcuts
    }
}

impl<S: AsRef<[Cell]>> Program<S> {
    /// Takes divert bytecode that is in `storage` already, and nothing else.
    ///
    /// # Errors
    ///
    /// The first broken rule of B1 to B13.
    pub fn from_cells(storage: S) -> Result<Self, VerifyError> {
        let cells = storage.as_ref();
        let counts = verify_cells(cells)?;
        let len = usize::try_from(counts.nodes).unwrap_or(usize::MAX);
        Ok(Self {
            layer: counts.layer,
            len,
            cells: cells.len(),
            shortcuts: Shortcuts::of(counts.layer, cells),
            storage,
        })
    }

    /// All cells, and what else is in the storage.
    #[inline(always)]
    pub(crate) fn storage(&self) -> &[Cell] {
        self.storage.as_ref()
    }

    /// All cells, header included.
    ///
    /// What this returns of a program that was made from bytecode is that
    /// bytecode. Of instructions that name fields of other layers it is not.
    #[inline]
    pub fn cells(&self) -> &[Cell] {
        let all = self.storage.as_ref();
        all.get(..self.cells).unwrap_or(all)
    }
}

impl<S: AsRef<[Cell]> + AsMut<[Cell]>> Program<S> {
    /// Reads divert bytecode from its wire form into `storage`.
    ///
    /// # Errors
    ///
    /// The first broken rule of B1 to B13, or storage that is too small.
    pub fn decode(bytes: &[u8], mut storage: S) -> Result<Self, VerifyError> {
        let (records, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(VerifyErrorKind::Counts.at(0));
        }
        let cells = storage
            .as_mut()
            .get_mut(..records.len())
            .ok_or(VerifyErrorKind::Storage.at(0))?;
        for (cell, bytes) in cells.iter_mut().zip(records) {
            *cell = from_bytes(bytes);
        }
        let counts = verify_cells(cells)?;
        let shortcuts = Shortcuts::of(counts.layer, cells);
        Ok(Self {
            layer: counts.layer,
            len: usize::try_from(counts.nodes).unwrap_or(usize::MAX),
            cells: records.len(),
            shortcuts,
            storage,
        })
    }

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
        let cells = storage.as_mut();
        if cells.len() < cells_for(len) {
            return Err(VerifyErrorKind::Storage.at(0));
        }
        let count = u16::try_from(len).unwrap_or(u16::MAX);
        let (head, body) = cells.split_at_mut_checked(HEADER_CELLS).unwrap_or_default();
        let (nodes, constants) = body.split_at_mut_checked(len).unwrap_or_default();
        let mut constants = constants.iter_mut();
        let mut body_len = u32::from(count);
        for ((at, insn), node) in (0_u16..).zip(insns).zip(nodes) {
            let insn = insn.map_err(|e| VerifyErrorKind::from(e).at(at))?;
            for target in [insn.success, insn.failure] {
                check_target(target, at, count).map_err(|kind| kind.at(at))?;
            }
            check(&insn, layer).map_err(|kind| kind.at(at))?;
            let (lowered, needs) = lower(&insn, layer, body_len);
            *node = lowered.encode();
            if let Some(needs) = needs
                && let Some(cell) = constants.next()
            {
                *cell = needs;
                body_len = body_len.saturating_add(1);
            }
        }
        // Instructions know nothing of classes: all start at the first.
        let entries = [Next(0); Class::COUNT];
        let header = header(layer, count.into(), body_len, &entries);
        head.iter_mut()
            .zip(header)
            .for_each(|(cell, words)| *cell = words);
        let used = usize::try_from(body_len)
            .unwrap_or(usize::MAX)
            .saturating_add(HEADER_CELLS);
        let shortcuts = Shortcuts::of(layer, cells);
        Ok(Self {
            layer,
            len,
            cells: used,
            shortcuts,
            storage,
        })
    }
}

impl VerifyErrorKind {
    pub(crate) const fn at(self, at: u16) -> VerifyError {
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
