//! The reference evaluator: what a graph means.

use super::{Graph, Subject};

impl Graph {
    /// The verdict where `value` tells the ordinal of each subject, `None`
    /// for absent.
    pub fn eval(&self, mut value: impl FnMut(Subject) -> Option<u128>) -> bool {
        let mut here = self.root;
        while let Some(node) = self.node(here) {
            here = match value(node.subject) {
                Some(value) => node.target(value),
                None => node.absent,
            };
        }
        here.verdict().unwrap_or_default()
    }
}
