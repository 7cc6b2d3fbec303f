//! Decision graphs of filters and of instructions.

use divert_grammar::Span;
use divert_vm::{Insn, Interval, Layer, Target};

use super::{Edge, Graph, NodeId, Subject};
use crate::hir::{Exits, Hir, IntervalSet, Sink, Test, merge, walk};

impl Graph {
    /// The graph of a typed filter, in the order it was written.
    #[must_use]
    pub fn of_hir(hir: &Hir, layer: Layer) -> Self {
        let hir = merge(hir);
        let mut graph = Self::constant(layer, false);
        let exits = Exits {
            success: NodeId::ACCEPT,
            failure: NodeId::REJECT,
        };
        graph.root = walk(&hir, &mut graph, exits);
        graph
    }

    /// The graph of an instruction array, one node an instruction.
    ///
    /// `None` if an instruction tests a field that the layer does not have,
    /// or leads backwards: such a program can fault.
    #[must_use]
    pub fn of_insns(insns: &[Insn], layer: Layer) -> Option<Self> {
        let mut graph = Self::constant(layer, false);
        let place = |target: Target, at: usize| match target.index() {
            None if target == Target::ACCEPT => Some(NodeId::ACCEPT),
            None => Some(NodeId::REJECT),
            // The last instruction is the first node.
            Some(index) => {
                let index = usize::from(index);
                let above = insns.len().checked_sub(index)?.checked_sub(1)?;
                (index > at).then(|| NodeId::of_index(above))
            }
        };
        for (at, insn) in insns.iter().enumerate().rev() {
            if !insn.field.layers().contains(layer) {
                return None;
            }
            let (success, failure) = (place(insn.success, at)?, place(insn.failure, at)?);
            let interval = Interval::of_test(insn.field, insn.op, insn.constant());
            let values = IntervalSet::of(interval, (0, u128::MAX));
            let subject = Subject {
                field: insn.field,
                offset: insn.offset(),
            };
            let edges = edges(&values, &[], success, failure);
            graph.root = graph.push(subject, edges, failure, Span::default());
        }
        Some(graph)
    }
}

impl Sink for Graph {
    type Next = NodeId;

    fn test(&mut self, test: &Test, exits: Exits<NodeId>, span: Span) -> NodeId {
        let Exits { success, failure } = exits;
        let subject = Subject {
            field: test.field,
            offset: test.offset,
        };
        self.push(
            subject,
            edges(&test.values, &test.ranks, success, failure),
            failure,
            span,
        )
    }
}

/// Values of the set lead to `inside`, all others to `outside`.
fn edges(
    set: &IntervalSet,
    ranks: &[u32],
    inside: NodeId,
    outside: NodeId,
) -> impl Iterator<Item = Edge> {
    let first = (!set.contains(0)).then_some(Edge::new(0, outside));
    let rest = set
        .ranges()
        .iter()
        .enumerate()
        .flat_map(move |(at, (low, high))| {
            let start = Edge {
                rank: ranks.get(at).copied().unwrap_or_default(),
                ..Edge::new(*low, inside)
            };
            let after = high.checked_add(1).map(|from| Edge::new(from, outside));
            core::iter::once(start).chain(after)
        });
    first.into_iter().chain(rest)
}
