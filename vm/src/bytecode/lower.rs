//! Instructions of WinDivert 2.2 as nodes, one each.

use super::{Base, Cell, Load, Next, Node, Test, wide_words};
use crate::isa::{Insn, Interval, Layer, Target};

/// A node of which every edge is a fault: the field is not at the layer.
const FAULT: Node = Node::Branch {
    load: Load::Word {
        base: Base::Status,
        offset: 0,
        shift: 0,
        mask: 0,
    },
    test: Test::Range { low: 0, span: 0 },
    yes: Next::FAULT,
    no: Next::FAULT,
    absent: Next::FAULT,
};

/// The node of an instruction, and the constants for `cell` if it needs any.
pub(crate) fn lower(insn: &Insn, layer: Layer, cell: u32) -> (Node, Option<Cell>) {
    if !insn.field.layers().contains(layer) {
        return (FAULT, None);
    }
    let interval = Interval::of_test(insn.field, insn.op, insn.constant());
    let (success, failure) = (next(insn.success), next(insn.failure));
    let (inside, outside) = if interval.outside {
        (failure, success)
    } else {
        (success, failure)
    };
    let load = Load::of(insn.field, insn.offset());
    let (test, constants) = if load.is_wide() {
        let constants = wide_words(interval.low, interval.high);
        (Some(Test::Wide { cell }), Some(constants))
    } else {
        let base = Load::ordinal_base(insn.field);
        (range(interval, base), None)
    };
    let node = Node::Branch {
        load,
        test: test.unwrap_or(Test::Range { low: 0, span: 0 }),
        // Where no value is inside, both edges lead outside.
        yes: if test.is_some() { inside } else { outside },
        no: outside,
        absent: failure,
    };
    (node, constants)
}

/// The 32-bit values of an interval, from ordinals that start at `base`.
fn range(interval: Interval, base: u128) -> Option<Test> {
    let low = interval.low.saturating_sub(base);
    let high = interval.high.checked_sub(base)?.min(u32::MAX.into());
    Some(Test::Range {
        low: u32::try_from(low).ok()?,
        span: u32::try_from(high.checked_sub(low)?).ok()?,
    })
}

const fn next(target: Target) -> Next {
    match target {
        Target::ACCEPT => Next::ACCEPT,
        Target::REJECT => Next::REJECT,
        _ => Next(widen(target.as_u16())),
    }
}

#[allow(clippy::as_conversions, reason = "lossless, and `From` is not const")]
const fn widen(index: u16) -> u32 {
    index as u32
}
