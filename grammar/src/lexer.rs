//! From text to the tokens the generated parser reads.
//!
//! Words that mean something to the grammar are told from the others, and what
//! is no token is reported. Brackets are paired in the same pass; see `pair`.

use crate::error::{Found, Keyword, SyntaxError, SyntaxErrorKind as Kind};
use crate::pair::Pairer;
use crate::span::Span;
use crate::token::{RawToken, Token, offset, tokens};

/// A token, and what the lexer knows about its surroundings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexeme {
    /// The token.
    pub(crate) token: Token,
    /// Its text; empty if it was put in.
    pub(crate) span: Span,
    /// Whether something between it and the token before was reported.
    pub(crate) after_error: bool,
}

/// All tokens of a filter.
#[derive(Debug)]
pub(crate) struct Lexed {
    /// The tokens, brackets paired.
    pub(crate) tokens: Vec<Lexeme>,
    /// What was reported on the way.
    pub(crate) errors: Vec<SyntaxError>,
    /// Free-standing `b`s that were dropped.
    pub(crate) strays: Vec<Span>,
    /// Whether the text was read to its end, so that parsing makes sense.
    pub(crate) complete: bool,
    /// The empty span where the filter ends.
    pub(crate) end: Span,
    /// Whether the last token is followed by something reported.
    pub(crate) error_at_end: bool,
}

impl Lexed {
    /// Nothing read of `text` yet.
    fn new(text: &str) -> Self {
        let is_blank = |last| matches!(last, ' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r');
        Self {
            // A filter has few tokens shorter than four bytes.
            tokens: Vec::with_capacity((text.len() / 4).saturating_add(2)),
            errors: Vec::new(),
            strays: Vec::new(),
            complete: true,
            end: Span::at(offset(text.trim_end_matches(is_blank).len())),
            error_at_end: false,
        }
    }

    /// The token with the number `at`.
    pub(crate) fn lexeme(&self, at: u32) -> Option<&Lexeme> {
        self.tokens.get(at as usize)
    }

    /// The token `at`, as an error tells it.
    pub(crate) fn found(&self, at: u32) -> (Found, Span) {
        match self.lexeme(at) {
            Some(lexeme) if !lexeme.span.is_empty() => (Found::Token(lexeme.token), lexeme.span),
            // Brackets are put in where the next token, or none, does not fit.
            Some(lexeme) => (Found::End, lexeme.span),
            None => (Found::End, self.end),
        }
    }

    /// Whether the text just before the token `at` was already reported.
    pub(crate) fn is_after_error(&self, at: u32) -> bool {
        self.lexeme(at)
            .map_or(self.error_at_end, |lexeme| lexeme.after_error)
    }

    /// Whether the token `at` stands in an index.
    pub(crate) fn in_brackets(&self, at: u32) -> bool {
        let before = self.tokens.get(..at as usize).unwrap_or_default();
        let mut inner = before.iter().rev().skip_while(|l| l.token == Token::Minus);
        inner.next().is_some_and(|l| l.token == Token::LBracket)
    }
}

/// Reads all of `text`, or as much as the limits allow.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        text,
        pairer: Pairer::new(Lexed::new(text)),
    };
    for (token, span) in tokens(text) {
        lexer.raw(token, span);
        if !lexer.pairer.out.complete {
            return lexer.pairer.out;
        }
    }
    lexer.pairer.finish()
}

struct Lexer<'t> {
    text: &'t str,
    pairer: Pairer,
}

impl Lexer<'_> {
    /// Takes in one lexeme.
    fn raw(&mut self, raw: RawToken, span: Span) {
        let token = match raw {
            RawToken::LParen => Token::LParen,
            RawToken::RParen => Token::RParen,
            RawToken::LBracket => Token::LBracket,
            RawToken::RBracket => Token::RBracket,
            RawToken::LBrace => Token::LBrace,
            RawToken::RBrace => Token::RBrace,
            RawToken::Comma => Token::Comma,
            RawToken::Slash => Token::Slash,
            RawToken::Minus => Token::Minus,
            RawToken::Question => Token::Question,
            RawToken::Colon => Token::Colon,
            RawToken::Bang => Token::Not,
            RawToken::AmpAmp => Token::And,
            RawToken::PipePipe => Token::Or,
            RawToken::Eq => Token::Eq,
            RawToken::Ne => Token::Ne,
            RawToken::Lt => Token::Lt,
            RawToken::Le => Token::Le,
            RawToken::Gt => Token::Gt,
            RawToken::Ge => Token::Ge,
            RawToken::Word => match self.word(span) {
                Some(token) => token,
                None => return,
            },
            RawToken::LoneAmpersand => {
                self.pairer.report(Kind::LoneAmpersand, span);
                Token::And
            }
            RawToken::LonePipe => {
                self.pairer.report(Kind::LonePipe, span);
                Token::Or
            }
            RawToken::Bad(character) => return self.bad(character, span),
        };
        self.pairer.token(token, span);
    }

    /// Tells keywords and the byte suffix from other words.
    fn word(&mut self, span: Span) -> Option<Token> {
        let text = span.of(self.text);
        if text.len() > 3 {
            return Some(Token::Word);
        }
        match text.as_bytes() {
            b"and" => Some(Token::And),
            b"or" => Some(Token::Or),
            b"not" => Some(Token::Not),
            b"in" => Some(Token::In),
            b"b" => {
                if self.pairer.is_after_index_word() {
                    return Some(Token::Bytes);
                }
                self.pairer.out.strays.push(span);
                None
            }
            _ => {
                let (keyword, token) = if text.eq_ignore_ascii_case("and") {
                    (Keyword::And, Token::And)
                } else if text.eq_ignore_ascii_case("or") {
                    (Keyword::Or, Token::Or)
                } else if text.eq_ignore_ascii_case("not") {
                    (Keyword::Not, Token::Not)
                } else {
                    return Some(Token::Word);
                };
                self.pairer.report(Kind::WrongCaseKeyword(keyword), span);
                Some(token)
            }
        }
    }

    /// Leaves out a character that starts no token.
    fn bad(&mut self, character: char, span: Span) {
        if character == '\0' {
            return self.pairer.skip(Kind::NulByte, span);
        }
        if let Some(last) = self.pairer.out.errors.last_mut()
            && matches!(last.kind, Kind::UnexpectedCharacter(_))
            && last.span.end == span.start
        {
            last.span = last.span.to(span);
            return;
        }
        self.pairer.skip(Kind::UnexpectedCharacter(character), span);
    }
}
