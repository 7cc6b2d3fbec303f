//! From the decision graph to divert bytecode.
//!
//! A node with intervals that lead to n places becomes n - 1 nodes of the
//! virtual machine, each of which picks out the values for one place: by one
//! range, or by a sorted table of bounds.

use divert_vm::bytecode::{self, Cell, Class, EMPTY, Load, Next, Test};

use crate::graph::{Graph, Node, NodeId, Specialised, specialise};

impl Graph {
    /// The graph as divert bytecode: the cells of an image, which is what
    /// [`Program::from_cells`](divert_vm::Program::from_cells) takes.
    #[must_use]
    pub fn to_bytecode(&self) -> Vec<Cell> {
        let specialised = specialise(self);
        Emitter::new(&specialised).finish()
    }
}

struct Emitter<'a> {
    graph: &'a Graph,
    loads: &'a [Load],
    entries: [NodeId; Class::COUNT],
    /// Whether each node, verdicts included, is to be emitted.
    live: Vec<bool>,
    /// Where each node starts in the body, verdicts included.
    starts: Vec<Next>,
    nodes: Vec<Cell>,
    constants: Constants,
}

/// What follows the nodes.
struct Constants {
    /// The cell of the body at which they start.
    base: usize,
    words: Vec<u32>,
}

impl<'a> Emitter<'a> {
    fn new(specialised: &'a Specialised) -> Self {
        let graph = &specialised.graph;
        let mut emitter = Self {
            graph,
            loads: &specialised.loads,
            entries: specialised.entries,
            live: live(specialised),
            starts: vec![Next::REJECT; graph.len().saturating_add(2)],
            nodes: Vec::new(),
            constants: Constants {
                base: 0,
                words: Vec::new(),
            },
        };
        emitter.lay_out();
        emitter
    }

    /// Gives every node its place: the root first, everything forward.
    fn lay_out(&mut self) {
        if let Some(accept) = self.starts.first_mut() {
            *accept = Next::ACCEPT;
        }
        let mut next = 0_usize;
        for id in self.graph.ids().rev() {
            let Some(node) = self.live_node(id) else {
                continue;
            };
            let start = Next(narrow(next));
            if let Some(place) = self.starts.get_mut(id.as_usize()) {
                *place = start;
            }
            next = next.saturating_add(Picks::of(&node).len());
        }
        self.constants.base = next;
        self.nodes.reserve_exact(next);
    }

    fn live_node(&self, id: NodeId) -> Option<Node<'a>> {
        let live = self.live.get(id.as_usize()) == Some(&true);
        self.graph.node(id).filter(|_| live)
    }

    fn start(&self, id: NodeId) -> Next {
        let start = self.starts.get(id.as_usize());
        start.copied().unwrap_or(Next::REJECT)
    }

    fn finish(mut self) -> Vec<Cell> {
        for id in self.graph.ids().rev() {
            if let Some(node) = self.live_node(id) {
                let load = id.index().and_then(|index| self.loads.get(index));
                if let Some(load) = load {
                    self.node(&node, *load);
                }
            }
        }
        let nodes = narrow(self.nodes.len());
        let (constants, rest) = self.constants.words.as_chunks::<8>();
        let mut tail = EMPTY;
        for (place, word) in tail.iter_mut().zip(rest) {
            *place = *word;
        }
        let tail = (!rest.is_empty()).then_some(tail);
        let body = self.nodes.len().saturating_add(constants.len());
        let body = narrow(body.saturating_add(usize::from(tail.is_some())));
        let entries = self.entries.map(|entry| self.start(entry));
        let header = bytecode::header(self.graph.layer(), nodes, body, &entries);
        let mut image = header.to_vec();
        image.extend_from_slice(&self.nodes);
        image.extend_from_slice(constants);
        image.extend(tail);
        image
    }

    fn node(&mut self, node: &Node<'_>, load: Load) {
        let Picks { default, others } = Picks::of(node);
        let absent = self.start(node.absent);
        if others.is_empty() {
            // Present or absent is all that counts.
            let all = Test::Range {
                low: 0,
                span: u32::MAX,
            };
            let wide = [0, u128::MAX];
            let test = if load.is_wide() {
                self.constants.wide(wide)
            } else {
                all
            };
            let yes = self.start(default);
            self.push(load, test, (yes, absent, absent));
        }
        for (at, to) in others.iter().enumerate() {
            let (test, swap) = self.test(node, *to, load);
            let yes = self.start(*to);
            let is_last = at.saturating_add(1) == others.len();
            let no = if is_last {
                self.start(default)
            } else {
                Next(narrow(self.nodes.len().saturating_add(1)))
            };
            let (yes, no) = if swap { (no, yes) } else { (yes, no) };
            self.push(load, test, (yes, no, absent));
        }
    }

    fn push(&mut self, load: Load, test: Test, (yes, no, absent): (Next, Next, Next)) {
        let node = bytecode::Node::Branch {
            load,
            test,
            yes,
            no,
            absent,
        };
        self.nodes.push(node.encode());
    }

    /// The test for the values that lead to one place, or for all others.
    fn test(&mut self, node: &Node<'_>, to: NodeId, load: Load) -> (Test, bool) {
        let wanted = || node.intervals().filter(|(.., target)| *target == to);
        let mut bounds: Vec<u128> = Vec::new();
        for (low, high, _) in wanted() {
            bounds.push(low);
            bounds.extend(high.checked_add(1));
        }
        if load.is_wide() {
            return match *bounds.as_slice() {
                [low] => (self.constants.wide([low, u128::MAX]), false),
                [low, next] => (self.constants.wide([low, next.saturating_sub(1)]), false),
                [0, low, high] => (self.constants.wide([low, high.saturating_sub(1)]), true),
                _ => (self.constants.wide_table(&bounds), false),
            };
        }
        let low_word = |value: u128| u32::try_from(value).unwrap_or(u32::MAX);
        let range = |low: u128, next: u128| {
            let low = low_word(low);
            let span = low_word(next.saturating_sub(1)).wrapping_sub(low);
            Test::Range { low, span }
        };
        match *bounds.as_slice() {
            [low] => (range(low, 1 << 32), false),
            [low, next] => (range(low, next), false),
            [0, low, high] => (range(low, high), true),
            _ => (self.constants.table(&bounds), false),
        }
    }
}

impl Constants {
    /// The smallest and largest value of a range, in a cell of their own.
    fn wide(&mut self, range: [u128; 2]) -> Test {
        let cell = self.align();
        self.words.extend(range.into_iter().flat_map(words));
        Test::Wide { cell }
    }

    fn wide_table(&mut self, bounds: &[u128]) -> Test {
        let cell = self.align();
        self.words.extend(bounds.iter().copied().flat_map(words));
        Test::WideTable {
            cell,
            len: narrow(bounds.len()),
        }
    }

    fn table(&mut self, bounds: &[u128]) -> Test {
        let start = self.base.saturating_mul(8).saturating_add(self.words.len());
        let words = bounds.iter().map_while(|bound| u32::try_from(*bound).ok());
        let before = self.words.len();
        self.words.extend(words);
        Test::Table {
            start: narrow(start),
            len: narrow(self.words.len().saturating_sub(before)),
        }
    }

    /// Goes on at the start of a cell; tells which.
    fn align(&mut self) -> u32 {
        let cells = self.words.len().div_ceil(8);
        self.words.resize(cells.saturating_mul(8), 0);
        narrow(self.base.saturating_add(cells))
    }
}

/// The four words of a number, low word first.
fn words(value: u128) -> [u32; 4] {
    let bytes = value.to_le_bytes();
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*chunk);
    }
    words
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The place that most intervals of a node lead to, and the others.
struct Picks {
    default: NodeId,
    others: Vec<NodeId>,
}

impl Picks {
    fn of(node: &Node<'_>) -> Self {
        let mut default = node.edges.first().map_or(node.absent, |edge| edge.to);
        let mut others: Vec<NodeId> = Vec::new();
        for edge in node.edges {
            if edge.to != default && !others.contains(&edge.to) {
                others.push(edge.to);
            }
        }
        let count = |to: NodeId| node.edges.iter().filter(|edge| edge.to == to).count();
        if others.len() > 1 {
            for other in &mut others {
                if count(*other) > count(default) {
                    core::mem::swap(other, &mut default);
                }
            }
        }
        Self { default, others }
    }

    /// How many nodes of the virtual machine it takes.
    fn len(&self) -> usize {
        self.others.len().max(1)
    }
}

/// For each id, verdicts included, whether some entry leads there.
fn live(specialised: &Specialised) -> Vec<bool> {
    let graph = &specialised.graph;
    let mut live = vec![false; graph.len().saturating_add(2)];
    let mark = |live: &mut Vec<bool>, id: NodeId| {
        if let Some(place) = live.get_mut(id.as_usize()) {
            *place = true;
        }
    };
    for entry in specialised.entries {
        mark(&mut live, entry);
    }
    for id in graph.ids().rev() {
        let is_live = live.get(id.as_usize()) == Some(&true);
        let Some(node) = graph.node(id).filter(|_| is_live) else {
            continue;
        };
        for to in node.targets() {
            mark(&mut live, to);
        }
    }
    live
}
