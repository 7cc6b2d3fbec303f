//! Lexical errors of the reference (spec: filter language, sections 2 and 7).
//!
//! The lexemes come from the one lexer; this adds what the reference decides
//! while lexing: the layer of fields, numbers, and how long words may be.

use divert_grammar::{RawToken, Span};
use divert_vm::{Field, Layer};

use super::{ReferenceError, code};
use crate::literal::{self, Literal};
use crate::symbols::{self, Macro};

/// Longest word in bytes.
pub(super) const MAX_WORD_LEN: u32 = 39;

/// Most tokens; a suffixed number counts as two.
pub(super) const MAX_TOKENS: usize = 1277;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Minus,
    Question,
    Colon,
    Not,
    And,
    Or,
    Relation,
    /// A field, with the width of its elements if it takes an index.
    Field(Option<u32>),
    Number(u128),
    Bytes,
    /// An event macro of another layer: fits nowhere.
    Unusable,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) position: u32,
}

/// All tokens of `text`, an end marker last.
pub(super) fn tokens(text: &str, layer: Layer) -> Result<Vec<Token>, ReferenceError> {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    let mut raw = divert_grammar::tokens(text).peekable();
    while let Some((token, span)) = raw.next() {
        let gave_colon = raw
            .peek()
            .is_some_and(|(next, at)| *next == RawToken::Colon && at.start == span.end);
        let kind = match token {
            RawToken::LParen => Kind::Open,
            RawToken::RParen => Kind::Close,
            RawToken::LBracket => Kind::OpenIndex,
            RawToken::RBracket => Kind::CloseIndex,
            RawToken::Minus => Kind::Minus,
            RawToken::Question => Kind::Question,
            RawToken::Colon => Kind::Colon,
            RawToken::Bang => Kind::Not,
            RawToken::AmpAmp => Kind::And,
            RawToken::PipePipe => Kind::Or,
            RawToken::Eq
            | RawToken::Ne
            | RawToken::Lt
            | RawToken::Le
            | RawToken::Gt
            | RawToken::Ge => Kind::Relation,
            RawToken::Word => match word(span, text, layer, gave_colon)? {
                Some(kind) => kind,
                None => continue,
            },
            // The position of a byte that starts nothing is the one after it.
            RawToken::LBrace
            | RawToken::RBrace
            | RawToken::Comma
            | RawToken::Slash
            | RawToken::LoneAmpersand
            | RawToken::LonePipe
            | RawToken::Bad(_) => {
                let after = span.start.wrapping_add(1);
                return Err(ReferenceError::new(code::BAD_TOKEN, after));
            }
        };
        let position = span.start;
        tokens.push(Token { kind, position });
        if matches!(kind, Kind::Number(_)) && has_suffix(span.of(text)) {
            tokens.push(Token {
                kind: Kind::Bytes,
                position,
            });
        }
        if tokens.len() > MAX_TOKENS {
            return Err(ReferenceError::new(code::TOO_LONG, span.end));
        }
    }
    tokens.push(Token {
        kind: Kind::End,
        position: u32::try_from(text.len()).unwrap_or(u32::MAX),
    });
    Ok(tokens)
}

fn has_suffix(word: &str) -> bool {
    matches!(literal::parse(word), Ok(Literal { bytes: true, .. }))
}

/// The token a word becomes; `None` for a stray `b`, which is dropped.
fn word(
    span: Span,
    text: &str,
    layer: Layer,
    gave_colon: bool,
) -> Result<Option<Kind>, ReferenceError> {
    let run_len = span.len().saturating_add(gave_colon.into());
    if run_len > MAX_WORD_LEN {
        return Err(ReferenceError::new(code::BAD_TOKEN, span.start));
    }
    let position = span.start.wrapping_sub(gave_colon.into());
    let word = span.of(text);
    let kind = match word {
        "and" => Kind::And,
        "or" => Kind::Or,
        "not" => Kind::Not,
        "true" | "false" => Kind::Field(None),
        "b" => return Ok(None),
        _ => {
            if let Some(field) = Field::from_name(word) {
                if !field.layers().contains(layer) {
                    return Err(ReferenceError::new(code::BAD_TOKEN_FOR_LAYER, position));
                }
                Kind::Field(field.field_type().data_width())
            } else {
                match symbols::lookup(word, layer) {
                    Some(Macro::Value(value)) => Kind::Number(value),
                    Some(Macro::OtherLayers(_)) => Kind::Unusable,
                    None => match literal::parse(word) {
                        Ok(literal) => Kind::Number(literal.value),
                        Err(_) => return Err(ReferenceError::new(code::BAD_TOKEN, position)),
                    },
                }
            }
        }
    };
    Ok(Some(kind))
}
