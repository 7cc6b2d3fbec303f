//! What can be wrong with the form of a filter.
//!
//! Errors are facts; their text is made elsewhere. This is the only file that
//! sees the errors of the generated parser. It judges a mistake by the tokens
//! on both sides of it, because the set of expected tokens alone says little.

use lalrpop_util::{ErrorRecovery, ParseError};

use crate::lexer::Lexed;
use crate::span::Span;
use crate::token::{Token, offset};

/// One mistake in the form of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SyntaxError {
    /// What is wrong.
    pub kind: SyntaxErrorKind,
    /// Where: the offending text, or an empty span where something is missing.
    pub span: Span,
}

/// What the parser met instead of what it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// The end of the filter
    End,
    /// A token
    Token(Token),
}

/// A word of the language that is only recognised in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// `and`
    And,
    /// `or`
    Or,
    /// `not`
    Not,
}

/// The ways a filter can be malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyntaxErrorKind {
    /// A character that starts no token; the span has all that touch it
    UnexpectedCharacter(char),
    /// A NUL byte, which would end the text in C
    NulByte,
    /// `&` where `&&` was meant
    LoneAmpersand,
    /// `|` where `||` was meant
    LonePipe,
    /// `AND`, `Or`: understood, but not a keyword to the reference
    WrongCaseKeyword(Keyword),
    /// No test or group where one must stand
    ExpectedTest {
        /// What stands there.
        found: Found,
    },
    /// Something other than `and` or `or` after a complete test
    ExpectedOperator {
        /// What stands there.
        found: Found,
    },
    /// No value after a comparison operator or inside a set
    ExpectedValue {
        /// What stands there.
        found: Found,
    },
    /// No number after `[`
    ExpectedIndex {
        /// What stands there.
        found: Found,
    },
    /// Something other than `]` after the number of an index
    ExpectedIndexEnd {
        /// What stands there.
        found: Found,
    },
    /// Something other than `,` or `}` after an item of a set
    ExpectedSetEnd {
        /// What stands there.
        found: Found,
    },
    /// No word after the `/` of a prefix
    ExpectedPrefixLength {
        /// What stands there.
        found: Found,
    },
    /// A `(` that nothing closes
    UnclosedParen {
        /// The parenthesis.
        open: Span,
    },
    /// A `)` that closes nothing
    UnmatchedParen,
    /// A `[` that nothing closes
    UnclosedBracket {
        /// The bracket.
        open: Span,
    },
    /// A `]` that closes nothing
    UnmatchedBracket,
    /// A `{` that nothing closes
    UnclosedBrace {
        /// The brace.
        open: Span,
    },
    /// A `}` that closes nothing
    UnmatchedBrace,
    /// An index that follows no word
    MisplacedIndex,
    /// A set that follows no comparison operator
    MisplacedSet,
    /// A `?` without its `:`
    ExpectedColon {
        /// The question mark.
        question: Span,
        /// What stands where the colon is missed.
        found: Found,
    },
    /// A `:` without its `?`
    UnexpectedColon,
    /// Nothing but white space
    EmptyFilter,
    /// `()`
    EmptyParens,
    /// `1 < x < 5`; the span is the second operator
    ChainedComparison,
    /// `--5`; the span is the second sign
    RepeatedMinus,
    /// More open at once than [`MAX_DEPTH`](crate::limits::MAX_DEPTH)
    TooDeep,
    /// A text longer than [`MAX_SOURCE_LEN`](crate::limits::MAX_SOURCE_LEN)
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// More than [`MAX_ERRORS`](crate::limits::MAX_ERRORS): the rest is unread
    TooManyErrors,
}

/// What the generated parser reads: a token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal(pub(crate) Token, pub(crate) Span);

/// Ends the token stream early, when there are too many mistakes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GiveUp;

/// An error of the generated parser; its locations number the tokens.
pub(crate) type RawError = ParseError<u32, Terminal, GiveUp>;

/// A mistake the parser got over, and the tokens it skipped to do so.
pub(crate) type RawRecovery = ErrorRecovery<u32, Terminal, GiveUp>;

/// A mistake in terms of token numbers.
pub(crate) struct Mistake {
    /// The first token that did not fit.
    pub(crate) token: u32,
    /// The last token skipped because of it.
    pub(crate) last: u32,
    /// What to tell about it.
    pub(crate) error: SyntaxError,
}

impl Mistake {
    /// The mistake behind a recovery.
    pub(crate) fn recovered(lexed: &Lexed, recovery: &RawRecovery) -> Option<Self> {
        let mistake = Self::fatal(lexed, &recovery.error)?;
        let last = recovery.dropped_tokens.last().map(|&(at, ..)| at);
        Some(Self {
            last: last.map_or(mistake.last, |last| last.max(mistake.last)),
            ..mistake
        })
    }

    /// The mistake behind an error that ended the parse.
    ///
    /// There is none if it was ended on purpose.
    pub(crate) fn fatal(lexed: &Lexed, error: &RawError) -> Option<Self> {
        let (token, expected) = match error {
            ParseError::UnrecognizedToken {
                token: (at, ..),
                expected,
            } => (*at, expected.as_slice()),
            ParseError::UnrecognizedEof { expected, .. } => {
                (offset(lexed.tokens.len()), expected.as_slice())
            }
            ParseError::ExtraToken { token: (at, ..) } => (*at, [].as_slice()),
            ParseError::InvalidToken { location } => (*location, [].as_slice()),
            ParseError::User { error: GiveUp } => return None,
        };
        Some(Self {
            token,
            last: token,
            error: judge(lexed, token, expected),
        })
    }
}

/// The most telling description of what is wrong at a token.
fn judge(lexed: &Lexed, at: u32, expected: &[String]) -> SyntaxError {
    use SyntaxErrorKind as Kind;

    let (found, span) = lexed.found(at);
    let before = at.checked_sub(1).and_then(|at| lexed.lexeme(at));
    let expects = |terminal: &str| expected.iter().any(|other| other == terminal);
    let kind = match before.map(|lexeme| lexeme.token) {
        Some(Token::LParen) if found == Found::Token(Token::RParen) => {
            let open = before.map_or(span, |lexeme| lexeme.span);
            return SyntaxError {
                kind: Kind::EmptyParens,
                span: open.to(span),
            };
        }
        None
        | Some(
            Token::LParen | Token::Question | Token::Colon | Token::Not | Token::And | Token::Or,
        ) => Kind::ExpectedTest { found },
        Some(Token::LBracket) => Kind::ExpectedIndex { found },
        Some(Token::Minus) if lexed.in_brackets(at) => Kind::ExpectedIndex { found },
        Some(Token::Slash) => Kind::ExpectedPrefixLength { found },
        Some(Token::LBrace | Token::Comma | Token::Minus) => Kind::ExpectedValue { found },
        Some(token) if token.is_relation() => Kind::ExpectedValue { found },
        Some(_) if expects("\"]\"") => Kind::ExpectedIndexEnd { found },
        Some(_) if expects("\"}\"") => Kind::ExpectedSetEnd { found },
        Some(_) => Kind::ExpectedOperator { found },
    };
    SyntaxError { kind, span }
}
