//! What stands around a place in a filter.
//!
//! The text is read again, but only a few bytes of it.

use divert_grammar::{RawToken, Span, tokens};

use super::Context;
use crate::diag::position::floor;

/// How far to look, in bytes.
const REACH: u32 = 256;

/// A lexeme and its place in the whole filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) token: RawToken,
    pub(super) span: Span,
}

/// A comparison as it is spelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) subject: Span,
    pub(super) op: Lexeme,
    pub(super) value: Span,
}

impl Comparison {
    pub(super) fn span(&self) -> Span {
        self.subject.to(self.value)
    }
}

/// A value or an index with its sign.
#[derive(Clone, Copy)]
struct Tail<'l> {
    rest: &'l [Lexeme],
    span: Span,
}

impl Context<'_> {
    /// The lexemes that begin at or after `at`, as far as one looks.
    pub(super) fn after(&self, at: u32) -> Vec<Lexeme> {
        self.lexemes(at, at.saturating_add(REACH))
    }

    /// The lexemes that end at or before `at`, the nearest last.
    pub(super) fn before(&self, at: u32) -> Vec<Lexeme> {
        let from = at.saturating_sub(REACH);
        let mut found = self.lexemes(from, at);
        if from > 0 && !found.is_empty() {
            // It may be the end of a longer one.
            found.remove(0);
        }
        found
    }

    pub(super) fn next(&self, at: u32) -> Option<Lexeme> {
        self.after(at).first().copied()
    }

    pub(super) fn previous(&self, at: u32) -> Option<Lexeme> {
        self.before(at).last().copied()
    }

    fn lexemes(&self, from: u32, to: u32) -> Vec<Lexeme> {
        let at = |offset: u32| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            floor(self.source, offset)
        };
        let base = at(from);
        let text = self.source.get(base..at(to)).unwrap_or_default();
        let base = u32::try_from(base).unwrap_or(u32::MAX);
        let shift = |span: Span| {
            let shift = |at: u32| at.saturating_add(base);
            Span::new(shift(span.start), shift(span.end))
        };
        tokens(text)
            .map(|(token, span)| Lexeme {
                token,
                span: shift(span),
            })
            .collect()
    }

    pub(super) fn text(&self, lexeme: Lexeme) -> &str {
        lexeme.span.of(self.source)
    }

    /// How many `not`s stand directly before a place, and where they begin.
    pub(super) fn nots_before(&self, at: u32) -> (usize, u32) {
        let before = self.before(at);
        let nots = before.iter().rev().take_while(|lexeme| self.is_not(lexeme));
        nots.fold((0, at), |(count, _), lexeme| {
            (count.saturating_add(1), lexeme.span.start)
        })
    }

    pub(super) fn is_not(&self, lexeme: &Lexeme) -> bool {
        lexeme.token == RawToken::Bang || self.text(*lexeme) == "not"
    }

    /// The comparison that begins at `at`.
    pub(super) fn comparison_at(&self, at: u32) -> Option<Comparison> {
        let lexemes = self.after(at);
        let (subject, rest) = subject(&lexemes)?;
        let (op, rest) = rest.split_first()?;
        let value = value(rest)?;
        is_relation(op.token).then_some(Comparison {
            subject,
            op: *op,
            value: value.span,
        })
    }

    /// The comparison that ends just before `at`.
    pub(super) fn comparison_before(&self, at: u32) -> Option<Comparison> {
        let lexemes = self.before(at);
        let (value, rest) = lexemes.split_last()?;
        if value.token != RawToken::Word {
            return None;
        }
        let (minus, rest) = match rest.split_last()? {
            (minus, rest) if minus.token == RawToken::Minus => (Some(minus.span), rest),
            _ => (None, rest),
        };
        let (op, rest) = rest.split_last()?;
        let word = |lexeme: &&Lexeme| lexeme.token == RawToken::Word;
        let subject = match rest.last()?.token {
            RawToken::Word => rest.last()?.span,
            RawToken::RBracket => {
                let open = rest.iter().rposition(|l| l.token == RawToken::LBracket)?;
                let field = rest.get(open.checked_sub(1)?).filter(word)?;
                field.span.to(rest.last()?.span)
            }
            _ => return None,
        };
        is_relation(op.token).then_some(Comparison {
            subject,
            op: *op,
            value: minus.map_or(value.span, |minus| minus.to(value.span)),
        })
    }
}

/// How many `not`s a text of nothing else has.
pub(super) fn count_nots(text: &str) -> usize {
    tokens(text).count()
}

pub(super) const fn is_relation(token: RawToken) -> bool {
    use RawToken::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(token, Eq | Ne | Lt | Le | Gt | Ge)
}

/// The operator for the sides swapped.
pub(super) fn mirror(op: &str) -> &str {
    match op {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

/// A word with its index.
fn subject(lexemes: &[Lexeme]) -> Option<(Span, &[Lexeme])> {
    let (word, rest) = lexemes.split_first()?;
    if word.token != RawToken::Word {
        return None;
    }
    match rest.first() {
        Some(open) if open.token == RawToken::LBracket => {
            let close = rest.iter().position(|l| l.token == RawToken::RBracket)?;
            let (index, rest) = rest.split_at_checked(close.saturating_add(1))?;
            let end = index.last()?.span;
            Some((word.span.to(end), rest))
        }
        _ => Some((word.span, rest)),
    }
}

/// A word with its sign.
fn value(lexemes: &[Lexeme]) -> Option<Tail<'_>> {
    match lexemes {
        [minus, word, rest @ ..] if minus.token == RawToken::Minus => Some(Tail {
            rest,
            span: minus.span.to(word.span),
        }),
        [word, rest @ ..] => Some(Tail {
            rest,
            span: word.span,
        }),
        [] => None,
    }
    .filter(|tail| tail.rest.first().is_none_or(|next| !glues(next.token)))
}

/// Whether a lexeme belongs to the value before it.
const fn glues(token: RawToken) -> bool {
    matches!(
        token,
        RawToken::Slash | RawToken::LBracket | RawToken::Minus
    ) || is_relation(token)
}
