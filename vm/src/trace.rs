//! The stock algorithm: one instruction after the other, nothing prepared.
//!
//! Slow and plain. People see by it why a filter matches, and tests hold the
//! executor against it.

use crate::event::Event;
use crate::isa::{Insn, Interval, Layer, Target};
use crate::load::View;
use crate::packet::Source;

/// One step of an execution, for people who want to see why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The index of the instruction.
    pub at: u16,
    /// The ordinal of the field's value; `None` if the field is absent.
    pub value: Option<u128>,
    /// Whether the test holds.
    pub holds: bool,
    /// Where execution goes next.
    pub next: Target,
}

/// Executes instructions as they are, and reports every step to `observe`.
///
/// The verdict is that of [`execute`](crate::execute) on the program that
/// [`Program::load`](crate::Program::load) makes of them. Instructions that it
/// refuses are safe here, too: a step back ends without a match.
pub fn trace<P: Source + ?Sized>(
    insns: &[Insn],
    layer: Layer,
    packet: &P,
    event: &Event,
    mut observe: impl FnMut(Step),
) -> bool {
    let view = View::new(layer, packet, event);
    let mut here = Target::from_u16(0);
    while let Some(at) = here.index() {
        let insn = insns.get(usize::from(at));
        // A field of another layer is a fault: no match.
        let Some(insn) = insn.filter(|insn| insn.field.layers().contains(layer)) else {
            return false;
        };
        let value = view.load(insn.field, insn.offset());
        let values = Interval::of_test(insn.field, insn.op, insn.constant());
        let holds = value.is_some_and(|value| values.contains(value));
        let next = if holds { insn.success } else { insn.failure };
        observe(Step {
            at,
            value,
            holds,
            next,
        });
        if next <= here {
            return false;
        }
        here = next;
    }
    here == Target::ACCEPT
}
