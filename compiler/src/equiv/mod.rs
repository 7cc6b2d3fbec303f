//! Whether two filters match the same: a proof, or a packet that tells.
//!
//! For each class of packets both filters become reduced ordered diagrams; if
//! these are one, the filters agree, which is a proof. If not, a packet is
//! made that goes one of the ways on which they differ, and both are executed
//! on it, so a difference is never claimed without one. What can be asked of
//! packets is not independent, so some ways are those of no packet; if all
//! are, that is a proof, too.
//!
//! *Same* means: on every IP packet, complete, cut short or malformed, and on
//! every event whose values are in their documented ranges. Other input never
//! comes to a filter.

mod bits;
mod clauses;
mod diagram;
mod event;
mod search;
mod shape;
mod solve;
mod subject;

use core::fmt;

use divert_vm::packet::Transport;
use divert_vm::{Event, Layer};

pub(crate) use clauses::clauses;

use crate::filter::Filter;
use crate::graph::Graph;
use crate::opt;
use diagram::{Store, TooLarge};
use search::{Effort, Found};
use solve::{Scene, load};
use subject::Kind;

/// Most steps of building diagrams, for one class of packets.
const BUDGET: usize = 400_000;

/// Which of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// A packet and event that only one of two filters matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The packet; empty at layers without packets.
    pub packet: Vec<u8>,
    /// The event.
    pub event: Event,
    /// The one that matches.
    pub matches: Side,
}

/// Why it is not known whether two filters match the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Open {
    /// The filters are too large to be compared.
    TooLarge,
    /// They differ in ways of which it is not known whether a packet goes them.
    Unrealised,
    /// The filter could not be read back.
    Unreadable,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "too large to be compared",
            Self::Unrealised => "no packet was found that tells them apart, nor that there is none",
            Self::Unreadable => "there are no instructions to compare",
        })
    }
}

/// What comparing two filters gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Both match the same; this is proved.
    Equivalent,
    /// One matches what the other does not; both were executed on it.
    Different(Box<Witness>),
    /// It is not known.
    Undecided(Open),
}

/// Filters for different layers cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayersDiffer {
    /// The layers.
    pub layers: [Layer; 2],
}

impl fmt::Display for LayersDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.layers;
        write!(f, "one filter is for layer {a}, the other for layer {b}")
    }
}

impl core::error::Error for LayersDiffer {}

/// Compares what two filters match.
///
/// # Errors
///
/// The filters are for different layers.
///
/// # Examples
///
/// ```
/// use divert_compiler::equiv::{Comparison, Side, compare};
/// use divert_compiler::{compile, Layer};
///
/// let a = compile("tcp.DstPort >= 80 and tcp.DstPort <= 81", Layer::Network)?;
/// let b = compile("tcp.DstPort == 81 or tcp.DstPort == 80", Layer::Network)?;
/// assert_eq!(compare(&a, &b)?, Comparison::Equivalent);
///
/// let c = compile("tcp.DstPort == 80", Layer::Network)?;
/// let Comparison::Different(witness) = compare(&a, &c)? else { panic!() };
/// assert_eq!(witness.matches, Side::A);
/// assert!(a.matches(&witness.packet, &witness.event));
/// assert!(!c.matches(&witness.packet, &witness.event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(a: &Filter, b: &Filter) -> Result<Comparison, LayersDiffer> {
    let layers = [a.layer(), b.layer()];
    let (Some(left), Some(right)) = (written(a), written(b)) else {
        return Ok(Comparison::Undecided(Open::Unreadable));
    };
    let judge = |(packet, event): &Scene| [a, b].map(|filter| filter.matches(packet, event));
    if a.layer() != b.layer() {
        return Err(LayersDiffer { layers });
    }
    Ok(compare_by(&left, &right, &judge))
}

/// Compares two graphs at one layer, as for what an optimisation has done.
///
/// # Errors
///
/// The graphs are for different layers.
///
/// # Examples
///
/// ```
/// use divert_compiler::equiv::{Comparison, compare_graphs};
/// use divert_compiler::graph::Graph;
///
/// let a: Graph = "graph network\nn2: outbound [0: reject, 1: accept] absent reject".parse()?;
/// let b: Graph = "graph network\nn2: inbound [0: accept, 1: reject] absent reject".parse()?;
/// assert_eq!(compare_graphs(&a, &b)?, Comparison::Equivalent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare_graphs(a: &Graph, b: &Graph) -> Result<Comparison, LayersDiffer> {
    let layers = [a.layer(), b.layer()];
    if a.layer() != b.layer() {
        return Err(LayersDiffer { layers });
    }
    Ok(compare_by(a, b, &|scene| {
        [a, b].map(|graph| verdict(graph, scene))
    }))
}

/// Proves that what was generated for a filter matches what its text says.
///
/// Of a difference, [`Side::A`] is the filter as written, [`Side::B`] what
/// was generated. For a filter that was loaded from an object, its
/// instructions are what was written.
///
/// # Examples
///
/// ```
/// use divert_compiler::equiv::{Comparison, validate};
/// use divert_compiler::{compile, Layer};
///
/// let filter = compile("tcp.DstPort == 80 or tcp.DstPort == 81", Layer::Network)?;
/// assert_eq!(validate(&filter), Comparison::Equivalent);
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[must_use]
pub fn validate(filter: &Filter) -> Comparison {
    let Some(written) = written(filter) else {
        return Comparison::Undecided(Open::Unreadable);
    };
    let mut optimised = written.clone();
    opt::optimise(&mut optimised);
    let compare = |graph: &Graph| {
        let judge = |scene: &Scene| [verdict(&written, scene), verdict(graph, scene)];
        compare_by(&written, graph, &judge)
    };
    let outcome = compare(&optimised);
    if outcome != Comparison::Equivalent || filter.instructions().is_empty() {
        return outcome;
    }
    match Graph::of_insns(filter.instructions(), filter.layer()) {
        Some(generated) => compare(&generated),
        None => Comparison::Undecided(Open::Unreadable),
    }
}

/// The graph of a filter as it was written.
pub(crate) fn written(filter: &Filter) -> Option<Graph> {
    if filter.hir().is_empty() {
        return Graph::of_insns(&filter.written().insns, filter.layer());
    }
    Some(Graph::of_hir(filter.hir(), filter.layer()))
}

/// The verdict of a graph.
fn verdict(graph: &Graph, (packet, event): &Scene) -> bool {
    graph.eval(|subject| load(subject, graph.layer(), packet, event))
}

/// Compares two graphs of one layer; `judge` tells the verdicts on a packet.
fn compare_by(a: &Graph, b: &Graph, judge: &dyn Fn(&Scene) -> [bool; 2]) -> Comparison {
    let differs = |scene: &Scene| {
        let [a, b] = judge(scene);
        a != b
    };
    let mut kinds: Vec<Kind> = Kind::all(a.layer()).collect();
    // People know TCP better than packets without any transport header.
    kinds.sort_by_key(|kind| kind.class.transport() == Transport::None);
    let mut open = None;
    for kind in kinds {
        match compare_kind(a, b, kind, &differs) {
            Ok(Found::Nothing) => {}
            Ok(Found::Open) => open = Some(Open::Unrealised),
            Err(TooLarge) => open = Some(Open::TooLarge),
            Ok(Found::Scene(scene)) => {
                let [matches, _] = judge(&scene);
                let (packet, event) = *scene;
                let matches = if matches { Side::A } else { Side::B };
                return Comparison::Different(Box::new(Witness {
                    packet,
                    event,
                    matches,
                }));
            }
        }
    }
    open.map_or(Comparison::Equivalent, Comparison::Undecided)
}

fn compare_kind(
    a: &Graph,
    b: &Graph,
    kind: Kind,
    differs: &dyn Fn(&Scene) -> bool,
) -> Result<Found, TooLarge> {
    let ids = [a, b]
        .into_iter()
        .flat_map(|graph| graph.ids().map(move |id| (graph, id)));
    let nodes = ids.filter_map(|(graph, id)| graph.node(id));
    let mut store = Store::new(kind, nodes.map(|node| node.subject), BUDGET);
    let places = [store.diagram(a)?, store.diagram(b)?];
    if places[0] == places[1] {
        return Ok(Found::Nothing);
    }
    let [a, b] = places;
    let mut effort = Effort::FULL;
    Ok(search::search(&store, kind, a, b, &mut effort, differs))
}
