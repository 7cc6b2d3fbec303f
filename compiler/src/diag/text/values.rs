//! Words for values and indexes that are wrong.

use divert_grammar::{RawToken, Span};
use divert_vm::Field;
use divert_vm::isa::limits::MAX_DATA_INDEX;

use super::around::{is_relation, mirror};
use super::{Context, quote};
use crate::diag::Diagnostic;
use crate::literal;

impl Context<'_> {
    pub(super) fn bad_number(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self
            .say(format!("{} is not a number", quote(word)))
            .label("not a number")
            .help("numbers are written `80` or, with a small x, `0x50`");
        match repaired(word) {
            Some((number, title)) => diagnostic.suggest(self.span, number, title),
            None => diagnostic,
        }
    }

    pub(super) fn number_too_wide(&self) -> Diagnostic {
        self.say(format!(
            "{} is more than 128 bits can hold",
            quote(self.here())
        ))
        .label("too large")
        .help("the largest number is 340282366920938463463374607431768211455, 2^128 - 1")
    }

    pub(super) fn bytes_outside_index(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self
            .say(format!(
                "the `b` of {} means bytes, and belongs in an index",
                quote(word)
            ))
            .label("not in an index")
            .note("`packet32[6b]` reads four bytes at byte 6, `packet32[6]` those at byte 24");
        match word.strip_suffix('b') {
            Some(number) => diagnostic.suggest(self.span, number, "leave the `b` out"),
            None => diagnostic,
        }
    }

    pub(super) fn value_on_left(&self, field: Span, op: Span) -> Diagnostic {
        let value = self.here();
        let (name, op) = (field.of(self.source), op.of(self.source));
        let diagnostic = self
            .say(format!("the field belongs on the left of {}", quote(op)))
            .label("a value")
            .label_at(field, "the field");
        if !self.is_short(field) {
            return diagnostic;
        }
        let swapped = format!("{name} {} {value}", mirror(op));
        diagnostic.suggest(self.span.to(field), swapped, "swap the sides")
    }

    pub(super) fn field_on_right(&self) -> Diagnostic {
        self.say("a field can only be compared with a constant")
            .label("a field")
            .note("no filter can compare two fields of a packet, here or in WinDivert 2.2")
            .help("let the packets through, and compare the fields in the program that reads them")
    }

    pub(super) fn missing_index(&self, field: Field) -> Diagnostic {
        let name = field.name();
        self.say(format!("`{name}` needs an index"))
            .label("which part of it?")
            .help(format!(
                "`{name}[0]` is the first element, `{name}[-1]` the last"
            ))
            .suggest(Span::at(self.span.end), "[0]", "test the first element")
    }

    pub(super) fn index_on_scalar(&self, field: Field) -> Diagnostic {
        let subject = self.previous(self.span.start);
        let subject = subject.map_or_else(|| field.name().to_owned(), |l| self.text(l).to_owned());
        let diagnostic = self
            .say(format!("{} takes no index", quote(&subject)))
            .label("nothing to index");
        let is_header = ["ip", "ipv6", "tcp", "udp", "icmp", "icmpv6"].contains(&subject.as_str());
        match subject.as_str() {
            "tcp" | "udp" => diagnostic
                .note("bytes of the header have names, such as `tcp.Syn` and `tcp.Window`")
                .help(format!(
                    "the payload is `{subject}.Payload[…]`, the packet `packet[…]`"
                )),
            _ if is_header => diagnostic
                .note("the parts of a header have names, such as `ip.TTL` and `icmp.Type`")
                .help("`packet[…]` is the whole packet, from its IP header on"),
            _ => diagnostic.suggest(self.span, "", "delete the index"),
        }
    }

    pub(super) fn index_out_of_bounds(&self, field: Field, from_end: bool) -> Diagnostic {
        let width = field.field_type().data_width().unwrap_or(1);
        let in_bytes = self.here().ends_with('b');
        let scale = if in_bytes { 1 } else { width };
        let (low, high) = if from_end {
            (width, MAX_DATA_INDEX)
        } else {
            (0, MAX_DATA_INDEX.saturating_sub(width))
        };
        let [low, high] = [low, high].map(|at| at.checked_div(scale).unwrap_or(at));
        let (sign, suffix) = (
            if from_end { "-" } else { "" },
            if in_bytes { "b" } else { "" },
        );
        let name = field.name();
        let diagnostic = self
            .say(format!(
                "the index of `{name}` is between {sign}{low}{suffix} and {sign}{high}{suffix}"
            ))
            .label("out of bounds")
            .note("no packet is longer");
        if from_end && width > 1 {
            return diagnostic.help(format!("`{name}[-1]` is the last element"));
        }
        if width > 1 && !in_bytes {
            return diagnostic.help(format!(
                "the index counts elements of {width} bytes; `{name}[6b]` counts bytes"
            ));
        }
        diagnostic
    }

    /// The constant of a test, as a number with its sign, and its place.
    ///
    /// `None` for a bare field, and where the text is odd.
    pub(super) fn written_constant(&self) -> Option<(bool, u128, Span)> {
        let lexemes = self.lexemes_here();
        let at = lexemes
            .iter()
            .position(|lexeme| is_relation(lexeme.token))?;
        let (minus, word) = match lexemes.get(at.checked_add(1)?..)? {
            [minus, word, ..] if minus.token == RawToken::Minus => (Some(*minus), *word),
            [word, ..] => (None, *word),
            [] => return None,
        };
        let text = self.text(word);
        let value = match crate::symbols::lookup(text, self.layer) {
            Some(crate::symbols::Macro::Value(value)) => value,
            _ => literal::parse(text).ok()?.value,
        };
        let span = minus.map_or(word.span, |minus| minus.span.to(word.span));
        Some((minus.is_some(), value, span))
    }

    /// The comparison of a test, as it is spelled.
    pub(super) fn written_op(&self) -> Option<RawToken> {
        let lexemes = self.lexemes_here();
        let op = lexemes.iter().find(|lexeme| is_relation(lexeme.token))?;
        Some(op.token)
    }

    fn lexemes_here(&self) -> Vec<super::around::Lexeme> {
        let mut lexemes = self.after(self.span.start);
        lexemes.retain(|lexeme| lexeme.span.end <= self.span.end);
        lexemes
    }
}

/// What a malformed number was probably meant to be.
fn repaired(word: &str) -> Option<(String, &'static str)> {
    let parses = |text: &str| matches!(literal::parse(text), Ok(found) if !found.bytes);
    if let Some(digits) = word.strip_prefix("0X") {
        let number = ["0x", digits].concat();
        return parses(&number).then_some((number, "write a small x"));
    }
    if let Some(digits) = word.strip_prefix("0b").or_else(|| word.strip_prefix("0B")) {
        let number = u128::from_str_radix(digits, 2).ok()?;
        return Some((number.to_string(), "write it in decimal"));
    }
    if let Some(digits) = word.strip_prefix("0o").or_else(|| word.strip_prefix("0O")) {
        let number = u128::from_str_radix(digits, 8).ok()?;
        return Some((number.to_string(), "write it in decimal"));
    }
    if word.contains('_') {
        let number = word.replace('_', "");
        return parses(&number).then_some((number, "leave the `_` out"));
    }
    let digits = word.strip_suffix(['h', 'H']).unwrap_or(word);
    let number = ["0x", digits].concat();
    (digits.bytes().all(|b| b.is_ascii_hexdigit()) && parses(&number))
        .then_some((number, "put `0x` before it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expect: Option<&str>) {
        assert_eq!(repaired(word).map(|(number, _)| number).as_deref(), expect);
    }

    #[test]
    fn numbers_of_other_languages_are_translated() {
        check("0X10", Some("0x10"));
        check("0b101", Some("5"));
        check("0o17", Some("15"));
        check("1_000", Some("1000"));
        check("4f", Some("0x4f"));
        check("50h", Some("0x50"));
        check("80x", None);
        check("0Xz", None);
    }
}
