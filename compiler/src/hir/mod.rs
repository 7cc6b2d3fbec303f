//! The typed form of a filter: every name resolved, every constant ranged.
//!
//! A leaf is *a field in a set of values*, and holds only where the field is
//! present. There is no `not`: before a test it became the complement of the
//! set, before a group `(group? false: true)`.
//!
//! Nodes live in one arena, children before parents, so no walk recurses.

mod merge;
mod set;
mod walk;

use divert_grammar::Span;
use divert_vm::{Field, Interval, Op, Value};

pub(crate) use merge::{merge, unclipped};
pub use set::IntervalSet;
pub(crate) use walk::{Exits, Sink, walk};

/// The place of a node in its [`Hir`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HirId(u32);

/// A typed filter.
///
/// Equality looks at meaning and structure, not at where things were written.
#[derive(Clone, Debug, Default)]
pub struct Hir {
    nodes: Vec<Node>,
    children: Vec<HirId>,
    spans: Vec<Span>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Always this verdict.
    Const(bool),
    /// One test.
    Test(Test),
    /// All children hold; evaluated first to last until one does not.
    And(List),
    /// One of the children holds; evaluated first to last until one does.
    Or(List),
    /// `cond? then: otherwise`
    If {
        /// What decides.
        cond: HirId,
        /// What holds if it does.
        then: HirId,
        /// What holds if it does not.
        otherwise: HirId,
    },
}

/// Children of a node, to be looked up with [`Hir::children`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    start: u32,
    len: u32,
}

/// The field is present and its value is one of `values`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The field.
    pub field: Field,
    /// The byte offset of a data field, negative from the end.
    pub offset: i32,
    /// The values for which the test holds, as ordinals.
    pub values: IntervalSet,
    /// The comparison as it was written, when one instruction can say it.
    pub written: Option<(Op, Value)>,
    /// For each range of `values` when it was written, if it was merged of
    /// several tests; otherwise empty.
    pub(crate) ranks: Vec<u32>,
}

impl Test {
    /// `field op constant`, with the meaning of the stock interpreter.
    #[must_use]
    pub fn compare(field: Field, offset: i32, op: Op, constant: Value) -> Self {
        let interval = Interval::of_test(field, op, constant);
        Self {
            field,
            offset,
            values: IntervalSet::of(interval, Interval::domain(field)),
            written: Some((op, constant)),
            ranks: Vec::new(),
        }
    }

    /// `field` in a set of values that no single comparison says.
    #[must_use]
    pub const fn of_set(field: Field, offset: i32, values: IntervalSet) -> Self {
        Self {
            field,
            offset,
            values,
            written: None,
            ranks: Vec::new(),
        }
    }

    /// The presence test of a header: `tcp = 1`, or `tcp = 0`.
    #[must_use]
    pub fn present(field: Field, present: u128) -> Self {
        Self::compare(field, 0, Op::Eq, Value::new(present))
    }
}

impl HirId {
    /// The place of the node among all, children before parents.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Hir {
    pub(crate) fn with_capacity(nodes: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(nodes),
            children: Vec::with_capacity(nodes),
            spans: Vec::with_capacity(nodes),
        }
    }

    /// The number of nodes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node, as for a filter that was never text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node that is the whole filter: always the last.
    #[must_use]
    pub fn root(&self) -> HirId {
        HirId(index(self.nodes.len().saturating_sub(1)))
    }

    /// The node at `id`.
    #[must_use]
    pub fn node(&self, id: HirId) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&Node::Const(false))
    }

    /// Where the node was written.
    #[must_use]
    pub fn span(&self, id: HirId) -> Span {
        self.spans.get(id.0 as usize).copied().unwrap_or_default()
    }

    /// The children of an `and` or `or`, first to last.
    #[must_use]
    pub fn children(&self, list: List) -> &[HirId] {
        let start = list.start as usize;
        let end = start.saturating_add(list.len as usize);
        self.children.get(start..end).unwrap_or_default()
    }

    /// The last child of a list, and the list of those before it.
    pub(crate) fn split_last(&self, list: List) -> Option<(HirId, List)> {
        let last = self.children(list).last()?;
        let len = list.len.saturating_sub(1);
        Some((*last, List { len, ..list }))
    }

    /// All nodes, children before parents.
    pub fn iter(&self) -> impl Iterator<Item = (HirId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (HirId(index(at)), node))
    }

    pub(crate) fn push(&mut self, node: Node, span: Span) -> HirId {
        self.nodes.push(node);
        self.spans.push(span);
        self.root()
    }

    pub(crate) fn list(&mut self, ids: impl IntoIterator<Item = HirId>) -> List {
        let start = self.children.len();
        self.children.extend(ids);
        List {
            start: index(start),
            len: index(self.children.len().saturating_sub(start)),
        }
    }
}

impl PartialEq for Hir {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes && self.children == other.children
    }
}

impl Eq for Hir {}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
