//! The syntax of the WinDivert filter language: text to a spanned tree.
//!
//! Syntax *only*: this crate knows no field name, no layer and no type. A word
//! is a word; whether it names a field or spells a number is decided later.
//! The tree accepts more than WinDivert does (`not` before a group, sets,
//! prefixes, ternaries without parentheses, fields on the right), so that a
//! later stage can say precisely what is not allowed and what to write.
//!
//! Nothing here recurses, so no filter can overflow the stack, and nothing
//! panics: [`parse`] takes any text.
//!
//! # Grammar
//!
//! ```ebnf
//! filter   = expr ;
//! expr     = or [ "?" expr ":" expr ] ;
//! or       = and { "or" and } ;
//! and      = operand { "and" operand } ;
//! operand  = { "not" } primary ;
//! primary  = "(" expr ")" | test ;
//! test     = subject [ relop [ "-" ] value ] ;
//! subject  = WORD [ index ] ;
//! index    = "[" [ "-" ] WORD [ BYTES ] "]" ;
//! relop    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "in" ;
//! value    = subject | WORD "/" WORD | set ;
//! set      = "{" item { "," item } "}" ;
//! item     = [ "-" ] WORD [ "-" WORD ] ;
//! ```
//!
//! # Lexemes
//!
//! White space is space, tab, line feed, vertical tab, form feed and carriage
//! return. `WORD` is a run of `A-Z a-z 0-9 . : _` that does not begin with a
//! single colon; a single colon at its end is not part of it, so `80:` is two
//! tokens and `fe80::` is one. `&&`, `||`, `!` and `==` are other spellings of
//! `and`, `or`, `not` and `=`. `BYTES` is the word `b` after a word between
//! brackets; any other word `b` is skipped like white space
//! ([`Parse::strays`]). There are no comments.
//!
//! # Mistakes
//!
//! Every independent mistake is reported, and [`Parse::ast`] has a hole
//! ([`ExprKind::Error`]) where something could not be read:
//!
//! ```
//! use divert_grammar::{SyntaxErrorKind, parse};
//!
//! let parse = parse("tcp and and udp or (icmp");
//! let kinds: Vec<_> = parse.errors.iter().map(|error| error.kind).collect();
//! assert!(matches!(kinds[0], SyntaxErrorKind::ExpectedTest { .. }));
//! assert!(matches!(kinds[1], SyntaxErrorKind::UnclosedParen { .. }));
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

mod ast;
mod builder;
mod error;
mod lexer;
pub mod limits;
mod pair;
mod print;
mod span;
mod token;

lalrpop_util::lalrpop_mod!(
    #[allow(warnings, clippy::all, clippy::pedantic, clippy::restriction)]
    filter
);

use core::cell::Cell;

pub use ast::{
    Ast, CmpOp, Expr, ExprId, ExprKind, Index, Operand, RelValue, Relation, SetItem, Test,
};
pub use error::{Found, Keyword, SyntaxError, SyntaxErrorKind};
pub use print::print;
pub use span::Span;
pub use token::{RawToken, Token, tokens};

use builder::Builder;
use error::{GiveUp, Terminal};
use lexer::Lexed;
use token::offset;

/// What became of a text: a tree in any case, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parse {
    /// The tree, with holes where there were mistakes.
    pub ast: Ast,
    /// Every independent mistake, in the order of the text.
    pub errors: Vec<SyntaxError>,
    /// Free-standing `b`s, which the language skips like white space.
    pub strays: Vec<Span>,
}

/// Parses a filter. Any text will do; see [`Parse::errors`].
///
/// ```
/// use divert_grammar::{ExprKind, parse};
///
/// let text = "tcp.DstPort = 80 and not udp";
/// let parse = parse(text);
/// assert!(parse.errors.is_empty());
/// let root = parse.ast.expr(parse.ast.root());
/// assert!(matches!(&root.kind, ExprKind::And(operands) if operands.len() == 2));
/// assert_eq!(root.span.of(text), text);
/// ```
#[must_use]
pub fn parse(text: &str) -> Parse {
    if text.len() > limits::MAX_SOURCE_LEN {
        let kind = SyntaxErrorKind::TooLong { len: text.len() };
        return hopeless(SyntaxError {
            kind,
            span: Span::new(0, offset(text.len())),
        });
    }
    parse_tokens(lexer::lex(text))
}

/// Parses what the lexer made of the text.
fn parse_tokens(mut lexed: Lexed) -> Parse {
    if lexed.tokens.is_empty() && lexed.errors.is_empty() {
        lexed.errors.push(SyntaxError {
            kind: SyntaxErrorKind::EmptyFilter,
            span: lexed.end,
        });
    }
    let (exprs, mut errors) = if lexed.complete && !lexed.tokens.is_empty() {
        run(&lexed)
    } else {
        Default::default()
    };
    let ast = Ast::new(exprs, lexed.end);
    errors.append(&mut lexed.errors);
    errors.sort_by_key(|error| error.span.start);
    Parse {
        ast,
        errors,
        strays: lexed.strays,
    }
}

/// Runs the generated parser; without a root there are no nodes.
fn run(lexed: &Lexed) -> (Vec<Expr>, Vec<SyntaxError>) {
    let mistakes = Cell::new(0);
    let mut builder = Builder::new(lexed, &mistakes);
    let terminals = lexed.tokens.iter().zip(0u32..).map(|(lexeme, at)| {
        if mistakes.get() >= limits::MAX_ERRORS {
            return Err(GiveUp);
        }
        let next = at.saturating_add(1);
        Ok((at, Terminal(lexeme.token, lexeme.span), next))
    });
    match filter::FilterParser::new().parse(&mut builder, terminals) {
        Ok(_) => (builder.exprs, builder.errors),
        Err(error) => {
            builder.fail(&error);
            (Vec::new(), builder.errors)
        }
    }
}

/// The outcome for a text that is not even read.
fn hopeless(error: SyntaxError) -> Parse {
    Parse {
        ast: Ast::new(Vec::new(), error.span),
        errors: vec![error],
        strays: Vec::new(),
    }
}
