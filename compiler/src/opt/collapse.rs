//! Makes one node of a node and those below it that look at the same field.
//!
//! Sound because a field has one value, or none, during one evaluation: the
//! part of the lower node's intervals that lies within the upper one's edge
//! can take the place of that edge, and where the field is absent above, it
//! is absent below. Going from the leaves up, a chain becomes one node.
//!
//! A lower node that others lead to as well stays for them; copying many of
//! its intervals would cost more than it gains, so that is not done.

use crate::graph::{Edge, Graph, NodeId, Subject};

/// Most intervals that are copied from a node with several parents.
const MAX_COPIED: usize = 4;

/// How many edges, in comparison with those at the start, the arena may get.
const MAX_GROWTH: usize = 64;

pub(super) fn run(graph: &mut Graph) -> bool {
    let parents = graph.parents();
    let budget = graph
        .edge_count()
        .saturating_add(16)
        .saturating_mul(MAX_GROWTH);
    let mut changed = false;
    for id in graph.ids() {
        let Some(node) = graph.node(id) else { continue };
        let subject = node.subject;
        let below = |to: NodeId| merges(graph, subject, to, &parents);
        if !node.targets().any(below) || graph.edge_count() > budget {
            continue;
        }
        let mut edges: Vec<Edge> = Vec::with_capacity(node.edges.len());
        for ((from, end, to), edge) in node.intervals().zip(node.edges) {
            match graph.node(to).filter(|_| below(to)) {
                Some(lower) => {
                    let within = lower
                        .intervals()
                        .zip(lower.edges)
                        .filter(|((low, high, _), _)| *low <= end && from <= *high);
                    edges.extend(within.map(|(_, edge)| Edge {
                        from: edge.from.max(from),
                        ..*edge
                    }));
                }
                None => edges.push(*edge),
            }
        }
        let absent = match graph.node(node.absent).filter(|_| below(node.absent)) {
            Some(lower) => lower.absent,
            None => node.absent,
        };
        graph.replace(id, subject, edges, absent);
        changed = true;
    }
    changed
}

/// Whether the node at `to` should become part of one above it.
fn merges(graph: &Graph, subject: Subject, to: NodeId, parents: &[u32]) -> bool {
    let Some(lower) = graph.node(to).filter(|lower| lower.subject == subject) else {
        return false;
    };
    let only = parents.get(to.as_usize()).is_some_and(|count| *count <= 1);
    only || lower.edges.len() <= MAX_COPIED
}
