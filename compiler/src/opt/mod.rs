//! The optimiser: passes over decision graphs.
//!
//! Each pass is one file that opens with the argument why it is sound, and
//! changes a graph in place; what it cuts off stays in the arena until
//! `prune` runs. No pass adds a node.

mod collapse;
mod facts;
mod fold;
mod imply;
mod order;
mod prune;
mod share;

use crate::graph::{Graph, NodeId};

/// One pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Its name, that of its file.
    pub name: &'static str,
    /// Runs it; tells whether it changed anything.
    pub run: fn(&mut Graph) -> bool,
}

/// Every pass, in the order in which they run.
///
/// `order` comes first, for it wants the operands of an `and` as they were
/// written. `imply` leaves nodes whose outcome is decided, which `fold`
/// removes; that brings nodes of one field together for `collapse`, after
/// which more nodes are alike for `share`.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "fold",
        run: fold::run,
    },
    Pass {
        name: "order",
        run: order::run,
    },
    Pass {
        name: "imply",
        run: imply::run,
    },
    Pass {
        name: "fold",
        run: fold::run,
    },
    Pass {
        name: "collapse",
        run: collapse::run,
    },
    Pass {
        name: "share",
        run: share::run,
    },
    Pass {
        name: "prune",
        run: prune::run,
    },
];

/// Most rounds of all passes; nearly every filter is done after one.
const MAX_ROUNDS: usize = 4;

/// Runs all passes, and again if nodes became one behind `imply`: the tests
/// around them may now decide each other.
pub(crate) fn optimise(graph: &mut Graph) {
    for _ in 0..MAX_ROUNDS {
        let mut implied = false;
        let mut again = false;
        for pass in PASSES {
            let changed = (pass.run)(graph);
            again |= implied && changed && pass.name == "collapse";
            implied |= pass.name == "imply";
        }
        if !again {
            break;
        }
    }
}

/// Where an edge to `to` should lead instead, by the places of all nodes.
fn place(places: &[NodeId], to: NodeId) -> NodeId {
    let found = to.index().and_then(|index| places.get(index));
    found.copied().unwrap_or(to)
}
