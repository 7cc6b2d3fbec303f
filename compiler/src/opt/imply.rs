//! Skips tests whose outcome is known from the tests before.
//!
//! Facts flow from the root down: which classes of packets can come along an
//! edge, and which values a field can have there. What is known at a node is
//! what holds on every edge to it. An edge is led past each node that its
//! facts decide, and intervals of a node that no value can lie in lead where
//! their neighbour does.
//!
//! Sound because facts are true of every evaluation that takes the edge:
//! after a test the field is present with a value of the interval, and what
//! the class then says (TCP present, so UDP absent) follows from the
//! presence theory. Absence is a fact of its own: on the edge for absent
//! fields nothing is known of values, only which classes lack the field.
//!
//! A node is superfluous if one of the two nodes below it would go to the other
//! by itself: `tcp and tcp.DstPort = 80` is `tcp.DstPort = 80`, for where there
//! is no TCP header, there is no port. Whenever the upper node leads to the
//! other place, its facts decide that the lower one does.
//!
//! The edges of a node to one place are led on together, with what all of
//! them have in common. So a test whose failure stands for "another value" as
//! well as for "absent" stays one that a single instruction can say.

use divert_vm::Interval;

use super::facts::{Arena, Ask, Facts};
use crate::graph::{Edge, Graph, Node, NodeId, Subject, Theory};

/// Most intervals of a node that needs no guard: of so many, the first of its
/// comparisons already fails where the field is absent.
const MAX_UNGUARDED: usize = 3;

/// Most graphs have few nodes; one of more than this is left alone.
const MAX_NODES: usize = 4096;

pub(super) fn run(graph: &mut Graph) -> bool {
    let Some(root) = graph.root().index().filter(|_| graph.len() <= MAX_NODES) else {
        return false;
    };
    let mut pass = Pass {
        arena: Arena::default(),
        repeated: repeated(graph),
        known: vec![None; graph.len()],
        groups: Vec::new(),
        edges: Vec::new(),
    };
    if let Some(place) = pass.known.get_mut(root) {
        *place = Some(Facts::NONE);
    }
    let mut changed = false;
    for id in graph.ids().rev() {
        let facts = id.index().and_then(|index| *pass.known.get(index)?);
        if let Some(facts) = facts {
            changed |= pass.node(graph, id, &facts);
        }
    }
    changed
}

struct Pass {
    arena: Arena,
    /// Fields that more than one node looks at, sorted.
    repeated: Vec<Subject>,
    /// What is known at each node; `None` if evaluation cannot come there.
    known: Vec<Option<Facts>>,
    /// Those of the node at hand.
    groups: Vec<Group>,
    /// Those of the node at hand, as they shall be.
    edges: Vec<Edge>,
}

/// The edges of a node that lead to one place.
struct Group {
    to: NodeId,
    /// Where they should lead, and with what facts; `None` if nothing can
    /// come along any of them.
    leads: Option<(NodeId, Facts)>,
}

impl Pass {
    /// Leads the edges of a node as far as the facts go, and passes these on.
    fn node(&mut self, graph: &mut Graph, id: NodeId, facts: &Facts) -> bool {
        let Some(node) = graph.node(id) else {
            return false;
        };
        self.group(graph, &node, facts);
        if let Some((to, facts)) = self.guarded(graph) {
            pass_on(&mut self.arena, &mut self.known, to, &facts);
            return graph.retarget(id, |_| to);
        }
        let mut fallback = None;
        for group in &self.groups {
            if let Some((to, facts)) = &group.leads {
                pass_on(&mut self.arena, &mut self.known, *to, facts);
                fallback = Some(*to);
            }
        }
        let Some(fallback) = fallback else {
            return false;
        };
        let absent = self.lead(graph, &node, facts, fallback);
        if self.edges == node.edges && absent == node.absent {
            return false;
        }
        let subject = node.subject;
        graph.replace(id, subject, self.edges.iter().copied(), absent);
        true
    }

    fn group(&mut self, graph: &Graph, node: &Node<'_>, facts: &Facts) {
        let (subject, layer) = (node.subject, graph.layer());
        let ask = match self.repeated.binary_search(&subject) {
            Ok(_) => Ask::Again,
            Err(_) => Ask::Once,
        };
        self.groups.clear();
        for to in node.targets() {
            if self.groups.iter().any(|group| group.to == to) {
                continue;
            }
            let within = values(node, to)
                .and_then(|set| self.arena.within(facts, (subject, set), layer, ask));
            let absent = if node.absent == to {
                self.arena.absent(facts, subject, layer)
            } else {
                None
            };
            let together = match (within, absent) {
                (Some(within), Some(absent)) => Some(self.arena.or(&within, &absent)),
                (within, absent) => within.or(absent),
            };
            let leads = together.map(|facts| (follow(graph, to, &self.arena, &facts), facts));
            self.groups.push(Group { to, leads });
        }
    }

    /// The node below that makes the one at hand superfluous, and what is
    /// then known there.
    fn guarded(&mut self, graph: &Graph) -> Option<(NodeId, Facts)> {
        let [a, b] = self.groups.as_slice() else {
            return None;
        };
        let (a, b) = (a.leads?, b.leads?);
        let arena = &self.arena;
        let guards = |(to, _): (NodeId, Facts), (other, facts): (NodeId, Facts)| {
            let is_simple = |node: Node<'_>| node.edges.len() <= MAX_UNGUARDED;
            graph.node(to).is_some_and(is_simple)
                && decided(graph, to, arena, &facts) == Some(other)
        };
        let to = if guards(a, b) {
            a.0
        } else if guards(b, a) {
            b.0
        } else {
            return None;
        };
        Some((to, self.arena.or(&a.1, &b.1)))
    }

    /// Works out the new edges of a node, and where absence leads.
    ///
    /// An interval without a possible value leads where the one before it
    /// does, an impossible absence where the last interval does.
    fn lead(&mut self, graph: &Graph, node: &Node<'_>, facts: &Facts, fallback: NodeId) -> NodeId {
        let theory = Theory::of(node.subject.field, graph.layer());
        let values = self.arena.values(facts, node.subject);
        let groups = &self.groups;
        let new = |to: NodeId| {
            let group = groups.iter().find(|group| group.to == to);
            let leads = group.and_then(|group| group.leads.as_ref());
            leads.map(|(to, _)| *to)
        };
        self.edges.clear();
        for ((from, end, to), edge) in node.intervals().zip(node.edges) {
            let to = new(to).filter(|_| values.is_none_or(|set| meets(set, from, end)));
            match (to, self.edges.last()) {
                (Some(to), None) => self.edges.push(Edge {
                    from: 0,
                    to,
                    ..*edge
                }),
                (Some(to), Some(last)) if last.to != to => self.edges.push(Edge { to, ..*edge }),
                _ => {}
            }
        }
        let last = self.edges.last().map(|edge| edge.to);
        let absent = if self.arena.is_present(facts, node.subject, theory) {
            last.unwrap_or(fallback)
        } else {
            new(node.absent).unwrap_or(fallback)
        };
        if self.edges.is_empty() {
            self.edges.push(Edge::new(0, absent));
        }
        absent
    }
}

/// An interval around the values of a node that lead to `to`, or a hole that
/// none of them lies in.
fn values(node: &Node<'_>, to: NodeId) -> Option<Interval> {
    let starts = node.edges.first().is_some_and(|edge| edge.to == to);
    let ends = node.edges.last().is_some_and(|edge| edge.to == to);
    let is_hole = starts && ends && node.edges.len() > 1;
    let mut around: Option<(u128, u128)> = None;
    for (low, high, target) in node.intervals() {
        if (target == to) != is_hole {
            let (first, _) = *around.get_or_insert((low, high));
            around = Some((first, high));
        }
    }
    let (low, high) = around?;
    let interval = Interval::within(low, high);
    if !is_hole {
        return Some(interval);
    }
    // Between the first and the last interval there may be others that lead
    // to `to`; then nothing is known but that there is a value.
    let is_one = node.edges.len() == 3 || node.edges.iter().filter(|e| e.to == to).count() == 2;
    Some(if is_one {
        interval.complement()
    } else {
        Interval::ALL
    })
}

/// The first node from `to` on that the facts do not decide.
fn follow(graph: &Graph, mut to: NodeId, arena: &Arena, facts: &Facts) -> NodeId {
    while let Some(next) = decided(graph, to, arena, facts) {
        to = next;
    }
    to
}

/// Where a node goes if the facts leave only one way.
fn decided(graph: &Graph, id: NodeId, arena: &Arena, facts: &Facts) -> Option<NodeId> {
    let node = graph.node(id)?;
    let theory = Theory::of(node.subject.field, graph.layer());
    let can_be_absent = !arena.is_present(facts, node.subject, theory);
    let present_in = facts.classes.without(theory.absent);
    let mut ways = Ways(None);
    if can_be_absent && !ways.add(node.absent) {
        return None;
    }
    if present_in.is_empty() {
        return ways.0.or(Some(node.absent));
    }
    let [zero, one] = theory.values;
    if present_in.without(zero).without(one).is_empty() {
        for (value, known) in (0_u128..).zip([zero, one]) {
            if !present_in.intersect(known).is_empty() && !ways.add(node.target(value)) {
                return None;
            }
        }
        return ways.0;
    }
    let values = arena.values(facts, node.subject);
    if values.is_none() && node.edges.len() > 1 {
        return None;
    }
    for (low, high, to) in node.intervals() {
        let possible = values.is_none_or(|set| meets(set, low, high));
        if possible && !ways.add(to) {
            return None;
        }
    }
    ways.0
}

/// Whether a value in `low..=high` is possible.
const fn meets(set: Interval, low: u128, high: u128) -> bool {
    if set.outside {
        low < set.low || set.high < high
    } else {
        low <= set.high && set.low <= high
    }
}

/// The one place that all ways so far lead to.
struct Ways(Option<NodeId>);

impl Ways {
    /// Whether there is still only one place.
    fn add(&mut self, to: NodeId) -> bool {
        *self.0.get_or_insert(to) == to
    }
}

fn pass_on(arena: &mut Arena, known: &mut [Option<Facts>], to: NodeId, facts: &Facts) {
    let place = to.index().and_then(|index| known.get_mut(index));
    if let Some(place) = place {
        *place = Some(match place {
            Some(earlier) => arena.or(earlier, facts),
            None => *facts,
        });
    }
}

/// The fields that more than one node looks at.
fn repeated(graph: &Graph) -> Vec<Subject> {
    let nodes = graph.ids().filter_map(|id| graph.node(id));
    let mut subjects: Vec<Subject> = nodes.map(|node| node.subject).collect();
    subjects.sort_unstable();
    let pairs = subjects
        .windows(2)
        .filter(|pair| pair.first() == pair.last());
    let mut repeated: Vec<Subject> = pairs.filter_map(|pair| pair.first().copied()).collect();
    repeated.dedup();
    repeated
}
