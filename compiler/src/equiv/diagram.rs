//! Reduced ordered decision diagrams: two graphs that are one diagram have
//! the same verdict on everything.
//!
//! Every path meets the subjects in one order, a node whose edges all lead to
//! one place is left out, and nodes that are alike are one node. Such a
//! diagram is the only one of its function, so to compare functions is to
//! compare ids. Diagrams can be large, which a budget prevents.

use rustc_hash::FxHashMap;

use super::subject::{Kind, Values};
use crate::graph::{Graph, Node, NodeId, Subject};
use crate::hir::{IntervalSet, Test, unclipped};

/// A node of a diagram, or a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(u32);

impl Place {
    pub(super) const ACCEPT: Self = Self(0);
    pub(super) const REJECT: Self = Self(1);

    const fn index(self) -> Option<usize> {
        match self.0.checked_sub(2) {
            Some(index) => Some(index as usize),
            None => None,
        }
    }

    pub(super) const fn is_verdict(self) -> bool {
        self.0 < 2
    }
}

/// Where values from `from` up to the next edge lead.
type Edge = (u128, Place);

/// One node: what it looks at, where values lead, and where absence leads.
///
/// A subject that is never absent has `absent` where its last edge leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Decision {
    /// The place of the subject in the order.
    rank: u32,
    edges: Box<[Edge]>,
    absent: Place,
}

/// A part of what a subject can be, and where it leads in two diagrams.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The values; `None` if this is absence.
    pub(super) values: Option<IntervalSet>,
    pub(super) to: [Place; 2],
}

/// Too large to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Diagrams of one kind of packets that share nodes.
#[derive(Debug)]
pub(super) struct Store {
    kind: Kind,
    order: Vec<Subject>,
    nodes: Vec<Decision>,
    ids: FxHashMap<Decision, Place>,
    choices: FxHashMap<(Place, Place, Place), Place>,
    budget: usize,
}

impl Store {
    /// A store for diagrams of these subjects, with a budget of steps.
    pub(super) fn new(
        kind: Kind,
        subjects: impl IntoIterator<Item = Subject>,
        budget: usize,
    ) -> Self {
        let subjects = subjects.into_iter();
        let mut order: Vec<Subject> = subjects.map(|subject| kind.same(subject)).collect();
        order.sort_unstable();
        order.dedup();
        Self {
            kind,
            order,
            nodes: Vec::new(),
            ids: FxHashMap::default(),
            choices: FxHashMap::default(),
            budget,
        }
    }

    /// Whether there is such a subject.
    pub(super) fn has(&self, what: &dyn Fn(&Subject) -> bool) -> bool {
        self.order.iter().any(what)
    }

    fn node(&self, place: Place) -> Option<&Decision> {
        self.nodes.get(place.index()?)
    }

    fn rank(&self, place: Place) -> Option<u32> {
        Some(self.node(place)?.rank)
    }

    /// The diagram of a graph.
    pub(super) fn diagram(&mut self, graph: &Graph) -> Result<Place, TooLarge> {
        let live = live(graph, self.kind);
        let mut places = vec![Place::REJECT; graph.len()];
        for id in graph.ids().filter(|id| is_marked(&live, *id)) {
            let Some(node) = graph.node(id) else { continue };
            let place = self.decision(&node, &places)?;
            if let Some(slot) = id.index().and_then(|index| places.get_mut(index)) {
                *slot = place;
            }
        }
        Ok(place_of(graph.root(), &places))
    }

    /// The diagram of a single test.
    pub(super) fn test(&mut self, test: &Test) -> Result<Place, TooLarge> {
        let subject = Subject {
            field: test.field,
            offset: test.offset,
        };
        // As the instruction for it takes values out of the field's range.
        let set = unclipped(test);
        let values = self.kind.values(subject);
        let (low, high) = match values {
            Values::Never => return Ok(Place::REJECT),
            Values::Always(value) if set.contains(value) => return Ok(Place::ACCEPT),
            Values::Always(_) => return Ok(Place::REJECT),
            Values::Present(low, high) | Values::Open(low, high) => (low, high),
        };
        let mut edges = Vec::new();
        let set = set.intersect(&IntervalSet::range(low, high));
        let mut next = Some(low);
        for (from, end) in set.ranges() {
            if let Some(next) = next.filter(|next| next < from) {
                edges.push((next, Place::REJECT));
            }
            edges.push((*from, Place::ACCEPT));
            next = end.checked_add(1);
        }
        if let Some(next) = next.filter(|next| *next <= high) {
            edges.push((next, Place::REJECT));
        }
        let absent = matches!(values, Values::Open(..)).then_some(Place::REJECT);
        let rank = self.rank_of(subject)?;
        Ok(self.make(rank, edges, absent))
    }

    /// The place of a subject in the order.
    fn rank_of(&self, subject: Subject) -> Result<u32, TooLarge> {
        let rank = self.order.binary_search(&self.kind.same(subject));
        let rank = rank.map_err(|_| TooLarge)?;
        u32::try_from(rank).map_err(|_| TooLarge)
    }

    /// The diagram of a node, of which those below are known.
    fn decision(&mut self, node: &Node<'_>, places: &[Place]) -> Result<Place, TooLarge> {
        let values = self.kind.values(node.subject);
        let (low, high) = match values {
            Values::Never => return Ok(place_of(node.absent, places)),
            Values::Always(value) => return Ok(place_of(node.target(value), places)),
            Values::Present(low, high) | Values::Open(low, high) => (low, high),
        };
        let can_be_absent = matches!(values, Values::Open(..));
        let possible = node
            .intervals()
            .filter(|(from, end, _)| *end >= low && *from <= high);
        let edges: Vec<(u128, NodeId)> = possible.map(|(from, _, to)| (from, to)).collect();
        let mut targets: Vec<NodeId> = edges.iter().map(|(_, to)| *to).collect();
        if can_be_absent {
            targets.push(node.absent);
        }
        targets.sort_unstable();
        targets.dedup();
        let rank = self.rank_of(node.subject)?;
        let mut targets = targets.into_iter();
        let first = targets.next().unwrap_or(NodeId::REJECT);
        let mut all = place_of(first, places);
        for target in targets {
            let leads = |to: NodeId| {
                if to == target {
                    Place::ACCEPT
                } else {
                    Place::REJECT
                }
            };
            let test = edges.iter().map(|(from, to)| (*from, leads(*to))).collect();
            let absent = can_be_absent.then(|| leads(node.absent));
            let test = self.make(rank, test, absent);
            all = self.choose(test, place_of(target, places), all)?;
        }
        Ok(all)
    }

    /// A node, unless there is one like it, or all its edges lead to one place.
    fn make(&mut self, rank: u32, mut edges: Vec<Edge>, absent: Option<Place>) -> Place {
        edges.dedup_by_key(|(_, to)| *to);
        if let Some((from, _)) = edges.first_mut() {
            *from = 0;
        }
        let last = edges.last().map_or(Place::REJECT, |(_, to)| *to);
        let absent = absent.unwrap_or(last);
        if edges.len() <= 1 && absent == last {
            return last;
        }
        let edges = edges.into_boxed_slice();
        let node = Decision {
            rank,
            edges,
            absent,
        };
        if let Some(place) = self.ids.get(&node) {
            return *place;
        }
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let place = Place(index.saturating_add(2));
        self.nodes.push(node.clone());
        self.ids.insert(node, place);
        place
    }

    /// `test? yes: no`
    pub(super) fn choose(&mut self, test: Place, yes: Place, no: Place) -> Result<Place, TooLarge> {
        match test {
            Place::ACCEPT => return Ok(yes),
            Place::REJECT => return Ok(no),
            _ if yes == no => return Ok(yes),
            _ if (yes, no) == (Place::ACCEPT, Place::REJECT) => return Ok(test),
            _ => {}
        }
        if let Some(known) = self.choices.get(&(test, yes, no)) {
            return Ok(*known);
        }
        self.budget = self.budget.checked_sub(1).ok_or(TooLarge)?;
        let all = [test, yes, no];
        let Some(rank) = all.iter().filter_map(|place| self.rank(*place)).min() else {
            return Err(TooLarge);
        };
        let froms = self.cuts(&all, rank);
        let mut edges = Vec::with_capacity(froms.len());
        for from in froms {
            let [test, yes, no] = all.map(|place| self.at(place, rank, Some(from)));
            edges.push((from, self.choose(test, yes, no)?));
        }
        let subject = self.order.get(rank as usize).copied();
        let values = subject.map(|subject| self.kind.values(subject));
        let absent = match values {
            Some(Values::Open(..)) => {
                let [test, yes, no] = all.map(|place| self.at(place, rank, None));
                Some(self.choose(test, yes, no)?)
            }
            _ => None,
        };
        self.budget = self.budget.checked_sub(edges.len()).ok_or(TooLarge)?;
        let place = self.make(rank, edges, absent);
        self.choices.insert((test, yes, no), place);
        Ok(place)
    }

    /// Where the edges of those nodes that look at a subject begin.
    fn cuts(&self, places: &[Place], rank: u32) -> Vec<u128> {
        let nodes = places.iter().filter_map(|place| self.node(*place));
        let nodes = nodes.filter(|node| node.rank == rank);
        let mut froms: Vec<u128> = nodes
            .flat_map(|node| node.edges.iter().map(|e| e.0))
            .collect();
        froms.sort_unstable();
        froms.dedup();
        froms
    }

    /// Where a value of a subject, or its absence, leads; a node that looks at
    /// something else stays.
    fn at(&self, place: Place, rank: u32, value: Option<u128>) -> Place {
        let Some(node) = self.node(place).filter(|node| node.rank == rank) else {
            return place;
        };
        let Some(value) = value else {
            return node.absent;
        };
        let after = node.edges.partition_point(|(from, _)| *from <= value);
        let edge = after.checked_sub(1).and_then(|at| node.edges.get(at));
        edge.map_or(node.absent, |(_, to)| *to)
    }

    /// The subject that two different diagrams look at first, and what it can
    /// be, apart as far as they tell it apart.
    pub(super) fn parts(&self, a: Place, b: Place) -> Option<(Subject, Vec<Part>)> {
        let rank = self.rank(a).into_iter().chain(self.rank(b)).min()?;
        let subject = self.order.get(rank as usize).copied()?;
        let (low, high, can_be_absent) = match self.kind.values(subject) {
            Values::Present(low, high) => (low, high, false),
            Values::Open(low, high) => (low, high, true),
            Values::Never | Values::Always(_) => return None,
        };
        let froms = self.cuts(&[a, b], rank);
        let ends = froms.iter().skip(1).map(|from| from.saturating_sub(1));
        let ends = ends.chain(core::iter::once(u128::MAX));
        let mut parts: Vec<Part> = Vec::new();
        for (from, end) in froms.iter().zip(ends) {
            let to = [a, b].map(|place| self.at(place, rank, Some(*from)));
            let range = IntervalSet::range((*from).max(low), end.min(high));
            match parts.iter_mut().find(|part| part.to == to) {
                Some(Part {
                    values: Some(known),
                    ..
                }) => *known = known.union(&range),
                _ => parts.push(Part {
                    values: Some(range),
                    to,
                }),
            }
        }
        if can_be_absent {
            let to = [a, b].map(|place| self.at(place, rank, None));
            parts.push(Part { values: None, to });
        }
        parts.retain(|part| part.values.as_ref().is_none_or(|set| !set.is_empty()));
        Some((subject, parts))
    }
}

/// Where a node of a graph went.
fn place_of(id: NodeId, places: &[Place]) -> Place {
    match id.verdict() {
        Some(true) => Place::ACCEPT,
        Some(false) => Place::REJECT,
        None => {
            let place = id.index().and_then(|index| places.get(index));
            place.copied().unwrap_or(Place::REJECT)
        }
    }
}

/// Which nodes packets of a kind can come to.
fn live(graph: &Graph, kind: Kind) -> Vec<bool> {
    let mut live = vec![false; graph.len()];
    mark(&mut live, graph.root());
    for id in graph.ids().rev() {
        let Some(node) = graph.node(id).filter(|_| is_marked(&live, id)) else {
            continue;
        };
        match kind.values(node.subject) {
            Values::Never => mark(&mut live, node.absent),
            Values::Always(value) => mark(&mut live, node.target(value)),
            Values::Present(low, high) | Values::Open(low, high) => {
                let possible = node
                    .intervals()
                    .filter(|(from, end, _)| *end >= low && *from <= high);
                for (_, _, to) in possible {
                    mark(&mut live, to);
                }
                if matches!(kind.values(node.subject), Values::Open(..)) {
                    mark(&mut live, node.absent);
                }
            }
        }
    }
    live
}

fn mark(live: &mut [bool], id: NodeId) {
    if let Some(place) = id.index().and_then(|index| live.get_mut(index)) {
        *place = true;
    }
}

fn is_marked(live: &[bool], id: NodeId) -> bool {
    id.index().and_then(|index| live.get(index)) == Some(&true)
}
