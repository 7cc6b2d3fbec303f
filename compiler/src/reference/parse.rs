//! Syntax errors of the reference: a replay of its recursive descent.
//!
//! Builds nothing. Recursion is bounded by the nesting budget.

use divert_vm::isa::limits::MAX_PACKET_LEN;

use super::lex::{Kind, Token};
use super::{ReferenceError, code};

/// What the filter as a whole may spend on nesting.
const BUDGET: u32 = 1024;
/// What a pair of parentheses costs.
const PARENTHESES: u32 = 3;
/// What the right-hand side of an `or` costs.
const OR: u32 = 1;
/// An `or` expression with less than this left is too deep.
const MIN_BUDGET: u32 = 2;

pub(super) fn check(tokens: &[Token]) -> Result<(), ReferenceError> {
    let mut parser = Parser {
        tokens,
        poison: None,
    };
    parser.or(BUDGET)?;
    parser.expect(Kind::End)?;
    match parser.poison {
        Some(position) => Err(ReferenceError::new(code::PARSE, position)),
        None => Ok(()),
    }
}

struct Parser<'a> {
    /// What is left; never empty, for the end marker is not consumed.
    tokens: &'a [Token],
    /// The first `?` after a condition that failed to parse. The reference
    /// forgets that failure (section 8.4), and crashes if nothing else fails.
    poison: Option<u32>,
}

type Parsed = Result<(), ReferenceError>;

impl Parser<'_> {
    fn peek(&self) -> Token {
        self.tokens.first().copied().unwrap_or(Token {
            kind: Kind::End,
            position: 0,
        })
    }

    fn next(&mut self) {
        if let [_, rest @ ..] = self.tokens
            && !rest.is_empty()
        {
            self.tokens = rest;
        }
    }

    fn fail<T>(&self, code: u8) -> Result<T, ReferenceError> {
        let Token { kind, position } = self.peek();
        // The reference leaves the position of a suffix undefined.
        let position = if kind == Kind::Bytes { 0 } else { position };
        Err(ReferenceError::new(code, position))
    }

    fn expect(&mut self, kind: Kind) -> Parsed {
        if self.peek().kind != kind {
            return self.fail(code::PARSE);
        }
        self.next();
        Ok(())
    }

    fn accept(&mut self, kind: Kind) -> bool {
        let found = self.peek().kind == kind;
        if found {
            self.next();
        }
        found
    }

    fn or(&mut self, mut budget: u32) -> Parsed {
        loop {
            if budget < MIN_BUDGET {
                return self.fail(code::TOO_DEEP);
            }
            self.and(budget)?;
            if !self.accept(Kind::Or) {
                return Ok(());
            }
            budget = budget.saturating_sub(OR);
        }
    }

    fn and(&mut self, budget: u32) -> Parsed {
        loop {
            if self.accept(Kind::Open) {
                self.group(budget.saturating_sub(PARENTHESES))?;
            } else {
                self.test()?;
            }
            if !self.accept(Kind::And) {
                return Ok(());
            }
        }
    }

    /// After a `(`. Looks at the next token before the outcome (section 8.3).
    fn group(&mut self, budget: u32) -> Parsed {
        let outcome = self.or(budget);
        let Token { kind, position } = self.peek();
        match kind {
            Kind::Close => {
                self.next();
                outcome
            }
            Kind::Question => {
                if outcome.is_err() {
                    self.poison.get_or_insert(position);
                }
                self.next();
                self.or(budget)?;
                self.expect(Kind::Colon)?;
                self.or(budget)?;
                self.expect(Kind::Close)
            }
            _ => self.fail(code::PARSE),
        }
    }

    fn test(&mut self) -> Parsed {
        while self.accept(Kind::Not) {}
        let Kind::Field(width) = self.peek().kind else {
            return self.fail(code::PARSE);
        };
        self.next();
        if let Some(width) = width {
            self.index(width)?;
        }
        if self.accept(Kind::Relation) {
            self.accept(Kind::Minus);
            let Kind::Number(_) = self.peek().kind else {
                return self.fail(code::PARSE);
            };
            self.next();
        }
        Ok(())
    }

    /// The index rules of section 4.1.
    fn index(&mut self, width: u32) -> Parsed {
        self.expect(Kind::OpenIndex)?;
        let from_end = self.accept(Kind::Minus);
        let Kind::Number(number) = self.peek().kind else {
            return self.fail(code::PARSE);
        };
        let number = match u32::try_from(number) {
            Ok(number) if number <= MAX_PACKET_LEN => number,
            _ => return self.fail(code::INDEX),
        };
        self.next();
        let in_bytes = self.accept(Kind::Bytes);
        let scale = if in_bytes { 1 } else { width };
        if crate::resolve::byte_offset(number.saturating_mul(scale), width, from_end).is_none() {
            return self.fail(code::INDEX);
        }
        self.expect(Kind::CloseIndex)
    }
}
