//! Words for names that are wrong, and what was probably meant.

use divert_grammar::{RawToken, Span};
use divert_vm::{Field, FieldType, Layer, LayerSet};

use super::around::is_relation;
use super::habits::{self, Habit};
use super::{Context, enumerate, layers, quote};
use crate::diag::{Diagnostic, Suggestion};
use crate::literal::{self, Form};
use crate::symbols::{self, Macro};

/// Longest word that is compared with names.
const MAX_COMPARED: usize = 64;

impl Context<'_> {
    pub(super) fn unknown_field(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self
            .say(format!("no field is called {}", quote(word)))
            .label("unknown name");
        let normal = habits::normal(word);
        match habits::lookup(&normal) {
            Some(Habit::Nothing(reason)) => return diagnostic.help(reason),
            Some(Habit::Field(name)) => {
                let name = self.by_version(name);
                return self.did_you_mean(diagnostic, name);
            }
            Some(Habit::Either(first, second)) => return self.either(diagnostic, first, second),
            None => {}
        }
        let same = |field: &Field| field.name().to_ascii_lowercase() == normal;
        if let Some(field) = Field::ALL.into_iter().find(same) {
            return self.did_you_mean(diagnostic, field.name());
        }
        let here = self.at_this_layer().map(Field::name);
        let keywords = ["and", "or", "not", "true", "false"];
        if let Some(name) = nearest(&normal, here.chain(keywords)) {
            return self.did_you_mean(diagnostic, name);
        }
        if let Some(name) = nearest(&normal, Field::ALL.into_iter().map(Field::name)) {
            return self.did_you_mean(diagnostic, name);
        }
        self.of_the_same_header(diagnostic, &normal)
    }

    fn at_this_layer(&self) -> impl Iterator<Item = Field> {
        let layer = self.layer;
        Field::ALL
            .into_iter()
            .filter(move |field| field.layers().contains(layer))
    }

    /// The IPv6 twin of a field that is compared with an IPv6 address.
    fn by_version(&self, name: &'static str) -> &'static str {
        let twin = match name {
            "ip.SrcAddr" => "ipv6.SrcAddr",
            "ip.DstAddr" => "ipv6.DstAddr",
            _ => return name,
        };
        let value = self.comparison_at(self.span.start).map(|test| test.value);
        let is_v6 = value.is_some_and(|value| value.of(self.source).contains(':'));
        if is_v6 { twin } else { name }
    }

    fn did_you_mean(&self, diagnostic: Diagnostic, name: &'static str) -> Diagnostic {
        match Field::from_name(name) {
            Some(field) if !field.layers().contains(self.layer) => diagnostic.help(format!(
                "the nearest name is `{name}`, which exists at {} but not at {}",
                layers(field.layers()),
                self.layer,
            )),
            field => {
                let diagnostic = match field {
                    Some(field) => diagnostic.help(format!("`{name}`: {}", field.doc())),
                    None => diagnostic,
                };
                diagnostic.suggest(self.span, name, format!("perhaps `{name}` is meant"))
            }
        }
    }

    /// A test on a name that elsewhere means source or destination.
    fn either(&self, diagnostic: Diagnostic, first: &str, second: &str) -> Diagnostic {
        let diagnostic = diagnostic.help(format!("there are two fields: `{first}` and `{second}`"));
        let exists =
            |name| Field::from_name(name).is_some_and(|field| field.layers().contains(self.layer));
        let Some(test) = self.comparison_at(self.span.start) else {
            return diagnostic;
        };
        let value = test.value.of(self.source);
        let is_value = literal::parse(value.trim_start_matches(['-', ' '])).is_ok();
        if !(exists(first) && is_value && test.subject == self.span) {
            return diagnostic;
        }
        let op = self.text(test.op);
        let joint = if test.op.token == RawToken::Ne {
            "and"
        } else {
            "or"
        };
        let both = format!("({first} {op} {value} {joint} {second} {op} {value})");
        diagnostic.suggest(test.span(), both, "test both")
    }

    /// The fields whose names begin like the unknown one.
    fn of_the_same_header(&self, diagnostic: Diagnostic, normal: &str) -> Diagnostic {
        let Some((header, _)) = normal.split_once('.') else {
            return diagnostic
                .note("names are case-sensitive and have no quotes")
                .help("`true` matches everything; `divertc fields` lists the fields");
        };
        let prefix = [header, "."].concat();
        let fields = self.at_this_layer().map(Field::name);
        let fields: Vec<&str> = fields.filter(|name| name.starts_with(&prefix)).collect();
        if fields.is_empty() {
            return diagnostic.help("`divertc fields` lists the fields of every layer");
        }
        diagnostic.help(format!("the fields there are: {}", fields.join(", ")))
    }

    pub(super) fn wrong_case_field(&self, field: Field) -> Diagnostic {
        let name = field.name();
        let diagnostic = self
            .say(format!("{} is written `{name}`", quote(self.here())))
            .label("wrong case")
            .note("names are case-sensitive");
        if !field.layers().contains(self.layer) {
            return diagnostic.help(format!(
                "but `{name}` exists at {} only, not at {}",
                layers(field.layers()),
                self.layer,
            ));
        }
        diagnostic.suggest(self.span, name, "correct the case")
    }

    pub(super) fn field_not_at_layer(&self, field: Field) -> Diagnostic {
        let (name, layer) = (field.name(), self.layer);
        let set = field.layers();
        let several = set.iter().nth(1).is_some();
        let diagnostic = self
            .say(format!("`{name}` does not exist at layer {layer}"))
            .label(format!("not at {layer}"));
        let exists = format!(
            "`{name}` exists at layer{} {}",
            if several { "s" } else { "" },
            layers(set),
        );
        let reason = match (layer, name) {
            (Layer::Network | Layer::NetworkForward, "processId") => {
                "a packet does not tell which process it belongs to; open a second handle at \
                 SOCKET or FLOW, filter there by `processId`, and match packets by protocol, \
                 addresses and ports"
            }
            (Layer::NetworkForward, _) if set.contains(Layer::Network) => {
                "a forwarded packet has no local end and no direction; test `ip.SrcAddr`, \
                 `ip.DstAddr` and the ports of its headers"
            }
            (Layer::Flow | Layer::Socket, _) if set.contains(Layer::Network) => {
                "its events carry no packet; they have `protocol`, `localAddr`, `localPort`, \
                 `remoteAddr` and `remotePort`"
            }
            (Layer::Reflect, _) if set.contains(Layer::Network) => {
                "its events are about handles of WinDivert; they have `processId`, `layer` and \
                 `priority`"
            }
            _ => return diagnostic.help(format!("{exists}; compile the filter for one of them")),
        };
        diagnostic.note(reason).help(exists)
    }

    pub(super) fn macro_as_test(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self.say(format!("{} is a number, not a test", quote(word)));
        let compared = self
            .next(self.span.end)
            .is_some_and(|next| is_relation(next.token) || next.token == RawToken::LBracket);
        let value = match symbols::lookup(word, self.layer) {
            Some(Macro::Value(value)) => value,
            Some(Macro::OtherLayers(set)) => {
                return diagnostic
                    .label(format!("an event of {}", layers(set)))
                    .help(format!("events at {} are {}", self.layer, self.events()));
            }
            None => return diagnostic.label("not a test"),
        };
        let diagnostic = diagnostic.label(format!("stands for {value}"));
        let lower = word.to_ascii_lowercase();
        let is_constant = matches!(lower.as_str(), "true" | "false");
        let field = Field::from_name(&lower).filter(|f| f.layers().contains(self.layer));
        let is_event = self.layer.events().iter().any(|(name, _)| *name == word);
        if is_constant || field.is_some_and(|f| f.field_type() == FieldType::Bool) {
            return diagnostic
                .help(format!("the test is spelled `{lower}`"))
                .suggest(self.span, lower, "use lower case");
        }
        let subject = match (is_event, self.layer) {
            (true, _) => "event",
            (false, Layer::Reflect) => "layer",
            _ => return diagnostic.help("compare a field with it"),
        };
        let diagnostic = diagnostic.help(format!("write `{subject} = {word}`"));
        if compared {
            return diagnostic;
        }
        let test = format!("{subject} = {word}");
        diagnostic.suggest(self.span, test, "compare with it")
    }

    /// `ESTABLISHED (1) and DELETED (2)`
    fn events(&self) -> String {
        let events = self.layer.events().iter();
        enumerate(
            events.map(|(name, number)| format!("{name} ({number})")),
            "and",
        )
    }

    pub(super) fn number_as_test(&self) -> Diagnostic {
        let word = self.here();
        let parsed = literal::parse(word).ok();
        let is_address = parsed.is_some_and(|literal| literal.form == Form::Address);
        let kind = if is_address { "an address" } else { "a number" };
        let diagnostic = self
            .say(format!("{} is {kind}, not a test", quote(word)))
            .label("a test belongs here");
        let next = self.next(self.span.end).map(|next| next.token);
        let stands_alone = next.is_none_or(|next| {
            !is_relation(next) && !matches!(next, RawToken::LBracket | RawToken::Slash)
        });
        let operator = self.previous(self.span.start);
        let test = operator
            .filter(|l| matches!(self.text(*l), "or" | "||"))
            .and_then(|operator| self.comparison_before(operator.span.start))
            .filter(|test| test.op.token == RawToken::Eq && stands_alone);
        if let Some(test) = test {
            let subject = test.subject.of(self.source);
            let again = format!("{subject} {} {word}", self.text(test.op));
            return diagnostic
                .note("`or` stands between tests, not between values")
                .suggest(self.span, again, "repeat the field");
        }
        let example = if is_address {
            "ip.DstAddr"
        } else {
            "tcp.DstPort"
        };
        diagnostic.help(format!(
            "compare a field with it, as in `{example} = {word}`"
        ))
    }

    pub(super) fn unknown_value(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self
            .say(format!(
                "{} is neither a number, an address nor a macro",
                quote(word)
            ))
            .label("unknown value");
        let same = |name: &&str| name.eq_ignore_ascii_case(word);
        if let Some(name) = symbols::names(self.layer).find(same) {
            return diagnostic.note("names are case-sensitive").suggest(
                self.span,
                name,
                "use upper case",
            );
        }
        if let Some(Macro::OtherLayers(set)) =
            symbols::lookup(&word.to_ascii_uppercase(), self.layer)
        {
            return diagnostic.help(format!(
                "`{}` is an event of {}; events at {} are {}",
                word.to_ascii_uppercase(),
                layers(set),
                self.layer,
                self.events(),
            ));
        }
        if let Some(value) = self.foreign_value() {
            let title = format!("use {value}");
            return diagnostic
                .note("names of hosts and services are not looked up")
                .suggest(self.span, value, title);
        }
        let same = |field: &Field| field.name().eq_ignore_ascii_case(word);
        if Field::ALL.iter().any(same) {
            return diagnostic.note("a field can only be compared with a constant");
        }
        if word.len() <= 32 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
            let hex = ["0x", word].concat();
            return diagnostic
                .note("hexadecimal numbers begin with `0x`")
                .suggest(self.span, hex, "put `0x` before it");
        }
        let upper = word.to_ascii_uppercase();
        if let Some(name) = nearest(&upper, symbols::names(self.layer)) {
            return diagnostic.suggest(self.span, name, format!("perhaps `{name}` is meant"));
        }
        diagnostic.help("values are written `80`, `0x50`, `10.0.0.1`, `fe80::1` or `TCP`")
    }

    pub(super) fn event_not_at_layer(&self, set: LayerSet) -> Diagnostic {
        let (word, layer) = (quote(self.here()), self.layer);
        self.say(format!("{word} does not happen at layer {layer}"))
            .label(format!("an event of {}", layers(set)))
            .help(format!("events at {layer} are {}", self.events()))
    }

    /// A word in which a colon glues two names, as in `udp:icmp`.
    pub(super) fn glued(&self) -> Option<Suggestion> {
        let (left, right) = self.here().split_once(':')?;
        let is_name = |word: &str| {
            matches!(word, "true" | "false")
                || Field::from_name(word).is_some()
                || literal::parse(word).is_ok()
        };
        let starts_test = |word: &str| is_name(word) && !word.starts_with(char::is_numeric);
        (is_name(left) && starts_test(right)).then(|| Suggestion {
            span: Span::new(self.span.start, self.span.end),
            replacement: format!("{left}: {right}"),
            title: "put a space after the colon".to_owned(),
        })
    }
}

/// The name nearest to `word`, if one is near enough.
fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if word.len() > MAX_COMPARED || word.len() < 2 {
        return None;
    }
    // A third of the letters may be wrong; short words have to be closer.
    let limit = (word.len() / 3).clamp(1, 4);
    let distance = |name: &str| {
        if name.len().abs_diff(word.len()) > limit {
            return usize::MAX;
        }
        let lower = name.to_ascii_lowercase();
        let word = word.to_ascii_lowercase();
        strsim::damerau_levenshtein(&lower, &word)
    };
    let ranked = names.map(|name| (distance(name), name));
    let (distance, name) = ranked.min_by_key(|(distance, _)| *distance)?;
    (distance <= limit && distance < name.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expect: Option<&str>) {
        let names = Field::ALL.into_iter().map(Field::name);
        assert_eq!(nearest(word, names), expect, "{word}");
    }

    #[test]
    fn near_misses_are_recognised() {
        check("tcp.DestPort", Some("tcp.DstPort"));
        check("tcp.SrcProt", Some("tcp.SrcPort"));
        check("ip.DstAdr", Some("ip.DstAddr"));
        check("inbond", Some("inbound"));
        check("tpc", Some("tcp"));
        check("lenght", Some("length"));
        check("tcp.PayloadLen", Some("tcp.PayloadLength"));
    }

    #[test]
    fn other_words_are_not() {
        check("x", None);
        check("frobnicate", None);
        check("tcp.xyzzy", None);
        check(&"tcp".repeat(100), None);
    }
}
