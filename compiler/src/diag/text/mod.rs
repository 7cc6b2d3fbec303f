//! From facts to words: the only place where diagnostics get their text.
//!
//! Everything here takes time that depends on the place of a finding only,
//! not on the length of the filter: a filter can have many findings.

mod addresses;
mod around;
mod habits;
mod lints;
mod names;
mod quirks;
mod syntax;
mod values;

use divert_grammar::{Span, SyntaxErrorKind};
use divert_vm::isa::limits::{MAX_INSNS, MAX_USER_INSNS};
use divert_vm::object::ObjectError;
use divert_vm::{Field, Layer, LayerSet};

use super::quote::quote;
use super::{Code, Diagnostic, Finding, FindingKind, Severity};
use crate::dialect::Dialect;
use crate::reference::ReferenceError;

/// How many findings of a filter are told: more, nobody reads.
const MAX_TOLD: usize = 256;

/// Longest text that a suggestion repeats.
const MAX_REPEATED: u32 = 4096;

/// Puts findings into words, in the order of the text.
///
/// Of very many findings only some are told, and errors first.
pub(crate) fn describe_all(
    mut findings: Vec<Finding>,
    source: &str,
    layer: Layer,
    dialect: Dialect,
) -> Vec<Diagnostic> {
    if findings.len() > MAX_TOLD {
        findings.sort_by_key(|finding| {
            let gave_up = matches!(
                finding.kind,
                FindingKind::Syntax(SyntaxErrorKind::TooManyErrors)
            );
            (!gave_up, !is_error(&finding.kind), finding.span.start)
        });
        findings.truncate(MAX_TOLD);
    }
    findings.sort_by_key(|finding| finding.span.start);
    let describe = |finding| describe(finding, source, layer, dialect);
    findings.iter().map(describe).collect()
}

/// Puts one finding into words.
fn describe(finding: &Finding, source: &str, layer: Layer, dialect: Dialect) -> Diagnostic {
    let context = Context {
        code: finding.kind.code(),
        source,
        layer,
        dialect,
        span: finding.span,
    };
    context.describe(&finding.kind)
}

/// Whether a filter with this finding does not compile.
pub(crate) fn is_error(kind: &FindingKind) -> bool {
    kind.code().severity() == Severity::Error
}

/// What a text can refer to.
#[derive(Clone, Copy)]
struct Context<'a> {
    code: Code,
    source: &'a str,
    layer: Layer,
    dialect: Dialect,
    /// The place of the finding.
    span: Span,
}

impl<'a> Context<'a> {
    fn describe(&self, kind: &FindingKind) -> Diagnostic {
        use FindingKind as Kind;
        match kind {
            Kind::Syntax(error) => self.syntax(*error),

            Kind::UnknownField => self.unknown_field(),
            Kind::WrongCaseField(field) => self.wrong_case_field(*field),
            Kind::FieldNotAtLayer(field) => self.field_not_at_layer(*field),
            Kind::MacroAsTest => self.macro_as_test(),
            Kind::NumberAsTest => self.number_as_test(),
            Kind::UnknownValue => self.unknown_value(),
            Kind::EventNotAtLayer { layers } => self.event_not_at_layer(*layers),

            Kind::BadNumber => self.bad_number(),
            Kind::NumberTooWide => self.number_too_wide(),
            Kind::BadAddress => self.bad_address(),
            Kind::BytesOutsideIndex => self.bytes_outside_index(),
            Kind::ValueOnLeft { field, op } => self.value_on_left(*field, *op),
            Kind::FieldOnRight => self.field_on_right(),
            Kind::Prefix { subject, addr, len } => self.prefix(*subject, *addr, *len),
            Kind::Set { subject, items } => self.set(*subject, items),

            Kind::MissingIndex(field) => self.missing_index(*field),
            Kind::IndexOnScalar(field) => self.index_on_scalar(*field),
            Kind::IndexOutOfBounds { field, from_end } => {
                self.index_out_of_bounds(*field, *from_end)
            }

            Kind::TooManyInsns { count, optimised } => self.too_many_insns(*count, *optimised),
            Kind::TooManyTokens { limit } => self.too_many_tokens(*limit),
            Kind::WordTooLong { limit } => self.word_too_long(*limit),

            Kind::NotOnGroup { group } => self.not_on_group(*group),
            Kind::UngroupedTernary => self.ungrouped_ternary(),
            Kind::ReferenceRefuses { code } => self.reference_refuses(*code),

            Kind::BadObject(kind) => {
                let at = usize::try_from(self.span.start).unwrap_or(usize::MAX);
                let reason = ObjectError { kind: *kind, at };
                self.say(format!("not a valid object string: {reason}"))
                    .label("reading stopped here")
                    .help("copy all of the string, or compile the filter again from its text")
            }

            Kind::NeverInRange { field } => self.never_in_range(*field),
            Kind::AlwaysInRange { field } => self.always_in_range(*field),
            Kind::IpAtFlow(field) => self.ip_at_flow(*field),
            Kind::FlowLabel => self.flow_label(),
            Kind::WideConstant { field } => self.wide_constant(*field),
            Kind::StrayBytes => self.stray_bytes(),
            Kind::DetachedBytes => self.detached_bytes(),
            Kind::AddressJunk => self.address_junk(),
            Kind::WrappedOctet => self.wrapped_octet(),
            Kind::NegativeZero => self.negative_zero(),
            Kind::DataAlwaysInRange { field } => self.data_always_in_range(*field),
            Kind::DriverRefuses => self.driver_refuses(),

            Kind::NumberForAddress { field } => self.number_for_address(*field),
            Kind::Contradiction { other } => self.contradiction(*other),
            Kind::NextHeader { instead } => self.next_header(*instead),
            Kind::NotKeepsPresence { field } => self.not_keeps_presence(*field),
            Kind::DoubleNot { count } => self.double_not(*count),
            Kind::EventRedundant => self.event_redundant(),
            Kind::ConstantFilter { matches } => self.constant_filter(*matches),
            Kind::UnreachableClause { other, holds } => self.unreachable_clause(*other, *holds),
            Kind::NeverHere { other } => self.never_here(*other),
            Kind::RedundantClause { other, any } => self.redundant_clause(*other, *any),
        }
    }

    fn say(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.code, self.span, message.into())
    }

    /// The text at the place of the finding.
    fn here(&self) -> &'a str {
        self.span.of(self.source)
    }

    fn is_short(&self, span: Span) -> bool {
        span.len() <= MAX_REPEATED
    }

    /// What the layer sees, in the plural.
    fn things(&self) -> &'static str {
        if self.layer.has_packets() {
            "packets"
        } else {
            "events"
        }
    }

    /// What the layer sees, in the singular.
    fn thing(&self) -> &'static str {
        if self.layer.has_packets() {
            "packet"
        } else {
            "event"
        }
    }

    /// `every packet without a TCP header`; `None` if the field needs none.
    fn without_header(&self, field: Field) -> Option<String> {
        let header = field.presence().field()?;
        let article = if header.name().starts_with(['i', 'I']) {
            "an"
        } else {
            "a"
        };
        let name = header_name(header);
        Some(format!("every packet without {article} {name} header"))
    }

    fn too_many_insns(&self, count: usize, optimised: Option<usize>) -> Diagnostic {
        let limit = match self.dialect {
            Dialect::Divert => MAX_INSNS,
            Dialect::WinDivert22 => MAX_USER_INSNS,
        };
        let optimised = optimised.map_or(String::new(), |n| format!(", {n} when optimised"));
        self.say(format!(
            "the filter needs {count} instructions{optimised}, and the limit is {limit}"
        ))
        .note("every comparison takes an instruction, and the driver runs at most 255")
        .help(
            "write neighbouring values as a range, as in \
             `tcp.DstPort >= 8000 and tcp.DstPort <= 8010`, or open several handles",
        )
    }

    fn too_many_tokens(&self, limit: usize) -> Diagnostic {
        self.say(format!(
            "WinDivert 2.2 reads filters of at most {limit} words and signs"
        ))
        .label("the first too many")
        .help("shorten the filter, or open several handles")
    }

    fn word_too_long(&self, limit: usize) -> Diagnostic {
        let len = self.span.len();
        self.say(format!(
            "WinDivert 2.2 reads words of at most {limit} characters; this one has {len}"
        ))
        .label("too long")
    }

    fn not_on_group(&self, group: Span) -> Diagnostic {
        let diagnostic = self
            .say("WinDivert 2.2 accepts `not` before a test only, not before parentheses")
            .label("not accepted")
            .help("write `(…? false: true)`, or `not` before each test inside");
        if !self.is_short(self.span) {
            return diagnostic;
        }
        let text = group.of(self.source);
        let nots = Span::new(self.span.start, group.start);
        if around::count_nots(nots.of(self.source)).is_multiple_of(2) {
            return diagnostic.suggest(self.span, text, "an even number of `not` cancels out");
        }
        let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
        let inner = inner.filter(|inner| !inner.contains('?'));
        let replacement = format!("({}? false: true)", inner.unwrap_or(text).trim());
        diagnostic.suggest(self.span, replacement, "say it as a condition")
    }

    fn ungrouped_ternary(&self) -> Diagnostic {
        let diagnostic = self
            .say("WinDivert 2.2 wants parentheses around `a? b: c`")
            .label("not accepted");
        if !self.is_short(self.span) {
            return diagnostic.help("put it in parentheses");
        }
        let replacement = format!("({})", self.here());
        diagnostic.suggest(self.span, replacement, "put it in parentheses")
    }

    fn reference_refuses(&self, code: u8) -> Diagnostic {
        let error = ReferenceError {
            code,
            position: self.span.start,
        };
        self.say(format!("WinDivert 2.2 refuses this filter: {error}"))
            .label("where it stopped")
            .note(
                "the `divert` dialect accepts it; most likely the filter has more than 340 \
                 parentheses inside each other, which WinDivert 2.2 reports as some other mistake",
            )
            .help("nest less deeply")
    }
}

/// How people write the name of a header.
fn header_name(header: Field) -> &'static str {
    match header.name() {
        "ip" => "IPv4",
        "ipv6" => "IPv6",
        "icmp" => "ICMP",
        "icmpv6" => "ICMPv6",
        "tcp" => "TCP",
        "udp" => "UDP",
        other => other,
    }
}

/// `FLOW, SOCKET and REFLECT`
fn layers(set: LayerSet) -> String {
    enumerate(set.iter().map(Layer::name), "and")
}

/// `a, b and c`
fn enumerate<T: ToString>(items: impl IntoIterator<Item = T>, conjunction: &str) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let last = items.pop().unwrap_or_default();
    if items.is_empty() {
        return last;
    }
    format!("{} {conjunction} {last}", items.join(", "))
}
