//! Words for what compiles, but is probably not meant.

use core::net::{Ipv4Addr, Ipv6Addr};

use divert_grammar::{RawToken, Span};
use divert_vm::{Field, Presence};

use super::{Context, header_name, quote};
use crate::diag::Diagnostic;

impl Context<'_> {
    pub(super) fn always_in_range(&self, field: Field) -> Diagnostic {
        let name = field.name();
        let diagnostic = self.say(match self.without_header(field) {
            Some(_) => format!("this is true of every `{name}`"),
            None => "this is always true".to_owned(),
        });
        let (test, remark) = match field.presence().field() {
            Some(header) => (
                header.name(),
                format!("it only asks whether there is {} header", article(header)),
            ),
            None => ("true", "every value passes".to_owned()),
        };
        let diagnostic = diagnostic.label("always true").note(remark);
        if self.nots_before(self.span.start).0 > 0 {
            return diagnostic;
        }
        diagnostic.suggest(self.span, test, "say so")
    }

    pub(super) fn number_for_address(&self, field: Field) -> Diagnostic {
        let word = self.here();
        let number = crate::literal::parse(word).map_or(0, |literal| literal.value);
        let as_v6 = Ipv6Addr::from_bits(number);
        let diagnostic = self
            .say(format!("{} as an address is `{as_v6}`", quote(word)))
            .label("a number");
        let v4 = u32::try_from(number)
            .ok()
            .filter(|_| field.presence() != Presence::Ipv6);
        match v4.map(Ipv4Addr::from_bits) {
            Some(v4) => diagnostic
                .note(format!(
                    "an IPv4 address compares as `::ffff:a.b.c.d`, so this is not {v4}"
                ))
                .suggest(self.span, v4.to_string(), format!("write {v4}")),
            None => diagnostic.suggest(self.span, as_v6.to_string(), "write an address"),
        }
    }

    pub(super) fn contradiction(&self, other: Span) -> Diagnostic {
        let things = self.things();
        self.say(format!("no {} passes both of these tests", self.thing()))
            .label("excludes the other")
            .label_at(other, "the other")
            .help(format!(
                "for {things} that pass either, write `or` between them"
            ))
    }

    pub(super) fn next_header(&self, instead: Field) -> Diagnostic {
        let name = instead.name();
        let diagnostic = self
            .say("`ipv6.NextHdr` is the first next header, perhaps an extension header")
            .label(format!("not every {} packet", header_name(instead)))
            .note(format!("`{name}` looks behind extension headers"));
        let negated = match self.written_op() {
            Some(RawToken::Eq) => false,
            Some(RawToken::Ne) => true,
            _ => return diagnostic,
        };
        let (nots, start) = self.nots_before(self.span.start);
        let negated = negated != (nots % 2 == 1);
        let test = match (negated, name) {
            (false, "icmpv6") => name.to_owned(),
            (false, _) => format!("(ipv6 and {name})"),
            (true, _) => format!("(ipv6 and not {name})"),
        };
        let span = Span::new(start, self.span.end);
        diagnostic.suggest(span, test, "test for the header")
    }

    pub(super) fn not_keeps_presence(&self, field: Field) -> Diagnostic {
        let header = field.presence().field().unwrap_or(field);
        let without = self.without_header(field).unwrap_or_default();
        let diagnostic = self
            .say(format!("this leaves out {without}"))
            .label(format!("still wants {} header", article(header)))
            .note("a test on a missing header is false, also with `not` before it");
        let (nots, start) = self.nots_before(self.span.start);
        let span = Span::new(start, self.span.end);
        if nots % 2 == 0 || !self.is_short(span) {
            return diagnostic;
        }
        let all = format!("({}? false: true)", self.here());
        diagnostic.suggest(span, all, format!("to match {without} as well"))
    }

    pub(super) fn double_not(&self, count: u32) -> Diagnostic {
        let diagnostic = self
            .say(match count {
                2 => "two `not` cancel out".to_owned(),
                _ if count.is_multiple_of(2) => format!("{count} `not` cancel out"),
                _ => format!("{count} `not` are as good as one"),
            })
            .label("more than one `not`");
        let lexemes = self.after(self.span.start);
        let nots = lexemes
            .iter()
            .take_while(|lexeme| self.is_not(lexeme))
            .count();
        // With an odd number the last one stays.
        let kept = if count.is_multiple_of(2) {
            nots
        } else {
            nots.saturating_sub(1)
        };
        match lexemes.get(kept) {
            Some(rest) if u32::try_from(nots) == Ok(count) => {
                let span = Span::new(self.span.start, rest.span.start);
                diagnostic.suggest(span, "", "delete them")
            }
            _ => diagnostic,
        }
    }

    pub(super) fn event_redundant(&self) -> Diagnostic {
        let event = self.layer.events().first().map_or("", |(name, _)| *name);
        self.say(format!("every event at {} is {event}", self.layer))
            .label("tells nothing")
            .help("leave the test out")
    }

    pub(super) fn unreachable_clause(&self, other: Option<Span>, holds: bool) -> Diagnostic {
        let diagnostic = self
            .say("evaluation never comes here")
            .label("never evaluated");
        let remark = if holds {
            "always holds here"
        } else {
            "never holds here"
        };
        match other {
            Some(other) => diagnostic.label_at(other, remark),
            None => diagnostic,
        }
    }

    pub(super) fn never_here(&self, other: Option<Span>) -> Diagnostic {
        let diagnostic = self
            .say(format!("no {} that comes here passes this", self.thing()))
            .label("never holds here");
        match other {
            Some(other) => diagnostic.label_at(other, "excludes it"),
            None => diagnostic.note("the tests before it, taken together, exclude it"),
        }
    }

    pub(super) fn redundant_clause(&self, other: Option<Span>, any: bool) -> Diagnostic {
        let things = self.things();
        let diagnostic = self
            .say("without this, the filter matches the same")
            .label("changes nothing");
        let diagnostic = match (other, any) {
            (Some(other), false) => diagnostic.label_at(other, "implies it"),
            (Some(other), true) => diagnostic.label_at(other, "is true of all that passes it"),
            (None, false) => diagnostic.note("the other tests, taken together, imply it"),
            (None, true) => diagnostic.note(format!(
                "all {things} that pass it pass one of the other tests"
            )),
        };
        diagnostic.help("leave it out, or compare with what was meant")
    }

    pub(super) fn constant_filter(&self, matches: bool) -> Diagnostic {
        let what = if matches { "every" } else { "no" };
        let constant = if matches { "true" } else { "false" };
        self.say(format!("the filter matches {what} {}", self.thing()))
            .label(format!("always {constant}"))
            .help(format!("write `{constant}` if that is what you mean"))
    }
}

/// `a TCP`, `an IPv4`
fn article(header: Field) -> String {
    let name = header_name(header);
    let article = if name.starts_with('I') { "an" } else { "a" };
    format!("{article} {name}")
}
