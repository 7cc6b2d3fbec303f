//! One graph for all classes of packets, with an entry for each.
//!
//! Sound because within a class the presence theory says which headers a
//! packet has: a field of another header is absent, a field that the class
//! decides has its value, and `localPort` is the source or destination port
//! of the header at hand. What is left are tests that a packet of the class
//! can pass or fail. Classes that need the same tests share them.
//!
//! Here a field becomes a *load* of the virtual machine, and nodes whose loads
//! are parts of one word are fused: what they ask of eight bits or fewer is
//! one question about one number.

use core::hash::{Hash, Hasher};

use divert_vm::bytecode::{Base, Class, DataBase, Load};
use divert_vm::packet::IpVersion;
use rustc_hash::{FxHashMap, FxHasher};

use super::theory::{Known, canonical, first_word, is_relative};
use super::{Edge, Graph, Node, NodeId, Subject, Theory, loaded};

/// A graph with one root for each class.
pub(crate) struct Specialised {
    /// Edges start at values of the load, not at ordinals of the field.
    pub(crate) graph: Graph,
    /// How each node gets its value.
    pub(crate) loads: Vec<Load>,
    pub(crate) entries: [NodeId; Class::COUNT],
}

/// Most edges of a lower node that are copied into one above it.
const MAX_COPIED: usize = 1024;

/// The largest mask of fused nodes.
const MAX_FUSED: u32 = 0xFF;

/// Specialises a graph for every class.
pub(crate) fn specialise(graph: &Graph) -> Specialised {
    let mut specialiser = Specialiser {
        from: graph,
        plans: plans(graph),
        to: Graph::constant(graph.layer(), false),
        loads: Vec::with_capacity(graph.len()),
        known: FxHashMap::default(),
        places: vec![NodeId::REJECT; graph.len()],
        live: vec![false; graph.len()],
        edges: Vec::new(),
    };
    let mut entries = [NodeId::REJECT; Class::COUNT];
    let mut steps: Vec<Step> = Vec::with_capacity(graph.len().saturating_mul(4));
    let mut seen: Vec<(u64, usize, NodeId)> = Vec::with_capacity(Class::COUNT);
    for (entry, class) in entries.iter_mut().zip(Class::ALL) {
        let start = steps.len();
        let hash = specialiser.steps(class, &mut steps);
        let (before, own) = steps.split_at_checked(start).unwrap_or_default();
        let same = seen.iter().find(|(earlier, at, _)| {
            let there = before.get(*at..).unwrap_or_default();
            *earlier == hash && there.starts_with(own)
        });
        if let Some((_, _, same)) = same {
            *entry = *same;
            steps.truncate(start);
            continue;
        }
        *entry = specialiser.class(own);
        seen.push((hash, start, *entry));
    }
    Specialised {
        graph: specialiser.to,
        loads: specialiser.loads,
        entries,
    }
}

/// What of a node is the same in all classes.
struct Plan {
    theory: &'static Theory,
    load: Load,
    /// Whether field or load depend on the class after all.
    varies: bool,
}

fn plans(graph: &Graph) -> Vec<Plan> {
    let nodes = graph.ids().filter_map(|id| graph.node(id));
    let plan = |node: Node<'_>| {
        let Subject { field, offset } = node.subject;
        let load = Load::of(field, offset);
        let is_packet = matches!(
            load,
            Load::Data {
                base: DataBase::Packet,
                ..
            }
        );
        Plan {
            theory: Theory::of(field, graph.layer()),
            load,
            varies: is_packet || is_relative(field),
        }
    };
    nodes.map(plan).collect()
}

/// A node that packets of a class can come to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Step {
    node: NodeId,
    /// What the class says of its field.
    known: Known,
    /// The field that it is in this class.
    subject: Subject,
    load: Load,
}

struct Specialiser<'a> {
    from: &'a Graph,
    /// Of each node of `from`.
    plans: Vec<Plan>,
    to: Graph,
    /// The load of each node of `to`.
    loads: Vec<Load>,
    /// Nodes of `to` by their hash.
    known: FxHashMap<u64, NodeId>,
    /// Where each node of `from` went, in the class at hand.
    places: Vec<NodeId>,
    /// Whether a packet of the class at hand can come to a node of `from`.
    live: Vec<bool>,
    /// Those of the node at hand.
    edges: Vec<Edge>,
}

impl Specialiser<'_> {
    /// Adds the nodes that packets of a class can come to, from the root
    /// down; gives a hash of them.
    fn steps(&mut self, class: Class, steps: &mut Vec<Step>) -> u64 {
        let layer = self.from.layer();
        let mut hasher = FxHasher::default();
        self.live.fill(false);
        mark(&mut self.live, self.from.root());
        for (at, plan) in self.plans.iter().enumerate().rev() {
            if self.live.get(at) != Some(&true) {
                continue;
            }
            let id = NodeId::of_index(at);
            let Some(node) = self.from.node(id) else {
                continue;
            };
            let (mut subject, mut load) = (node.subject, plan.load);
            if plan.varies {
                subject = canonical(subject, layer, class);
                load = self::load(subject, class);
            }
            let known = match plan.theory.in_class(node.subject.field, class) {
                Known::Nothing if matches!(load, Load::Word { .. }) => Known::Present,
                known => known,
            };
            match known {
                Known::Absent => mark(&mut self.live, node.absent),
                Known::Value(value) => mark(&mut self.live, node.target(value.into())),
                Known::Present | Known::Nothing => {
                    for edge in node.edges {
                        mark(&mut self.live, edge.to);
                    }
                    if known == Known::Nothing {
                        mark(&mut self.live, node.absent);
                    }
                }
            }
            let step = Step {
                node: id,
                known,
                subject,
                load,
            };
            (at, known, subject).hash(&mut hasher);
            steps.push(step);
        }
        hasher.finish()
    }

    fn class(&mut self, steps: &[Step]) -> NodeId {
        for step in steps.iter().rev() {
            let Some(node) = self.from.node(step.node) else {
                continue;
            };
            let place = match step.known {
                Known::Absent => self.place(node.absent),
                Known::Value(value) => self.place(node.target(value.into())),
                Known::Present | Known::Nothing => self.node(&node, step),
            };
            let index = step.node.index();
            if let Some(slot) = index.and_then(|index| self.places.get_mut(index)) {
                *slot = place;
            }
        }
        self.place(self.from.root())
    }

    /// Where a node of `from` went.
    fn place(&self, id: NodeId) -> NodeId {
        let place = id.index().and_then(|index| self.places.get(index));
        place.copied().unwrap_or(id)
    }

    fn load(&self, id: NodeId) -> Option<Load> {
        self.loads.get(id.index()?).copied()
    }

    fn node(&mut self, node: &Node<'_>, step: &Step) -> NodeId {
        let (mut load, value) = narrowed(node, step);
        self.edges(node, step, load, &value);
        if let Load::Word { .. } = load {
            load = self.fuse(load);
        }
        let last = self.edges.last().map_or(NodeId::REJECT, |edge| edge.to);
        let mut absent = last;
        if step.known == Known::Nothing {
            absent = self.place(node.absent);
            if self.load(absent) == Some(load)
                && let Some(lower) = self.to.node(absent)
            {
                absent = lower.absent;
            }
        }
        if self.edges.len() == 1 && absent == last {
            return last;
        }
        let node = Node {
            subject: step.subject,
            edges: &[],
            absent,
            span: node.span,
        };
        self.shared(node, load)
    }

    /// Works out the edges of a node as values of its load, those of lower
    /// nodes with the same load included.
    fn edges(&mut self, node: &Node<'_>, step: &Step, load: Load, value: &Values) {
        self.edges.clear();
        for (from, end, to) in node.intervals() {
            let Some((from, end)) = value.clip(from, end) else {
                continue;
            };
            let to = self.place(to);
            let lower = self
                .to
                .node(to)
                .filter(|lower| lower.edges.len() <= MAX_COPIED && self.load(to) == Some(load));
            let own = [Edge::new(from, to)];
            let within = match &lower {
                Some(lower) => lower.edges,
                None => own.as_slice(),
            };
            for (at, edge) in within.iter().enumerate() {
                let next = within.get(at.saturating_add(1));
                let is_before = next.is_some_and(|next| next.from <= from);
                if !is_before && edge.from <= end {
                    push(&mut self.edges, edge.from.max(from), edge.to);
                }
            }
        }
        debug_assert!(!self.edges.is_empty(), "{:?}", step.subject);
    }

    /// Fuses the node at hand with those below that look at the same word.
    fn fuse(&mut self, load: Load) -> Load {
        let Some(mut bits) = Bits::of(load) else {
            return load;
        };
        let mut lower: Vec<(NodeId, Bits)> = Vec::new();
        for edge in &self.edges {
            let below = self.load(edge.to).and_then(Bits::of);
            if let Some(below) = below.filter(|below| below.word == bits.word)
                && let Some(union) = bits.union(&below)
            {
                bits = union;
                lower.push((edge.to, below));
            }
        }
        let Some(own) = Bits::of(load).filter(|_| !lower.is_empty()) else {
            return load;
        };
        let mut fused: Vec<Edge> = Vec::new();
        // Others than these cannot be, and lead where those before them do.
        let words = (0..=bits.mask).filter(|word| word & !bits.mask == 0);
        for word in words {
            let value = own.value(word, &bits);
            let at = self.edges.partition_point(|edge| edge.from <= value);
            let edge = at.checked_sub(1).and_then(|at| self.edges.get(at));
            let Some(mut to) = edge.map(|edge| edge.to) else {
                continue;
            };
            if let Some((_, below)) = lower.iter().find(|(id, _)| *id == to)
                && let Some(node) = self.to.node(to)
            {
                to = node.target(below.value(word, &bits));
            }
            push(&mut fused, word.into(), to);
        }
        self.edges = fused;
        bits.load()
    }

    /// A node with the edges at hand: one that is there, or a new one.
    fn shared(&mut self, node: Node<'_>, load: Load) -> NodeId {
        let edges = core::mem::take(&mut self.edges);
        let node = Node {
            edges: &edges,
            ..node
        };
        let mut hasher = FxHasher::default();
        (load, node.fingerprint()).hash(&mut hasher);
        let hash = hasher.finish();
        let known = self.known.get(&hash).copied();
        let same = known.filter(|id| {
            let is_same =
                |other: &Node<'_>| (other.absent, other.edges) == (node.absent, node.edges);
            self.load(*id) == Some(load) && self.to.node(*id).as_ref().is_some_and(is_same)
        });
        let id = same.unwrap_or_else(|| {
            let edges = node.edges.iter().copied();
            self.loads.push(load);
            self.to.push(node.subject, edges, node.absent, node.span)
        });
        self.known.insert(hash, id);
        self.edges = edges;
        id
    }
}

fn push(edges: &mut Vec<Edge>, from: u128, to: NodeId) {
    let from = if edges.is_empty() { 0 } else { from };
    if edges.last().is_none_or(|last| last.to != to) {
        edges.push(Edge::new(from, to));
    }
}

fn mark(live: &mut [bool], id: NodeId) {
    let place = id.index().and_then(|index| live.get_mut(index));
    if let Some(place) = place {
        *place = true;
    }
}

/// The load that a subject is in packets of a class.
///
/// Bytes of the packet that lie in its IP header are always there.
fn load(subject: Subject, class: Class) -> Load {
    let load = Load::of(subject.field, subject.offset);
    let Load::Data {
        base: DataBase::Packet,
        width,
        offset,
    } = load
    else {
        return load;
    };
    let base = match class.version() {
        Some(IpVersion::V4) => Base::Ip,
        Some(IpVersion::V6) => Base::Ipv6,
        None => return load,
    };
    in_word(base, offset, width).unwrap_or(load)
}

/// `width` bytes at `offset` of a header, if they lie in one word of it.
fn in_word(base: Base, offset: i32, width: u8) -> Option<Load> {
    let offset = u8::try_from(offset).ok()?;
    let (start, within) = (offset & !3, offset & 3);
    let behind = 4_u8.checked_sub(within)?.checked_sub(width)?;
    let fits = usize::from(start).saturating_add(4) <= base.len();
    fits.then_some(Load::Word {
        base,
        offset: start,
        shift: behind.saturating_mul(8),
        mask: u32::MAX.checked_shr(32_u32.checked_sub(u32::from(width).saturating_mul(8))?)?,
    })
}

/// How ordinals of a field become values of a load.
struct Values {
    lowest: u128,
    highest: u128,
    base: u128,
    shift: u32,
}

impl Values {
    /// The part of an interval that the field can be in, as values.
    fn clip(&self, from: u128, end: u128) -> Option<(u128, u128)> {
        let (from, end) = (from.max(self.lowest), end.min(self.highest));
        let value = |ordinal: u128| {
            let offset = ordinal.saturating_sub(self.base);
            offset.checked_shr(self.shift).unwrap_or_default()
        };
        (from <= end).then(|| (value(from), value(end)))
    }
}

/// The load of a node, and how ordinals become its values.
///
/// Where every bound of an IPv6 address is a prefix of up to 32 bits, the
/// first word of the address is enough.
fn narrowed(node: &Node<'_>, step: &Step) -> (Load, Values) {
    const LOW_WORDS: u128 = u128::MAX >> 32;
    let field = step.subject.field;
    let (lowest, highest) = loaded(field).unwrap_or((0, u128::MAX));
    let mut values = Values {
        lowest,
        highest,
        base: Load::ordinal_base(field),
        shift: 0,
    };
    let is_prefix = || node.edges.iter().all(|edge| edge.from & LOW_WORDS == 0);
    match first_word(field).filter(|_| is_prefix()) {
        Some(load) => {
            values.shift = 96;
            (load, values)
        }
        None => (step.load, values),
    }
}

/// Some bits of a word.
#[derive(Clone, Copy)]
struct Bits {
    word: (Base, u8),
    shift: u32,
    mask: u32,
}

impl Bits {
    /// The bits of a load, if they are close together.
    fn of(load: Load) -> Option<Self> {
        let Load::Word {
            base,
            offset,
            shift,
            mask,
        } = load
        else {
            return None;
        };
        (mask <= MAX_FUSED).then_some(Self {
            word: (base, offset),
            shift: shift.into(),
            mask,
        })
    }

    /// The bits of both, if they are close together.
    fn union(&self, other: &Self) -> Option<Self> {
        let shift = self.shift.min(other.shift);
        let moved = |bits: &Self| {
            let up = bits.shift.saturating_sub(shift);
            let mask = bits.mask.checked_shl(up)?;
            (mask.checked_shr(up) == Some(bits.mask)).then_some(mask)
        };
        let mask = moved(self)? | moved(other)?;
        (mask <= MAX_FUSED).then_some(Self {
            word: self.word,
            shift,
            mask,
        })
    }

    /// What these bits are where those of a larger set are `word`.
    fn value(&self, word: u32, of: &Self) -> u128 {
        let down = self.shift.saturating_sub(of.shift);
        (word.checked_shr(down).unwrap_or_default() & self.mask).into()
    }

    fn load(&self) -> Load {
        let (base, offset) = self.word;
        Load::Word {
            base,
            offset,
            shift: u8::try_from(self.shift).unwrap_or_default(),
            mask: self.mask,
        }
    }
}
