//! Looks for a packet on which two different diagrams disagree.
//!
//! Subjects are not independent: the bytes of `packet32[3]` are the address
//! of `ip.SrcAddr`. So diagrams can differ in ways that no packet can go, and
//! each way on which they differ is tried, until one is that of a packet. If
//! none is, they are the same after all.

use divert_vm::bytecode::{DataBase, Load};
use divert_vm::{Field, Layer};
use rustc_hash::FxHashSet;

use super::diagram::{Place, Store};
use super::shape::{self, Shape};
use super::solve::{Answer, Constraint, Scene, Work, solve};
use super::subject::Kind;

/// What a search found.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Scene(Box<Scene>),
    /// No packet tells the two apart.
    Nothing,
    /// There are ways that were not looked at, or could not be decided.
    Open,
}

/// How long to search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Most ways that are tried to be made into a packet.
    tries: usize,
    /// Most nodes that are visited.
    steps: usize,
    /// What all tries together may do.
    work: Work,
}

impl Effort {
    /// For an answer that somebody waits for.
    pub(super) const FULL: Self = Self {
        tries: 2_000,
        steps: 200_000,
        work: Work {
            bits: 8_000_000,
            hashes: 1 << 20,
        },
    };

    /// For many small questions together.
    pub(super) const SMALL: Self = Self {
        tries: 1_000,
        steps: 20_000,
        work: Work {
            bits: 100_000,
            hashes: 0,
        },
    };
}

/// Searches for a packet that leads to different verdicts, and for which
/// `differs` confirms that. What it takes comes off the effort.
pub(super) fn search(
    store: &Store,
    kind: Kind,
    a: Place,
    b: Place,
    effort: &mut Effort,
    differs: &dyn Fn(&Scene) -> bool,
) -> Found {
    let shapes = if kind.layer.has_packets() {
        shape::all(kind)
    } else {
        Vec::new()
    };
    let mut search = Search {
        store,
        kind,
        shapes,
        differs,
        constraints: Vec::new(),
        vain: FxHashSet::default(),
        left: *effort,
        is_open: false,
    };
    let found = search.walk(a, b);
    *effort = search.left;
    match found {
        Some(scene) => Found::Scene(scene),
        None if search.is_open => Found::Open,
        None => Found::Nothing,
    }
}

struct Search<'a> {
    store: &'a Store,
    kind: Kind,
    shapes: Vec<Shape>,
    differs: &'a dyn Fn(&Scene) -> bool,
    /// What holds on the way.
    constraints: Vec<Constraint>,
    /// Pairs that were searched in vain, with those constraints on the way
    /// there that can have a part in it.
    vain: FxHashSet<(Place, Place, Vec<Constraint>)>,
    left: Effort,
    is_open: bool,
}

impl Search<'_> {
    fn walk(&mut self, a: Place, b: Place) -> Option<Box<Scene>> {
        if a == b {
            return None;
        }
        let Some(steps) = self.left.steps.checked_sub(1) else {
            self.is_open = true;
            return None;
        };
        self.left.steps = steps;
        if a.is_verdict() && b.is_verdict() {
            return self.try_way();
        }
        let key = (a, b, self.entangled());
        if self.vain.contains(&key) {
            return None;
        }
        let was_open = core::mem::take(&mut self.is_open);
        let (subject, parts) = self.store.parts(a, b)?;
        for part in parts.into_iter().filter(|part| part.to[0] != part.to[1]) {
            let [a, b] = part.to;
            let is_possible = {
                self.constraints.push((subject, part.values));
                !self.is_impossible()
            };
            let found = if is_possible { self.walk(a, b) } else { None };
            self.constraints.pop();
            if found.is_some() {
                return found;
            }
        }
        if !self.is_open {
            self.vain.insert(key);
        }
        self.is_open |= was_open;
        None
    }

    /// Makes a packet of the way to two different verdicts.
    fn try_way(&mut self) -> Option<Box<Scene>> {
        match self.solve() {
            Answer::Scene(scene) if (self.differs)(&scene) => Some(scene),
            Answer::Impossible => None,
            Answer::Scene(_) | Answer::Unknown => {
                self.is_open = true;
                None
            }
        }
    }

    /// Whether something passes the constraints so far.
    fn solve(&mut self) -> Answer {
        let Some(tries) = self.left.tries.checked_sub(1) else {
            return Answer::Unknown;
        };
        self.left.tries = tries;
        let work = &mut self.left.work;
        solve(&self.constraints, self.kind, &self.shapes, work)
    }

    /// Whether the last constraint contradicts those before; not asked where
    /// it hardly can.
    fn is_impossible(&mut self) -> bool {
        let Some(((last, _), before)) = self.constraints.split_last() else {
            return false;
        };
        let with_others = before
            .iter()
            .any(|(subject, _)| is_entangled(subject.field, self.kind.layer));
        let can = is_packet(last.field) || is_entangled(last.field, self.kind.layer) && with_others;
        if !can {
            return false;
        }
        matches!(self.solve(), Answer::Impossible)
    }

    /// The constraints on subjects that others depend on: all of them, where
    /// bytes of the whole packet are looked at.
    fn entangled(&self) -> Vec<Constraint> {
        let all = self.store.has(&|subject| is_packet(subject.field));
        let layer = self.kind.layer;
        let kept = self
            .constraints
            .iter()
            .filter(|(s, _)| all || is_entangled(s.field, layer));
        kept.cloned().collect()
    }
}

fn is_packet(field: Field) -> bool {
    matches!(
        Load::of(field, 0),
        Load::Data {
            base: DataBase::Packet,
            ..
        }
    )
}

/// Whether a field says something of what other fields, packet data left out,
/// can be.
fn is_entangled(field: Field, layer: Layer) -> bool {
    if field.field_type().is_data() {
        return true;
    }
    match field {
        Field::Length | Field::IpLength | Field::Ipv6Length => true,
        Field::TcpPayloadLength | Field::UdpPayloadLength => true,
        Field::IpHdrLength | Field::TcpHdrLength => true,
        Field::Fragment | Field::IpMf | Field::IpFragOff => true,
        Field::Protocol | Field::IpProtocol | Field::Ipv6NextHdr => true,
        // The hash depends on everything, and on the time most.
        Field::Random8 | Field::Random16 | Field::Random32 | Field::Timestamp => true,
        Field::Tcp | Field::Udp | Field::Icmp | Field::Icmpv6 => !layer.has_packets(),
        _ => false,
    }
}
