//! Brackets and ternaries, paired before they are parsed.
//!
//! One that closes nothing is left out, one that is missing is put in. That
//! takes no more than a stack here, whereas no local recovery in the parser
//! can tell *which* bracket was meant.
//!
//! The depth limit is checked on that same stack, before any parse work.

use crate::error::{Found, SyntaxError, SyntaxErrorKind as Kind};
use crate::lexer::{Lexed, Lexeme};
use crate::limits::{MAX_DEPTH, MAX_ERRORS};
use crate::span::Span;
use crate::token::Token;

/// Something that waits for its other half.
#[derive(Debug, Clone, Copy)]
enum Open {
    Paren(Span),
    /// A `?` that waits for its `:`
    Question(Span),
    /// A ternary that has its `:` and ends where what is around it ends
    Otherwise,
    Bracket(Span, Fate),
    Brace(Span, Fate),
}

/// What becomes of the tokens of an index or a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    /// It stands where none can, and was reported as a whole
    Drop,
}

/// Takes tokens in and puts those that pair out.
pub(crate) struct Pairer {
    pub(crate) out: Lexed,
    open: Vec<Open>,
    parens: usize,
    /// How many more mistakes are told, and one for telling that it is enough.
    errors_left: usize,
    after_error: bool,
}

impl Pairer {
    pub(crate) fn new(out: Lexed) -> Self {
        Self {
            out,
            open: Vec::new(),
            parens: 0,
            errors_left: MAX_ERRORS.saturating_add(1),
            after_error: false,
        }
    }

    /// Takes in one token and keeps the brackets paired.
    pub(crate) fn token(&mut self, token: Token, span: Span) {
        if self.must_close(token) {
            self.close_index_or_set();
        }
        match token {
            Token::LParen => {
                self.enter(Open::Paren(span), span);
                self.parens = self.parens.saturating_add(1);
            }
            Token::RParen if self.parens == 0 => return self.skip(Kind::UnmatchedParen, span),
            Token::RParen => self.close_paren(span),
            Token::Question => self.enter(Open::Question(span), span),
            Token::Colon => {
                let matched = self.take_question();
                if !matched {
                    return self.skip(Kind::UnexpectedColon, span);
                }
            }
            Token::LBracket | Token::LBrace => return self.open_index_or_set(token, span),
            Token::RBracket => match self.open.pop_if(|open| matches!(open, Open::Bracket(..))) {
                Some(Open::Bracket(_, Fate::Drop)) => return self.widen(span),
                Some(_) => {}
                None => return self.skip(Kind::UnmatchedBracket, span),
            },
            Token::RBrace => match self.open.pop_if(|open| matches!(open, Open::Brace(..))) {
                Some(Open::Brace(_, Fate::Drop)) => return self.widen(span),
                Some(_) => {}
                None => return self.skip(Kind::UnmatchedBrace, span),
            },
            _ if self.is_dropping() => return,
            _ => {}
        }
        self.push(token, span);
    }

    /// Begins an index or a set, or leaves it out where none can stand.
    fn open_index_or_set(&mut self, token: Token, span: Span) {
        let innermost = self.open.last();
        let inside = matches!(innermost, Some(Open::Bracket(..) | Open::Brace(..)));
        let keep = !inside && self.can_begin(token);
        let dropping = self.is_dropping();
        let fate = if keep { Fate::Keep } else { Fate::Drop };
        let (open, kind) = if token == Token::LBracket {
            (Open::Bracket(span, fate), Kind::MisplacedIndex)
        } else {
            (Open::Brace(span, fate), Kind::MisplacedSet)
        };
        self.enter(open, span);
        if keep {
            self.push(token, span);
        } else if !dropping {
            self.skip(kind, span);
        }
    }

    /// Whether what stands before lets an index or a set begin.
    fn can_begin(&self, token: Token) -> bool {
        match self.out.tokens.as_slice() {
            [.., last] if token == Token::LBracket => last.token == Token::Word,
            [.., before, last] if last.token == Token::Minus => before.token.is_relation(),
            [.., last] => last.token.is_relation(),
            [] => false,
        }
    }

    /// Whether an index or a set must have ended before `token`.
    fn must_close(&self, token: Token) -> bool {
        match self.open.last() {
            Some(Open::Bracket(..)) => match token {
                Token::And
                | Token::Or
                | Token::LParen
                | Token::RParen
                | Token::Question
                | Token::Colon
                | Token::RBrace => true,
                _ if token.is_relation() => {
                    matches!(self.last(), Some(Token::Word | Token::Bytes)) && !self.is_dropping()
                }
                _ => false,
            },
            Some(Open::Brace(..)) => matches!(
                token,
                Token::LParen | Token::RParen | Token::Question | Token::Colon | Token::RBracket
            ),
            _ => false,
        }
    }

    /// Puts in the end of the innermost index or set.
    fn close_index_or_set(&mut self) {
        let (token, kind, fate) = match self.open.pop() {
            Some(Open::Bracket(open, fate)) => {
                (Token::RBracket, Kind::UnclosedBracket { open }, fate)
            }
            Some(Open::Brace(open, fate)) => (Token::RBrace, Kind::UnclosedBrace { open }, fate),
            _ => return,
        };
        if fate == Fate::Keep {
            self.insert(token, kind);
        }
    }

    /// Ends the innermost group, and the ternaries in it.
    fn close_paren(&mut self, span: Span) {
        self.parens = self.parens.saturating_sub(1);
        while let Some(open) = self.open.pop() {
            match open {
                Open::Paren(_) => return,
                Open::Question(question) => {
                    self.insert_colon(question, Found::Token(Token::RParen), span);
                }
                _ => {}
            }
        }
    }

    /// Ends everything that is open at the end of the text.
    pub(crate) fn finish(mut self) -> Lexed {
        // The depth limit is limit enough for these.
        self.errors_left = usize::MAX;
        let end = self.out.end;
        while let Some(&open) = self.open.last() {
            if matches!(open, Open::Bracket(..) | Open::Brace(..)) {
                self.close_index_or_set();
                continue;
            }
            self.open.pop();
            match open {
                Open::Paren(open) => {
                    // A mistake just before the end is one of its own.
                    let after_error = self.after_error;
                    self.insert(Token::RParen, Kind::UnclosedParen { open });
                    if let Some(last) = self.out.tokens.last_mut() {
                        last.after_error = after_error;
                    }
                }
                Open::Question(question) => self.insert_colon(question, Found::End, end),
                _ => {}
            }
        }
        self.out.error_at_end = self.after_error;
        self.out
    }

    /// Whether a byte suffix can follow.
    pub(crate) fn is_after_index_word(&self) -> bool {
        matches!(self.open.last(), Some(Open::Bracket(..))) && self.last() == Some(Token::Word)
    }

    /// Matches a colon with the innermost `?` that waits for one.
    fn take_question(&mut self) -> bool {
        let inner = |open: &&Open| matches!(open, Open::Otherwise);
        let unfinished = self.open.iter().rev().take_while(inner).count();
        let at = self.open.len().saturating_sub(unfinished);
        let Some(Open::Question(_)) = self.open.get(..at).and_then(<[_]>::last) else {
            return false;
        };
        self.open.truncate(at);
        if let Some(open) = self.open.last_mut() {
            *open = Open::Otherwise;
        }
        true
    }

    /// Puts in the colon that a `?` misses; what follows it is missing too.
    fn insert_colon(&mut self, question: Span, found: Found, span: Span) {
        self.report(Kind::ExpectedColon { question, found }, span);
        self.push(Token::Colon, self.here());
        self.after_error = true;
    }

    /// Puts in a closing token that is missing.
    fn insert(&mut self, token: Token, kind: Kind) {
        let here = self.here();
        self.report(kind, here);
        self.after_error = true;
        self.push(token, here);
    }

    /// Reports a token and leaves it out.
    pub(crate) fn skip(&mut self, kind: Kind, span: Span) {
        self.report(kind, span);
        self.after_error = true;
    }

    /// Extends the last error to the end of what it is about.
    fn widen(&mut self, span: Span) {
        if let Some(last) = self.out.errors.last_mut()
            && matches!(last.kind, Kind::MisplacedIndex | Kind::MisplacedSet)
        {
            last.span = last.span.to(span);
        }
    }

    fn push(&mut self, token: Token, span: Span) {
        self.out.tokens.push(Lexeme {
            token,
            span,
            after_error: self.after_error,
        });
        self.after_error = false;
    }

    fn enter(&mut self, open: Open, span: Span) {
        // An index or a set adds no depth to what it stands in.
        let flat = matches!(open, Open::Bracket(..) | Open::Brace(..));
        if self.open.len() >= MAX_DEPTH.saturating_add(flat.into()) {
            self.report(Kind::TooDeep, span);
            self.out.complete = false;
        }
        self.open.push(open);
    }

    /// Notes a mistake, unless enough is enough.
    pub(crate) fn report(&mut self, kind: Kind, span: Span) {
        if !self.out.complete {
            return;
        }
        self.errors_left = self.errors_left.saturating_sub(1);
        if self.errors_left == 0 {
            self.out.complete = false;
            let kind = Kind::TooManyErrors;
            return self.out.errors.push(SyntaxError { kind, span });
        }
        self.out.errors.push(SyntaxError { kind, span });
    }

    fn is_dropping(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open::Bracket(_, Fate::Drop) | Open::Brace(_, Fate::Drop))
        )
    }

    fn last(&self) -> Option<Token> {
        self.out.tokens.last().map(|lexeme| lexeme.token)
    }

    /// The empty span after the last token.
    fn here(&self) -> Span {
        let last = self.out.tokens.last();
        Span::at(last.map_or(0, |lexeme| lexeme.span.end))
    }
}
