//! From the decision graph to instructions for the stock driver.
//!
//! An instruction is one comparison, and goes on at its failure target if the
//! field is absent. So a node with many intervals becomes a balanced tree of
//! comparisons, in which absence follows the side that leads where it should.
//!
//! A tree over n intervals takes 2n comparisons, as many as n ranges take one
//! after the other, and executes log n of them. Single values are different:
//! one `=` finds each, and a tree needs further comparisons between them.
//! Groups of up to [`Shape::leaf`] single values are therefore compared one
//! after the other, in the order in which they were written; larger groups
//! make a shorter program and a longer path.

use core::ops::Range;

use divert_grammar::Span;
use divert_vm::isa::limits::MAX_INSNS;
use divert_vm::{Interval, Op, Presence, Target, Value};

use super::assembler::{Assembler, Next};
use super::{Code, TooLong};
use crate::graph::{Graph, Node, NodeId, Subject, loaded};
use crate::hir::Exits;

/// How trees are built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Most comparisons that are made one after the other.
    leaf: usize,
}

impl Shape {
    /// No comparison that only divides single values.
    pub(crate) const SHORTEST: Self = Self { leaf: usize::MAX };
}

/// Generates code in the given shape.
pub(crate) fn generate(graph: &Graph, shape: Shape) -> Result<Code, TooLong> {
    let mut emitter = Emitter {
        assembler: Assembler::with_capacity(graph.len()),
        shape,
    };
    let mut places = vec![Next::Verdict(Target::REJECT); graph.len().saturating_add(2)];
    if let Some(place) = places.first_mut() {
        *place = Next::Verdict(Target::ACCEPT);
    }
    for id in graph.ids() {
        let next = graph.node(id).map(|node| emitter.node(&node, &places));
        if let (Some(next), Some(place)) = (next, places.get_mut(id.as_usize())) {
            *place = next;
        }
    }
    if emitter.assembler.len() > MAX_INSNS {
        return Err(TooLong(emitter.assembler.len()));
    }
    Ok(emitter.assembler.finish(place(&places, graph.root())))
}

/// The smallest groups: two comparisons are no worse than a tree of two.
const SMALLEST: usize = 2;

/// Generates the code with the smallest groups that has at most
/// [`MAX_INSNS`] instructions, or else the shortest.
pub(crate) fn generate_fast(graph: &Graph) -> Result<Code, TooLong> {
    let (mut leaf, mut too_small, mut enough) = (SMALLEST, 1_usize, MAX_INSNS);
    let mut best = None;
    // Mostly the first try fits; otherwise the size is halved in on.
    while too_small < leaf && leaf < enough {
        match generate(graph, Shape { leaf }) {
            Ok(code) => {
                enough = leaf;
                best = Some(code);
            }
            Err(_) => too_small = leaf,
        }
        leaf = too_small.midpoint(enough);
    }
    match best {
        Some(code) => Ok(code),
        None => generate(graph, Shape::SHORTEST),
    }
}

/// How many instructions the graph takes at least.
pub(crate) fn fewest(graph: &Graph) -> usize {
    match generate(graph, Shape::SHORTEST) {
        Ok(code) => code.insns.len(),
        Err(TooLong(count)) => count,
    }
}

fn place(places: &[Next], id: NodeId) -> Next {
    let place = places.get(id.as_usize()).copied();
    place.unwrap_or(Next::Verdict(Target::REJECT))
}

struct Emitter {
    assembler: Assembler,
    shape: Shape,
}

/// An interval, and where it leads.
#[derive(Clone, Copy)]
struct Region {
    low: u128,
    high: u128,
    to: Next,
    /// When it was written, among others.
    rank: u32,
}

/// Part of a node: some of its regions, and where absence leads if it can
/// still come here.
#[derive(Clone, Copy)]
struct Part<'a> {
    subject: Subject,
    span: Span,
    regions: &'a [Region],
    absent: Option<Next>,
}

impl Part<'_> {
    fn leads_to(&self, to: Next) -> bool {
        self.regions.iter().any(|region| region.to == to)
    }

    fn section(&self, range: Range<usize>, absent: Option<Next>) -> Self {
        Self {
            regions: self.regions.get(range).unwrap_or_default(),
            absent,
            ..*self
        }
    }
}

impl Emitter {
    fn node(&mut self, node: &Node<'_>, places: &[Next]) -> Next {
        let mut regions: Vec<Region> = Vec::with_capacity(node.edges.len());
        for ((low, high, to), edge) in node.intervals().zip(node.edges) {
            let (to, rank) = (place(places, to), edge.rank);
            match regions.last_mut() {
                Some(last) if last.to == to => last.high = high,
                _ => regions.push(Region {
                    low,
                    high,
                    to,
                    rank,
                }),
            }
        }
        let absent = place(places, node.absent);
        let part = Part {
            subject: node.subject,
            span: node.span,
            regions: &regions,
            absent: Some(absent),
        };
        let (low, _) = Interval::domain(node.subject.field);
        let rest = match regions.as_slice() {
            [first, second, ..] if first.to == absent && is_peeled(node, &regions) => {
                Some((1, second.low))
            }
            _ if !part.leads_to(absent) => Some((0, low)),
            _ => None,
        };
        let Some((from, at)) = rest else {
            return self.part(part);
        };
        // The first comparison is about presence, or as good as.
        let exits = Exits {
            success: self.part(part.section(from..regions.len(), None)),
            failure: absent,
        };
        self.compare(&part, (Op::Ge, at), exits)
    }

    /// Generates the tree of a part; its depth is the logarithm of its size.
    fn part(&mut self, part: Part<'_>) -> Next {
        let [first, rest @ ..] = part.regions else {
            return Next::Verdict(Target::REJECT);
        };
        match rest {
            [] => return first.to,
            [second] => return self.split(&part, second.low, (first.to, second.to)),
            _ => {}
        }
        let mut middle = part.regions.len() / 2;
        match self.chain(&part) {
            Some(Chain::Code(next)) => return next,
            Some(Chain::Divide(at)) => middle = at,
            None => {}
        }
        let at = part.regions.get(middle).map_or(0, |region| region.low);
        let sides = [0..middle, middle..part.regions.len()];
        // Absence goes where the way to its target is shorter.
        let ways = sides.clone().map(|side| {
            let side = part.section(side, None);
            let leads = part.absent.is_some_and(|absent| side.leads_to(absent));
            if leads {
                side.regions.len()
            } else {
                usize::MAX
            }
        });
        let right_takes_absent = part.absent.is_some() && ways[1] < ways[0];
        let absents = if right_takes_absent {
            [None, part.absent]
        } else {
            [part.absent, None]
        };
        let [left, right] = sides;
        let left = self.part(part.section(left, absents[0]));
        let right = self.part(part.section(right, absents[1]));
        if left == right {
            return left;
        }
        self.divide(&part, at, (left, right), right_takes_absent)
    }

    /// One comparison that tells two regions apart.
    fn split(&mut self, part: &Part<'_>, at: u128, (left, right): (Next, Next)) -> Next {
        let right_takes_absent = part.absent == Some(right);
        let (success, failure) = if right_takes_absent {
            (left, right)
        } else {
            (right, left)
        };
        let below = at.saturating_sub(1);
        let (low, high) = loaded(part.subject.field).unwrap_or((u128::MAX, 0));
        let test = match right_takes_absent {
            true if below == low => (Op::Eq, low),
            true if at == high => (Op::Ne, high),
            false if at == high => (Op::Eq, high),
            false if below == low => (Op::Ne, low),
            _ => return self.divide(part, at, (left, right), right_takes_absent),
        };
        self.compare(part, test, Exits { success, failure })
    }

    /// The comparison of the values below `at` with those from there on.
    fn divide(
        &mut self,
        part: &Part<'_>,
        at: u128,
        (left, right): (Next, Next),
        right_takes_absent: bool,
    ) -> Next {
        let below = at.saturating_sub(1);
        // The constant that takes less room in an object string.
        let is_shorter = digits(below) < digits(at);
        let (success, failure, test) = match (right_takes_absent, is_shorter) {
            (true, true) => (left, right, (Op::Le, below)),
            (true, false) => (left, right, (Op::Lt, at)),
            (false, true) => (right, left, (Op::Gt, below)),
            (false, false) => (right, left, (Op::Ge, at)),
        };
        self.compare(part, test, Exits { success, failure })
    }

    /// Values among others that lead to one place, compared one after the
    /// other; `None` if too many of them are not single.
    fn chain(&mut self, part: &Part<'_>) -> Option<Chain> {
        let (low, high) = loaded(part.subject.field).unwrap_or((0, u128::MAX));
        let ends = |region: &Region| (region.low.max(low), region.high.min(high));
        let width = |region: &Region| ends(region).1.saturating_sub(ends(region).0);
        let default = part.regions.iter().max_by_key(|region| width(region))?.to;
        let mut others: Vec<(usize, &Region)> = Vec::with_capacity(part.regions.len());
        let numbered = part.regions.iter().enumerate();
        others.extend(numbered.filter(|(_, region)| region.to != default));
        let wide = others
            .iter()
            .filter(|(_, region)| width(region) > 0)
            .count();
        if wide.saturating_mul(MAX_WIDE) > others.len() {
            return None;
        }
        if others.len() > self.shape.leaf {
            // As many groups of equal size as it takes, half on each side.
            let groups = others.len().div_ceil(self.shape.leaf);
            let left = others.len().saturating_mul(groups / 2);
            let left = left.checked_div(groups).unwrap_or_default();
            let at = others.get(left).map(|(at, _)| *at)?;
            return Some(Chain::Divide(at.max(1)));
        }
        others.sort_by_key(|(_, region)| region.rank);
        let mut next = default;
        // Absence fails every `=`; the last test has to send it elsewhere.
        if let Some(absent) = part.absent.filter(|absent| *absent != default) {
            let is_last =
                |(_, region): &(usize, &Region)| region.to == absent && width(region) == 0;
            let at = others.iter().rposition(is_last)?;
            let (_, last) = others.remove(at);
            let exits = Exits {
                success: default,
                failure: absent,
            };
            next = self.compare(part, (Op::Ne, ends(last).0), exits);
        }
        for (_, region) in others.into_iter().rev() {
            let (from, to) = ends(region);
            let (success, failure) = (region.to, next);
            let exits = Exits { success, failure };
            if from == to {
                next = self.compare(part, (Op::Eq, from), exits);
                continue;
            }
            let mut inside = success;
            if to < high {
                inside = self.compare(part, (Op::Le, to), exits);
            }
            let success = inside;
            next = self.compare(part, (Op::Ge, from), Exits { success, failure });
        }
        Some(Chain::Code(next))
    }

    fn compare(&mut self, part: &Part<'_>, (op, ordinal): (Op, u128), exits: Exits<Next>) -> Next {
        let value: Value = Interval::value_of(part.subject.field, ordinal);
        self.assembler
            .block(part.subject, (op, value), exits, part.span)
    }
}

/// What became of a chain.
enum Chain {
    Code(Next),
    /// It is too long; the region where it is to be divided.
    Divide(usize),
}

/// Among how many values one may be a range.
const MAX_WIDE: usize = 4;

/// From how many regions on it pays to ask first whether the field is there.
const MIN_PEELED: usize = 9;

/// Whether the lowest interval, which leads where absence does, is told from
/// the rest first. That is one comparison more for who has the field, and the
/// only one for who has not; packets without a transport header of one kind
/// are many.
fn is_peeled(node: &Node<'_>, regions: &[Region]) -> bool {
    let header = node.subject.field.presence();
    let is_transport = !matches!(header, Presence::None | Presence::Ip | Presence::Ipv6);
    is_transport && regions.len() >= MIN_PEELED
}

/// About how many digits a constant has in an object string, which writes
/// each of its four words for itself.
fn digits(value: u128) -> u32 {
    let words = value.to_le_bytes();
    let words = words.as_chunks::<4>().0.iter();
    let digits = |word: &[u8; 4]| {
        let bits = u32::BITS.saturating_sub(u32::from_le_bytes(*word).leading_zeros());
        bits.div_ceil(5).max(1)
    };
    words.map(digits).sum()
}
