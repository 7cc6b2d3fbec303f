//! Drops nodes that evaluation cannot come to, and closes the gaps.
//!
//! Sound because a verdict depends on the nodes along a path from the root
//! only. Ids change, but their order does not.

use crate::graph::{Edge, Graph, NodeId};

pub(super) fn run(graph: &mut Graph) -> bool {
    let reached = graph.reachable();
    let live = |id: &NodeId| reached.get(id.as_usize()) == Some(&true);
    if graph.ids().all(|id| live(&id)) {
        return false;
    }
    let mut pruned = Graph::constant(graph.layer(), false);
    let mut places = vec![NodeId::REJECT; reached.len()];
    let verdicts = [NodeId::ACCEPT, NodeId::REJECT];
    for (place, verdict) in places.iter_mut().zip(verdicts) {
        *place = verdict;
    }
    let place = |places: &[NodeId], id: NodeId| {
        let place = places.get(id.as_usize());
        place.copied().unwrap_or(NodeId::REJECT)
    };
    for id in graph.ids().filter(live) {
        let Some(node) = graph.node(id) else { continue };
        let edges = node.edges.iter().map(|edge| Edge {
            to: place(&places, edge.to),
            ..*edge
        });
        let absent = place(&places, node.absent);
        let new = pruned.push(node.subject, edges, absent, node.span);
        if let Some(place) = places.get_mut(id.as_usize()) {
            *place = new;
        }
    }
    pruned.set_root(place(&places, graph.root()));
    *graph = pruned;
    true
}
