//! Every generic function of the virtual machine, instantiated once.
#![no_std]

use divert_vm::{EvalError, Event, Insn, Layer, Node, Program, Step, VerifyError};

type Storage<'a> = &'a mut [Node];

#[inline(never)]
pub fn execute(program: &Program<&[Node]>, packet: &[u8], event: &Event) -> bool {
    divert_vm::execute(program, packet, event)
}

#[inline(never)]
pub fn evaluate(
    program: &Program<&[Node]>,
    packet: Option<&[u8]>,
    event: &Event,
) -> Result<bool, EvalError> {
    divert_vm::evaluate(program, packet, event)
}

#[inline(never)]
pub fn trace(
    program: &Program<&[Node]>,
    packet: &[u8],
    event: &Event,
    observe: fn(Step),
) -> bool {
    divert_vm::trace(program, packet, event, observe)
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
