//! From instructions back to filter text.
//!
//! The result is that of `WinDivertHelperFormatFilter` to the letter (spec:
//! filter bytecode, section 9). Tests are merged into `and`, `or` and `?:`
//! where the jumps allow it; what is left is a tree of `?:` in which shared
//! code is written once for each use, so its length needs a bound.

use divert_vm::addr::{V4, V6};
use divert_vm::{Field, FieldType, Insn, Layer, Op, Target, TextBuffer, Value};

/// Most expressions of one filter text; about a megabyte.
const MAX_EXPRS: usize = 1 << 15;

/// Where the text goes.
pub(crate) trait Sink {
    fn put(&mut self, text: &str);
    /// Whether no more fits; what is not begun yet is then left out.
    fn is_full(&self) -> bool;
}

impl Sink for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }

    fn is_full(&self) -> bool {
        false
    }
}

impl Sink for TextBuffer<'_> {
    fn put(&mut self, text: &str) {
        self.push(text.as_bytes());
    }

    fn is_full(&self) -> bool {
        self.is_full()
    }
}

/// The text is too long: shared code multiplies when it is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Writes a program as filter text for a layer.
pub(crate) fn decompile(insns: &[Insn], layer: Layer, sink: &mut impl Sink) -> Result<(), TooLong> {
    let mut decompiler = Decompiler::new(insns);
    decompiler.merge();
    let root = decompiler.build()?;
    let mut printer = Printer {
        insns,
        exprs: &decompiler.exprs,
        layer,
        left: MAX_EXPRS,
    };
    printer.expr(root, Place::Top, sink)
}

type ExprId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expr {
    True,
    False,
    Test(usize),
    And(ExprId, ExprId),
    Or(ExprId, ExprId),
    If(ExprId, ExprId, ExprId),
}

const TRUE: ExprId = 0;
const FALSE: ExprId = 1;

/// What is left of the instruction at some index after merging.
#[derive(Clone, Copy, Debug)]
struct Block {
    expr: ExprId,
    success: Target,
    failure: Target,
    references: usize,
}

struct Decompiler {
    exprs: Vec<Expr>,
    blocks: Vec<Block>,
}

/// How two blocks can become one.
enum Merge {
    /// With the block after success; what the failure target is then.
    Success(Expr),
    Failure(Expr),
    Both(Expr),
}

impl Decompiler {
    fn new(insns: &[Insn]) -> Self {
        let mut exprs = vec![Expr::True, Expr::False];
        let mut blocks: Vec<Block> = Vec::with_capacity(insns.len());
        for (at, insn) in insns.iter().enumerate() {
            exprs.push(Expr::Test(at));
            blocks.push(Block {
                expr: exprs.len().saturating_sub(1),
                success: insn.success,
                failure: insn.failure,
                references: usize::from(at == 0),
            });
        }
        let mut this = Self { exprs, blocks };
        for insn in insns {
            this.count(insn.success, 1);
            this.count(insn.failure, 1);
        }
        this
    }

    fn block(&self, target: Target) -> Option<Block> {
        self.blocks.get(usize::from(target.index()?)).copied()
    }

    fn count(&mut self, target: Target, by: isize) {
        if let Some(block) = target
            .index()
            .and_then(|at| self.blocks.get_mut(usize::from(at)))
        {
            block.references = block.references.saturating_add_signed(by);
        }
    }

    fn push(&mut self, expr: Expr) -> ExprId {
        self.exprs.push(expr);
        self.exprs.len().saturating_sub(1)
    }

    fn merge(&mut self) {
        for at in (0..self.blocks.len()).rev() {
            while let Some(block) = self.blocks.get(at).copied().filter(|b| b.references > 0)
                && let Some(merge) = self.rule(&block)
            {
                self.apply(at, block, &merge);
            }
        }
    }

    /// The first rule of section 9.2 that fits.
    fn rule(&self, e: &Block) -> Option<Merge> {
        let single = |target| self.block(target).filter(|block| block.references == 1);
        let (s, f) = (single(e.success), single(e.failure));
        if let Some(s) = s {
            if s.failure == e.failure {
                return Some(Merge::Success(Expr::And(e.expr, s.expr)));
            }
            if s.success == e.failure {
                return Some(Merge::Success(Expr::If(e.expr, s.expr, TRUE)));
            }
        }
        if let Some(f) = f {
            if f.success == e.success {
                return Some(Merge::Failure(Expr::Or(e.expr, f.expr)));
            }
            if f.failure == e.success {
                return Some(Merge::Failure(Expr::If(e.expr, FALSE, f.expr)));
            }
        }
        let (s, f) = s.zip(f)?;
        let same = s.success == f.success && s.failure == f.failure;
        same.then_some(Merge::Both(Expr::If(e.expr, s.expr, f.expr)))
    }

    fn apply(&mut self, at: usize, e: Block, merge: &Merge) {
        let (expr, from) = match *merge {
            Merge::Success(expr) => (expr, e.success),
            Merge::Failure(expr) => (expr, e.failure),
            Merge::Both(expr) => (expr, e.success),
        };
        let Some(successor) = self.block(from) else {
            return;
        };
        match merge {
            Merge::Success(_) => {
                self.count(e.success, -1);
                self.count(e.failure, -1);
            }
            Merge::Failure(_) => {
                self.count(e.failure, -1);
                self.count(e.success, -1);
            }
            Merge::Both(_) => {
                self.count(e.success, -1);
                self.count(e.failure, -1);
                self.count(successor.success, -1);
                self.count(successor.failure, -1);
            }
        }
        let expr = self.push(expr);
        if let Some(block) = self.blocks.get_mut(at) {
            *block = Block {
                expr,
                success: successor.success,
                failure: successor.failure,
                references: e.references,
            };
        }
    }

    /// The tree below the first block (section 9.3). Targets are forward, so
    /// the blocks are built last to first, each once.
    fn build(&mut self) -> Result<ExprId, TooLong> {
        let mut built: Vec<ExprId> = vec![FALSE; self.blocks.len()];
        for at in (0..self.blocks.len()).rev() {
            let Some(block) = self.blocks.get(at).copied() else {
                continue;
            };
            let side = |target: Target| match (target, target.index()) {
                (_, Some(index)) => built.get(usize::from(index)).copied().unwrap_or(FALSE),
                (Target::ACCEPT, None) => TRUE,
                _ => FALSE,
            };
            let (success, failure) = (side(block.success), side(block.failure));
            let expr = if block.success == block.failure {
                success
            } else if (success, failure) == (TRUE, FALSE) {
                block.expr
            } else {
                self.push(Expr::If(block.expr, success, failure))
            };
            if let Some(slot) = built.get_mut(at) {
                *slot = expr;
            }
        }
        built.first().copied().ok_or(TooLong)
    }
}

/// Where an expression stands, which decides about its parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    InAnd,
    InOr,
}

struct Printer<'a> {
    insns: &'a [Insn],
    exprs: &'a [Expr],
    layer: Layer,
    left: usize,
}

impl Printer<'_> {
    fn expr(&mut self, id: ExprId, place: Place, sink: &mut impl Sink) -> Result<(), TooLong> {
        self.left = self.left.checked_sub(1).ok_or(TooLong)?;
        if sink.is_full() {
            return Ok(());
        }
        let Some(expr) = self.exprs.get(id) else {
            return Err(TooLong);
        };
        match *expr {
            Expr::True => sink.put("true"),
            Expr::False => sink.put("false"),
            Expr::Test(at) => {
                if let Some(insn) = self.insns.get(at) {
                    write_test(insn, self.layer, sink);
                }
            }
            Expr::And(a, b) => {
                let parens = place == Place::InOr;
                self.pair((a, " and ", b), Place::InAnd, parens, sink)?;
            }
            Expr::Or(a, b) => {
                let parens = place == Place::InAnd;
                self.pair((a, " or ", b), Place::InOr, parens, sink)?;
            }
            Expr::If(cond, then, otherwise) => {
                sink.put("(");
                self.expr(cond, Place::Top, sink)?;
                sink.put("? ");
                self.expr(then, Place::Top, sink)?;
                sink.put(": ");
                self.expr(otherwise, Place::Top, sink)?;
                sink.put(")");
            }
        }
        Ok(())
    }

    fn pair(
        &mut self,
        (a, operator, b): (ExprId, &str, ExprId),
        place: Place,
        parens: bool,
        sink: &mut impl Sink,
    ) -> Result<(), TooLong> {
        if parens {
            sink.put("(");
        }
        self.expr(a, place, sink)?;
        sink.put(operator);
        self.expr(b, place, sink)?;
        if parens {
            sink.put(")");
        }
        Ok(())
    }
}

/// Writes the test of one instruction as it is spelled in a filter.
pub(crate) fn write_test(insn: &Insn, layer: Layer, sink: &mut impl Sink) {
    let ty = insn.field.field_type();
    let constant = insn.constant();
    let boolean = matches!(ty, FieldType::Bool | FieldType::Zero);
    if boolean && constant.magnitude <= 1 && matches!(insn.op, Op::Eq | Op::Ne) {
        if (insn.op == Op::Eq) == (constant.magnitude == 0) {
            sink.put("not ");
        }
        sink.put(insn.field.name());
        return;
    }
    sink.put(insn.field.name());
    if ty.is_data() {
        sink.put(&format!("[{}b]", insn.offset()));
    }
    sink.put(" ");
    sink.put(insn.op.symbol());
    sink.put(" ");
    sink.put(&constant_text(insn.field, constant, layer));
}

/// A constant as it is spelled for a field.
pub(crate) fn constant_text(field: Field, constant: Value, layer: Layer) -> String {
    let ty = field.field_type();
    let magnitude = constant.magnitude;
    let [low, ..] = constant.words();
    // The reference drops the sign, and all but the low word, of data.
    let sign = if constant.negative && !ty.is_data() {
        "-"
    } else {
        ""
    };
    let named = |names: &mut dyn Iterator<Item = (&'static str, u8)>| {
        let mut found = names.filter(|(_, number)| u32::from(*number) == low);
        found.next().map(|(name, _)| name.to_owned())
    };
    let text = match ty {
        FieldType::Ipv4Addr => V4(low).to_string(),
        FieldType::IpAddr => V6(magnitude).to_string(),
        FieldType::LayerNumber => {
            let mut names = Layer::ALL.into_iter().map(|l| (l.name(), l.as_u8()));
            named(&mut names).unwrap_or_else(|| magnitude.to_string())
        }
        FieldType::EventNumber => {
            let mut names = layer.events().iter().copied();
            named(&mut names).unwrap_or_else(|| low.to_string())
        }
        _ if ty.is_data() => format!("{low:#x}"),
        _ if ty.is_hex() => format!("{magnitude:#x}"),
        _ => magnitude.to_string(),
    };
    format!("{sign}{text}")
}
