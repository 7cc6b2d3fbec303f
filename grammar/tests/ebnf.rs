//! The EBNF of the crate documentation and the parser are the same language.
//!
//! The EBNF is read from the documentation and run as a recogniser of its own.
//! Every short sequence of tokens, sentences made from the EBNF and spoilt
//! copies of them must be judged alike by both.

use std::collections::BTreeMap;
use std::iter::Peekable;

use divert_grammar::parse;

const DOC: &str = include_str!("../src/lib.rs");

/// A right side of the EBNF.
#[derive(Debug)]
enum Rule {
    /// `"and"`, `WORD`: a token
    Token(String),
    /// `expr`: another rule
    Name(String),
    /// `x y z`
    Sequence(Vec<Rule>),
    /// `x | y`
    Choice(Vec<Rule>),
    /// `[ x ]`
    Optional(Box<Rule>),
    /// `{ x }`
    Repeated(Box<Rule>),
}

type Grammar = BTreeMap<String, Rule>;

/// The EBNF block of the crate documentation.
fn grammar() -> Grammar {
    let block = DOC
        .split("//! ```")
        .find_map(|part| part.strip_prefix("ebnf\n"));
    let block = block.expect("the crate documentation has an EBNF block");
    let mut words = block
        .split_whitespace()
        .filter(|&word| word != "//!")
        .peekable();
    let mut grammar = Grammar::new();
    while let Some(name) = words.next() {
        assert_eq!(words.next(), Some("="), "{name}");
        let rule = choice(&mut words);
        assert_eq!(words.next(), Some(";"), "{name}");
        assert!(
            grammar.insert(name.to_owned(), rule).is_none(),
            "{name} is given twice"
        );
    }
    grammar
}

fn choice<'w>(words: &mut Peekable<impl Iterator<Item = &'w str>>) -> Rule {
    let mut choices = vec![sequence(words)];
    while words.next_if_eq(&"|").is_some() {
        choices.push(sequence(words));
    }
    Rule::Choice(choices)
}

fn sequence<'w>(words: &mut Peekable<impl Iterator<Item = &'w str>>) -> Rule {
    let mut parts = Vec::new();
    while let Some(word) = words.next_if(|word| !["|", ";", "]", "}"].contains(word)) {
        parts.push(match word {
            "[" => Rule::Optional(Box::new(closed(words, "]"))),
            "{" => Rule::Repeated(Box::new(closed(words, "}"))),
            _ if word.starts_with('"') => Rule::Token(word.trim_matches('"').to_owned()),
            "WORD" | "BYTES" => Rule::Token(word.to_owned()),
            _ => Rule::Name(word.to_owned()),
        });
    }
    Rule::Sequence(parts)
}

fn closed<'w>(words: &mut Peekable<impl Iterator<Item = &'w str>>, end: &str) -> Rule {
    let rule = choice(words);
    assert_eq!(words.next(), Some(end));
    rule
}

impl Rule {
    /// Where a match may end, as a set of positions, given where it may begin.
    fn ends(&self, grammar: &Grammar, tokens: &[&str], begins: u64) -> u64 {
        match self {
            Rule::Token(token) => {
                let fits = |at: &usize| begins >> at & 1 == 1 && tokens[*at] == token;
                (0..tokens.len()).filter(fits).map(|at| 1 << (at + 1)).sum()
            }
            _ if begins == 0 => 0,
            Rule::Name(name) => grammar[name].ends(grammar, tokens, begins),
            Rule::Sequence(parts) => parts
                .iter()
                .fold(begins, |begins, part| part.ends(grammar, tokens, begins)),
            Rule::Choice(choices) => choices.iter().fold(0, |ends, choice| {
                ends | choice.ends(grammar, tokens, begins)
            }),
            Rule::Optional(inner) => begins | inner.ends(grammar, tokens, begins),
            Rule::Repeated(inner) => {
                let (mut all, mut new) = (begins, begins);
                while new != 0 {
                    new = inner.ends(grammar, tokens, new) & !all;
                    all |= new;
                }
                all
            }
        }
    }

    /// Adds a random sentence of the rule.
    fn derive(&self, grammar: &Grammar, random: &mut Random, depth: usize, out: &mut Vec<String>) {
        match self {
            Rule::Token(token) => out.push(token.clone()),
            Rule::Name(name) => grammar[name].derive(grammar, random, depth + 1, out),
            Rule::Sequence(parts) => {
                for part in parts {
                    part.derive(grammar, random, depth, out);
                }
            }
            // The last alternative is the one that leads out of recursion.
            Rule::Choice(choices) => {
                let at = if depth > 16 {
                    choices.len() - 1
                } else {
                    random.below(choices.len())
                };
                choices[at].derive(grammar, random, depth, out);
            }
            Rule::Optional(inner) if depth <= 16 && random.below(3) == 0 => {
                inner.derive(grammar, random, depth, out);
            }
            Rule::Repeated(inner) => {
                while depth <= 16 && random.below(3) == 0 {
                    inner.derive(grammar, random, depth, out);
                }
            }
            Rule::Optional(_) => {}
        }
    }

    /// All tokens the rule names.
    fn tokens<'r>(&'r self, out: &mut Vec<&'r str>) {
        match self {
            Rule::Token(token) => out.push(token),
            Rule::Name(_) => {}
            Rule::Sequence(parts) | Rule::Choice(parts) => {
                parts.iter().for_each(|part| part.tokens(out));
            }
            Rule::Optional(inner) | Rule::Repeated(inner) => inner.tokens(out),
        }
    }
}

/// A small repeatable source of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}

/// Whether the lexer takes every `b` of the sequence for a byte suffix.
fn has_no_stray(tokens: &[&str]) -> bool {
    let mut at = 0..tokens.len();
    at.all(|at| {
        tokens[at] != "BYTES" || matches!(tokens[..at], [.., "[", "WORD"] | [.., "[", "-", "WORD"])
    })
}

#[track_caller]
fn check(grammar: &Grammar, tokens: &[&str]) -> bool {
    assert!(tokens.len() < 64, "positions are bits");
    let ends = grammar["filter"].ends(grammar, tokens, 1);
    let expect = ends >> tokens.len() & 1 == 1;
    let text: Vec<_> = tokens
        .iter()
        .map(|&token| match token {
            "WORD" => "x",
            "BYTES" => "b",
            _ => token,
        })
        .collect();
    let text = text.join(" ");
    let errors = parse(&text).errors;
    assert_eq!(errors.is_empty(), expect, "{text}: {errors:?}");
    expect
}

fn alphabet(grammar: &Grammar) -> Vec<&str> {
    let mut alphabet = Vec::new();
    grammar.values().for_each(|rule| rule.tokens(&mut alphabet));
    alphabet.sort_unstable();
    alphabet.dedup();
    alphabet
}

#[test]
fn the_documentation_names_every_token_and_rule() {
    let grammar = grammar();
    assert_eq!(alphabet(&grammar).len(), 23);
    let names = "expr or and operand primary test subject index relop value set item filter";
    let mut names: Vec<_> = names.split(' ').collect();
    names.sort_unstable();
    assert!(grammar.keys().eq(names));
}

#[test]
fn short_sequences_are_judged_alike() {
    let grammar = grammar();
    // Relational operators other than these two are alike, and tested below.
    let mut alphabet = alphabet(&grammar);
    alphabet.retain(|token| !["!=", "<", "<=", ">", ">="].contains(token));
    let mut good = 0;
    for len in 0..=4u32 {
        for number in 0..alphabet.len().pow(len) {
            let digit = |place| number / alphabet.len().pow(place) % alphabet.len();
            let tokens: Vec<_> = (0..len).map(|place| alphabet[digit(place)]).collect();
            if has_no_stray(&tokens) && check(&grammar, &tokens) {
                good += 1;
            }
        }
    }
    assert!(good >= 20, "{good}");
}

#[test]
fn sentences_and_spoilt_sentences_are_judged_alike() {
    let grammar = grammar();
    let alphabet = alphabet(&grammar);
    let mut random = Random(1);
    let (mut whole, mut good, mut bad) = (0, 0, 0);
    for _ in 0..10_000 {
        let mut sentence = Vec::new();
        grammar["filter"].derive(&grammar, &mut random, 0, &mut sentence);
        if sentence.len() > 50 {
            continue;
        }
        let sentence: Vec<_> = sentence.iter().map(String::as_str).collect();
        assert!(check(&grammar, &sentence));
        whole += 1;
        for _ in 0..4 {
            let mut spoilt = sentence.clone();
            let at = random.below(spoilt.len());
            match random.below(4) {
                0 => drop(spoilt.remove(at)),
                1 => spoilt.insert(at, alphabet[random.below(alphabet.len())]),
                2 => spoilt[at] = alphabet[random.below(alphabet.len())],
                _ => {
                    let other = random.below(spoilt.len());
                    spoilt.swap(at, other);
                }
            }
            if has_no_stray(&spoilt) {
                *if check(&grammar, &spoilt) {
                    &mut good
                } else {
                    &mut bad
                } += 1;
            }
        }
    }
    assert!(
        whole > 2000 && good > 1000 && bad > 5000,
        "{whole} {good} {bad}"
    );
}
