//! The decision graph: what is optimised, and what code is made from.
//!
//! A node looks at one field, its *subject*, and goes on by the interval that
//! the value lies in, or by its `absent` edge where there is no value. Paths
//! end in a verdict. Nodes live in one arena, and every edge leads to a node
//! with a smaller id, so a graph has no cycle, and one loop over the arena is
//! a walk in topological order.
//!
//! ```text
//! graph network
//! n3: outbound [0: reject, 1: n2] absent reject
//! n2: tcp.DstPort [0: reject, 80: accept, 81: reject] absent reject
//! ```

mod build;
mod eval;
mod specialise;
mod text;
mod theory;
mod verify;

use core::hash::{Hash, Hasher};

use divert_grammar::Span;
use divert_vm::{Field, Layer};
use rustc_hash::FxHasher;

pub(crate) use specialise::{Specialised, specialise};
pub use text::ParseError;
pub(crate) use theory::{Classes, Known, Theory, canonical, loaded};
pub use verify::Broken;

/// A node, or one of the two verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The verdict "matches".
    pub const ACCEPT: Self = Self(0);
    /// The verdict "does not match".
    pub const REJECT: Self = Self(1);
    /// The first id that is a node's.
    const FIRST: u32 = 2;

    /// The verdict, if this is one.
    #[must_use]
    pub const fn verdict(self) -> Option<bool> {
        match self {
            Self::ACCEPT => Some(true),
            Self::REJECT => Some(false),
            _ => None,
        }
    }

    /// The place of the node in the arena.
    pub(crate) const fn index(self) -> Option<usize> {
        match self.0.checked_sub(Self::FIRST) {
            Some(index) => Some(index as usize),
            None => None,
        }
    }

    pub(crate) fn of_index(index: usize) -> Self {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Self(index.saturating_add(Self::FIRST))
    }

    /// The id as a number below that of every node further up.
    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// What a node looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The field.
    pub field: Field,
    /// The byte offset of a data field, negative from the end; otherwise 0.
    pub offset: i32,
}

/// Where values from `from` up to the next edge lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The smallest ordinal of the interval.
    pub from: u128,
    /// Where it leads.
    pub to: NodeId,
    /// When its interval was written, among those of the node. Says nothing of
    /// the meaning; it is the order for tests that cost the same.
    pub rank: u32,
}

impl Edge {
    /// An edge without a place among others.
    #[must_use]
    pub const fn new(from: u128, to: NodeId) -> Self {
        Self { from, to, rank: 0 }
    }
}

/// One node, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// What it looks at.
    pub subject: Subject,
    /// Ascending; the first starts at 0, so every value has its edge.
    pub edges: &'a [Edge],
    /// Where an absent field leads.
    pub absent: NodeId,
    /// The part of the filter it comes from.
    pub span: Span,
}

impl Node<'_> {
    /// Where a value leads.
    #[must_use]
    pub fn target(&self, value: u128) -> NodeId {
        let after = self.edges.partition_point(|edge| edge.from <= value);
        let edge = after.checked_sub(1).and_then(|at| self.edges.get(at));
        edge.map_or(self.absent, |edge| edge.to)
    }

    /// The intervals, each with where it leads.
    pub fn intervals(&self) -> impl Iterator<Item = (u128, u128, NodeId)> {
        let ends = self.edges.iter().skip(1).map(|edge| edge.from);
        let ends = ends.map(|next| next.saturating_sub(1));
        let ends = ends.chain(core::iter::once(u128::MAX));
        self.edges
            .iter()
            .zip(ends)
            .map(|(edge, end)| (edge.from, end, edge.to))
    }

    /// A number that nodes that are alike have in common.
    ///
    /// Of the edges it takes three: those that are alike in them are nearly
    /// always alike.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = FxHasher::default();
        (self.subject, self.absent, self.edges.len()).hash(&mut hasher);
        let middle = self.edges.get(self.edges.len() / 2);
        for edge in [self.edges.first(), middle, self.edges.last()] {
            edge.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Every target, possibly more than once, that of an absent field last.
    pub fn targets(&self) -> impl Iterator<Item = NodeId> {
        let edges = self.edges.iter().map(|edge| edge.to);
        edges.chain(core::iter::once(self.absent))
    }
}

/// A decision graph.
#[derive(Clone, Debug)]
pub struct Graph {
    layer: Layer,
    root: NodeId,
    nodes: Vec<NodeData>,
    edges: Vec<Edge>,
}

#[derive(Clone, Copy, Debug)]
struct NodeData {
    subject: Subject,
    start: u32,
    len: u32,
    absent: NodeId,
    span: Span,
}

impl Graph {
    /// A graph that gives the same verdict on everything.
    #[must_use]
    pub fn constant(layer: Layer, verdict: bool) -> Self {
        Self {
            layer,
            root: if verdict {
                NodeId::ACCEPT
            } else {
                NodeId::REJECT
            },
            nodes: Vec::new(),
            edges: Vec::new(),
        }
    }

    /// The layer whose events the graph judges.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// Where evaluation starts.
    #[must_use]
    pub const fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) const fn set_root(&mut self, root: NodeId) {
        self.root = root;
    }

    /// The number of nodes, unreachable ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the graph is a verdict.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of edges in the arena, dropped ones included.
    pub(crate) const fn edge_count(&self) -> usize {
        self.edges.len()
    }

    /// The node with this id; `None` for a verdict.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<Node<'_>> {
        let data = self.nodes.get(id.index()?)?;
        Some(self.borrow(data))
    }

    fn borrow(&self, data: &NodeData) -> Node<'_> {
        let start = data.start as usize;
        let end = start.saturating_add(data.len as usize);
        Node {
            subject: data.subject,
            edges: self.edges.get(start..end).unwrap_or_default(),
            absent: data.absent,
            span: data.span,
        }
    }

    /// All ids, from the leaves up.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId::of_index)
    }

    /// Adds a node on top. Every target must be there already.
    pub(crate) fn push(
        &mut self,
        subject: Subject,
        edges: impl IntoIterator<Item = Edge>,
        absent: NodeId,
        span: Span,
    ) -> NodeId {
        let (start, len) = self.append(edges);
        self.nodes.push(NodeData {
            subject,
            start,
            len,
            absent,
            span,
        });
        NodeId::of_index(self.nodes.len().saturating_sub(1))
    }

    /// Appends edges to the arena; neighbours with one target become one.
    fn append(&mut self, edges: impl IntoIterator<Item = Edge>) -> (u32, u32) {
        let start = self.edges.len();
        for edge in edges {
            let own = self.edges.get(start..).unwrap_or_default();
            if own.last().is_none_or(|last| last.to != edge.to) {
                self.edges.push(edge);
            }
        }
        let len = self.edges.len().saturating_sub(start);
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (narrow(start), narrow(len))
    }

    /// Replaces the subject and the edges of a node.
    pub(crate) fn replace(
        &mut self,
        id: NodeId,
        subject: Subject,
        edges: impl IntoIterator<Item = Edge>,
        absent: NodeId,
    ) {
        let (start, len) = self.append(edges);
        let data = id.index().and_then(|index| self.nodes.get_mut(index));
        if let Some(data) = data {
            (data.subject, data.absent) = (subject, absent);
            (data.start, data.len) = (start, len);
        }
    }

    /// Leads every edge of a node elsewhere; tells whether any changed.
    pub(crate) fn retarget(&mut self, id: NodeId, place: impl Fn(NodeId) -> NodeId) -> bool {
        let Some(data) = id.index().and_then(|index| self.nodes.get_mut(index)) else {
            return false;
        };
        let start = data.start as usize;
        let end = start.saturating_add(data.len as usize);
        let edges = self.edges.get_mut(start..end).unwrap_or_default();
        let targets = edges.iter_mut().map(|edge| &mut edge.to);
        let mut changed = false;
        for target in targets.chain(core::iter::once(&mut data.absent)) {
            let to = place(*target);
            changed |= to != *target;
            *target = to;
        }
        // Neighbours that now agree are one interval.
        let mut kept = 0_usize;
        for at in 0..edges.len() {
            let Some(edge) = edges.get(at).copied() else {
                break;
            };
            let last = kept.checked_sub(1).and_then(|last| edges.get(last));
            if last.is_some_and(|last| last.to == edge.to) {
                continue;
            }
            if let Some(place) = edges.get_mut(kept) {
                *place = edge;
            }
            kept = kept.saturating_add(1);
        }
        data.len = u32::try_from(kept).unwrap_or(u32::MAX);
        changed
    }

    /// For each id, verdicts included, whether evaluation can come there.
    pub(crate) fn reachable(&self) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len().saturating_add(2)];
        if let Some(root) = reached.get_mut(self.root.as_usize()) {
            *root = true;
        }
        for id in self.ids().rev() {
            if !reached.get(id.as_usize()).is_some_and(|r| *r) {
                continue;
            }
            let node = self.node(id);
            for target in node.iter().flat_map(Node::targets) {
                if let Some(place) = reached.get_mut(target.as_usize()) {
                    *place = true;
                }
            }
        }
        reached
    }

    /// For each id, verdicts included, how many targets of reachable nodes
    /// it is; targets of several edges of one node count once.
    pub(crate) fn parents(&self) -> Vec<u32> {
        let reached = self.reachable();
        let mut parents = vec![0_u32; reached.len()];
        let mut seen = vec![NodeId::ACCEPT; reached.len()];
        let live = self
            .ids()
            .filter(|id| reached.get(id.as_usize()) == Some(&true));
        for id in live {
            for target in self.node(id).iter().flat_map(Node::targets) {
                let (count, by) = (
                    parents.get_mut(target.as_usize()),
                    seen.get_mut(target.as_usize()),
                );
                if let (Some(count), Some(by)) = (count, by)
                    && *by != id
                {
                    *by = id;
                    *count = count.saturating_add(1);
                }
            }
        }
        parents
    }
}
