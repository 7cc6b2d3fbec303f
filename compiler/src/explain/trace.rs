//! One evaluation, step by step.

use core::fmt;
use core::ops::Range;

use divert_vm::{Event, Field, FieldType, Insn, Interval, Layer, Step, Target};

use super::{Script, clauses, event_summary, goto, packet_summary, test_text, words};
use crate::decompile::constant_text;
use crate::filter::Filter;

/// What happened when a filter looked at one packet or event.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, explain, Event, Layer};
///
/// let filter = compile("outbound and tcp.DstPort == 443", Layer::Network)?;
/// let dns = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\
///     \x08\x08\x08\x08\xc0\x00\x00\x35\x00\x08\x00\x00";
/// let trace = explain::trace(&filter, dns, &Event::outbound());
/// assert!(!trace.verdict);
/// assert_eq!(trace.decided_by, Some(1));
/// assert_eq!(trace.steps[1].reason, "no TCP header: the test fails");
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Trace {
    /// The packet, or the event at layers without packets, in one line.
    pub subject: String,
    /// The tests that were evaluated, in order.
    pub steps: Vec<TraceStep>,
    /// Whether the filter matched.
    pub verdict: bool,
    /// The instruction whose outcome decided; `None` if nothing was asked.
    pub decided_by: Option<usize>,
    /// Why the evaluation broke off; it then counts as no match.
    pub fault: Option<String>,
}

/// One test that was evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TraceStep {
    /// The index of the instruction.
    pub index: usize,
    /// The test as it is spelled in a filter.
    pub test: String,
    /// Where it comes from in [`Explanation::source`], in bytes.
    ///
    /// [`Explanation::source`]: super::Explanation::source
    pub span: Range<usize>,
    /// That part of the text, shortened if it is long.
    pub source: String,
    /// The value found, written as in a filter; `None` if there is none.
    pub value: Option<String>,
    /// Whether the test holds.
    pub holds: bool,
    /// Where it leads: `accept`, `reject`, or an index.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::target_text"))]
    pub next: Target,
    /// Why, in plain words.
    pub reason: String,
}

impl Filter {
    /// Evaluates step by step; see [`trace`].
    #[must_use]
    pub fn trace(&self, packet: &[u8], event: &Event) -> Trace {
        trace(self, packet, event)
    }
}

/// Evaluates a filter, and records every step.
///
/// The verdict is that of [`Filter::matches`].
#[must_use]
pub fn trace(filter: &Filter, packet: &[u8], event: &Event) -> Trace {
    let layer = filter.layer();
    let (insns, script) = (filter.written().insns.as_slice(), Script::of(filter));
    let (spans, text) = (script.spans(), script.text());
    let mut steps = Vec::new();
    let mut decided_by = None;
    let mut at = Target::from_u16(0);
    let verdict = divert_vm::trace(insns, layer, packet, event, |step| {
        let index = usize::from(step.at);
        at = step.next;
        let Some(insn) = insns.get(index) else {
            return;
        };
        if insn.success != insn.failure {
            decided_by = Some(index);
        }
        let span = spans.get(index).copied().unwrap_or_default();
        steps.push(TraceStep {
            index,
            test: test_text(insn, layer),
            span: span.range(),
            source: clauses::excerpt(span, text),
            value: step.value.map(|value| written(insn.field, value, layer)),
            holds: step.holds,
            next: step.next,
            reason: reason(insn, &step, layer),
        });
    });
    let stuck = at.index().and_then(|index| insns.get(usize::from(index)));
    let fault = stuck.map(|insn| {
        let name = insn.field.name();
        format!("{name} does not exist at layer {layer}")
    });
    let subject = if layer.has_packets() {
        packet_summary(packet)
    } else {
        event_summary(event)
    };
    Trace {
        subject,
        steps,
        verdict,
        decided_by: decided_by.filter(|_| fault.is_none()),
        fault,
    }
}

fn written(field: Field, ordinal: u128, layer: Layer) -> String {
    constant_text(field, Interval::value_of(field, ordinal), layer)
}

/// Why a test held or failed.
fn reason(insn: &Insn, step: &Step, layer: Layer) -> String {
    let field = insn.field;
    let Some(value) = step.value else {
        return format!("{}: the test fails", nothing(insn, layer));
    };
    let outcome = if step.holds { "holds" } else { "fails" };
    if matches!(field.field_type(), FieldType::Bool | FieldType::Zero) {
        return format!("{} is {value}: the test {outcome}", field.name());
    }
    let (value, op) = (written(field, value, layer), insn.op);
    let constant = constant_text(field, insn.constant(), layer);
    format!("{value} {op} {constant} {outcome}")
}

/// Why a field has no value.
fn nothing(insn: &Insn, layer: Layer) -> String {
    let field = insn.field;
    match words::header_name(field.presence()) {
        Some(header) if !field.field_type().is_data() => format!("no {header} header"),
        Some(header) => format!("no {header} header, or its payload is too short"),
        None if field.field_type().is_data() => "the packet is too short".to_owned(),
        None if layer.has_packets() => "not an IP packet".to_owned(),
        None => "the event has no such value".to_owned(),
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.subject)?;
        for step in &self.steps {
            let mark = if self.decided_by == Some(step.index) {
                '>'
            } else {
                ' '
            };
            let (index, test, next) = (step.index, &step.test, goto(step.next));
            let reason = &step.reason;
            writeln!(f, "{mark} {index:>3}  {test}  ->  {next}")?;
            writeln!(f, "       {reason}")?;
        }
        if let Some(fault) = &self.fault {
            writeln!(f, "broke off: {fault}")?;
        }
        f.write_str(if self.verdict { "match" } else { "no match" })
    }
}
