//! Makes one node of nodes that are alike.
//!
//! Sound because two nodes with the same subject whose edges lead to the same
//! places give the same verdict. Going from the leaves up, nodes below are
//! one already, so whole common parts of a graph become one.

use rustc_hash::FxHashMap;

use super::place;
use crate::graph::{Graph, Node, NodeId};

pub(super) fn run(graph: &mut Graph) -> bool {
    let mut places: Vec<NodeId> = Vec::with_capacity(graph.len());
    let mut known: FxHashMap<u64, NodeId> = FxHashMap::default();
    known.reserve(graph.len());
    let mut changed = false;
    for id in graph.ids() {
        changed |= graph.retarget(id, |to| place(&places, to));
        let Some(node) = graph.node(id) else { continue };
        let first = *known.entry(node.fingerprint()).or_insert(id);
        let same = graph.node(first).is_some_and(|other| alike(&node, &other));
        places.push(if same { first } else { id });
    }
    graph.set_root(place(&places, graph.root()));
    changed
}

fn alike(a: &Node<'_>, b: &Node<'_>) -> bool {
    a.subject == b.subject && a.absent == b.absent && a.edges == b.edges
}
