//! Execution: a walk forward through the nodes until a verdict.
//!
//! Processors guess jumps, and a wrong guess costs as much as several tests.
//! So the usual node, a range of a word in a header, is executed without any
//! jump that depends on the packet but the one that ends the walk.
//!
//! Measured: with a jump to either target, programs with many nodes take twice
//! as long; with one loop for all sorts of nodes, the usual one takes a third
//! longer, because the compiler keeps less in registers.

use core::hint::black_box;

use crate::bytecode::{
    Cell, DataBase, HEADER_CELLS, Next, Node, WORD_RANGE, WORD_TABLE, load_number as load,
    test_number as test, wide,
};
use crate::event::Event;
use crate::isa::Layer;
use crate::load::{View, id::LENGTH, status};
use crate::locate::{Glance, Location, data};
use crate::packet::{IpVersion, Source};
use crate::program::Program;

/// Whether `program` matches `packet` in the circumstances of `event`.
///
/// Cannot fail: a packet that does not parse has no headers, a fault counts
/// as no match. At layers without packets pass an empty packet.
#[inline]
pub fn execute<S, P>(program: &Program<S>, packet: &P, event: &Event) -> bool
where
    S: AsRef<[Cell]>,
    P: Source + ?Sized,
{
    let outbound = program.shortcuts().outbound(event);
    if let Some(verdict) = program.shortcuts().verdict(outbound) {
        return verdict;
    }
    execute_nodes(program, packet, event, outbound) == Next::ACCEPT
}

/// Many packets need nothing else: no call, and all is in registers.
#[inline(never)]
fn execute_nodes<S, P>(program: &Program<S>, packet: &P, event: &Event, outbound: bool) -> Next
where
    S: AsRef<[Cell]>,
    P: Source + ?Sized,
{
    if program.layer().has_packets()
        && let Some(glance) = Glance::at(packet)
    {
        let shortcuts = program.shortcuts();
        let class = glance.class(outbound);
        let entry = shortcuts.entry(class);
        if shortcuts.is_early(class) {
            return entry;
        }
        if let Some(found) = glance.check(packet) {
            let cells = program.storage();
            let here = glide(cells, packet, found, entry);
            if here >= Next::FAULT {
                return here;
            }
            let view = View {
                packet,
                found,
                event,
            };
            return run_apart(cells, view, here);
        }
    }
    execute_unusual(program, packet, event)
}

/// Apart from the usual case, so that there all is in registers.
#[inline(never)]
fn execute_unusual<S, P>(program: &Program<S>, packet: &P, event: &Event) -> Next
where
    S: AsRef<[Cell]>,
    P: Source + ?Sized,
{
    run_view(program, View::new(program.layer(), packet, event))
}

/// Packets that are touched before they are executed.
const BLOCK: usize = 16;

/// Executes on each packet with its event, and stores the verdicts.
///
/// Faster than one by one where packets are not in the cache: the first bytes
/// of some packets are read before, so that the processor waits for all of
/// them at once. If the slices differ in length, the shortest counts.
///
/// ```
/// use divert_vm::bytecode::{EMPTY, MAX_STOCK_CELLS};
/// use divert_vm::{execute_batch, Event, Insn, Layer, Program};
///
/// let storage = [EMPTY; MAX_STOCK_CELLS];
/// let program = Program::verify(&[Insn::ALWAYS], Layer::Network, storage)?;
/// let packets: [&[u8]; 2] = [b"some packet", b"another"];
/// let mut verdicts = [false; 2];
/// execute_batch(&program, &packets, &[Event::inbound(); 2], &mut verdicts);
/// assert_eq!(verdicts, [true, true]);
/// # Ok::<(), divert_vm::VerifyError>(())
/// ```
pub fn execute_batch<S, P>(
    program: &Program<S>,
    packets: &[P],
    events: &[Event],
    verdicts: &mut [bool],
) where
    S: AsRef<[Cell]>,
    P: Source,
{
    let reads_packets = !program.shortcuts().is_constant();
    let (mut events, mut verdicts) = (events.iter(), verdicts.iter_mut());
    let mut ahead = packets;
    while !ahead.is_empty() {
        let (block, rest) = ahead.split_at_checked(BLOCK).unwrap_or((ahead, &[]));
        if reads_packets {
            block.iter().for_each(touch);
        }
        for (packet, (event, verdict)) in block.iter().zip(events.by_ref().zip(&mut verdicts)) {
            *verdict = execute(program, packet, event);
        }
        ahead = rest;
    }
}

/// Reads a byte where most headers begin, for nothing but the cache.
#[inline(always)]
fn touch<P: Source>(packet: &P) {
    black_box(packet.read::<1>(0));
}

/// Why an evaluation has no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvalError {
    /// The event belongs to another layer than the program.
    WrongLayer,
    /// The layer has packets, and there is none or it does not parse.
    BadPacket,
    /// The layer has no packets, and there is one.
    UnexpectedPacket,
    /// The IPv6 flag of the event contradicts the packet.
    WrongIpVersion,
    /// A test of a field that the layer does not have was reached.
    FieldNotAtLayer,
}

impl core::fmt::Display for EvalError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WrongLayer => "the event belongs to another layer than the filter",
            Self::BadPacket => "the packet is missing or is not an IP packet",
            Self::UnexpectedPacket => "events of this layer carry no packet",
            Self::WrongIpVersion => "the event's IPv6 flag contradicts the packet",
            Self::FieldNotAtLayer => "the filter tests a field that the layer does not have",
        })
    }
}

impl core::error::Error for EvalError {}

/// Like [`execute`], with the checks of `WinDivertHelperEvalFilter`.
///
/// # Errors
///
/// Whatever that function answers with an invalid-parameter error
/// (spec: API, section 8.2).
pub fn evaluate<S, P>(
    program: &Program<S>,
    packet: Option<&P>,
    event: &Event,
) -> Result<bool, EvalError>
where
    S: AsRef<[Cell]>,
    P: Source + ?Sized,
{
    if event.layer != program.layer() {
        return Err(EvalError::WrongLayer);
    }
    let outcome = match (event.layer, packet) {
        (Layer::Network | Layer::NetworkForward, None) => return Err(EvalError::BadPacket),
        (Layer::Network | Layer::NetworkForward, Some(packet)) => {
            let view = View::new(event.layer, packet, event);
            let version = view.ip_version().ok_or(EvalError::BadPacket)?;
            if (version == IpVersion::V6) != event.ipv6 {
                return Err(EvalError::WrongIpVersion);
            }
            run_view(program, view)
        }
        (Layer::Flow | Layer::Socket, Some(_)) => return Err(EvalError::UnexpectedPacket),
        _ => run_view(program, View::new(event.layer, [].as_slice(), event)),
    };
    outcome.verdict().ok_or(EvalError::FieldNotAtLayer)
}

/// Like [`run`], apart from the usual case.
#[inline(never)]
fn run_apart<P>(cells: &[Cell], view: View<'_, P>, from: Next) -> Next
where
    P: Source + ?Sized,
{
    run(cells, view, from)
}

/// Walks from the entry of the packet's class.
#[inline(always)]
fn run_view<S, P>(program: &Program<S>, view: View<'_, P>) -> Next
where
    S: AsRef<[Cell]>,
    P: Source + ?Sized,
{
    let entry = program.shortcuts().entry(view.class());
    run(program.storage(), view, entry)
}

/// Walks from a node to a verdict, or to a fault.
///
/// Ends because every step leaves fewer nodes ahead than the one before.
#[inline(always)]
fn run<P>(cells: &[Cell], view: View<'_, P>, entry: Next) -> Next
where
    P: Source + ?Sized,
{
    // Constants and what storage has left over are behind all targets.
    let View { packet, found, .. } = view;
    let mut here = entry;
    while let Some(node) = node(cells, here) {
        let [head, offset, ..] = *node;
        let [kind, base, place, _] = head.to_le_bytes();
        let value = match kind & 0xF {
            load::DATA if base == PACKET && found != Location::NOWHERE => {
                data(packet, (0, packet.len()), place, offset.cast_signed())
            }
            load::DATA => found.data(packet, base, place, offset.cast_signed()),
            load::FIELD if place == LENGTH => u32::try_from(packet.len()).ok(),
            load::WORD => {
                here = glide_apart(cells, packet, found, here);
                continue;
            }
            _ => {
                here = later(here, unusual(cells, node, view));
                continue;
            }
        };
        let next = match value {
            Some(value) => narrow_test(cells, node, value),
            None => absent(node),
        };
        here = later(here, next);
    }
    here
}

/// The number of data that are the packet.
const PACKET: u8 = DataBase::Packet.as_u8();

/// Like [`glide`], apart from the usual case.
#[inline(never)]
fn glide_apart<P>(cells: &[Cell], packet: &P, found: Location, from: Next) -> Next
where
    P: Source + ?Sized,
{
    glide(cells, packet, found, from)
}

/// Walks as long as nodes are ranges or tables of words.
///
/// Calls nothing, so that all is in registers. One comparison says of a node
/// that it is about a word, and about which header.
#[inline(always)]
fn glide<P>(cells: &[Cell], packet: &P, found: Location, from: Next) -> Next
where
    P: Source + ?Sized,
{
    let (network, transport) = found.heads();
    let transport_at = found.transport_at();
    let mut here = from;
    while let Some(node) = node(cells, here) {
        let [head, ..] = *node;
        let [kind, _, offset, _] = head.to_le_bytes();
        let about = head & HEAD_OF_WORD;
        let start = if about == transport {
            transport_at
        } else if about == network {
            0
        } else if kind == WORD_RANGE || kind == WORD_TABLE {
            // The header is not there.
            packet.len()
        } else {
            return here;
        };
        let next = match packet.read(start.wrapping_add(offset.into())) {
            Some(bytes) if kind == WORD_RANGE => in_range(node, u32::from_be_bytes(bytes)),
            Some(bytes) => table(cells, node, u32::from_be_bytes(bytes)),
            None => absent(node),
        };
        if next <= here {
            return Next::FAULT;
        }
        here = next;
    }
    here
}

/// Bits of the first word of a node that say which header a word is of; the
/// one that is left out is that of tables.
const HEAD_OF_WORD: u32 = 0xFFFF & !(1 << 4);
const _: () = assert!(WORD_RANGE == 0 && WORD_TABLE == 1 << 4);

/// Where a node leads if what it loads is absent.
#[inline(always)]
fn absent(node: &Cell) -> Next {
    let [_, _, _, _, _, _, absent, _] = *node;
    Next(absent)
}

/// Where the table of a node leads from the word that it is about.
#[inline(always)]
fn table(cells: &[Cell], node: &Cell, word: u32) -> Next {
    let [_, mask, start, len, ..] = *node;
    let [_, _, _, shift] = place(node);
    let value = word.wrapping_shr(shift.into()) & mask;
    target(node, in_table(cells, start, len, value))
}

/// The next place, if it is ahead; that it always is, ends every walk.
#[inline(always)]
fn later(here: Next, next: Next) -> Next {
    if next > here { next } else { Next::FAULT }
}

/// Where the range of a node leads from the word that it is about.
#[inline(always)]
fn in_range(node: &Cell, word: u32) -> Next {
    target(node, holds(node, word))
}

/// Whether a word is in the range of a node, or of a test.
#[inline(always)]
fn holds(test: &[u32], word: u32) -> bool {
    let [_, mask, low, span, ..] = *test else {
        return false;
    };
    let [_, _, _, shift] = place(test);
    (word.wrapping_shr(shift.into()) & mask).wrapping_sub(low) <= span
}

/// The bytes of the first word of a node, or of a test.
#[inline(always)]
fn place(test: &[u32]) -> [u8; 4] {
    test.first().copied().unwrap_or_default().to_le_bytes()
}

/// Where a test leads.
///
/// Looked up, because a jump on what a packet has would often be guessed
/// wrong, and of a choice between two values the compiler may make a jump.
#[inline(always)]
fn target(node: &Cell, passes: bool) -> Next {
    let [_, _, _, _, targets @ .., _, _] = node;
    Next(*targets.get(usize::from(!passes)).unwrap_or(&Next::FAULT.0))
}

/// The node at an index of the body.
#[inline(always)]
fn node(cells: &[Cell], at: Next) -> Option<&Cell> {
    let at = usize::try_from(at.0).ok()?;
    // Where addresses have 32 bits, a verdict is near the largest.
    cells.get(at.checked_add(HEADER_CELLS)?)
}

/// All cells but the header: what nodes name constants in.
#[inline(always)]
fn body(cells: &[Cell]) -> &[Cell] {
    cells.get(HEADER_CELLS..).unwrap_or_default()
}

/// Whether a value is in the table of `len` bounds at word `start`.
#[inline]
fn in_table(cells: &[Cell], start: u32, len: u32, value: u32) -> bool {
    let bounds = slice(body(cells).as_flattened(), start, len);
    is_odd(bounds.partition_point(|bound| *bound <= value))
}

/// Where a truth table leads.
#[inline(never)]
fn truth<P>(cells: &[Cell], packet: &P, found: Location, node: &Cell, event: &Event) -> Next
where
    P: Source + ?Sized,
{
    let [_, _, table, ..] = *node;
    let tests = tests(cells, node);
    let mut row = 0;
    for (bit, test) in (0_u32..).zip(tests) {
        let [kind, base, offset, _] = place(test);
        if kind == load::STATUS {
            return truth_of_status(cells, packet, found, node, event);
        }
        if let Some(word) = found.word(packet, base, offset) {
            row |= u32::from(holds(test, word)).wrapping_shl(bit);
        }
    }
    target(node, table.wrapping_shr(row) & 1 == 1)
}

/// Like [`truth`], which makes no room for a status that it seldom needs.
#[inline(never)]
fn truth_of_status<P>(
    cells: &[Cell],
    packet: &P,
    found: Location,
    node: &Cell,
    event: &Event,
) -> Next
where
    P: Source + ?Sized,
{
    let [_, _, table, ..] = *node;
    let status = status(found, event);
    let mut row = 0;
    for (bit, test) in (0_u32..).zip(tests(cells, node)) {
        let [kind, base, offset, _] = place(test);
        let word = if kind == load::STATUS {
            Some(status)
        } else {
            found.word(packet, base, offset)
        };
        let holds = word.is_some_and(|word| holds(test, word));
        row |= u32::from(holds).wrapping_shl(bit);
    }
    target(node, table.wrapping_shr(row) & 1 == 1)
}

/// The tests of a truth table.
#[inline(always)]
fn tests<'a>(cells: &'a [Cell], node: &Cell) -> &'a [[u32; 4]] {
    let [_, tests, ..] = *node;
    let [_, count, ..] = place(node);
    slice(halves(cells), tests.wrapping_mul(2), count.into())
}

/// Where a node leads that is not one of the most usual.
#[inline(never)]
fn unusual<P: Source + ?Sized>(cells: &[Cell], node: &Cell, view: View<'_, P>) -> Next {
    let [kind, _, id, _] = place(node);
    let value = match kind & 0xF {
        load::FIELD => match view.usual_field(id) {
            Some(value) => value,
            None => return field(cells, node, view),
        },
        load::TRUTH => return truth(cells, view.packet, view.found, node, view.event),
        _ => return of_status(cells, node, view.status()),
    };
    match value {
        Some(value) => narrow_test(cells, node, value),
        None => absent(node),
    }
}

/// Where a test of the status word leads.
#[inline(always)]
fn of_status(cells: &[Cell], node: &Cell, status: u32) -> Next {
    let [kind, ..] = place(node);
    match kind >> 4 {
        test::RANGE => in_range(node, status),
        _ => table(cells, node, status),
    }
}

/// Where a range or a table leads from a value that is no part of a word.
#[inline(always)]
fn narrow_test(cells: &[Cell], node: &Cell, value: u32) -> Next {
    let [head, _, w2, w3, ..] = *node;
    let [kind, ..] = head.to_le_bytes();
    let passes = match kind >> 4 {
        test::RANGE => value.wrapping_sub(w2) <= w3,
        _ => in_table(cells, w2, w3, value),
    };
    jump(node, passes)
}

/// Where a test leads, by a jump.
///
/// It takes so long to read such values that it pays to guess the outcome, and
/// to go on with the next node meanwhile.
#[inline(always)]
fn jump(node: &Cell, passes: bool) -> Next {
    let [_, _, _, _, yes, no, _, _] = *node;
    if passes {
        // Otherwise the compiler would choose without a jump.
        black_box(());
        return Next(yes);
    }
    Next(no)
}

/// Where a test of a field leads that is not one of the most usual.
#[inline(never)]
fn field<P: Source + ?Sized>(cells: &[Cell], node: &Cell, view: View<'_, P>) -> Next {
    let [head, _, w2, w3, ..] = *node;
    let [kind, _, id, _] = head.to_le_bytes();
    let value = match view.usual_addr(id) {
        Some(value) => value,
        None => match Node::read_load(node) {
            Some((load, _)) => view.value(load),
            None => return Next::FAULT,
        },
    };
    let Some(value) = value else {
        return absent(node);
    };
    let passes = match kind >> 4 {
        test::RANGE => narrow(value).wrapping_sub(w2) <= w3,
        test::TABLE => in_table(cells, w2, w3, narrow(value)),
        test::WIDE => match slice(halves(cells), w2.wrapping_mul(2), 2) {
            [low, high] => wide(*low) <= value && value <= wide(*high),
            _ => false,
        },
        _ => {
            let bounds = slice(halves(cells), w2.wrapping_mul(2), w3);
            is_odd(bounds.partition_point(|bound| wide(*bound) <= value))
        }
    };
    target(node, passes)
}

/// The value for a narrow test, which meets narrow values only by rule B8.
fn narrow(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn halves(cells: &[Cell]) -> &[[u32; 4]] {
    body(cells).as_flattened().as_chunks().0
}

/// `len` items from `start`, none if they are not all there.
#[inline(always)]
fn slice<T>(items: &[T], start: u32, len: u32) -> &[T] {
    let range = usize::try_from(start).ok().zip(usize::try_from(len).ok());
    let range = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
    range.and_then(|range| items.get(range)).unwrap_or_default()
}

const fn is_odd(count: usize) -> bool {
    count & 1 == 1
}
