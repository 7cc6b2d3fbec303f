//! Every generic function of the virtual machine, instantiated once.
#![no_std]

use divert_vm::{Cell, EvalError, Event, Insn, Layer, Program, Step, VerifyError};

type Storage<'a> = &'a mut [Cell];

#[inline(never)]
pub fn execute(program: &Program<&[Cell]>, packet: &[u8], event: &Event) -> bool {
    divert_vm::execute(program, packet, event)
}

#[inline(never)]
pub fn evaluate(
    program: &Program<&[Cell]>,
    packet: Option<&[u8]>,
    event: &Event,
) -> Result<bool, EvalError> {
    divert_vm::evaluate(program, packet, event)
}

#[inline(never)]
pub fn trace(
    insns: &[Insn],
    layer: Layer,
    packet: &[u8],
    event: &Event,
    observe: fn(Step),
) -> bool {
    divert_vm::trace(insns, layer, packet, event, observe)
}

#[inline(never)]
pub fn execute_batch(
    program: &Program<&[Cell]>,
    packets: &[&[u8]],
    events: &[Event],
    verdicts: &mut [bool],
) {
    divert_vm::execute_batch(program, packets, events, verdicts)
}

#[inline(never)]
pub fn decode<'a>(
    bytes: &[u8],
    storage: Storage<'a>,
) -> Result<Program<Storage<'a>>, VerifyError> {
    Program::decode(bytes, storage)
}

#[inline(never)]
pub fn from_cells(cells: &[Cell]) -> Result<Program<&[Cell]>, VerifyError> {
    Program::from_cells(cells)
}

#[inline(never)]
pub fn verify<'a>(
    insns: &[Insn],
    layer: Layer,
    storage: Storage<'a>,
) -> Result<Program<Storage<'a>>, VerifyError> {
    Program::verify(insns, layer, storage)
}

#[inline(never)]
pub fn verify_bytes<'a>(
    bytes: &[u8],
    layer: Layer,
    storage: Storage<'a>,
) -> Result<Program<Storage<'a>>, VerifyError> {
    Program::verify_bytes(bytes, layer, storage)
}

#[inline(never)]
pub fn load<'a>(
    insns: &[Insn],
    layer: Layer,
    storage: Storage<'a>,
) -> Result<Program<Storage<'a>>, VerifyError> {
    Program::load(insns, layer, storage)
}

#[cfg(feature = "panics")]
#[inline(never)]
pub fn panics(packet: &[u8]) -> u8 {
    packet[0]
}
