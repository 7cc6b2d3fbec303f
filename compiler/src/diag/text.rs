//! Findings in words. Every sentence about a filter is made here.

use divert_grammar::Span;
use divert_vm::object::ObjectErrorKind;
use divert_vm::{Field, Layer};

use super::{Diagnostic, Finding, FindingKind, Label, Suggestion, suggest};
use crate::dialect::Dialect;
use crate::reference::ReferenceError;

/// Puts a finding in words.
pub(crate) fn describe(
    finding: &Finding,
    source: &str,
    layer: Layer,
    dialect: Dialect,
) -> Diagnostic {
    let code = finding.kind.code();
    let words = Words {
        source,
        layer,
        dialect,
        span: finding.span,
        diagnostic: Diagnostic {
            code,
            severity: code.severity(),
            message: String::new(),
            span: finding.span,
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            suggestion: None,
        },
    };
    let mut diagnostic = words.finding(&finding.kind).diagnostic;
    if diagnostic.message.is_empty() {
        code.title().clone_into(&mut diagnostic.message);
    }
    if diagnostic.labels.is_empty() {
        diagnostic.labels.push(Label {
            span: finding.span,
            message: "here".into(),
        });
    }
    diagnostic
}

/// A diagnostic being written.
pub(super) struct Words<'a> {
    source: &'a str,
    layer: Layer,
    dialect: Dialect,
    pub(super) span: Span,
    diagnostic: Diagnostic,
}

impl Words<'_> {
    pub(super) fn message(mut self, message: impl Into<String>) -> Self {
        self.diagnostic.message = message.into();
        self
    }

    pub(super) fn label(self, message: impl Into<String>) -> Self {
        let span = self.span;
        self.label_at(span, message)
    }

    pub(super) fn label_at(mut self, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        self.diagnostic.labels.push(Label { span, message });
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.diagnostic.notes.push(note.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic.help = Some(help.into());
        self
    }

    pub(super) fn replace(self, title: &str, replacement: impl Into<String>) -> Self {
        let span = self.span;
        self.replace_at(span, title, replacement)
    }

    pub(super) fn replace_at(
        mut self,
        span: Span,
        title: &str,
        replacement: impl Into<String>,
    ) -> Self {
        self.diagnostic.suggestion = Some(Suggestion {
            title: title.into(),
            span,
            replacement: replacement.into(),
        });
        self
    }

    /// The text at the place, fit to be quoted in a sentence.
    pub(super) fn quoted(&self) -> String {
        quote(self.span.of(self.source))
    }

    fn of(&self, span: Span) -> &str {
        span.of(self.source)
    }

    fn finding(self, kind: &FindingKind) -> Self {
        match kind {
            FindingKind::Syntax(kind) => self.syntax(*kind),
            FindingKind::UnknownField
            | FindingKind::WrongCaseField(_)
            | FindingKind::FieldNotAtLayer(_)
            | FindingKind::MacroAsTest
            | FindingKind::NumberAsTest
            | FindingKind::UnknownValue
            | FindingKind::EventNotAtLayer { .. } => self.name(kind),
            FindingKind::BadNumber
            | FindingKind::NumberTooWide
            | FindingKind::BadAddress
            | FindingKind::BytesOutsideIndex
            | FindingKind::ValueOnLeft { .. }
            | FindingKind::FieldOnRight
            | FindingKind::Prefix { .. }
            | FindingKind::Set { .. }
            | FindingKind::MissingIndex(_)
            | FindingKind::IndexOnScalar(_)
            | FindingKind::IndexOutOfBounds { .. } => self.value(kind),
            FindingKind::TooManyInsns { .. }
            | FindingKind::TooManyTokens { .. }
            | FindingKind::WordTooLong { .. }
            | FindingKind::NotOnGroup { .. }
            | FindingKind::UngroupedTernary
            | FindingKind::ReferenceRefuses { .. }
            | FindingKind::BadObject(_) => self.refusal(kind),
            _ => self.warning(kind),
        }
    }

    fn name(self, kind: &FindingKind) -> Self {
        let word = self.quoted();
        match kind {
            FindingKind::UnknownField => {
                let known = suggest::field(self.of(self.span));
                let words = self.message(format!("no field is called {word}"));
                match known {
                    Some(name) => words
                        .label(format!("did you mean `{name}`?"))
                        .replace("write", name),
                    None => words
                        .label("not a field")
                        .help("`divertc fields` lists all fields"),
                }
            }
            FindingKind::WrongCaseField(field) => self
                .message(format!("{word} is spelled `{}`", field.name()))
                .label("the language is case-sensitive")
                .replace("write", field.name()),
            FindingKind::FieldNotAtLayer(field) => {
                let layer = self.layer;
                let list: Vec<&str> = field.layers().iter().map(Layer::name).collect();
                let words = self
                    .message(format!(
                        "`{}` does not exist at layer {layer}",
                        field.name()
                    ))
                    .label(format!("exists at {}", list.join(", ")));
                match (field, layer) {
                    (Field::ProcessId, Layer::Network | Layer::NetworkForward) => {
                        words.note("packets do not carry a process id").help(
                            "open a second handle at SOCKET or FLOW, and join on protocol, \
                             addresses and ports",
                        )
                    }
                    _ => words.help("change the layer, or use another field"),
                }
            }
            FindingKind::MacroAsTest => {
                let lower = self.of(self.span).to_ascii_lowercase();
                let words = self
                    .message(format!("{word} is a number, not a test"))
                    .label("a macro stands for a number to compare with");
                match Field::from_name(&lower) {
                    Some(field) => {
                        words.replace("for packets with that header, write", field.name())
                    }
                    None => words.help("compare a field with it, e.g. `event = CONNECT`"),
                }
            }
            FindingKind::NumberAsTest => self
                .message(format!("{word} is not a test"))
                .label("compare a field with it")
                .help("e.g. `tcp.DstPort = 80`; to match everything, write `true`"),
            FindingKind::UnknownValue => {
                let known = suggest::value(self.of(self.span), self.layer);
                let words = self.message(format!("{word} is neither a number nor a macro"));
                match known {
                    Some(name) => words
                        .label(format!("did you mean `{name}`?"))
                        .replace("write", name),
                    None => words
                        .label("unknown")
                        .help("write a number, an address, or a macro such as TCP"),
                }
            }
            FindingKind::EventNotAtLayer { layers } => {
                let layer = self.layer;
                let at: Vec<&str> = layers.iter().map(Layer::name).collect();
                let here: Vec<&str> = layer.events().iter().map(|(name, _)| *name).collect();
                self.message(format!("{word} does not occur at layer {layer}"))
                    .label(format!("occurs at {}", at.join(", ")))
                    .help(format!("events at {layer}: {}", here.join(", ")))
            }
            _ => self,
        }
    }

    fn value(self, kind: &FindingKind) -> Self {
        let word = self.quoted();
        match kind {
            FindingKind::BadNumber => {
                let text = self.of(self.span);
                let lower = text.strip_prefix("0X").map(|digits| format!("0x{digits}"));
                let words = self
                    .message(format!("{word} is not a number"))
                    .label("decimal, or hexadecimal after `0x`");
                match lower {
                    Some(number) => words.replace("write", number),
                    None => words,
                }
            }
            FindingKind::NumberTooWide => self
                .message("the number has more than 128 bits")
                .label("at most 2^128 - 1"),
            FindingKind::BadAddress => self
                .message(format!("{word} is not an address"))
                .label("neither IPv4 nor IPv6")
                .help("write e.g. `10.0.0.1`, `fe80::1` or `::ffff:10.0.0.1`"),
            FindingKind::BytesOutsideIndex => {
                let text = self.of(self.span);
                let number = text.strip_suffix('b').unwrap_or(text).to_owned();
                self.message("the suffix `b` belongs to an index")
                    .label("means nothing here")
                    .replace("write", number)
            }
            FindingKind::ValueOnLeft { field, op } => {
                let (value, field, op) = (self.span, *field, *op);
                let mirrored = match self.of(op) {
                    "<" => ">",
                    "<=" => ">=",
                    ">" => "<",
                    ">=" => "<=",
                    same => same,
                };
                let swapped = format!("{} {mirrored} {}", self.of(field), self.of(value));
                self.message("the field belongs on the left")
                    .label("the constant")
                    .label_at(field, "the field")
                    .replace_at(value.to(field), "write", swapped)
            }
            FindingKind::FieldOnRight => self
                .message("two fields cannot be compared")
                .label("a constant belongs here")
                .help("match more, and compare in your program"),
            FindingKind::Prefix { subject, addr, len } => {
                let network = suggest::network(self.of(*addr), self.of(*len));
                let field = self.of(*subject).to_owned();
                let whole = subject.to(self.span);
                let words = self
                    .message("a network prefix is not part of the language")
                    .label("write the range of its addresses");
                match network {
                    Some((first, last)) => {
                        let range = format!("({field} >= {first} and {field} <= {last})");
                        words.replace_at(whole, "write", range)
                    }
                    None => words
                        .help("e.g. `(ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.255.255.255)`"),
                }
            }
            FindingKind::Set { subject, items } => {
                let field = self.of(*subject);
                let tests: Vec<String> = items.iter().map(|i| member(field, self.of(*i))).collect();
                let chain = format!("({})", tests.join(" or "));
                self.message("a set of values is not part of the language")
                    .label("write a test for each value")
                    .replace("write", chain)
            }
            FindingKind::MissingIndex(field) => {
                let name = field.name();
                self.message(format!("`{name}` needs an index"))
                    .label("which byte?")
                    .help("an index counts from 0, or from the end if it is negative")
                    .replace("for the first, write", format!("{name}[0]"))
            }
            FindingKind::IndexOnScalar(field) => {
                let name = if *field == Field::Zero {
                    "this"
                } else {
                    field.name()
                };
                self.message(format!("`{name}` takes no index"))
                    .label("remove the index")
                    .help("data fields are `packet`, `tcp.Payload`, `udp.Payload`, each also with 16 and 32")
                    .replace("remove it", "")
            }
            FindingKind::IndexOutOfBounds { field, from_end } => {
                let width = field.field_type().data_width().unwrap_or(1);
                let high = divert_vm::isa::limits::MAX_DATA_INDEX;
                let words = match width {
                    1 => "bytes".to_owned(),
                    width => format!("words of {width} bytes, or bytes with the suffix `b`"),
                };
                let limit = if *from_end {
                    format!("from the end, the first legal byte is {width} and the last {high}")
                } else {
                    format!("the last legal byte is {}", high.saturating_sub(width))
                };
                self.message(format!("index {word} is out of bounds"))
                    .label(limit)
                    .note(format!("the index of `{}` counts {words}", field.name()))
            }
            _ => self,
        }
    }

    fn refusal(self, kind: &FindingKind) -> Self {
        match kind {
            FindingKind::TooManyInsns { count, limit } => self
                .message(format!("the program would have {count} instructions; the limit is {limit}"))
                .label("every test is one instruction")
                .help("merge neighbouring values into ranges, drop tests that others imply, or use several handles"),
            FindingKind::TooManyTokens { limit } => self
                .message(format!("WinDivert 2.2 reads at most {limit} tokens"))
                .label("the limit is passed here"),
            FindingKind::WordTooLong { limit } => self
                .message(format!("WinDivert 2.2 reads words of at most {limit} characters"))
                .label("longer than that"),
            FindingKind::NotOnGroup { group } => {
                let inner = self.of(*group);
                let inner = inner.strip_prefix('(').and_then(|i| i.strip_suffix(')')).unwrap_or(inner);
                // A choice cannot be a condition without parentheses.
                let condition = if inner.contains('?') { format!("({inner})") } else { inner.to_owned() };
                self.message("WinDivert 2.2 takes `not` before a test, not before a group")
                    .label("a group")
                    .note("De Morgan's law does not hold where a header may be absent")
                    .replace("write", format!("({condition}? false: true)"))
            }
            FindingKind::UngroupedTernary => {
                let grouped = format!("({})", self.of(self.span));
                self.message("WinDivert 2.2 takes `? :` only in parentheses")
                    .label("put all of it in parentheses")
                    .replace("write", grouped)
            }
            FindingKind::ReferenceRefuses { code } => {
                let error = ReferenceError {
                    code: *code,
                    position: self.span.start,
                };
                self.message(format!("WinDivert 2.2 refuses this: {}", error.message()))
                    .label("at this position")
                    .help("the `divert` dialect accepts it")
            }
            FindingKind::BadObject(kind) => self
                .message(format!("not a valid filter object: {}", object_text(*kind)))
                .label("reading stopped here")
                .help("a filter that begins with `@` is a compiled program; compile the text again"),
            _ => self,
        }
    }

    fn warning(self, kind: &FindingKind) -> Self {
        let is_reference = self.dialect == Dialect::WinDivert22;
        let word = self.quoted();
        match kind {
            FindingKind::NeverInRange { field } => {
                let header = field.presence().field();
                let words = self
                    .message(format!("{word} is never true"))
                    .label(range_text(*field));
                match header {
                    Some(header) => words.note(format!(
                        "WinDivert 2.2 compiles this to `not {0}`, and matches everything without `{0}`",
                        header.name()
                    )),
                    None => words,
                }
            }
            FindingKind::AlwaysInRange { field } => {
                let words = self.label(range_text(*field));
                match field.presence().field() {
                    Some(header) => words
                        .message(format!(
                            "{word} only says that there is `{}`",
                            header.name()
                        ))
                        .replace("write", header.name()),
                    None => words.message(format!("{word} is always true")),
                }
            }
            FindingKind::IpAtFlow(field) => {
                let (name, layer) = (field.name(), self.layer);
                let words = self
                    .message(format!("in WinDivert 2.2 `{name}` is always 0 at {layer}"))
                    .label("there is no packet to look at");
                if is_reference {
                    words.help("test `localAddr`: IPv4 is `::ffff:0:0` to `::ffff:255.255.255.255`")
                } else {
                    words.note("compiled to a test of `localAddr`, which works on the stock driver")
                }
            }
            FindingKind::FlowLabel => {
                let words = self
                    .message("WinDivert 2.2 compares the flow label byte-swapped")
                    .label("most labels cannot be matched that way");
                if is_reference {
                    words.help("test the bytes: `packet16[1]` has the low 16 bits of the label")
                } else {
                    words.note("compiled to tests that come out right on the stock driver")
                }
            }
            FindingKind::WideConstant { field } => self
                .message(format!(
                    "the constant has more than the 32 bits of `{}`",
                    field.name()
                ))
                .label("WinDivert 2.2 compares the low 32 bits only")
                .note("its driver refuses the program"),
            FindingKind::StrayBytes => self
                .message("this `b` means nothing")
                .label("dropped")
                .replace("remove it", ""),
            FindingKind::DetachedBytes => self
                .message("the suffix `b` must touch the number")
                .label(if is_reference {
                    "dropped"
                } else {
                    "taken as the suffix"
                })
                .note("WinDivert 2.2 drops a `b` that stands alone, and counts words"),
            FindingKind::AddressJunk => self
                .message(format!("{word} has more than eight groups"))
                .label("what follows the eighth group is ignored"),
            FindingKind::WrappedOctet => self
                .message(format!("{word} has a number above 255"))
                .label("taken modulo 2^32"),
            FindingKind::NegativeZero => {
                self.message("`-0` is below 0 in WinDivert 2.2")
                    .label(if is_reference {
                        "below every number"
                    } else {
                        "taken as 0"
                    })
            }
            FindingKind::DataAlwaysInRange { field } => self
                .message(format!("{word} only asks whether the data is there"))
                .label(range_text(*field))
                .note("WinDivert 2.2 does not even look, and takes it as true"),
            FindingKind::DriverRefuses => self
                .message("WinDivert 2.2 compiles this, but its driver refuses it")
                .label("`WinDivertOpen` would fail with error 87"),
            FindingKind::NumberForAddress { field } => {
                let text = self.of(self.span);
                let number = text.strip_prefix("0x").map_or_else(
                    || text.parse::<u32>().ok(),
                    |digits| u32::from_str_radix(digits, 16).ok(),
                );
                let words = self
                    .message(format!("{word} is not an IPv4 address"))
                    .label(format!(
                        "`{}` is compared with this as a 128-bit number",
                        field.name()
                    ));
                match number {
                    Some(number) => {
                        let addr = divert_vm::addr::V4(number).to_string();
                        words.replace("as an IPv4 address, it would be", addr)
                    }
                    None => words,
                }
            }
            FindingKind::Contradiction { other } => self
                .message("these tests exclude each other, so this never matches")
                .label("excludes")
                .label_at(*other, "this")
                .help("was `or` meant?"),
            FindingKind::NextHeader { instead } => {
                let name = instead.name();
                self.message("`ipv6.NextHdr` is the first header only")
                    .label("false if extension headers come first")
                    .replace(
                        "to look behind extension headers, write",
                        format!("(ipv6 and {name})"),
                    )
            }
            FindingKind::NotKeepsPresence { field } => {
                let header = field.presence().field().map_or("it", Field::name);
                self.message(format!("this does not match packets without `{header}`"))
                    .label("false where the header is absent, with `not` or without")
                    .help("to negate all of it, put the test in parentheses: `not (…)`")
            }
            FindingKind::DoubleNot { count } => self
                .message(format!("`not` {count} times in a row"))
                .label("two of them cancel out"),
            FindingKind::EventRedundant => self
                .message(format!("{word} says nothing"))
                .label("only one event occurs at this layer"),
            FindingKind::ConstantFilter { matches } => {
                let (what, constant) = if *matches {
                    ("everything", "true")
                } else {
                    ("nothing", "false")
                };
                self.message(format!("this filter matches {what}"))
                    .label(format!("if that is meant, write `{constant}`"))
            }
            _ => self,
        }
    }
}

/// Text in backquotes, with nothing that could upset a terminal, and short.
pub(super) fn quote(text: &str) -> String {
    const MAX: usize = 48;
    let mut quoted = String::from("`");
    for (at, c) in text.chars().enumerate() {
        if at == MAX {
            quoted.push('…');
            break;
        }
        if c.is_control() {
            quoted.extend(c.escape_default());
        } else {
            quoted.push(c);
        }
    }
    quoted.push('`');
    quoted
}

/// The test for one item of a set: a value, or a range `a-b`.
fn member(field: &str, item: &str) -> String {
    match item.split_once('-') {
        Some((low, high)) if !low.trim().is_empty() => {
            format!("({field} >= {} and {field} <= {})", low.trim(), high.trim())
        }
        _ => format!("{field} = {item}"),
    }
}

fn range_text(field: Field) -> String {
    let (low, high) = field.field_type().range();
    let text = |value| crate::decompile::constant_text(field, value, Layer::Network);
    format!("`{}` is {} to {}", field.name(), text(low), text(high))
}

const fn object_text(kind: ObjectErrorKind) -> &'static str {
    match kind {
        ObjectErrorKind::Magic => "it does not begin with `@WinDiv_`",
        ObjectErrorKind::Version => "its version is unknown",
        ObjectErrorKind::Count => "it must have 1 to 256 instructions",
        ObjectErrorKind::Truncated => "it ends too early",
        ObjectErrorKind::Character => "a character that does not belong here",
        ObjectErrorKind::Number => "a number is too long",
        ObjectErrorKind::UnknownField => "no field has this number",
        ObjectErrorKind::UnknownOp => "no comparison has this number",
        ObjectErrorKind::Sign => "a sign is 0 or 1",
        ObjectErrorKind::Target => "a jump does not lead forward, or out of the program",
        ObjectErrorKind::Trailing => "something follows the last instruction",
        ObjectErrorKind::Buffer => "it has too many instructions",
    }
}
