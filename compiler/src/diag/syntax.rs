//! Mistakes of form in words.

use divert_grammar::{Found, Keyword, Span, SyntaxErrorKind, Token};

use super::text::{Words, quote};

impl Words<'_> {
    pub(super) fn syntax(self, kind: SyntaxErrorKind) -> Self {
        match kind {
            SyntaxErrorKind::UnexpectedCharacter(c) => {
                let name = quote(&c.to_string());
                self.message(format!("{name} means nothing in a filter"))
                    .label("not part of the language")
                    .help(character_help(c))
            }
            SyntaxErrorKind::NulByte => self
                .message("a NUL byte in the filter")
                .label("WinDivert would stop reading here")
                .help(
                    "remove it; the filter may come from a buffer that is too long, or from UTF-16",
                ),
            SyntaxErrorKind::LoneAmpersand => self
                .message("a single `&`")
                .label("`and` is spelled `&&` or `and`")
                .note("there are no bit operations in a filter")
                .replace("write", "&&"),
            SyntaxErrorKind::LonePipe => self
                .message("a single `|`")
                .label("`or` is spelled `||` or `or`")
                .note("there are no bit operations in a filter")
                .replace("write", "||"),
            SyntaxErrorKind::WrongCaseKeyword(keyword) => {
                let word = match keyword {
                    Keyword::And => "and",
                    Keyword::Or => "or",
                    Keyword::Not => "not",
                };
                let message = format!("{} is written in lower case: `{word}`", self.quoted());
                self.message(message)
                    .label("the language is case-sensitive")
                    .replace("write", word)
            }
            SyntaxErrorKind::ExpectedTest { found } => {
                let found = found_text(found);
                self.message(format!("expected a test, found {found}"))
                    .label("a test belongs here, such as `tcp` or `tcp.DstPort = 80`")
            }
            SyntaxErrorKind::ExpectedOperator { .. } => {
                let at = Span::at(self.span.start);
                let message = format!("expected `and` or `or` before {}", self.quoted());
                self.message(message)
                    .label("a second test begins here")
                    .help("join tests with `and` if both must hold, with `or` if one must")
                    .replace_at(at, "write `and` or `or` before it", "and ")
            }
            SyntaxErrorKind::ExpectedValue { found } => {
                let found = found_text(found);
                self.message(format!("expected a value, found {found}"))
                    .label("a number, an address or a macro belongs here")
            }
            SyntaxErrorKind::ExpectedIndex { found } => {
                let found = found_text(found);
                self.message(format!("expected a number as index, found {found}"))
                    .label("which byte? `[0]` is the first, `[-1]` the last")
            }
            SyntaxErrorKind::ExpectedIndexEnd { .. } => {
                let message = format!("expected `]`, found {}", self.quoted());
                self.message(message).label("an index is one number")
            }
            SyntaxErrorKind::ExpectedSetEnd { .. } => self
                .label("expected `,` or `}`")
                .help("sets are not part of the language; join tests with `or`"),
            SyntaxErrorKind::ExpectedPrefixLength { .. } => self
                .label("the prefix length is missing")
                .help("prefixes are not part of the language; test a range with `>=` and `<=`"),
            SyntaxErrorKind::UnclosedParen { open } => self
                .message("this parenthesis is never closed")
                .label("`)` is missing here")
                .label_at(open, "opened here")
                .replace_at_end(")"),
            SyntaxErrorKind::UnmatchedParen => self
                .message("this parenthesis closes nothing")
                .label("there is no `(` for it")
                .replace("remove it", ""),
            SyntaxErrorKind::UnclosedBracket { open } => self
                .message("this bracket is never closed")
                .label("`]` is missing here")
                .label_at(open, "opened here")
                .replace_at_end("]"),
            SyntaxErrorKind::UnmatchedBracket => self
                .message("this bracket closes nothing")
                .label("there is no `[` for it")
                .replace("remove it", ""),
            SyntaxErrorKind::UnclosedBrace { open } => self
                .message("this brace is never closed")
                .label("`}` is missing here")
                .label_at(open, "opened here")
                .help("sets are not part of the language; join tests with `or`"),
            SyntaxErrorKind::UnmatchedBrace => self
                .message("this brace closes nothing")
                .label("braces are not part of the language")
                .replace("remove it", ""),
            SyntaxErrorKind::MisplacedIndex => self
                .label("an index belongs to a data field")
                .help("write for example `packet[0] = 0x45` or `tcp.Payload[0] = 0x16`"),
            SyntaxErrorKind::MisplacedSet => self
                .label("braces are not part of the language")
                .help("group tests with parentheses"),
            SyntaxErrorKind::ExpectedColon { question, found } => {
                let found = found_text(found);
                self.message(format!("expected `:`, found {found}"))
                    .label("the part after `:` is missing")
                    .label_at(question, "the choice begins here")
                    .help("a choice is `(condition? then: else)`, with a space after the colon")
            }
            SyntaxErrorKind::UnexpectedColon => self
                .message("a `:` without a `?` before it")
                .label("belongs to no choice")
                .help("a choice is `(condition? then: else)`"),
            SyntaxErrorKind::EmptyFilter => self
                .label("nothing to match")
                .replace("to match everything, write", "true"),
            SyntaxErrorKind::EmptyParens => self.label("a test belongs here"),
            SyntaxErrorKind::ChainedComparison => self
                .message("a test has only one comparison")
                .label("the second one")
                .help("write two tests: `length > 100 and length < 200`"),
            SyntaxErrorKind::RepeatedMinus => self
                .message("more than one minus sign")
                .label("the second one")
                .replace("remove it", ""),
            SyntaxErrorKind::TooDeep => {
                let limit = divert_grammar::limits::MAX_DEPTH;
                self.message(format!("nested too deeply: the limit is {limit}"))
                    .label("one too many is opened here")
                    .help("chains of `and` and `or` need no parentheses")
            }
            SyntaxErrorKind::TooLong { len } => {
                let limit = divert_grammar::limits::MAX_SOURCE_LEN;
                self.message(format!("the filter has {len} bytes; the limit is {limit}"))
                    .label("far more than any driver takes")
            }
            SyntaxErrorKind::TooManyErrors => {
                let limit = divert_grammar::limits::MAX_ERRORS;
                self.message(format!("more than {limit} mistakes; the rest is not shown"))
                    .label("gave up before the end")
            }
        }
    }

    /// Suggests to put in at the place what is missing there.
    fn replace_at_end(self, text: &str) -> Self {
        let at = Span::at(self.span.start);
        self.replace_at(at, "close it", text)
    }
}

fn found_text(found: Found) -> &'static str {
    match found {
        Found::End => "the end of the filter",
        Found::Token(token) => match token {
            Token::LParen => "`(`",
            Token::RParen => "`)`",
            Token::LBracket => "`[`",
            Token::RBracket => "`]`",
            Token::LBrace => "`{`",
            Token::RBrace => "`}`",
            Token::Comma => "`,`",
            Token::Slash => "`/`",
            Token::Minus => "`-`",
            Token::Question => "`?`",
            Token::Colon => "`:`",
            Token::Not => "`not`",
            Token::And => "`and`",
            Token::Or => "`or`",
            Token::Eq => "`=`",
            Token::Ne => "`!=`",
            Token::Lt => "`<`",
            Token::Le => "`<=`",
            Token::Gt => "`>`",
            Token::Ge => "`>=`",
            Token::Word => "a word",
            Token::Bytes => "`b`",
            Token::In => "`in`",
        },
    }
}

const fn character_help(c: char) -> &'static str {
    match c {
        '"' | '\'' | '`' | '\u{201C}' | '\u{201D}' | '\u{2018}' | '\u{2019}' => {
            "values are written without quotes"
        }
        '#' | ';' => "there are no comments, and one filter is one expression",
        '+' | '*' | '%' | '^' | '~' => "there is no arithmetic, and there are no bit operations",
        '\u{A0}' | '\u{FEFF}' | '\u{200B}' => {
            "an invisible character, often pasted from a web page"
        }
        '\u{2013}' | '\u{2014}' | '\u{2212}' => "this is a dash; the minus sign is `-`",
        _ => "remove it",
    }
}
