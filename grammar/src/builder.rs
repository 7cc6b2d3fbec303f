//! What the actions of the grammar call: it makes nodes and notes mistakes.

use core::cell::Cell;

use crate::ast::{Expr, ExprId, ExprKind, Operand, Relation, Test};
use crate::error::{Mistake, RawError, RawRecovery, SyntaxError, SyntaxErrorKind as Kind};
use crate::lexer::Lexed;
use crate::span::Span;
use crate::token::offset;

/// A part of a test that could not be read; the mistake was reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole;

/// A place where an operator is missing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gap {
    /// It was reported: what follows is an operand in its own right.
    Reported,
    /// It follows another mistake: so is what follows, made of the nodes from
    /// this one on.
    Echo(usize),
}

/// The operands of an `and` or `or`, as far as they were read.
#[derive(Debug)]
pub(crate) enum Chain {
    /// Only one: no node of its own is needed.
    One(ExprId),
    /// Two or more.
    Many(Vec<ExprId>),
}

impl Chain {
    /// The chain with one more operand.
    pub(crate) fn with(self, next: ExprId) -> Self {
        match self {
            Self::One(first) => Self::Many(vec![first, next]),
            Self::Many(mut operands) => {
                operands.push(next);
                Self::Many(operands)
            }
        }
    }
}

/// The state of one parse. Locations are token numbers.
pub(crate) struct Builder<'t> {
    lexed: &'t Lexed,
    pub(crate) exprs: Vec<Expr>,
    pub(crate) errors: Vec<SyntaxError>,
    /// The first token at which a mistake is news.
    ///
    /// One right after another mistake is most likely a consequence of it.
    news_from: u32,
    /// How often the parser went astray, reported or not.
    mistakes: &'t Cell<usize>,
}

impl<'t> Builder<'t> {
    pub(crate) fn new(lexed: &'t Lexed, mistakes: &'t Cell<usize>) -> Self {
        Self {
            lexed,
            // A test is a node made of three tokens, and an operator follows.
            exprs: Vec::with_capacity((lexed.tokens.len() / 4).saturating_add(2)),
            errors: Vec::new(),
            news_from: 0,
            mistakes,
        }
    }

    /// The text from token `from` up to, not including, token `to`.
    pub(crate) fn span(&self, from: u32, to: u32) -> Span {
        let (_, first) = self.lexed.found(from);
        let (_, last) = self.lexed.found(to.saturating_sub(1));
        first.to(last)
    }

    pub(crate) fn test(
        &mut self,
        from: u32,
        subject: Result<Operand, Hole>,
        relation: Option<Result<Relation, Hole>>,
        to: u32,
    ) -> ExprId {
        let kind = match (subject, relation.transpose()) {
            (Ok(subject), Ok(relation)) => ExprKind::Test(Test { subject, relation }),
            _ => ExprKind::Error,
        };
        let span = self.span(from, to);
        self.push(kind, span)
    }

    pub(crate) fn not(&mut self, (first, count): (Span, u32), operand: ExprId) -> ExprId {
        let span = first.to(self.span_of(operand));
        let kind = ExprKind::Not {
            operand,
            first,
            count,
        };
        self.push(kind, span)
    }

    pub(crate) fn and(&mut self, chain: Chain) -> ExprId {
        self.chain(chain, ExprKind::And)
    }

    pub(crate) fn or(&mut self, chain: Chain) -> ExprId {
        self.chain(chain, ExprKind::Or)
    }

    pub(crate) fn conditional(&mut self, cond: ExprId, then: ExprId, otherwise: ExprId) -> ExprId {
        let span = self.span_of(cond).to(self.span_of(otherwise));
        let kind = ExprKind::If {
            cond,
            then,
            otherwise,
            grouped: false,
        };
        self.push(kind, span)
    }

    /// Parentheses around an expression; a bare ternary takes them as its own.
    pub(crate) fn group(&mut self, open: Span, inner: ExprId, close: Span) -> ExprId {
        let span = open.to(close);
        if let Some(expr) = self.exprs.get_mut(inner.index())
            && let ExprKind::If { grouped, .. } = &mut expr.kind
            && !*grouped
        {
            *grouped = true;
            expr.span = span;
            return inner;
        }
        self.push(ExprKind::Group(inner), span)
    }

    /// A hole where an operand should be, from token `from` up to `to`.
    pub(crate) fn hole(&mut self, from: u32, to: u32) -> ExprId {
        let span = if from < to {
            self.span(from, to)
        } else {
            Span::at(self.lexed.found(from).1.start)
        };
        self.push(ExprKind::Error, span)
    }

    /// Notes a mistake the parser got over.
    pub(crate) fn recover(&mut self, recovery: &RawRecovery) -> Hole {
        if let Some(mistake) = Mistake::recovered(self.lexed, recovery) {
            self.mistake(&mistake);
        }
        Hole
    }

    /// Extends a mistake up to, not including, the token `to`.
    pub(crate) fn still_astray(&mut self, to: u32) {
        self.news_from = self.news_from.max(to.saturating_add(1));
    }

    /// Notes the mistake that ended the parse.
    pub(crate) fn fail(&mut self, error: &RawError) {
        match Mistake::fatal(self.lexed, error) {
            Some(mistake) => self.mistake(&mistake),
            None => self.errors.push(SyntaxError {
                kind: Kind::TooManyErrors,
                span: self.lexed.end,
            }),
        }
    }

    /// Notes that an operator is missing before the token `at`.
    pub(crate) fn missing_operator(&mut self, at: u32) -> Gap {
        let (found, span) = self.lexed.found(at);
        self.note(at, Kind::ExpectedOperator { found }, span);
        if at < self.news_from {
            Gap::Echo(self.exprs.len())
        } else {
            Gap::Reported
        }
    }

    /// The operand after a gap, or a hole if it is only part of a mistake.
    pub(crate) fn after_gap(&mut self, gap: Gap, operand: ExprId) -> ExprId {
        let Gap::Echo(first) = gap else {
            return operand;
        };
        let span = self.span_of(operand);
        self.exprs.truncate(first);
        self.push(ExprKind::Error, span)
    }

    /// Notes a second comparison operator in one test.
    pub(crate) fn chained_comparison(&mut self, at: u32) {
        let (_, span) = self.lexed.found(at);
        self.note(at, Kind::ChainedComparison, span);
    }

    /// Notes a second sign.
    pub(crate) fn repeated_minus(&mut self, at: u32, span: Span) {
        self.note(at, Kind::RepeatedMinus, span);
        self.news_from = self.news_from.max(at.saturating_add(2));
    }

    fn mistake(&mut self, mistake: &Mistake) {
        let SyntaxError { kind, span } = mistake.error;
        self.note(mistake.token, kind, span);
        self.news_from = self.news_from.max(mistake.last.saturating_add(2));
    }

    fn note(&mut self, at: u32, kind: Kind, span: Span) {
        self.mistakes.set(self.mistakes.get().saturating_add(1));
        if at >= self.news_from && !self.lexed.is_after_error(at) {
            self.errors.push(SyntaxError { kind, span });
        }
    }

    fn chain(&mut self, chain: Chain, kind: fn(Vec<ExprId>) -> ExprKind) -> ExprId {
        let operands = match chain {
            Chain::One(only) => return only,
            Chain::Many(operands) => operands,
        };
        let spans = operands.iter().map(|&operand| self.span_of(operand));
        let span = spans.reduce(Span::to).unwrap_or_default();
        self.push(kind(operands), span)
    }

    fn span_of(&self, id: ExprId) -> Span {
        self.exprs
            .get(id.index())
            .map_or(Span::default(), |expr| expr.span)
    }

    fn push(&mut self, kind: ExprKind, span: Span) -> ExprId {
        let id = ExprId::new(offset(self.exprs.len()));
        self.exprs.push(Expr { kind, span });
        id
    }
}
