//! Words for mistakes in form.

use divert_grammar::{Found, Keyword, RawToken, Span, SyntaxErrorKind, Token};

use super::around::{is_relation, mirror};
use super::{Context, quote};
use crate::diag::{Diagnostic, Suggestion};
use crate::literal;
use divert_vm::Field;

impl Context<'_> {
    pub(super) fn syntax(&self, kind: SyntaxErrorKind) -> Diagnostic {
        use SyntaxErrorKind as Kind;
        match kind {
            Kind::UnexpectedCharacter(c) => self.unexpected_character(c),
            Kind::NulByte => self
                .say("the filter contains a NUL byte")
                .label("here")
                .note("a C program takes it for the end of the filter and ignores the rest")
                .suggest(self.span, "", "delete it"),
            Kind::LoneAmpersand => self.lone_sign("&", "&&", "and"),
            Kind::LonePipe => self.lone_sign("|", "||", "or"),
            Kind::WrongCaseKeyword(keyword) => {
                let right = match keyword {
                    Keyword::And => "and",
                    Keyword::Or => "or",
                    Keyword::Not => "not",
                };
                self.say(format!("{} must be written `{right}`", quote(self.here())))
                    .label("not recognised")
                    .suggest(self.span, right, "use lower case")
            }

            Kind::ExpectedTest { found } => self.expected_test(found),
            Kind::ExpectedOperator { found } => self.expected_operator(found),
            Kind::ExpectedValue { found } => self.expected_value(found),
            Kind::ExpectedIndex { found } => {
                let diagnostic = self
                    .say(format!(
                        "expected a number between `[` and `]`, {}",
                        self.found(found)
                    ))
                    .label("a number belongs here")
                    .help("`[0]` is the first element, `[-1]` the last");
                match found {
                    Found::Token(Token::RBracket) if !self.follows(RawToken::Minus) => {
                        diagnostic.suggest(Span::at(self.span.start), "0", "take the first element")
                    }
                    _ => diagnostic,
                }
            }
            Kind::ExpectedIndexEnd { found } => self
                .say(format!(
                    "expected `]` after the number, {}",
                    self.found(found)
                ))
                .label("only one number can stand in an index")
                .note("an index reads one, two or four bytes; there are no slices")
                .help("read two bytes with `packet16[…]` and four with `packet32[…]`"),
            Kind::ExpectedSetEnd { found } => self
                .say(format!(
                    "expected `,` or `}}` in the list, {}",
                    self.found(found)
                ))
                .label("`,` or `}` belongs here")
                .note("lists are not part of the language; write one test for each value")
                .help("write `(udp.DstPort = 53 or udp.DstPort = 67)`"),
            Kind::ExpectedPrefixLength { found } => self
                .say(format!(
                    "expected a prefix length after `/`, {}",
                    self.found(found)
                ))
                .label("a number belongs here")
                .note("address prefixes are not part of the language; compare with a range")
                .help("write `(ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.255.255.255)`"),

            Kind::UnclosedParen { open } => self.unclosed(open, "(", ")"),
            Kind::UnclosedBracket { open } => self.unclosed(open, "[", "]"),
            Kind::UnclosedBrace { open } => self
                .unclosed(open, "{", "}")
                .note("lists are not part of the language; write one test for each value"),
            Kind::UnmatchedParen => self.unmatched("(", ")"),
            Kind::UnmatchedBracket => self.unmatched("[", "]"),
            Kind::UnmatchedBrace => self.unmatched("{", "}"),

            Kind::MisplacedIndex => self
                .say("an index can only follow a data field")
                .label("this follows no field")
                .note(
                    "data fields are `packet`, `tcp.Payload`, `udp.Payload` and their wider forms",
                )
                .suggest(self.span, "", "delete it"),
            Kind::MisplacedSet => self.misplaced_set(),
            Kind::ExpectedColon { question, found } => self.expected_colon(question, found),
            Kind::UnexpectedColon => self
                .say("this `:` has no `?` before it")
                .label("unexpected")
                .help("a condition is written `(condition? then: otherwise)`"),

            Kind::EmptyFilter => self
                .say("the filter is empty")
                .label("a test belongs here")
                .suggest(self.whole(), "true", format!("match all {}", self.things())),
            Kind::EmptyParens => self
                .say("there is no test between these parentheses")
                .label("empty")
                .help("write a test, such as `tcp`, or delete them and the operator before"),
            Kind::ChainedComparison => self.chained_comparison(),
            Kind::RepeatedMinus => self
                .say("a number can have one `-` only")
                .label("one too many")
                .suggest(self.span, "", "delete it"),

            Kind::TooDeep => self
                .say("more than 1000 parentheses or conditions are open here")
                .label("one too many")
                .note("WinDivert 2.2 accepts 340")
                .help("nest less deeply: `a or (b or (c or d))` is `a or b or c or d`"),
            Kind::TooLong { len } => self
                .say(format!("the filter has {len} bytes; the limit is 1048576"))
                .note("WinDivert 2.2 accepts 1277 words and signs"),
            Kind::TooManyErrors => self
                .say("too many mistakes; the rest of the filter was not checked")
                .label("stopped here")
                .help("is this a filter?"),
        }
    }

    fn whole(&self) -> Span {
        Span::new(0, u32::try_from(self.source.len()).unwrap_or(u32::MAX))
    }

    /// `found …` for the end of a sentence.
    fn found(&self, found: Found) -> String {
        match found {
            Found::End if self.next(self.span.start).is_some() => "but nothing is there".to_owned(),
            Found::End => "but the filter ends".to_owned(),
            Found::Token(_) => format!("found {}", quote(self.here())),
        }
    }

    /// Whether the lexeme just before is this one.
    fn follows(&self, token: RawToken) -> bool {
        let previous = self.previous(self.span.start);
        previous.is_some_and(|lexeme| lexeme.token == token)
    }

    fn unexpected_character(&self, c: char) -> Diagnostic {
        let shown = quote(self.here());
        let message = if c.is_ascii() {
            format!("{shown} cannot appear in a filter")
        } else {
            format!("{shown} (U+{:04X}) cannot appear in a filter", u32::from(c))
        };
        let diagnostic = self.say(message).label("not part of the language");
        let swap = |with: &str| {
            let one = self.here().chars().nth(1).is_none();
            one.then(|| Suggestion {
                span: self.span,
                replacement: with.to_owned(),
                title: format!("use `{}`", with.trim()),
            })
        };
        match c {
            '≥' => diagnostic.suggest_if(swap(">=")),
            '≤' => diagnostic.suggest_if(swap("<=")),
            '≠' => diagnostic.suggest_if(swap("!=")),
            '∧' => diagnostic.suggest_if(swap("and")),
            '∨' => diagnostic.suggest_if(swap("or")),
            '¬' => diagnostic.suggest_if(swap("not ")),
            '–' | '—' | '−' => diagnostic.suggest_if(swap("-")),
            '（' => diagnostic.suggest_if(swap("(")),
            '）' => diagnostic.suggest_if(swap(")")),
            '：' => diagnostic.suggest_if(swap(": ")),
            '？' => diagnostic.suggest_if(swap("?")),
            '＝' => diagnostic.suggest_if(swap("=")),
            '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' => diagnostic
                .note("there are no strings: a field is compared with a number or an address")
                .suggest(self.span, "", "delete it"),
            '#' | ';' => diagnostic.note("there are no comments"),
            '*' => diagnostic
                .note("there is no wildcard and no arithmetic")
                .help(
                    "compare with a range: `ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.0.0.255`",
                ),
            '+' | '%' | '^' => diagnostic.note("there is no arithmetic"),
            '~' => diagnostic.note("there is no pattern matching and no bit operation"),
            '@' => diagnostic
                .note("an object string starts with `@` at the very beginning, without a blank"),
            '\\' => diagnostic
                .note("perhaps a shell or a program left an escape in the filter")
                .suggest(self.span, "", "delete it"),
            c if !c.is_ascii() && !c.is_alphanumeric() => diagnostic
                .note("perhaps it came along when the filter was copied from a document")
                .suggest(self.span, " ", "put a space"),
            _ => diagnostic,
        }
    }

    fn lone_sign(&self, sign: &str, double: &str, word: &str) -> Diagnostic {
        let operand = self.next(self.span.end).filter(|next| {
            let text = self.text(*next);
            text.starts_with(|c: char| c.is_ascii_digit()) && literal::parse(text).is_ok()
        });
        if operand.is_some() {
            return self
                .say(format!(
                    "`{sign}` is not an operator, and there are no bit operations"
                ))
                .label("not part of the language")
                .note("a test compares the whole value of a field with a constant")
                .help(
                    "use a field for the bits, such as `tcp.Syn`, a narrower read, such as \
                     `packet[3]`, or a range",
                );
        }
        self.say(format!("`{sign}` is not an operator"))
            .label("not part of the language")
            .help(format!("write `{word}` or `{double}`"))
            .suggest(self.span, double, "double it")
    }

    fn expected_test(&self, found: Found) -> Diagnostic {
        let diagnostic = self
            .say(match found {
                Found::End if self.next(self.span.start).is_none() => {
                    "the filter ends where a test is expected".to_owned()
                }
                _ => format!("expected a test, {}", self.found(found)),
            })
            .label("a test such as `tcp` belongs here")
            .help("a test is a field alone, as in `tcp`, or a comparison, as in `ip.TTL < 5`");
        let previous = self.previous(self.span.start);
        let dangling =
            previous.filter(|lexeme| matches!(self.text(*lexeme), "and" | "or" | "&&" | "||"));
        match (found, dangling) {
            (Found::Token(Token::And | Token::Or), _) => {
                let end = self
                    .next(self.span.end)
                    .map_or(self.span.end, |l| l.span.start);
                let span = Span::new(self.span.start, end);
                diagnostic.suggest(span, "", format!("delete this {}", quote(self.here())))
            }
            (Found::End | Found::Token(Token::RParen), Some(operator)) => {
                let before = self.previous(operator.span.start);
                let start = before.map_or(operator.span.start, |before| before.span.end);
                let title = format!("delete the {}", quote(self.text(operator)));
                diagnostic.suggest(Span::new(start, operator.span.end), "", title)
            }
            _ => diagnostic,
        }
    }

    fn expected_operator(&self, found: Found) -> Diagnostic {
        let here = self.here();
        let diagnostic = self
            .say(format!("expected `and` or `or` before {}", quote(here)))
            .label("two tests need an operator between them");
        let start = Span::at(self.span.start);
        let comparison = self.comparison_before(self.span.start);
        match found {
            Found::Token(Token::Word) => {
                let relation = match here {
                    "eq" | "is" | "equals" => Some("="),
                    "ne" => Some("!="),
                    "lt" => Some("<"),
                    "le" => Some("<="),
                    "gt" => Some(">"),
                    "ge" => Some(">="),
                    _ => None,
                };
                if let Some(relation) = relation {
                    return diagnostic.suggest(self.span, relation, "use the sign");
                }
                if matches!(here, "contains" | "matches" | "like" | "startswith") {
                    return diagnostic
                        .note("there are no strings and no patterns")
                        .help("compare bytes: `tcp.Payload32[0] = 0x47455420` is `GET `");
                }
                let before = self.previous(self.span.start);
                let field = before.and_then(|before| Field::from_name(self.text(before)));
                let is_value = literal::parse(here).is_ok();
                match field {
                    Some(_) if is_value && comparison.is_none() => {
                        diagnostic.suggest(start, "= ", "compare the two")
                    }
                    _ if is_value => diagnostic,
                    _ => diagnostic.suggest(start, "and ", "ask for both"),
                }
            }
            Found::Token(Token::Not | Token::LParen) => {
                diagnostic.suggest(start, "and ", "ask for both")
            }
            Found::Token(Token::Comma) => {
                let diagnostic = diagnostic
                    .note("lists are not part of the language; write one test for each value");
                let next = self
                    .next(self.span.end)
                    .filter(|n| n.token == RawToken::Word);
                let (Some(test), Some(next)) = (comparison, next) else {
                    return diagnostic;
                };
                let replacement = format!(
                    " or {} {} {}",
                    test.subject.of(self.source),
                    self.text(test.op),
                    self.text(next)
                );
                diagnostic.suggest(self.span.to(next.span), replacement, "repeat the test")
            }
            Found::Token(Token::Minus) => {
                let diagnostic =
                    diagnostic.note("there is no arithmetic, and no `a-b` for a range");
                let next = self
                    .next(self.span.end)
                    .filter(|n| n.token == RawToken::Word);
                match (comparison, next) {
                    (Some(test), Some(next)) if test.op.token == RawToken::Eq => {
                        let subject = test.subject.of(self.source);
                        let (low, high) = (test.value.of(self.source), self.text(next));
                        let range = format!("({subject} >= {low} and {subject} <= {high})");
                        diagnostic.suggest(test.span().to(next.span), range, "compare twice")
                    }
                    _ => diagnostic,
                }
            }
            Found::Token(Token::Slash) => diagnostic.note("there is no arithmetic"),
            _ => diagnostic,
        }
    }

    fn expected_value(&self, found: Found) -> Diagnostic {
        let previous = self.previous(self.span.start);
        let after =
            previous.map_or_else(String::new, |l| format!(" after {}", quote(self.text(l))));
        let diagnostic = self
            .say(format!(
                "expected a number or an address{after}, {}",
                self.found(found)
            ))
            .label("a value belongs here");
        let Some(previous) = previous.filter(|l| is_relation(l.token)) else {
            return diagnostic.help("values are written `80`, `0x50`, `10.0.0.1` or `fe80::1`");
        };
        let touches = previous.span.end == self.span.start;
        let right = match (self.text(previous), self.here()) {
            ("<", ">") | (">", "<") | ("=", "!") => Some("!="),
            ("=", ">") => Some(">="),
            ("=", "<") => Some("<="),
            ("=" | "==", "=" | "==") => Some("="),
            (op, "=") => Some(op),
            _ => None,
        };
        if let Some(right) = right.filter(|_| touches) {
            let span = previous.span.to(self.span);
            return diagnostic.suggest(span, right, format!("use `{right}`"));
        }
        match found {
            Found::Token(Token::LParen) => diagnostic
                .note("a comparison has one value; parentheses hold tests")
                .help("write `(tcp.DstPort = 80 or tcp.DstPort = 443)`"),
            _ => diagnostic.help("values are written `80`, `0x50`, `10.0.0.1` or `fe80::1`"),
        }
    }

    fn unclosed(&self, open: Span, left: &str, right: &str) -> Diagnostic {
        self.say(format!("this filter opens a `{left}` and never closes it"))
            .label(format!("`{right}` expected"))
            .label_at(open, "opened here")
            .suggest(self.span, right, format!("close the `{left}`"))
    }

    fn unmatched(&self, left: &str, right: &str) -> Diagnostic {
        self.say(format!("this `{right}` closes no `{left}`"))
            .label("unexpected")
            .suggest(self.span, "", "delete it")
    }

    fn misplaced_set(&self) -> Diagnostic {
        let diagnostic = self
            .say("braces are not part of the language")
            .label("not accepted here")
            .help("group tests with `(` and `)`");
        let inner = self
            .here()
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'));
        match inner {
            Some(inner) if !inner.contains([',', '{', '}']) && self.is_short(self.span) => {
                let group = format!("({inner})");
                diagnostic.suggest(self.span, group, "use parentheses")
            }
            _ => diagnostic,
        }
    }

    fn expected_colon(&self, question: Span, found: Found) -> Diagnostic {
        let ends = self.span.is_empty();
        let insert = if ends { " : false" } else { ": false" };
        let diagnostic = self
            .say(format!(
                "expected `:` and what holds otherwise, {}",
                self.found(found)
            ))
            .label("`: …` belongs here")
            .label_at(question, "for this `?`")
            .help("a condition is written `(condition? then: otherwise)`");
        // The colon may be there, glued to the words around it.
        if self
            .previous(self.span.start)
            .is_some_and(|l| self.text(l).contains(':'))
        {
            return diagnostic;
        }
        diagnostic.suggest(Span::at(self.span.start), insert, "match nothing otherwise")
    }

    fn chained_comparison(&self) -> Diagnostic {
        let diagnostic = self
            .say("comparisons cannot be chained")
            .label("the second comparison")
            .help("write two tests with `and` between them");
        let (Some(first), Some(next)) = (
            self.comparison_before(self.span.start),
            self.next(self.span.end),
        ) else {
            return diagnostic;
        };
        let (low, op) = (first.subject.of(self.source), self.text(first.op));
        let field = first.value.of(self.source);
        let is_test = literal::parse(low).is_ok() && Field::from_name(field).is_some();
        if !is_test || next.token != RawToken::Word {
            return diagnostic;
        }
        let (second, high) = (self.here(), self.text(next));
        let op = mirror(op);
        let replacement = format!("({field} {op} {low} and {field} {second} {high})");
        diagnostic.suggest(first.span().to(next.span), replacement, "write two tests")
    }
}
