//! What decision graphs mean on packets.

use divert_compiler::graph::{Graph, Subject};
use divert_vm::{Event, Insn, Layer, trace};

/// The ordinal of a subject, as the stock algorithm loads it; `None` where it
/// is absent.
#[must_use]
pub fn load(subject: Subject, layer: Layer, packet: &[u8], event: &Event) -> Option<u128> {
    let mut found = None;
    let mut insn = Insn {
        field: subject.field,
        ..Insn::ALWAYS
    };
    if subject.field.field_type().is_data() {
        insn.args[1] = subject.offset.cast_unsigned();
    }
    trace(&[insn], layer, packet, event, |step| found = step.value);
    found
}

/// The verdict of the reference evaluator on a packet and its event.
#[must_use]
pub fn evaluated(graph: &Graph, packet: &[u8], event: &Event) -> bool {
    graph.eval(|subject| load(subject, graph.layer(), packet, event))
}

/// Every subject of a graph, once.
#[must_use]
pub fn subjects(graph: &Graph) -> Vec<Subject> {
    let nodes = graph.ids().filter_map(|id| graph.node(id));
    let mut subjects: Vec<Subject> = nodes.map(|node| node.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}
