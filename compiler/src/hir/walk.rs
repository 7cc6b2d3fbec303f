//! A walk over a filter from what is evaluated last to what comes first, so
//! that whoever follows knows where each test goes on.

use divert_grammar::Span;

use super::{Hir, HirId, List, Node, Test};

/// The two ways a node can go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exits<N> {
    pub(crate) success: N,
    pub(crate) failure: N,
}

/// Takes the tests, last to first.
pub(crate) trait Sink {
    /// A place to go on.
    type Next: Copy;

    /// Adds a test that goes on at `exits`; gives its own place.
    fn test(&mut self, test: &Test, exits: Exits<Self::Next>, span: Span) -> Self::Next;
}

/// Gives every test of a filter to `sink`; tells where the filter starts.
pub(crate) fn walk<S: Sink>(hir: &Hir, sink: &mut S, exits: Exits<S::Next>) -> S::Next {
    let mut walk = Walk {
        hir,
        sink,
        pending: Vec::new(),
    };
    let mut next = walk.enter(hir.root(), exits);
    while let Some(parent) = walk.pending.pop() {
        next = walk.resume(parent, next);
    }
    next
}

struct Walk<'a, S: Sink> {
    hir: &'a Hir,
    sink: &'a mut S,
    pending: Vec<Pending<S::Next>>,
}

/// A node whose last child has been walked, and what remains of it.
enum Pending<N> {
    And {
        rest: List,
        failure: N,
    },
    Or {
        rest: List,
        success: N,
    },
    /// The else part is done; then part and condition remain.
    Then {
        cond: HirId,
        then: HirId,
        exits: Exits<N>,
    },
    /// Both parts are done; the condition remains.
    Cond {
        cond: HirId,
        otherwise: N,
    },
}

impl<S: Sink> Walk<'_, S> {
    /// Goes on with a node of which everything from `next` on is done.
    fn resume(&mut self, parent: Pending<S::Next>, next: S::Next) -> S::Next {
        let (id, exits) = match parent {
            Pending::And { rest, failure } => {
                let Some((id, rest)) = self.hir.split_last(rest) else {
                    return next;
                };
                self.pending.push(Pending::And { rest, failure });
                let success = next;
                (id, Exits { success, failure })
            }
            Pending::Or { rest, success } => {
                let Some((id, rest)) = self.hir.split_last(rest) else {
                    return next;
                };
                self.pending.push(Pending::Or { rest, success });
                let failure = next;
                (id, Exits { success, failure })
            }
            Pending::Then { cond, then, exits } => {
                let otherwise = next;
                self.pending.push(Pending::Cond { cond, otherwise });
                (then, exits)
            }
            Pending::Cond { cond, otherwise } => {
                let (success, failure) = (next, otherwise);
                (cond, Exits { success, failure })
            }
        };
        self.enter(id, exits)
    }

    /// Walks the part of a node that is evaluated last; it leaves the node
    /// the way the node is left.
    fn enter(&mut self, mut id: HirId, exits: Exits<S::Next>) -> S::Next {
        loop {
            match self.hir.node(id) {
                Node::Const(true) => return exits.success,
                Node::Const(false) => return exits.failure,
                Node::Test(test) => {
                    let span = self.hir.span(id);
                    return self.sink.test(test, exits, span);
                }
                Node::And(list) => {
                    let Some((last, rest)) = self.hir.split_last(*list) else {
                        return exits.success;
                    };
                    let failure = exits.failure;
                    self.pending.push(Pending::And { rest, failure });
                    id = last;
                }
                Node::Or(list) => {
                    let Some((last, rest)) = self.hir.split_last(*list) else {
                        return exits.failure;
                    };
                    let success = exits.success;
                    self.pending.push(Pending::Or { rest, success });
                    id = last;
                }
                Node::If {
                    cond,
                    then,
                    otherwise,
                } => {
                    let (cond, then) = (*cond, *then);
                    self.pending.push(Pending::Then { cond, then, exits });
                    id = *otherwise;
                }
            }
        }
    }
}
