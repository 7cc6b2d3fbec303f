//! What a graph must be, whoever made it. The rules:
//!
//! * **G1** The root is a verdict or a node of the graph.
//! * **G2** Every edge leads to a verdict or to a node with a smaller id.
//! * **G3** A node has an edge, the first starts at 0, and they ascend.
//! * **G4** Neighbouring edges lead to different places.
//! * **G5** The field of a node exists at the layer.
//! * **G6** Only data fields have an offset.

use super::{Graph, NodeId};

/// A rule that a graph breaks, and at which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The number of the rule, 1 to 6.
    pub rule: u8,
    /// The node.
    pub at: NodeId,
}

impl Graph {
    /// Every rule that the graph breaks; none if all is well.
    #[must_use]
    pub fn verify(&self) -> Vec<Broken> {
        let mut broken = Vec::new();
        if self.root.index().is_some_and(|root| root >= self.len()) {
            broken.push(Broken {
                rule: 1,
                at: self.root,
            });
        }
        for id in self.ids() {
            let Some(node) = self.node(id) else { continue };
            let ascends = node.edges.is_sorted_by(|a, b| a.from < b.from);
            let first = node.edges.first().map(|edge| edge.from);
            let field = node.subject.field;
            let rules = [
                (2, node.targets().all(|to| to < id)),
                (3, first == Some(0) && ascends),
                (4, node.edges.is_sorted_by(|a, b| a.to != b.to)),
                (5, field.layers().contains(self.layer)),
                (6, field.field_type().is_data() || node.subject.offset == 0),
            ];
            let violated = rules.into_iter().filter(|(_, holds)| !holds);
            broken.extend(violated.map(|(rule, _)| Broken { rule, at: id }));
        }
        broken
    }
}
