//! Tests of one field under one `and` or `or` become one test of a set.
//!
//! Sound because tests have no side effects and a test of an absent field is
//! false: an absent field fails every test of the group, and the set alike.
//! `f ∈ A or f ∈ B` is `f ∈ A ∪ B`, `f ∈ A and f ∈ B` is `f ∈ A ∩ B`, and
//! operands of one list may change places. A list of n tests costs
//! O(n log n), so a block list of any length becomes one sorted set.

use divert_grammar::Span;
use divert_vm::{Field, Interval};
use rustc_hash::FxHashMap;

use super::{Hir, HirId, IntervalSet, List, Node, Test};

/// From this many operands on, groups are found by hashing.
const FEW: usize = 8;

/// The same filter with every list flat, and every field in it once.
///
/// The sets of the result are not clipped to the range of their field: where
/// a set reaches the end of the range, it also has whatever lies beyond, as
/// the instruction would that is generated for it.
pub(crate) fn merge(hir: &Hir) -> Hir {
    let mut merger = Merger {
        from: hir,
        to: Hir::with_capacity(hir.len()),
        places: Vec::with_capacity(hir.len()),
    };
    for (id, node) in hir.iter() {
        let place = merger.node(id, node);
        merger.places.push(place);
    }
    let root = merger.places.last().copied().unwrap_or_default();
    let root_is_last = root == merger.to.root();
    let mut to = merger.to;
    if !root_is_last {
        // What came after the root belongs to no filter.
        let (node, span) = (to.node(root).clone(), to.span(root));
        to.push(node, span);
    }
    to
}

struct Merger<'a> {
    from: &'a Hir,
    to: Hir,
    /// Where each node of `from` went.
    places: Vec<HirId>,
}

impl Merger<'_> {
    fn place(&self, id: HirId) -> HirId {
        self.places.get(id.0 as usize).copied().unwrap_or_default()
    }

    fn node(&mut self, id: HirId, node: &Node) -> HirId {
        let span = self.from.span(id);
        match node {
            Node::Const(_) => self.to.push(node.clone(), span),
            Node::Test(test) => {
                let values = unclipped(test);
                let test = Test {
                    values,
                    ..test.clone()
                };
                self.to.push(Node::Test(test), span)
            }
            Node::And(list) => self.list(*list, span, Kind::And),
            Node::Or(list) => self.list(*list, span, Kind::Or),
            Node::If {
                cond,
                then,
                otherwise,
            } => {
                let (cond, then) = (self.place(*cond), self.place(*then));
                let otherwise = self.place(*otherwise);
                match (self.to.node(cond), self.to.node(then)) {
                    (Node::Const(true), _) => then,
                    (Node::Const(false), _) => otherwise,
                    _ => self.to.push(
                        Node::If {
                            cond,
                            then,
                            otherwise,
                        },
                        span,
                    ),
                }
            }
        }
    }

    fn list(&mut self, list: List, span: Span, kind: Kind) -> HirId {
        let mut operands = Vec::with_capacity(list.len as usize);
        for id in self.from.children(list) {
            let id = self.place(*id);
            match (self.to.node(id), kind) {
                (Node::And(inner), Kind::And) | (Node::Or(inner), Kind::Or) => {
                    operands.extend_from_slice(self.to.children(*inner));
                }
                (Node::Const(value), _) if *value == kind.neutral() => {}
                (Node::Const(value), _) => return self.to.push(Node::Const(*value), span),
                _ => operands.push(id),
            }
        }
        let operands = self.group(&operands, kind);
        let absorbing = |id: &&HirId| *self.to.node(**id) == Node::Const(!kind.neutral());
        match operands.as_slice() {
            [] => self.to.push(Node::Const(kind.neutral()), span),
            [only] => *only,
            all if all.iter().find(absorbing).is_some() => {
                self.to.push(Node::Const(!kind.neutral()), span)
            }
            _ => {
                let list = self.to.list(operands);
                self.to.push(kind.node(list), span)
            }
        }
    }

    /// Merges tests of one field, each group at the place of its first.
    fn group(&mut self, operands: &[HirId], kind: Kind) -> Vec<HirId> {
        let mut groups: Vec<Group> = Vec::with_capacity(operands.len());
        let mut by_subject: FxHashMap<(Field, i32), usize> = FxHashMap::default();
        for id in operands {
            let subject = match self.to.node(*id) {
                Node::Test(test) => Some((test.field, test.offset)),
                _ => None,
            };
            let earlier = subject.and_then(|subject| {
                if operands.len() > FEW {
                    by_subject.get(&subject).copied()
                } else {
                    groups.iter().position(|g| g.subject == Some(subject))
                }
            });
            match earlier.and_then(|at| groups.get_mut(at)) {
                Some(group) => group.rest.push(*id),
                None => {
                    if let (Some(subject), true) = (subject, operands.len() > FEW) {
                        by_subject.insert(subject, groups.len());
                    }
                    let (first, rest) = (*id, Vec::new());
                    groups.push(Group {
                        subject,
                        first,
                        rest,
                    });
                }
            }
        }
        groups
            .into_iter()
            .map(|group| self.merged(group, kind))
            .collect()
    }

    fn merged(&mut self, group: Group, kind: Kind) -> HirId {
        let (Some((field, offset)), false) = (group.subject, group.rest.is_empty()) else {
            return group.first;
        };
        let all = (0, u128::MAX);
        let mut span = self.to.span(group.first);
        let mut ranges: Vec<(u128, u128)> = Vec::new();
        let mut written: Vec<u128> = Vec::new();
        for id in core::iter::once(group.first).chain(group.rest) {
            span = span.to(self.to.span(id));
            if let Node::Test(test) = self.to.node(id) {
                match kind {
                    Kind::Or => {
                        ranges.extend_from_slice(test.values.ranges());
                        written.extend(test.values.ranges().iter().map(|(low, _)| *low));
                    }
                    Kind::And => ranges.extend_from_slice(test.values.complement(all).ranges()),
                }
            }
        }
        let union = IntervalSet::union_of(ranges);
        let values = match kind {
            Kind::Or => union,
            Kind::And => union.complement(all),
        };
        let node = if values.is_empty() {
            Node::Const(false)
        } else {
            Node::Test(Test {
                ranks: ranks(&values, &written),
                ..Test::of_set(field, offset, values)
            })
        };
        self.to.push(node, span)
    }
}

/// For each range of a set when the first value of it was written.
fn ranks(set: &IntervalSet, written: &[u128]) -> Vec<u32> {
    let mut ranks = vec![u32::MAX; set.ranges().len()];
    for (rank, value) in (0..).zip(written) {
        let at = set.ranges().partition_point(|(_, high)| high < value);
        if let Some(place) = ranks.get_mut(at) {
            *place = rank.min(*place);
        }
    }
    ranks
}

/// Operands that test one field, or one operand that is no test.
struct Group {
    subject: Option<(Field, i32)>,
    first: HirId,
    rest: Vec<HirId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    And,
    Or,
}

impl Kind {
    /// The operand that changes nothing.
    const fn neutral(self) -> bool {
        matches!(self, Self::And)
    }

    const fn node(self, list: List) -> Node {
        match self {
            Self::And => Node::And(list),
            Self::Or => Node::Or(list),
        }
    }
}

/// The values of a test as its instructions see them: a set that reaches the
/// end of the range of its field has all that lies beyond.
pub(crate) fn unclipped(test: &Test) -> IntervalSet {
    if let Some((op, constant)) = test.written {
        let interval = Interval::of_test(test.field, op, constant);
        return IntervalSet::of(interval, (0, u128::MAX));
    }
    let (first, last) = Interval::domain(test.field);
    let widen = |(low, high): &(u128, u128)| {
        let low = if *low <= first { 0 } else { *low };
        let high = if *high >= last { u128::MAX } else { *high };
        (low, high)
    };
    test.values.ranges().iter().map(widen).collect()
}
