//! Which clauses of a filter could be left out, and which do nothing.
//!
//! For each clause there is a diagram of what passes it, and one of what
//! comes to it. A clause never holds if no packet is in both; it is redundant
//! if leaving it out of its list changes nothing for what comes to the list.
//! As with comparisons, what is claimed is proved for every packet, and what
//! cannot be proved is not claimed.

use divert_grammar::Span;
use divert_vm::{Field, Layer, Presence};

use super::diagram::{Place, Store, TooLarge};
use super::search::{Effort, Found, search};
use super::subject::Kind;
use crate::diag::{Finding, FindingKind};
use crate::graph::Subject;
use crate::hir::{Hir, HirId, Node, Test};

/// Most nodes of a filter that is looked at so closely.
const MAX_NODES: usize = 160;
/// Most steps of building diagrams, for one class of packets.
const BUDGET: usize = 20_000;

/// What is strange about the clauses of a filter. `known` are the places that
/// have been remarked on already.
pub(crate) fn clauses(hir: &Hir, layer: Layer, known: &[Span]) -> Vec<Finding> {
    if hir.is_empty() || hir.len() > MAX_NODES {
        return Vec::new();
    }
    let views = Kind::all(layer).map(|kind| View::new(hir, kind));
    let Ok(views) = views.collect::<Result<Vec<View>, TooLarge>>() else {
        return Vec::new();
    };
    let mut review = Review {
        hir,
        parents: parents(hir),
        views,
        known,
        findings: Vec::new(),
    };
    review.whole();
    review.findings
}

/// The diagrams of all clauses in one kind of packets.
struct View {
    kind: Kind,
    store: Store,
    /// What passes each node.
    passes: Vec<Place>,
    /// What comes to each node.
    comes: Vec<Place>,
    /// What may still be spent on searching.
    left: Effort,
}

impl View {
    fn new(hir: &Hir, kind: Kind) -> Result<Self, TooLarge> {
        let subjects = hir.iter().filter_map(|(_, node)| match node {
            Node::Test(test) => Some(Subject {
                field: test.field,
                offset: test.offset,
            }),
            _ => None,
        });
        let store = Store::new(kind, subjects, BUDGET);
        let mut view = Self {
            kind,
            store,
            passes: Vec::with_capacity(hir.len()),
            comes: vec![Place::REJECT; hir.len()],
            left: Effort::SMALL,
        };
        for (_, node) in hir.iter() {
            let place = view.of_node(hir, node)?;
            view.passes.push(place);
        }
        view.come(hir)?;
        Ok(view)
    }

    fn of_node(&mut self, hir: &Hir, node: &Node) -> Result<Place, TooLarge> {
        match node {
            Node::Const(true) => Ok(Place::ACCEPT),
            Node::Const(false) => Ok(Place::REJECT),
            Node::Test(test) => self.store.test(test),
            Node::And(list) => {
                let all = hir.children(*list).iter();
                all.rev()
                    .try_fold(Place::ACCEPT, |rest, id| self.and(self.passes(*id), rest))
            }
            Node::Or(list) => {
                let all = hir.children(*list).iter();
                all.rev()
                    .try_fold(Place::REJECT, |rest, id| self.or(self.passes(*id), rest))
            }
            Node::If {
                cond,
                then,
                otherwise,
            } => {
                let (cond, then) = (self.passes(*cond), self.passes(*then));
                self.store.choose(cond, then, self.passes(*otherwise))
            }
        }
    }

    /// Finds what comes to each node, from the whole filter down.
    fn come(&mut self, hir: &Hir) -> Result<(), TooLarge> {
        self.set_comes(hir.root(), Place::ACCEPT);
        let ids: Vec<HirId> = hir.iter().map(|(id, _)| id).collect();
        for id in ids.into_iter().rev() {
            let mut here = self.comes(id);
            match hir.node(id) {
                Node::And(list) => {
                    for child in hir.children(*list) {
                        self.set_comes(*child, here);
                        here = self.and(self.passes(*child), here)?;
                    }
                }
                Node::Or(list) => {
                    for child in hir.children(*list) {
                        self.set_comes(*child, here);
                        here = self.without(here, self.passes(*child))?;
                    }
                }
                Node::If {
                    cond,
                    then,
                    otherwise,
                } => {
                    let passes = self.passes(*cond);
                    self.set_comes(*cond, here);
                    let (yes, no) = (self.and(passes, here)?, self.without(here, passes)?);
                    self.set_comes(*then, yes);
                    self.set_comes(*otherwise, no);
                }
                Node::Test(_) | Node::Const(_) => {}
            }
        }
        Ok(())
    }

    fn passes(&self, id: HirId) -> Place {
        self.passes
            .get(id.index())
            .copied()
            .unwrap_or(Place::REJECT)
    }

    fn comes(&self, id: HirId) -> Place {
        self.comes.get(id.index()).copied().unwrap_or(Place::REJECT)
    }

    fn set_comes(&mut self, id: HirId, place: Place) {
        if let Some(slot) = self.comes.get_mut(id.index()) {
            *slot = place;
        }
    }

    fn and(&mut self, a: Place, b: Place) -> Result<Place, TooLarge> {
        self.store.choose(a, b, Place::REJECT)
    }

    fn or(&mut self, a: Place, b: Place) -> Result<Place, TooLarge> {
        self.store.choose(a, Place::ACCEPT, b)
    }

    /// What is in the first and not in the second.
    fn without(&mut self, a: Place, b: Place) -> Result<Place, TooLarge> {
        self.store.choose(b, Place::REJECT, a)
    }

    /// Whether no packet goes to a place; false if that is not known.
    fn is_empty(&mut self, place: Place) -> bool {
        match place {
            Place::REJECT => true,
            Place::ACCEPT => false,
            _ => {
                let (store, effort) = (&self.store, &mut self.left);
                let found = search(store, self.kind, place, Place::REJECT, effort, &|_| true);
                matches!(found, Found::Nothing)
            }
        }
    }
}

/// The node that each node is part of.
fn parents(hir: &Hir) -> Vec<Option<HirId>> {
    let mut parents = vec![None; hir.len()];
    for (id, node) in hir.iter() {
        let parts = match node {
            Node::And(list) | Node::Or(list) => hir.children(*list).to_vec(),
            Node::If {
                cond,
                then,
                otherwise,
            } => vec![*cond, *then, *otherwise],
            Node::Test(_) | Node::Const(_) => Vec::new(),
        };
        for part in parts {
            if let Some(slot) = parents.get_mut(part.index()) {
                *slot = Some(id);
            }
        }
    }
    parents
}

struct Review<'a> {
    hir: &'a Hir,
    parents: Vec<Option<HirId>>,
    views: Vec<View>,
    known: &'a [Span],
    findings: Vec<Finding>,
}

/// What no packet should be in.
type Claim<'a> = &'a dyn Fn(&mut View) -> Result<Place, TooLarge>;
/// The same of a node and another.
type ClaimOfTwo<'a> = &'a dyn Fn(&mut View, HirId, HirId) -> Result<Place, TooLarge>;
/// The same of a node and several others.
type ClaimOfMany<'a> = &'a dyn Fn(&mut View, &[HirId], HirId) -> Result<Place, TooLarge>;

impl Review<'_> {
    fn whole(&mut self) {
        let root = self.hir.root();
        for (matches, claim) in [
            (
                false,
                &(|view: &mut View| Ok(view.passes(root))) as Claim<'_>,
            ),
            (true, &|view: &mut View| {
                view.without(Place::ACCEPT, view.passes(root))
            }),
        ] {
            if self.is_never(claim) {
                return self.constant(matches);
            }
        }
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            self.node(id, &mut open);
        }
    }

    /// The filter always or never matches.
    fn constant(&mut self, matches: bool) {
        let root = self.hir.root();
        // Whoever writes `true`, or `ip or ipv6`, means it.
        let is_meant = match self.hir.node(root) {
            Node::Const(_) => true,
            Node::Or(list) => {
                let mut choices = self.hir.children(*list).iter();
                matches && choices.all(|id| is_half(self.hir.node(*id)))
            }
            _ => false,
        };
        if !is_meant {
            let span = self.hir.span(root);
            let kind = FindingKind::ConstantFilter { matches };
            self.findings.push(Finding { kind, span });
        }
    }

    /// Whether no packet of any kind is in what a claim gives.
    fn is_never(&mut self, claim: Claim<'_>) -> bool {
        self.views.iter_mut().all(|view| {
            let place = claim(view);
            place.is_ok_and(|place| view.is_empty(place))
        })
    }

    fn node(&mut self, id: HirId, open: &mut Vec<HirId>) {
        match self.hir.node(id) {
            Node::And(list) => self.all_of(id, self.hir.children(*list), open),
            Node::Or(list) => self.any_of(id, self.hir.children(*list), open),
            Node::If {
                cond,
                then,
                otherwise,
            } => {
                let (cond, then, otherwise) = (*cond, *then, *otherwise);
                for (part, holds) in [(then, false), (otherwise, true)] {
                    let is_never = self.is_never(&|view| Ok(view.comes(part)));
                    if !is_never {
                        open.push(part);
                    } else if !matches!(self.hir.node(part), Node::Const(_)) {
                        let other = Some(self.hir.span(cond));
                        let kind = FindingKind::UnreachableClause { other, holds };
                        self.add(part, kind);
                    }
                }
                open.push(cond);
            }
            Node::Test(_) | Node::Const(_) => {}
        }
    }

    /// Looks at the operands of an `and`.
    fn all_of(&mut self, id: HirId, operands: &[HirId], open: &mut Vec<HirId>) {
        if self.is_one_test(id, operands) {
            return;
        }
        for operand in operands {
            let operand = *operand;
            if !self.is_unwritten(operand, operands)
                && self.is_never(&|view| view.and(view.passes(operand), view.comes(operand)))
            {
                let excludes =
                    |view: &mut View, other| view.and(view.passes(operand), view.passes(other));
                let other = self.culprit(id, operand, operands, &excludes);
                return self.add(operand, FindingKind::NeverHere { other });
            }
        }
        let redundant = |view: &mut View, rest: &[HirId], operand| {
            let mut here = view.comes(id);
            for other in rest {
                here = view.and(view.passes(*other), here)?;
            }
            view.without(here, view.passes(operand))
        };
        let implies = |view: &mut View, other, operand| {
            view.without(view.passes(other), view.passes(operand))
        };
        self.superfluous(id, operands, open, &redundant, &implies);
    }

    /// Looks at the operands of an `or`.
    fn any_of(&mut self, id: HirId, operands: &[HirId], open: &mut Vec<HirId>) {
        if self.is_one_test(id, operands) {
            return;
        }
        let mut alive = Vec::with_capacity(operands.len());
        for operand in operands {
            let operand = *operand;
            if self.is_unwritten(operand, operands) {
                alive.push(operand);
                continue;
            }
            let is_dead = self.is_never(&|view| view.and(view.passes(operand), view.comes(id)));
            match self.hir.node(operand) {
                // What it is that never holds is to be found inside.
                Node::And(_) if is_dead => open.push(operand),
                _ if is_dead => {
                    let excludes =
                        |view: &mut View, other| view.and(view.passes(operand), view.passes(other));
                    let other = self.culprit(id, operand, &[], &excludes);
                    self.add(operand, FindingKind::NeverHere { other });
                }
                _ => alive.push(operand),
            }
        }
        let redundant = |view: &mut View, rest: &[HirId], operand| {
            let mut here = view.comes(id);
            for other in rest {
                here = view.without(here, view.passes(*other))?;
            }
            view.and(here, view.passes(operand))
        };
        let implies = |view: &mut View, other, operand| {
            view.without(view.passes(operand), view.passes(other))
        };
        self.superfluous(id, &alive, open, &redundant, &implies);
    }

    /// Finds operands that can be left out, the last first: of two that are
    /// alike, the first is kept.
    fn superfluous(
        &mut self,
        id: HirId,
        operands: &[HirId],
        open: &mut Vec<HirId>,
        redundant: ClaimOfMany<'_>,
        implies: ClaimOfTwo<'_>,
    ) {
        let mut kept = operands.to_vec();
        for operand in operands.iter().rev().copied() {
            let rest: Vec<HirId> = kept
                .iter()
                .copied()
                .filter(|other| *other != operand)
                .collect();
            if self.is_unwritten(operand, operands) {
                continue;
            }
            if !self.is_never(&|view| redundant(view, &rest, operand)) {
                open.push(operand);
                continue;
            }
            let other = self.culprit_of(id, &rest, &|view, other| implies(view, other, operand));
            if self.is_idiom(operand, other) {
                continue;
            }
            kept = rest;
            let other = other.map(|other| self.hir.span(other));
            let any = matches!(self.hir.node(id), Node::Or(_));
            self.add(operand, FindingKind::RedundantClause { other, any });
        }
    }

    /// The span of the one clause that is to blame, if one alone is.
    fn culprit(
        &mut self,
        list: HirId,
        operand: HirId,
        siblings: &[HirId],
        claim: &dyn Fn(&mut View, HirId) -> Result<Place, TooLarge>,
    ) -> Option<Span> {
        let before = siblings
            .iter()
            .copied()
            .take_while(|other| *other != operand);
        let before: Vec<HirId> = before.collect();
        let found = self.culprit_of(list, &before, claim)?;
        Some(self.hir.span(found))
    }

    /// The one clause, among these or those that were passed before `list`.
    fn culprit_of(
        &mut self,
        list: HirId,
        siblings: &[HirId],
        claim: &dyn Fn(&mut View, HirId) -> Result<Place, TooLarge>,
    ) -> Option<HirId> {
        let mut candidates = siblings.to_vec();
        let mut here = list;
        while let Some(parent) = self.parents.get(here.index()).copied().flatten() {
            if let Node::And(list) = self.hir.node(parent) {
                let before = self.hir.children(*list).iter().copied();
                candidates.extend(before.take_while(|other| *other != here));
            }
            here = parent;
        }
        candidates
            .into_iter()
            .find(|other| self.is_never(&|view| claim(view, *other)))
    }

    /// Whether a clause is there to be read, though another implies it:
    /// `tcp and tcp.DstPort == 80`, `tcp.PayloadLength > 0 and …`, and
    /// `(ip or ipv6) and …`.
    fn is_idiom(&self, operand: HirId, other: Option<HirId>) -> bool {
        let test = match self.hir.node(operand) {
            Node::Test(test) => test,
            Node::Or(list) => {
                let mut choices = self.hir.children(*list).iter();
                return choices
                    .all(|id| matches!(self.hir.node(*id), Node::Test(test) if is_header(test)));
            }
            _ => return false,
        };
        let same_field = other.is_some_and(|other| match self.hir.node(other) {
            Node::Test(other) => other.field == test.field,
            _ => false,
        });
        !same_field && is_guard(test)
    }

    /// Whether there is nothing to say of an operand: it is `true` or
    /// `false`, or one of several that one test of the text became.
    fn is_unwritten(&self, operand: HirId, operands: &[HirId]) -> bool {
        let span = self.hir.span(operand);
        let mut others = operands.iter().filter(|other| **other != operand);
        let is_part = others.any(|other| self.hir.span(*other) == span);
        is_part || matches!(self.hir.node(operand), Node::Const(_))
    }

    /// Whether a group stands for one test of the text.
    fn is_one_test(&self, id: HirId, operands: &[HirId]) -> bool {
        let first = operands.first().map(|first| self.hir.span(*first));
        first == Some(self.hir.span(id))
    }

    /// Adds a finding, unless the place has been remarked on.
    fn add(&mut self, id: HirId, kind: FindingKind) {
        let span = self.hir.span(id);
        let overlaps = |known: &Span| known.start < span.end && span.start < known.end;
        if !self.known.iter().any(overlaps) {
            self.findings.push(Finding { kind, span });
        }
    }
}

/// Whether a test is of the kind that people write before others.
fn is_guard(test: &Test) -> bool {
    let is_length = matches!(
        test.field,
        Field::TcpPayloadLength | Field::UdpPayloadLength | Field::Length
    );
    let is_protocol = matches!(
        test.field,
        Field::Protocol | Field::IpProtocol | Field::Event
    );
    is_header(test) || is_length || is_protocol
}

/// Whether a test asks for a header.
fn is_header(test: &Test) -> bool {
    let is_one = Presence::HEADERS
        .into_iter()
        .any(|header| header.field() == Some(test.field));
    is_one && !test.values.contains(0)
}

/// Whether a test asks for one IP version or one direction.
fn is_half(node: &Node) -> bool {
    use Field::{Inbound, Ip, Ipv6, Outbound};
    matches!(node, Node::Test(test)
        if matches!(test.field, Ip | Ipv6 | Inbound | Outbound) && !test.values.contains(0))
}
