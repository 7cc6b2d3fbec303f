//! From syntax to meaning: names, layers, constants, dialects.
//!
//! One walk over the tree, children before parents. Every mistake becomes a
//! finding and a hole, so that the walk finds all of them.

mod fold;
mod operand;

use divert_grammar::{Ast, CmpOp, Expr, ExprId, ExprKind, Parse, RelValue, Span};
use divert_vm::{Field, FieldType, Layer, Op, Presence, Value};

pub(crate) use operand::byte_offset;

use crate::diag::{Finding, FindingKind};
use crate::dialect::Dialect;
use crate::hir::{Hir, HirId, Node};
use crate::literal::Form;
use operand::{Constant, Subject};

/// The typed filter, and all that was found wrong or strange on the way.
pub(crate) struct Resolved {
    pub(crate) hir: Hir,
    pub(crate) findings: Vec<Finding>,
}

pub(crate) fn resolve(parse: &Parse, text: &str, layer: Layer, dialect: Dialect) -> Resolved {
    let mut resolver = Resolver {
        text,
        layer,
        dialect,
        hir: Hir::with_capacity(parse.ast.len()),
        findings: Vec::new(),
    };
    for error in &parse.errors {
        resolver.find(FindingKind::Syntax(error.kind), error.span);
    }
    for stray in &parse.strays {
        resolver.find(FindingKind::StrayBytes, *stray);
    }
    resolver.filter(&parse.ast);
    Resolved {
        hir: resolver.hir,
        findings: resolver.findings,
    }
}

struct Resolver<'a> {
    text: &'a str,
    layer: Layer,
    dialect: Dialect,
    hir: Hir,
    findings: Vec<Finding>,
}

/// How often a node is negated by the `not`s directly before it.
#[derive(Clone, Copy, Default)]
struct Nots(u32);

impl Nots {
    const fn negate(self) -> bool {
        self.0 % 2 == 1
    }
}

impl Resolver<'_> {
    fn find(&mut self, kind: FindingKind, span: Span) {
        self.findings.push(Finding { kind, span });
    }

    fn filter(&mut self, ast: &Ast) {
        let mut nots = vec![Nots::default(); ast.len()];
        for (_, expr) in ast.iter() {
            if let ExprKind::Not { operand, count, .. } = expr.kind
                && let Some(slot) = nots.get_mut(operand.index())
            {
                *slot = Nots(count);
            }
        }
        let mut done: Vec<HirId> = Vec::with_capacity(ast.len());
        for ((_, expr), nots) in ast.iter().zip(nots) {
            let id = self.expr(ast, expr, nots, &done);
            done.push(id);
        }
    }

    fn expr(&mut self, ast: &Ast, expr: &Expr, nots: Nots, done: &[HirId]) -> HirId {
        let hir = |id: ExprId| done.get(id.index()).copied().unwrap_or_default();
        let span = expr.span;
        let node = match &expr.kind {
            ExprKind::Error => Node::Const(false),
            ExprKind::Test(test) => return self.test(test, nots, span),
            ExprKind::Group(inner) => return hir(*inner),
            ExprKind::And(operands) => Node::And(self.hir.list(operands.iter().map(|id| hir(*id)))),
            ExprKind::Or(operands) => Node::Or(self.hir.list(operands.iter().map(|id| hir(*id)))),
            ExprKind::If {
                cond,
                then,
                otherwise,
                grouped,
            } => {
                let node = Node::If {
                    cond: hir(*cond),
                    then: hir(*then),
                    otherwise: hir(*otherwise),
                };
                if !grouped && self.dialect == Dialect::WinDivert22 {
                    self.find(FindingKind::UngroupedTernary, span);
                }
                node
            }
            ExprKind::Not {
                operand,
                first,
                count,
            } => return self.not(ast, (*operand, hir(*operand)), (*first, *count), span),
        };
        self.hir.push(node, span)
    }

    /// `not` before a test was absorbed by the test. Before a group it is the
    /// logical complement, which also matches what has no such header.
    fn not(
        &mut self,
        ast: &Ast,
        operand: (ExprId, HirId),
        first: (Span, u32),
        span: Span,
    ) -> HirId {
        let (operand, id) = operand;
        let (first, count) = first;
        if count > 1 {
            self.find(FindingKind::DoubleNot { count }, first);
        }
        let operand = ast.expr(operand);
        if matches!(operand.kind, ExprKind::Test(_) | ExprKind::Error) {
            return id;
        }
        if self.dialect == Dialect::WinDivert22 {
            let group = operand.span;
            self.find(FindingKind::NotOnGroup { group }, span);
        }
        if !Nots(count).negate() {
            return id;
        }
        let then = self.hir.push(Node::Const(false), first);
        let otherwise = self.hir.push(Node::Const(true), first);
        let node = Node::If {
            cond: id,
            then,
            otherwise,
        };
        self.hir.push(node, span)
    }

    fn test(&mut self, test: &divert_grammar::Test, nots: Nots, span: Span) -> HirId {
        let subject = self.subject(test);
        let constant = match &test.relation {
            None => Some((Op::Ne, Constant::implicit_zero())),
            Some(relation) => {
                let op = self.op(relation.op, &relation.value, test, span);
                let value = self.constant(&relation.value, &subject, relation.minus.is_some());
                op.zip(value)
            }
        };
        let (Some((op, constant)), Some(subject)) = (constant, subject) else {
            return self.hir.push(Node::Const(false), span);
        };
        let op = if nots.negate() { op.negate() } else { op };
        match subject {
            Subject::Constant(value) => {
                if constant.value.is_negative_zero() {
                    self.find(FindingKind::NegativeZero, span);
                }
                let value = Value::new(value);
                let holds = fold::compare(op, value, self.dialect_zero(constant.value));
                self.hir.push(Node::Const(holds), span)
            }
            Subject::Field(field, offset) => {
                if test.relation.is_some() {
                    self.lint_test(field, op, &constant, nots, span);
                }
                self.fold(field, offset, op, constant.value, span)
            }
        }
    }

    /// The comparison, or a finding where the right side is not one constant.
    fn op(
        &mut self,
        op: CmpOp,
        value: &RelValue,
        test: &divert_grammar::Test,
        span: Span,
    ) -> Option<Op> {
        let subject = test.subject.span();
        match value {
            RelValue::Word(_) => {}
            RelValue::Prefix { addr, len, .. } => {
                let (addr, len) = (*addr, *len);
                self.find(FindingKind::Prefix { subject, addr, len }, value.span());
                return None;
            }
            RelValue::Set { items, .. } => {
                let whole = |item: &divert_grammar::SetItem| {
                    let low = item.minus.map_or(item.lo, |minus| minus.to(item.lo));
                    item.hi.map_or(low, |high| low.to(high))
                };
                let items = items.iter().map(whole).collect();
                self.find(FindingKind::Set { subject, items }, span);
                return None;
            }
        }
        Some(match op {
            CmpOp::Eq => Op::Eq,
            CmpOp::Ne => Op::Ne,
            CmpOp::Lt => Op::Lt,
            CmpOp::Le => Op::Le,
            CmpOp::Gt => Op::Gt,
            CmpOp::Ge => Op::Ge,
            CmpOp::In => {
                let items = vec![value.span()];
                self.find(FindingKind::Set { subject, items }, span);
                return None;
            }
        })
    }

    /// What compiles, but is probably not what was meant.
    fn lint_test(&mut self, field: Field, op: Op, constant: &Constant, nots: Nots, span: Span) {
        let number = constant.value.magnitude;
        let plain = constant.form == Some(Form::Number) && (1..1 << 32).contains(&number);
        if field.field_type().is_address() && plain {
            self.find(FindingKind::NumberForAddress { field }, constant.span);
        }
        if matches!(field.field_type(), FieldType::EventNumber) && self.layer.events().len() == 1 {
            self.find(FindingKind::EventRedundant, span);
        }
        let instead = [Presence::Tcp, Presence::Udp, Presence::Icmpv6]
            .into_iter()
            .zip([6, 17, 58])
            .find_map(|(header, protocol)| header.field().filter(|_| protocol == number));
        if let (Field::Ipv6NextHdr, Op::Eq | Op::Ne, Some(instead)) = (field, op, instead) {
            self.find(FindingKind::NextHeader { instead }, span);
        }
        if nots.negate() && field.presence() != Presence::None {
            self.find(FindingKind::NotKeepsPresence { field }, span);
        }
    }

    /// Negative zero is zero, except where the reference is to be matched.
    fn dialect_zero(&self, value: Value) -> Value {
        match self.dialect {
            Dialect::WinDivert22 => value,
            Dialect::Divert if value.is_negative_zero() => Value::new(0),
            Dialect::Divert => value,
        }
    }
}
