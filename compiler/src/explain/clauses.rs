//! The clauses of a filter: its typed form, written out as an indented list.

use std::collections::HashMap;

use divert_grammar::{ExprKind, Span};
use divert_vm::{FieldType, Layer};

use super::words;
use super::{Clause, ClauseKind};
use crate::Dialect;
use crate::compile::Compiler;
use crate::filter::Filter;
use crate::hir::{Hir, HirId, IntervalSet, List, Node, Test};

/// Most clauses that are written out. A program has at most 255 tests; only
/// filters that are mostly constants have more clauses.
const MAX_CLAUSES: usize = 1000;

/// Longest excerpt of the text that a clause carries, in characters.
const MAX_EXCERPT: usize = 160;

/// The clauses of a filter that was compiled from text.
pub(super) fn of(filter: &Filter) -> Vec<Clause> {
    if filter.hir().is_empty() {
        return Vec::new();
    }
    let mut builder = Builder {
        hir: filter.hir(),
        text: filter.source(),
        layer: filter.layer(),
        dialect: filter.dialect(),
        nots: nots(filter.source()),
        clauses: Vec::new(),
    };
    builder.build();
    builder.clauses
}

/// For each test with `not` before it, the span of both.
///
/// The typed form knows the test only.
pub(crate) fn nots(text: &str) -> HashMap<Span, Span> {
    let ast = divert_grammar::parse(text).ast;
    let of_test = |kind: &ExprKind| match kind {
        ExprKind::Not { operand, .. } => {
            let operand = ast.expr(*operand);
            matches!(operand.kind, ExprKind::Test(_)).then_some(operand.span)
        }
        _ => None,
    };
    let pairs = ast
        .iter()
        .filter_map(|(_, expr)| Some((of_test(&expr.kind)?, expr.span)));
    pairs.collect()
}

/// The text of a span, shortened if it is long.
pub(super) fn excerpt(span: Span, text: &str) -> String {
    let text = span.of(text);
    match text.char_indices().nth(MAX_EXCERPT) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

struct Builder<'a> {
    hir: &'a Hir,
    text: &'a str,
    layer: Layer,
    dialect: Dialect,
    nots: HashMap<Span, Span>,
    clauses: Vec<Clause>,
}

/// What is still to be written.
enum Work {
    Node(HirId),
    Label(ClauseKind, Span),
    /// Several tests of one field as one.
    Merged(Test, Span),
}

impl Builder<'_> {
    fn build(&mut self) {
        let mut stack = vec![(Work::Node(self.hir.root()), 0_usize)];
        while let Some((work, depth)) = stack.pop() {
            if self.clauses.len() >= MAX_CLAUSES {
                return;
            }
            match work {
                Work::Node(id) => self.node(id, depth, &mut stack),
                Work::Label(kind, span) => {
                    let text = kind.label().to_owned();
                    self.push(kind, text, None, span, depth);
                }
                Work::Merged(test, span) => {
                    let text = words::of_test(&test, self.layer);
                    let absent = words::absence(&test);
                    self.push(ClauseKind::Test, text, absent, span, depth);
                }
            }
        }
    }

    fn push(
        &mut self,
        kind: ClauseKind,
        text: String,
        absent: Option<String>,
        span: Span,
        depth: usize,
    ) {
        self.clauses.push(Clause {
            depth,
            kind,
            text,
            span: span.range(),
            source: excerpt(span, self.text),
            absent,
        });
    }

    /// A span with the `not`s before it.
    fn wide(&self, span: Span) -> Span {
        self.nots.get(&span).copied().unwrap_or(span)
    }

    fn node(&mut self, id: HirId, depth: usize, stack: &mut Vec<(Work, usize)>) {
        let span = self.hir.span(id);
        match self.hir.node(id) {
            Node::Const(holds) => {
                let text = if *holds { "always" } else { "never" };
                let span = self.wide(span);
                self.push(ClauseKind::Const, text.to_owned(), None, span, depth);
            }
            Node::Test(test) => self.test(test, span, depth),
            Node::And(list) if self.is_one_test(*list, span) => self.stand_in(span, depth),
            Node::Or(list) if self.is_one_test(*list, span) => self.stand_in(span, depth),
            Node::And(list) => self.group(ClauseKind::AllOf, *list, span, depth, stack),
            Node::Or(list) => self.group(ClauseKind::AnyOf, *list, span, depth, stack),
            Node::If {
                cond,
                then,
                otherwise,
            } => {
                let inner = depth.saturating_add(1);
                let constants = (self.hir.node(*then), self.hir.node(*otherwise));
                if let (Node::Const(false), Node::Const(true)) = constants {
                    stack.push((Work::Node(*cond), inner));
                    stack.push((Work::Label(ClauseKind::Not, span), depth));
                    return;
                }
                let parts = [
                    (ClauseKind::Else, *otherwise),
                    (ClauseKind::Then, *then),
                    (ClauseKind::If, *cond),
                ];
                for (kind, part) in parts {
                    stack.push((Work::Node(part), inner));
                    stack.push((Work::Label(kind, self.hir.span(part)), depth));
                }
            }
        }
    }

    fn test(&mut self, test: &Test, span: Span, depth: usize) {
        if self.is_swapped(test) {
            return self.stand_in(span, depth);
        }
        let text = words::of_test(test, self.layer);
        let absent = words::absence(test);
        self.push(ClauseKind::Test, text, absent, self.wide(span), depth);
    }

    /// Whether the constant is not the one written: of a flow label.
    fn is_swapped(&self, test: &Test) -> bool {
        let is_label = matches!(test.field.field_type(), FieldType::U20);
        is_label && self.dialect == Dialect::Divert
    }

    /// Whether a group stands for one test of the text that the stock driver
    /// gets wrong: no group of the text spans as much as its first operand.
    fn is_one_test(&self, list: List, span: Span) -> bool {
        let first = self.hir.children(list).first();
        first.is_some_and(|first| self.hir.span(*first) == span && !span.is_empty())
    }

    /// A test that compiles to something else than it says: the clause tells
    /// what it says.
    fn stand_in(&mut self, span: Span, depth: usize) {
        let span = self.wide(span);
        let literal = Compiler::new()
            .layer(self.layer)
            .dialect(Dialect::WinDivert22)
            .compile(span.of(self.text));
        let test = literal.ok().and_then(|filter| {
            let root = filter.hir().root();
            match filter.hir().node(root) {
                Node::Test(test) => Some(test.clone()),
                _ => None,
            }
        });
        let (text, absent) = match test {
            Some(test) => (words::of_test(&test, self.layer), words::absence(&test)),
            None => (excerpt(span, self.text), None),
        };
        self.push(ClauseKind::Test, text, absent, span, depth);
    }

    fn group(
        &self,
        kind: ClauseKind,
        list: List,
        span: Span,
        depth: usize,
        stack: &mut Vec<(Work, usize)>,
    ) {
        let work = self.merge(kind, self.flatten(kind, list));
        let is_group = work.len() > 1;
        let inner = depth.saturating_add(is_group.into());
        stack.extend(work.into_iter().rev().map(|work| (work, inner)));
        if is_group {
            stack.push((Work::Label(kind, span), depth));
        }
    }

    /// The operands, with those of operands of the same kind in their place.
    fn flatten(&self, kind: ClauseKind, list: List) -> Vec<HirId> {
        let mut operands = Vec::new();
        let mut stack: Vec<HirId> = self.hir.children(list).iter().rev().copied().collect();
        while let Some(id) = stack.pop() {
            let same = match (self.hir.node(id), kind) {
                (Node::And(list), ClauseKind::AllOf) => Some(*list),
                (Node::Or(list), ClauseKind::AnyOf) => Some(*list),
                _ => None,
            };
            match same.filter(|list| !self.is_one_test(*list, self.hir.span(id))) {
                Some(list) => stack.extend(self.hir.children(list).iter().rev()),
                None => operands.push(id),
            }
            // No more of them would be written out anyway.
            if operands.len() > MAX_CLAUSES {
                break;
            }
        }
        operands
    }

    /// Joins neighbours that ask for the same field.
    fn merge(&self, kind: ClauseKind, operands: Vec<HirId>) -> Vec<Work> {
        let mut work: Vec<Work> = Vec::with_capacity(operands.len());
        let mut run: Option<(HirId, Test, Span)> = None;
        for id in operands {
            let span = self.wide(self.hir.span(id));
            let Some(test) = self.mergeable(id) else {
                work.extend(run.take().map(|run| self.run(run)));
                work.push(Work::Node(id));
                continue;
            };
            let joined = run
                .as_ref()
                .and_then(|(first, before, from)| Some((*first, join(kind, before, test)?, *from)));
            match joined {
                Some((first, joined, from)) => run = Some((first, joined, from.to(span))),
                None => {
                    let next = (id, test.clone(), span);
                    work.extend(run.replace(next).map(|run| self.run(run)));
                }
            }
        }
        work.extend(run.map(|run| self.run(run)));
        work
    }

    /// One test, or several joined.
    fn run(&self, (first, test, span): (HirId, Test, Span)) -> Work {
        if self.wide(self.hir.span(first)) == span {
            Work::Node(first)
        } else {
            Work::Merged(test, span)
        }
    }

    fn mergeable(&self, id: HirId) -> Option<&Test> {
        let Node::Test(test) = self.hir.node(id) else {
            return None;
        };
        let is_flag = matches!(test.field.field_type(), FieldType::Bool | FieldType::Zero);
        (!is_flag && !self.is_swapped(test)).then_some(test)
    }
}

/// Both tests as one, if they are of the same data and something is left to
/// ask.
fn join(kind: ClauseKind, a: &Test, b: &Test) -> Option<Test> {
    if (a.field, a.offset) != (b.field, b.offset) {
        return None;
    }
    let domain = divert_vm::Interval::domain(a.field);
    let values: IntervalSet = match kind {
        ClauseKind::AllOf => a.values.intersect(&b.values),
        ClauseKind::AnyOf => a.values.union(&b.values),
        _ => return None,
    };
    let open = !values.is_empty() && !values.covers(domain);
    open.then(|| Test::of_set(a.field, a.offset, values))
}
