//! Removes nodes whose outcome is decided, and intervals of no value.
//!
//! Sound because a node all of whose edges, the one for absence included,
//! lead to one place goes there whatever the field is; and because a field
//! never has a value outside what its load can give, so an interval out there
//! may lead wherever its neighbour does. The same goes for an interval that
//! lies outside the values of a field that is known in every class of packets.

use super::place;
use crate::graph::{Classes, Edge, Graph, NodeId, Theory, loaded};

pub(super) fn run(graph: &mut Graph) -> bool {
    let mut places: Vec<NodeId> = Vec::with_capacity(graph.len());
    let mut changed = false;
    let ids = graph.ids();
    for id in ids {
        changed |= graph.retarget(id, |to| place(&places, to));
        changed |= clip(graph, id);
        places.push(decided(graph, id).unwrap_or(id));
    }
    let root = place(&places, graph.root());
    changed |= root != graph.root();
    graph.set_root(root);
    changed
}

/// Where a node goes if it goes to one place only.
fn decided(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let node = graph.node(id)?;
    let theory = Theory::of(node.subject.field, graph.layer());
    let never = theory.present.is_empty() && theory.absent == Classes::ALL;
    let always = theory.present == Classes::ALL;
    match node.edges {
        _ if never => Some(node.absent),
        [only] if always || only.to == node.absent => Some(only.to),
        _ => None,
    }
}

/// Drops intervals above and below every value that the field can have.
fn clip(graph: &mut Graph, id: NodeId) -> bool {
    let Some(node) = graph.node(id) else {
        return false;
    };
    let Some((low, high)) = loaded(node.subject.field) else {
        return false;
    };
    let first = node.edges.get(1).map_or(u128::MAX, |edge| edge.from);
    let last = node.edges.last().map_or(0, |edge| edge.from);
    if first > low && last <= high {
        return false;
    }
    let inside = |((from, end, _), edge): ((u128, u128, NodeId), &Edge)| {
        let from = if from <= low { 0 } else { from };
        (end >= low && from <= high).then_some(Edge { from, ..*edge })
    };
    let intervals = node.intervals().zip(node.edges);
    let edges: Vec<Edge> = intervals.filter_map(inside).collect();
    let (subject, absent) = (node.subject, node.absent);
    graph.replace(id, subject, edges, absent);
    true
}
