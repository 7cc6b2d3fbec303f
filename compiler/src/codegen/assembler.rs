//! Lays instructions out, last to first.

use divert_grammar::Span;
use divert_vm::{Insn, Op, Target, Value};

use super::Code;
use crate::graph::Subject;
use crate::hir::Exits;

/// Where to go on: a verdict, or the block with this label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Verdict(Target),
    Label(usize),
}

/// One instruction before it has its place.
struct Block {
    insn: Insn,
    exits: Exits<Next>,
    span: Span,
}

/// The blocks in the order of their labels: what is evaluated last comes first.
#[derive(Default)]
pub(super) struct Assembler {
    blocks: Vec<Block>,
}

impl Assembler {
    pub(super) fn with_capacity(blocks: usize) -> Self {
        Self {
            blocks: Vec::with_capacity(blocks),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Adds an instruction; gives its label.
    pub(super) fn block(
        &mut self,
        subject: Subject,
        (op, constant): (Op, Value),
        exits: Exits<Next>,
        span: Span,
    ) -> Next {
        let mut args = constant.words();
        if subject.field.field_type().is_data() {
            let [_, offset, ..] = &mut args;
            *offset = subject.offset.cast_unsigned();
        }
        let insn = Insn {
            field: subject.field,
            op,
            negative: constant.negative,
            args,
            success: Target::REJECT,
            failure: Target::REJECT,
        };
        let label = self.blocks.len();
        self.blocks.push(Block { insn, exits, span });
        Next::Label(label)
    }

    /// Numbers the blocks from the entry down to label 0. What has a label
    /// above the entry cannot be reached and is left out.
    pub(super) fn finish(self, entry: Next) -> Code {
        let entry = match entry {
            Next::Label(label) => label,
            Next::Verdict(Target::ACCEPT) => return Code::constant(Insn::ALWAYS),
            Next::Verdict(_) => return Code::constant(Insn::NEVER),
        };
        let target = |next| match next {
            Next::Verdict(verdict) => verdict,
            Next::Label(label) => {
                let index = entry.saturating_sub(label);
                Target::from_u16(u16::try_from(index).unwrap_or(u16::MAX))
            }
        };
        let blocks = || self.blocks.iter().take(entry.saturating_add(1)).rev();
        let insns = blocks().map(|block| Insn {
            success: target(block.exits.success),
            failure: target(block.exits.failure),
            ..block.insn
        });
        Code {
            insns: insns.collect(),
            spans: blocks().map(|block| block.span).collect(),
        }
    }
}
