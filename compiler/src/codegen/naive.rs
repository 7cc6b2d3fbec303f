//! From the typed form to instructions, test by test as written (`-O0`).
//!
//! The layout is the reference's, so that a filter without quirks compiles to
//! the same program in both dialects (spec: filter bytecode, section 3): code
//! is generated from the last test to the first, then numbered backwards.

use divert_grammar::Span;
use divert_vm::isa::limits::MAX_USER_INSNS;
use divert_vm::{Interval, Op, Target};

use super::assembler::{Assembler, Next};
use super::{Code, TooLong};
use crate::graph::Subject;
use crate::hir::{Exits, Hir, Node, Sink, Test, walk};

/// Generates code for a filter.
pub(crate) fn generate(hir: &Hir) -> Result<Code, TooLong> {
    let mut assembler = Assembler::with_capacity(hir.len());
    let exits = Exits {
        success: Next::Verdict(Target::ACCEPT),
        failure: Next::Verdict(Target::REJECT),
    };
    let entry = walk(hir, &mut assembler, exits);
    if assembler.len() > MAX_USER_INSNS {
        return Err(TooLong(assembler.len()));
    }
    Ok(assembler.finish(entry))
}

/// At least as many instructions as the filter takes.
pub(crate) fn most(hir: &Hir) -> usize {
    let of_node = |node: &Node| match node {
        Node::Test(test) if test.written.is_none() => {
            test.values.ranges().len().saturating_mul(2).max(1)
        }
        Node::Test(_) => 1,
        _ => 0,
    };
    hir.iter()
        .map(|(_, node)| of_node(node))
        .sum::<usize>()
        .max(1)
}

impl Sink for Assembler {
    type Next = Next;

    fn test(&mut self, test: &Test, exits: Exits<Next>, span: Span) -> Next {
        let subject = Subject {
            field: test.field,
            offset: test.offset,
        };
        if let Some((op, constant)) = test.written {
            return self.block(subject, (op, constant), exits, span);
        }
        let (first, last) = Interval::domain(test.field);
        let value = |ordinal| Interval::value_of(test.field, ordinal);
        if let [(low, high)] = test.values.complement((first, last)).ranges()
            && low == high
        {
            return self.block(subject, (Op::Ne, value(*low)), exits, span);
        }
        let mut next = exits.failure;
        for (low, high) in test.values.ranges().iter().rev() {
            let failure = next;
            let mut success = exits.success;
            if low == high {
                let exits = Exits { success, failure };
                next = self.block(subject, (Op::Eq, value(*low)), exits, span);
                continue;
            }
            if *high < last {
                let exits = Exits { success, failure };
                success = self.block(subject, (Op::Le, value(*high)), exits, span);
                next = success;
            }
            if *low > first || *high >= last {
                let exits = Exits { success, failure };
                next = self.block(subject, (Op::Ge, value(*low)), exits, span);
            }
        }
        next
    }
}
