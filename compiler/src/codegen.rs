//! From the typed form to instructions, test by test as written (`-O0`).
//!
//! The layout is the reference's, so that a filter without quirks compiles to
//! the same program in both dialects (spec: filter bytecode, section 3): code
//! is generated from the last test to the first, then numbered backwards.

use divert_grammar::Span;
use divert_vm::isa::limits::MAX_USER_INSNS;
use divert_vm::{Insn, Interval, Op, Target, Value};

use crate::hir::{Hir, HirId, List, Node, Test};

/// Instructions, and where in the text each comes from.
pub(crate) struct Code {
    pub(crate) insns: Vec<Insn>,
    pub(crate) spans: Vec<Span>,
}

/// The program would need this many instructions, unreachable ones included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLong(pub(crate) usize);

/// Generates code for a filter.
pub(crate) fn generate(hir: &Hir) -> Result<Code, TooLong> {
    let mut generator = Generator {
        hir,
        blocks: Vec::with_capacity(hir.len()),
    };
    let entry = generator.filter();
    if generator.blocks.len() > MAX_USER_INSNS {
        return Err(TooLong(generator.blocks.len()));
    }
    Ok(generator.emit(entry))
}

/// Where to go on: a verdict, or the block with this label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Verdict(Target),
    Label(usize),
}

/// The two ways a node can go on.
#[derive(Clone, Copy, Debug)]
struct Exits {
    success: Next,
    failure: Next,
}

/// One instruction before it has its place.
struct Block {
    insn: Insn,
    exits: Exits,
    span: Span,
}

struct Generator<'a> {
    hir: &'a Hir,
    /// In the order of their labels: what is evaluated last comes first.
    blocks: Vec<Block>,
}

/// A node whose last child has been generated, and what remains of it.
enum Pending {
    And {
        rest: List,
        failure: Next,
    },
    Or {
        rest: List,
        success: Next,
    },
    /// The else part is done; then part and condition remain.
    Then {
        cond: HirId,
        then: HirId,
        exits: Exits,
    },
    /// Both parts are done; the condition remains.
    Cond {
        cond: HirId,
        otherwise: Next,
    },
}

impl Generator<'_> {
    /// Generates the whole filter, and tells where it starts.
    fn filter(&mut self) -> Next {
        let mut pending = Vec::new();
        let mut next = self.enter(
            self.hir.root(),
            Exits {
                success: Next::Verdict(Target::ACCEPT),
                failure: Next::Verdict(Target::REJECT),
            },
            &mut pending,
        );
        while let Some(parent) = pending.pop() {
            let (id, exits) = match parent {
                Pending::And { rest, failure } => {
                    let Some((id, rest)) = self.hir.split_last(rest) else {
                        continue;
                    };
                    pending.push(Pending::And { rest, failure });
                    let success = next;
                    (id, Exits { success, failure })
                }
                Pending::Or { rest, success } => {
                    let Some((id, rest)) = self.hir.split_last(rest) else {
                        continue;
                    };
                    pending.push(Pending::Or { rest, success });
                    let failure = next;
                    (id, Exits { success, failure })
                }
                Pending::Then { cond, then, exits } => {
                    let otherwise = next;
                    pending.push(Pending::Cond { cond, otherwise });
                    (then, exits)
                }
                Pending::Cond { cond, otherwise } => {
                    let (success, failure) = (next, otherwise);
                    (cond, Exits { success, failure })
                }
            };
            next = self.enter(id, exits, &mut pending);
        }
        next
    }

    /// Generates the part of a node that is evaluated last; it leaves the node
    /// the way the node is left.
    fn enter(&mut self, mut id: HirId, exits: Exits, pending: &mut Vec<Pending>) -> Next {
        loop {
            match self.hir.node(id) {
                Node::Const(true) => return exits.success,
                Node::Const(false) => return exits.failure,
                Node::Test(test) => {
                    let span = self.hir.span(id);
                    return self.test(test, exits, span);
                }
                Node::And(list) => {
                    let Some((last, rest)) = self.hir.split_last(*list) else {
                        return exits.success;
                    };
                    let failure = exits.failure;
                    pending.push(Pending::And { rest, failure });
                    id = last;
                }
                Node::Or(list) => {
                    let Some((last, rest)) = self.hir.split_last(*list) else {
                        return exits.failure;
                    };
                    let success = exits.success;
                    pending.push(Pending::Or { rest, success });
                    id = last;
                }
                Node::If {
                    cond,
                    then,
                    otherwise,
                } => {
                    let (cond, then) = (*cond, *then);
                    pending.push(Pending::Then { cond, then, exits });
                    id = *otherwise;
                }
            }
        }
    }

    fn test(&mut self, test: &Test, exits: Exits, span: Span) -> Next {
        if let Some((op, constant)) = test.written {
            return self.block(test, (op, constant), exits, span);
        }
        let (first, last) = Interval::domain(test.field);
        let value = |ordinal| Interval::value_of(test.field, ordinal);
        if let [(low, high)] = test.values.complement((first, last)).ranges()
            && low == high
        {
            return self.block(test, (Op::Ne, value(*low)), exits, span);
        }
        let mut next = exits.failure;
        for (low, high) in test.values.ranges().iter().rev() {
            let failure = next;
            let mut success = exits.success;
            if low == high {
                let exits = Exits { success, failure };
                next = self.block(test, (Op::Eq, value(*low)), exits, span);
                continue;
            }
            if *high < last {
                let exits = Exits { success, failure };
                success = self.block(test, (Op::Le, value(*high)), exits, span);
                next = success;
            }
            if *low > first || *high >= last {
                let exits = Exits { success, failure };
                next = self.block(test, (Op::Ge, value(*low)), exits, span);
            }
        }
        next
    }

    fn block(
        &mut self,
        test: &Test,
        (op, constant): (Op, Value),
        exits: Exits,
        span: Span,
    ) -> Next {
        let mut args = constant.words();
        if test.field.field_type().is_data() {
            let [_, offset, ..] = &mut args;
            *offset = test.offset.cast_unsigned();
        }
        let insn = Insn {
            field: test.field,
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
    fn emit(self, entry: Next) -> Code {
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

impl Code {
    fn constant(insn: Insn) -> Self {
        Self {
            insns: vec![insn],
            spans: vec![Span::default()],
        }
    }
}
