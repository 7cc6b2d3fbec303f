//! Words for what WinDivert 2.2 does otherwise than a filter says.

use core::net::{Ipv4Addr, Ipv6Addr};

use divert_grammar::{RawToken, Span};
use divert_vm::addr::{parse_v4, parse_v6};
use divert_vm::{Field, FieldType, Value};

use super::{Context, header_name, quote};
use crate::diag::Diagnostic;
use crate::dialect::Dialect;

impl Context<'_> {
    pub(super) fn never_in_range(&self, field: Field) -> Diagnostic {
        let diagnostic = self
            .say(format!(
                "this is never true: {}",
                self.range_of_field(field)
            ))
            .label("never true");
        let Some(header) = field
            .presence()
            .field()
            .filter(|_| self.reference_folds(field))
        else {
            return diagnostic.help("compare with a value that the field can have");
        };
        let without = self.without_header(field).unwrap_or_default();
        let name = header.name();
        diagnostic
            .note(format!(
                "WinDivert 2.2 compiles it to `not {name}`, which matches {without}"
            ))
            .help(format!(
                "compare with a value that the field can have, or write `not {name}` if that is \
                 what you mean"
            ))
    }

    /// `X is between A and B`, a sentence on the values of a field.
    fn range_of_field(&self, field: Field) -> String {
        let name = field.name();
        let ty = field.field_type();
        let (low, high) = ty.range();
        match ty {
            FieldType::EventNumber => {
                let events = self
                    .layer
                    .events()
                    .iter()
                    .map(|(name, number)| format!("{name} ({number})"));
                format!(
                    "events at {} are {}",
                    self.layer,
                    super::enumerate(events, "and")
                )
            }
            FieldType::Bool => format!("`{name}` is 0 or 1"),
            FieldType::Zero => format!("`{name}` is 0"),
            FieldType::Ipv4Addr => {
                format!("`{name}` is between 0.0.0.0 and 255.255.255.255")
            }
            FieldType::IpAddr => format!("`{name}` is between :: and ffff:…:ffff"),
            _ => format!("`{name}` is between {} and {}", show(low), show(high)),
        }
    }

    /// Whether the compiler of WinDivert 2.2 decides this test by its range.
    fn reference_folds(&self, field: Field) -> bool {
        let (Some((low, high)), Some((negative, magnitude, _))) =
            (field.folding_range(), self.written_constant())
        else {
            return false;
        };
        let constant = Value {
            negative,
            magnitude,
        };
        constant < low
            || constant > high
            || match self.written_op() {
                Some(RawToken::Lt | RawToken::Ge) => constant == low,
                Some(RawToken::Le | RawToken::Gt) => constant == high,
                _ => false,
            }
    }

    pub(super) fn stray_bytes(&self) -> Diagnostic {
        let next = self.next(self.span.end).map(|next| next.span.start);
        let span = Span::new(self.span.start, next.unwrap_or(self.span.end));
        self.say("a `b` that stands alone is skipped")
            .label("skipped")
            .note("WinDivert 2.2 skips it as well, like white space")
            .suggest(span, "", "delete it")
    }

    pub(super) fn detached_bytes(&self) -> Diagnostic {
        let number = self.previous(self.span.start);
        let start = number.map_or(self.span.start, |number| number.span.end);
        let number = number.map_or("", |number| self.text(number));
        let diagnostic = self
            .say("WinDivert 2.2 ignores this `b`, because it stands apart from the number")
            .label("ignored by WinDivert 2.2");
        let gap = Span::new(start, self.span.end);
        match self.dialect {
            Dialect::Divert => diagnostic
                .note(format!(
                    "there `[{number} b]` is `[{number}]`, which counts elements; divert counts \
                     bytes"
                ))
                .suggest(gap, "b", "close the gap"),
            Dialect::WinDivert22 => diagnostic
                .note(format!(
                    "`[{number} b]` is `[{number}]`, which counts elements, not bytes"
                ))
                .suggest(gap, "", "delete it"),
        }
    }

    pub(super) fn ip_at_flow(&self, field: Field) -> Diagnostic {
        let name = field.name();
        let version = header_name(field);
        self.say(format!(
            "in WinDivert 2.2 `{name}` is never true at {}",
            self.layer
        ))
        .label("always 0 in WinDivert 2.2")
        .note(format!(
            "there `{name}` matches nothing and `not {name}` everything; divert tests \
                 `localAddr` instead, so that it means {version}"
        ))
    }

    pub(super) fn flow_label(&self) -> Diagnostic {
        let diagnostic = self
            .say("WinDivert 2.2 compares flow labels with their bytes swapped")
            .label("byte-swapped in WinDivert 2.2")
            .note("there the label 0x00001 is 0x10000, and most labels cannot be named at all");
        match self.dialect {
            Dialect::Divert => diagnostic.note(
                "divert compiles the test so that it comes out right on the WinDivert 2.2 driver",
            ),
            Dialect::WinDivert22 => diagnostic,
        }
    }

    pub(super) fn wide_constant(&self, field: Field) -> Diagnostic {
        let name = field.name();
        let diagnostic = self
            .say(format!(
                "the constant has more than 32 bits, `{name}` has not"
            ))
            .label("more than 32 bits");
        let Some((_, magnitude, _)) = self.written_constant() else {
            return diagnostic;
        };
        let low = magnitude & u128::from(u32::MAX);
        diagnostic
            .note(format!(
                "WinDivert 2.2 compiles it, and evaluates it as if it were {low}"
            ))
            .note("its driver refuses the filter, except for `packet32`")
    }

    pub(super) fn address_junk(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self
            .say(format!("the end of {} is ignored", quote(word)))
            .label("more than an address")
            .note("WinDivert 2.2 stops reading after eight groups, too");
        match parse_v6(word.as_bytes()) {
            Some(addr) => {
                let addr = Ipv6Addr::from_bits(addr).to_string();
                diagnostic.suggest(self.span, addr, "leave out what is ignored")
            }
            None => diagnostic,
        }
    }

    pub(super) fn wrapped_octet(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self
            .say(format!("{} has a number above 255", quote(word)))
            .label("not an address anywhere else")
            .note("WinDivert 2.2 takes the number modulo 2^32, and so does divert");
        match parse_v4(word.as_bytes()) {
            Some(addr) => {
                let addr = Ipv4Addr::from_bits(addr).to_string();
                diagnostic.suggest(self.span, addr, "write what it is taken for")
            }
            None => diagnostic,
        }
    }

    pub(super) fn negative_zero(&self) -> Diagnostic {
        let constant = self.written_constant();
        let diagnostic = self
            .say("in WinDivert 2.2 `-0` is not 0, but less")
            .label("`-0`");
        match (self.dialect, constant) {
            (Dialect::Divert, Some((_, _, span))) => diagnostic
                .note("there no value equals it; here it is 0")
                .suggest(span, "0", "leave the sign out"),
            _ => diagnostic.note("no value equals it"),
        }
    }

    pub(super) fn data_always_in_range(&self, field: Field) -> Diagnostic {
        let diagnostic = self
            .say("every value passes this, so it only asks whether the data is there")
            .label("true of all values");
        let reference = match field.presence().field() {
            Some(header) => format!("`{}`", header.name()),
            None => "`true`".to_owned(),
        };
        if self.reference_folds(field) {
            diagnostic.note(format!(
                "WinDivert 2.2 compiles it to {reference}, which also matches packets too short \
                 for the index"
            ))
        } else {
            diagnostic
        }
    }

    pub(super) fn driver_refuses(&self) -> Diagnostic {
        let diagnostic = self
            .say("the WinDivert 2.2 driver refuses this comparison")
            .label("constant out of its range")
            .note("its compiler lets it pass; then `WinDivertOpen` fails with error 87");
        match self.dialect {
            Dialect::Divert => {
                diagnostic.note("divert compiles it to what it means: always or never true")
            }
            Dialect::WinDivert22 => diagnostic,
        }
    }
}

fn show(value: Value) -> String {
    let sign = if value.negative { "-" } else { "" };
    format!("{sign}{}", value.magnitude)
}
