//! What a filter does, in plain words and as data.
//!
//! [`explain`] describes a filter, [`trace`] one evaluation of it. Both give
//! plain data without colour; how it looks is decided by its `Display`, by
//! [`to_dot`], [`to_svg`] and [`to_html`], or by whoever serialises it.

mod classes;
mod clauses;
mod dot;
mod hooks;
mod html;
mod packet;
mod summary;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod trace;
mod words;

use core::ops::Range;
use std::borrow::Cow;

use divert_grammar::Span;
use divert_vm::isa::limits::MAX_INSNS;
use divert_vm::{Insn, Layer, Op, Presence, Target};

use crate::compile::Compiler;
use crate::decompile::write_test;
use crate::diag::Code;
use crate::dialect::Dialect;
use crate::filter::Filter;
use classes::Analysis;
use summary::Matches;

pub(crate) use clauses::nots;
pub use dot::to_dot;
pub use html::to_html;
pub use packet::{event_summary, packet_summary};
pub use svg::to_svg;
pub use trace::{Trace, TraceStep, trace};

/// Longest text of a decompiled object that is worth reading as text.
const MAX_DECOMPILED: usize = 1 << 16;

/// Everything there is to say about a filter, without a packet.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, Layer};
///
/// let filter = compile("outbound and tcp.DstPort == 443", Layer::Network)?;
/// let explanation = filter.explain();
/// assert_eq!(
///     explanation.summary,
///     "Matches a packet if it is outbound and the TCP destination port is 443."
/// );
/// assert!(explanation.directions.outbound && !explanation.directions.inbound);
/// assert_eq!(explanation.needs, ["TCP"]);
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    /// One plain sentence.
    pub summary: String,
    /// The text that all spans refer to; of an object, its decompiled text.
    pub source: String,
    /// The filter as a list of clauses, indented by [`Clause::depth`].
    ///
    /// Empty for an object that cannot be read as text.
    pub clauses: Vec<Clause>,
    /// The layer the filter is for.
    #[cfg_attr(feature = "serde", serde(serialize_with = "layer_slug"))]
    pub layer: Layer,
    /// Which directions can match; none where the layer has no direction.
    pub directions: Directions,
    /// Which IP versions can match; none where the layer has no addresses.
    pub families: Families,
    /// The events that can match, by the names of their macros.
    pub events: Vec<&'static str>,
    /// The WFP layers at which a driver installs callouts for the filter.
    pub hooks: Vec<&'static str>,
    /// How many instructions the filter compiles to.
    pub instruction_count: usize,
    /// How many instructions a driver runs at most.
    pub instruction_limit: usize,
    /// The instructions, in order.
    pub instructions: Vec<InstructionLine>,
    /// The headers that every match has, e.g. `TCP`.
    pub needs: Vec<&'static str>,
    /// What is left out because a header is absent, which surprises people.
    pub excluded: Vec<String>,
    /// The codes of the warnings.
    pub warnings: Vec<Code>,
    /// The filter as an object string.
    pub object: String,
}

/// The directions in which a filter can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Directions {
    /// Into this host.
    pub inbound: bool,
    /// Out of this host.
    pub outbound: bool,
}

/// The IP versions of which a filter can match something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Families {
    /// IPv4.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
}

/// One line of the filter in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Clause {
    /// How deep it is nested.
    pub depth: usize,
    /// What it is: a test, or the head of the clauses below it.
    pub kind: ClauseKind,
    /// Plain words, e.g. "the TCP destination port is 443".
    pub text: String,
    /// Where it stands in [`Explanation::source`], in bytes.
    pub span: Range<usize>,
    /// That part of the text, shortened if it is long.
    pub source: String,
    /// The packets on which it is false because there is nothing to test.
    pub absent: Option<String>,
}

/// What a clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum ClauseKind {
    /// All clauses below must hold.
    AllOf,
    /// One of the clauses below must hold.
    AnyOf,
    /// The clause below must not hold.
    Not,
    /// The clause below decides between the next two.
    If,
    /// What must hold if the condition does.
    Then,
    /// What must hold if the condition does not.
    Else,
    /// One test.
    Test,
    /// Always or never.
    Const,
}

impl ClauseKind {
    /// The words at the head of what is below; empty for single clauses.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AllOf => "all of",
            Self::AnyOf => "any of",
            Self::Not => "not",
            Self::If => "if",
            Self::Then => "then",
            Self::Else => "otherwise",
            Self::Test | Self::Const => "",
        }
    }
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct InstructionLine {
    /// Its index.
    pub index: usize,
    /// The test as it is spelled in a filter, e.g. `tcp.DstPort = 443`.
    pub text: String,
    /// The same in plain words.
    pub meaning: String,
    /// Where to go if the test holds: `accept`, `reject`, or an index.
    #[cfg_attr(feature = "serde", serde(serialize_with = "target_text"))]
    pub success: Target,
    /// Where to go if it does not, or if there is nothing to test.
    #[cfg_attr(feature = "serde", serde(serialize_with = "target_text"))]
    pub failure: Target,
    /// Where it comes from in [`Explanation::source`], in bytes.
    pub span: Range<usize>,
    /// That part of the text, shortened if it is long.
    pub source: String,
}

impl Filter {
    /// Says what the filter does; see [`explain`].
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explain(self)
    }
}

/// Says what a filter does.
///
/// Of a filter that was loaded from an object, the decompiled text is
/// explained.
#[must_use]
pub fn explain(filter: &Filter) -> Explanation {
    let script = Script::of(filter);
    let (insns, layer) = (filter.written().insns.as_slice(), filter.layer());
    let analysis = Analysis::new(insns, layer);
    let clauses = script.read.as_deref().map_or_else(Vec::new, clauses::of);
    let lines = instruction_lines(insns, layer, &script);
    let excluded = excluded(insns, &lines, &analysis);
    let accepted = |what: &dyn Fn(&classes::Class) -> bool| analysis.accepted().any(what);
    let matches = match analysis.accepted().next() {
        Some(_) => Matches::Something,
        None => Matches::Nothing,
    };
    let mut events: Vec<&'static str> = Vec::new();
    for class in analysis.accepted() {
        if !events.contains(&class.event.0) {
            events.push(class.event.0);
        }
    }
    Explanation {
        summary: summary::of(&clauses, insns, layer, matches),
        source: script.text().to_owned(),
        clauses,
        layer,
        directions: Directions {
            inbound: accepted(&|class| class.outbound == Some(false)),
            outbound: accepted(&|class| class.outbound == Some(true)),
        },
        families: Families {
            ipv4: accepted(&|class| class.family == Presence::Ip),
            ipv6: accepted(&|class| class.family == Presence::Ipv6),
        },
        events,
        hooks: hooks::of(filter.flags(), layer),
        instruction_count: insns.len(),
        instruction_limit: MAX_INSNS,
        instructions: lines,
        needs: analysis.needs().filter_map(words::header_name).collect(),
        excluded,
        warnings: warnings(filter),
        object: filter.object(),
    }
}

/// The code of each warning, once.
fn warnings(filter: &Filter) -> Vec<Code> {
    let mut codes: Vec<Code> = filter.warnings().iter().map(|w| w.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// A filter together with a text to read it by.
pub(crate) struct Script<'a> {
    filter: &'a Filter,
    /// The filter as compiled from text: itself, or its decompiled text.
    read: Option<Cow<'a, Filter>>,
}

impl<'a> Script<'a> {
    fn of(filter: &'a Filter) -> Self {
        let read = if filter.hir().is_empty() {
            let text = filter.to_text().filter(|t| t.len() <= MAX_DECOMPILED);
            let compiler = Compiler::new().layer(filter.layer());
            // Constants come from the object as the stock driver takes them.
            let compiler = compiler.dialect(Dialect::WinDivert22);
            let compiled = text.and_then(|text| compiler.compile(&text).ok());
            compiled.map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(filter))
        };
        Self { filter, read }
    }

    fn text(&self) -> &str {
        self.read.as_deref().unwrap_or(self.filter).source()
    }

    /// Where each instruction comes from; nowhere if that is not known.
    fn spans(&self) -> Vec<Span> {
        let insns = self.filter.written().insns.as_slice();
        let read = self.read.as_deref();
        let Some(read) = read.filter(|read| read.written().insns == insns) else {
            return vec![Span::default(); insns.len()];
        };
        let nots = clauses::nots(read.source());
        let wide = |span: &Span| nots.get(span).copied().unwrap_or(*span);
        read.written().spans.iter().map(wide).collect()
    }
}

fn instruction_lines(insns: &[Insn], layer: Layer, script: &Script<'_>) -> Vec<InstructionLine> {
    let (spans, text) = (script.spans(), script.text());
    let lines = insns.iter().zip(spans).enumerate();
    let line = |(index, (insn, span)): (usize, (&Insn, Span))| InstructionLine {
        index,
        text: test_text(insn, layer),
        meaning: words::of_test(&classes::of_insn(insn), layer),
        success: insn.success,
        failure: insn.failure,
        span: span.range(),
        source: clauses::excerpt(span, text),
    };
    lines.map(line).collect()
}

/// The test of an instruction as it is spelled in a filter.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, explain::test_text, Layer};
///
/// let filter = compile("not tcp.Syn", Layer::Network)?;
/// let insn = &filter.instructions()[0];
/// assert_eq!(test_text(insn, Layer::Network), "not tcp.Syn");
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[must_use]
pub fn test_text(insn: &Insn, layer: Layer) -> String {
    let mut text = String::new();
    write_test(insn, layer, &mut text);
    text
}

/// Which packets fail a test that looks as if they would pass it.
///
/// One would expect `tcp.DstPort != 53` of every packet that has no such
/// port: the tests that surprise are those that zero passes, unless they ask
/// for zero itself.
fn excluded(insns: &[Insn], lines: &[InstructionLine], analysis: &Analysis) -> Vec<String> {
    let mut excluded: Vec<String> = Vec::new();
    for (insn, line) in insns.iter().zip(lines) {
        let source = if line.source.is_empty() {
            &line.text
        } else {
            &line.source
        };
        let test = classes::of_insn(insn);
        let negated = source.starts_with("not") || source.starts_with('!');
        let surprises = test.values.contains(0) && (insn.op != Op::Eq || negated);
        // A test of the header before this one makes it no surprise.
        let is_data = insn.field.field_type().is_data();
        let reached = is_data || analysis.reached_without(insn.field.presence(), line.index);
        if let Some(packets) = words::absence(&test).filter(|_| surprises && reached) {
            let sentence = format!("{packets} never match `{source}`");
            if !excluded.contains(&sentence) {
                excluded.push(sentence);
            }
        }
    }
    excluded
}

/// Where a test leads, in words.
fn goto(target: Target) -> String {
    match (target, target.index()) {
        (_, Some(index)) => index.to_string(),
        (Target::ACCEPT, None) => "accept".to_owned(),
        _ => "reject".to_owned(),
    }
}

#[cfg(feature = "serde")]
fn layer_slug<S: serde::Serializer>(layer: &Layer, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(layer.slug())
}

#[cfg(feature = "serde")]
fn target_text<S: serde::Serializer>(target: &Target, serializer: S) -> Result<S::Ok, S::Error> {
    match target.index() {
        Some(index) => serializer.serialize_u16(index),
        None => serializer.serialize_str(&goto(*target)),
    }
}
