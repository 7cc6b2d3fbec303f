//! Puts the cheaper of two tests first.
//!
//! Sound because tests have no side effects: where `a` leads to `b` or to
//! `out`, and `b` leads to `then` or to `out`, then `then` is reached exactly
//! if both pass, whichever is made first. (`or` is the same with the outcomes
//! exchanged.) Nothing else may lead to `b`, or it would miss `b`'s test.
//!
//! Tests of equal cost stay in the order in which they were written: authors
//! tend to put first what decides most.

use divert_vm::bytecode::Load;

use crate::graph::{Edge, Graph, NodeId, Subject};

/// Most passes over the graph; a test moves up one place in each.
const MAX_ROUNDS: usize = 16;

pub(super) fn run(graph: &mut Graph) -> bool {
    let mut changed = false;
    for _ in 0..MAX_ROUNDS {
        let parents = graph.parents();
        let root = graph.root();
        let live = |id: &NodeId| *id == root || parents.get(id.as_usize()) > Some(&0);
        let mut moved = false;
        for id in graph.ids().rev().filter(live) {
            moved |= swap(graph, id, &parents);
        }
        changed |= moved;
        if !moved {
            break;
        }
    }
    changed
}

/// Swaps a node with the one below it, if that is cheaper and allowed.
fn swap(graph: &mut Graph, upper: NodeId, parents: &[u32]) -> bool {
    let Some((lower, out)) = pair(graph, upper, parents) else {
        return false;
    };
    let (Some(a), Some(b)) = (graph.node(upper), graph.node(lower)) else {
        return false;
    };
    if cost(b.subject) >= cost(a.subject) {
        return false;
    }
    let other = |to: NodeId| to != out;
    let Some(then) = b.targets().find(|to| other(*to)) else {
        return false;
    };
    let lead = |node: crate::graph::Node<'_>, from: NodeId, to: NodeId| {
        let place = |target: NodeId| if target == from { to } else { target };
        let edges: Vec<Edge> = node
            .edges
            .iter()
            .map(|edge| Edge {
                to: place(edge.to),
                ..*edge
            })
            .collect();
        (node.subject, edges, place(node.absent))
    };
    let (first, second) = (lead(b, then, lower), lead(a, lower, then));
    graph.replace(upper, first.0, first.1, first.2);
    graph.replace(lower, second.0, second.1, second.2);
    true
}

/// The node below `upper` that makes a conjunction or disjunction with it,
/// and the place where both lead otherwise.
fn pair(graph: &Graph, upper: NodeId, parents: &[u32]) -> Option<(NodeId, NodeId)> {
    let node = graph.node(upper)?;
    let (first, second) = two(node.targets())?;
    [(first, second), (second, first)]
        .into_iter()
        .find(|(lower, out)| {
            let alone = parents.get(lower.as_usize()) == Some(&1);
            let targets = graph.node(*lower).and_then(|node| two(node.targets()));
            alone && targets.is_some_and(|(a, b)| a == *out || b == *out)
        })
}

/// The two places that a node leads to; `None` if there are more or fewer.
fn two(mut targets: impl Iterator<Item = NodeId>) -> Option<(NodeId, NodeId)> {
    let first = targets.next()?;
    let mut second = None;
    for target in targets.filter(|target| *target != first) {
        if *second.get_or_insert(target) != target {
            return None;
        }
    }
    Some((first, second?))
}

/// What a test costs, in steps that make a difference.
fn cost(subject: Subject) -> u8 {
    match Load::of(subject.field, subject.offset) {
        Load::Word { .. } => 0,
        Load::Data { .. } => 2,
        Load::Field(_) if is_hash(subject) => 3,
        Load::Field(_) => 1,
    }
}

/// Whether the value is a hash of all headers.
fn is_hash(subject: Subject) -> bool {
    subject.field.name().starts_with("random")
}
