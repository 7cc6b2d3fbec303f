//! From the typed form, or the decision graph, to what runs.

mod assembler;
mod bytecode;
pub(crate) mod naive;
pub(crate) mod object;

use divert_grammar::Span;
use divert_vm::bytecode::{EMPTY, cells_for};
use divert_vm::object::Object;
use divert_vm::{FieldType, Insn, Layer, Op, Program, Target};

use self::object::Shape;
use crate::dialect::OptLevel;
use crate::graph::Graph;

/// Instructions for the graph of a filter that are better than those as
/// written; `None` if there are none.
///
/// Those that are expected to be executed for a packet count, and then how
/// many there are. At `O1` neither program nor object string are ever longer
/// than as written; from `O2` on they may be, for much less work.
pub(crate) fn improve(naive: Option<&Code>, graph: &Graph, level: OptLevel) -> Option<Code> {
    if level == OptLevel::O0 {
        return None;
    }
    let shortest = object::generate(graph, Shape::SHORTEST).ok();
    let fast = match level {
        OptLevel::O2 => object::generate_fast(graph).ok(),
        _ => None,
    };
    let must_run = naive.is_some_and(|naive| runs(&naive.insns, graph.layer()));
    let written = naive.map(Cost::of);
    let mut best = written;
    let mut better = None;
    for (code, may_grow) in [(shortest, false), (fast, true)] {
        let Some(code) = code else { continue };
        let cost = Cost::of(&code);
        let fits = |written: Cost| cost.insns <= written.insns && cost.chars <= written.chars;
        let is_better = match best {
            None => true,
            Some(best) if written.is_none_or(fits) => cost.beats(&best),
            Some(best) => may_grow && cost.executed < best.executed * MUCH_LESS,
        };
        if is_better && (!must_run || runs(&code.insns, graph.layer())) {
            best = Some(cost);
            better = Some(code);
        }
    }
    better
}

/// What a program costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    insns: usize,
    /// Characters of the object string.
    chars: usize,
    /// How many are expected to be executed, and half of how many can be: what
    /// is expected of ranges is a guess.
    executed: f64,
}

/// How much less work makes up for a longer program.
const MUCH_LESS: f64 = 0.6;

/// How likely an `=` is to hold: packets have many values.
const EQUAL: f64 = 1.0 / 256.0;

impl Cost {
    fn of(code: &Code) -> Self {
        // Of each instruction what is expected from there on, and at most.
        let mut costs = vec![(0.0, 0.0_f64); code.insns.len()];
        for (at, insn) in code.insns.iter().enumerate().rev() {
            let below = |target: Target| {
                let index = target.index().map(usize::from);
                let cost = index.and_then(|index| costs.get(index));
                cost.copied().unwrap_or_default()
            };
            let holds = match (insn.op, insn.field.field_type()) {
                (_, FieldType::Bool) => 0.5,
                (Op::Eq, _) => EQUAL,
                (Op::Ne, _) => 1.0 - EQUAL,
                _ => 0.5,
            };
            let (success, failure) = (below(insn.success), below(insn.failure));
            let expected = holds * success.0 + (1.0 - holds) * failure.0;
            if let Some(place) = costs.get_mut(at) {
                *place = (1.0 + expected, 1.0 + success.1.max(failure.1));
            }
        }
        let (expected, most) = costs.first().copied().unwrap_or_default();
        Self {
            insns: code.insns.len(),
            chars: Object(&code.insns).to_string().len(),
            executed: expected + most / 2.0,
        }
    }

    /// Whether this is better than `other`, of about the same length.
    fn beats(&self, other: &Self) -> bool {
        // Of two sums in another order neither is less.
        const LESS: f64 = 0.999;
        let is_shorter = self.insns < other.insns && self.executed <= other.executed;
        is_shorter || self.executed < other.executed * LESS
    }
}

/// Whether the stock driver takes the program.
fn runs(insns: &[Insn], layer: Layer) -> bool {
    Program::verify(insns, layer, vec![EMPTY; cells_for(insns.len())]).is_ok()
}

/// Instructions, and where in the text each comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    pub(crate) insns: Vec<Insn>,
    pub(crate) spans: Vec<Span>,
}

/// The program would need this many instructions, unreachable ones included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLong(pub(crate) usize);

impl Code {
    /// The code, unless it is longer than `limit`.
    pub(crate) fn at_most(self, limit: usize) -> Result<Self, TooLong> {
        match self.insns.len() {
            len if len > limit => Err(TooLong(len)),
            _ => Ok(self),
        }
    }

    fn constant(insn: Insn) -> Self {
        Self {
            insns: vec![insn],
            spans: vec![Span::default()],
        }
    }
}
