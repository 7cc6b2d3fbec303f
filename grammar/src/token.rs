//! The two alphabets: what the bytes spell, and what the grammar reads.

use core::iter;

use logos::Logos;

use crate::span::Span;

/// One lexeme, exactly as the bytes spell it.
///
/// No word has a meaning at this level: `and`, `in` and `b` are [`Word`]s.
/// That makes the sequence of raw tokens fit for replaying the lexical rules
/// of any dialect of the language.
///
/// [`Word`]: RawToken::Word
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[logos(skip r"[ \t\n\x0B\x0C\r]+")]
pub enum RawToken {
    /// `(`
    #[token("(")]
    LParen,
    /// `)`
    #[token(")")]
    RParen,
    /// `[`
    #[token("[")]
    LBracket,
    /// `]`
    #[token("]")]
    RBracket,
    /// `{`, which no dialect accepts but people write
    #[token("{")]
    LBrace,
    /// `}`
    #[token("}")]
    RBrace,
    /// `,`
    #[token(",")]
    Comma,
    /// `/`
    #[token("/")]
    Slash,
    /// `-`
    #[token("-")]
    Minus,
    /// `?`
    #[token("?")]
    Question,
    /// A `:` not followed by another
    ///
    /// One that touches the word before it was given back by that word: a run
    /// of word characters that ends in a single colon lends it.
    #[token(":")]
    Colon,
    /// `!`
    #[token("!")]
    Bang,
    /// `&&`
    #[token("&&")]
    AmpAmp,
    /// `||`
    #[token("||")]
    PipePipe,
    /// `=` or `==`
    #[token("=")]
    #[token("==")]
    Eq,
    /// `!=`
    #[token("!=")]
    Ne,
    /// `<`
    #[token("<")]
    Lt,
    /// `<=`
    #[token("<=")]
    Le,
    /// `>`
    #[token(">")]
    Gt,
    /// `>=`
    #[token(">=")]
    Ge,
    /// A run of `A-Z a-z 0-9 . : _`, less a single colon at its end
    #[regex(r"([A-Za-z0-9._]|::+)(:?[A-Za-z0-9._]|::+)*")]
    Word,
    /// `&` alone
    #[token("&")]
    LoneAmpersand,
    /// `|` alone
    #[token("|")]
    LonePipe,
    /// A character that starts nothing; `'\0'` and non-ASCII ones too
    #[regex(r"(?s).", |lex| lex.slice().chars().next(), priority = 0)]
    Bad(char),
}

/// The raw lexemes of `text`, left to right, white space left out.
///
/// For a consumer that must follow a lexical rule byte by byte. It never
/// fails: what starts no token is [`RawToken::Bad`].
///
/// ```
/// use divert_grammar::{RawToken, tokens};
///
/// let kinds: Vec<_> = tokens("tcp? 80: $").map(|(token, _)| token).collect();
/// assert_eq!(kinds, [
///     RawToken::Word, RawToken::Question,
///     RawToken::Word, RawToken::Colon, RawToken::Bad('$'),
/// ]);
/// ```
pub fn tokens(text: &str) -> impl Iterator<Item = (RawToken, Span)> {
    let mut lexer = RawToken::lexer(text);
    iter::from_fn(move || {
        let token = lexer.next()?;
        let range = lexer.span();
        let span = Span::new(offset(range.start), offset(range.end));
        Some((token.unwrap_or(RawToken::Bad('\u{FFFD}')), span))
    })
}

/// A byte offset as spans store it.
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A terminal of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    /// `(`
    LParen,
    /// `)`
    RParen,
    /// `[`
    LBracket,
    /// `]`
    RBracket,
    /// `{`
    LBrace,
    /// `}`
    RBrace,
    /// `,`
    Comma,
    /// `/`
    Slash,
    /// `-`
    Minus,
    /// `?`
    Question,
    /// `:`
    Colon,
    /// `not` or `!`
    Not,
    /// `and` or `&&`
    And,
    /// `or` or `||`
    Or,
    /// `=` or `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// A name, number or address; which of them is not a matter of syntax
    Word,
    /// A free-standing `b` after a word between brackets
    Bytes,
    /// The word `in`
    In,
}

impl Token {
    /// Whether a value or a set may follow: `=`, `<`, `in` and the like.
    #[must_use]
    pub const fn is_relation(self) -> bool {
        matches!(
            self,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::In
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(RawToken, &str)]) {
        let got: Vec<_> = tokens(text).map(|(t, s)| (t, s.of(text))).collect();
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn a_word_gives_back_a_single_last_colon() {
        use RawToken::{Colon, Word};
        check("80:", &[(Word, "80"), (Colon, ":")]);
        check("fe80::", &[(Word, "fe80::")]);
        check("::1:", &[(Word, "::1"), (Colon, ":")]);
        check("fe80:::", &[(Word, "fe80:::")]);
        check(":::", &[(Word, ":::")]);
        check("::", &[(Word, "::")]);
        check("udp:icmp", &[(Word, "udp:icmp")]);
        check("1:2::3:", &[(Word, "1:2::3"), (Colon, ":")]);
        check("80 :", &[(Word, "80"), (Colon, ":")]);
    }

    #[test]
    fn a_word_does_not_begin_with_a_single_colon() {
        use RawToken::{Colon, Word};
        check(":a", &[(Colon, ":"), (Word, "a")]);
        check(": :", &[(Colon, ":"), (Colon, ":")]);
        check(":::a", &[(Word, ":::a")]);
    }

    #[test]
    fn the_longest_operator_wins() {
        use RawToken::{AmpAmp, Bang, Eq, Ge, Gt, Le, LoneAmpersand, LonePipe, Lt, Ne, PipePipe};
        check("!==", &[(Ne, "!="), (Eq, "=")]);
        check("=!", &[(Eq, "="), (Bang, "!")]);
        check("===", &[(Eq, "=="), (Eq, "=")]);
        check("<>=<=", &[(Lt, "<"), (Ge, ">="), (Le, "<=")]);
        check(">", &[(Gt, ">")]);
        check("&&&", &[(AmpAmp, "&&"), (LoneAmpersand, "&")]);
        check("|||", &[(PipePipe, "||"), (LonePipe, "|")]);
    }

    #[test]
    fn a_bad_character_is_one_whole_character() {
        use RawToken::{Bad, Word};
        check("a\0b", &[(Word, "a"), (Bad('\0'), "\0"), (Word, "b")]);
        check(
            "é\u{1F600}",
            &[(Bad('é'), "é"), (Bad('\u{1F600}'), "\u{1F600}")],
        );
        check(
            "\u{A0}\u{7F}",
            &[(Bad('\u{A0}'), "\u{A0}"), (Bad('\u{7F}'), "\u{7F}")],
        );
    }

    #[test]
    fn white_space_is_the_six_ascii_bytes() {
        check(" \t\n\x0B\x0C\r", &[]);
    }

    #[test]
    fn every_ascii_byte_lexes_and_lexemes_tile_the_text() {
        for byte in 0u8..128 {
            let text = format!("a{}b", char::from(byte));
            let covered: u32 = tokens(&text).map(|(_, span)| span.len()).sum();
            let blank = matches!(byte, 9..=13 | 32);
            assert_eq!(covered, if blank { 2 } else { 3 }, "{text:?}");
        }
    }
}
