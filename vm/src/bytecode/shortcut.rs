//! Verdicts that need less than all headers, seen once for a program.

use core::hint::black_box;

use super::{Cell, Class, HEADER_CELLS, Next, Node};
use crate::event::Event;
use crate::isa::Layer;
use crate::packet::{IpVersion, Transport};

/// What is known of a program before any node is visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortcuts {
    /// The verdict whatever the packet, inbound and outbound.
    always: [Option<bool>; 2],
    /// Whether the direction of a packet makes a difference.
    has_directions: bool,
    /// One bit a class: whether its verdict is that of all packets which look
    /// as if they were of it, so that it is not worth a check.
    early: u32,
    /// Where execution starts, by class; more than there are, so that looking
    /// one up needs no comparison.
    entries: [Next; PLACES],
}

/// Places for entries: the next power of two.
const PLACES: usize = 32;

/// Index of what looks like an IPv6 packet with extension headers. That is no
/// class, but all that it may turn out to be can have one verdict.
pub(crate) const EXTENDED: u8 = 18;

impl Shortcuts {
    /// What the entries of an image say.
    pub(crate) fn of(layer: Layer, cells: &[Cell]) -> Self {
        let mut found = Self {
            always: [None; 2],
            has_directions: false,
            early: 0,
            entries: [Next::FAULT; PLACES],
        };
        let written = entries(cells);
        for (place, (entry, class)) in found.entries.iter_mut().zip(written.iter().zip(Class::ALL))
        {
            *place = settled(cells, class).map_or(*entry, Next::of_verdict);
        }
        let nothing = found.verdicts(None);
        let others = [IpVersion::V4, IpVersion::V6].map(|version| found.verdicts(Some(version)));
        found.always = if layer.has_packets() {
            let [v4, v6] = others;
            [0, 1].map(|at| common([nothing, v4, v6].map(|verdicts| pick(verdicts, at == 1))))
        } else {
            nothing
        };
        let [_, v6] = others;
        found.note_early(nothing, v6);
        let pairs = found.entries.as_chunks::<2>().0;
        found.has_directions = pairs.iter().any(|[inbound, outbound]| inbound != outbound);
        found
    }

    /// The verdict on all packets of a version, inbound and outbound.
    fn verdicts(&self, version: Option<IpVersion>) -> [Option<bool>; 2] {
        [false, true].map(|outbound| {
            let mut verdicts = Class::ALL
                .into_iter()
                .zip(self.entries)
                .filter(|(class, _)| class.version() == version && class.outbound() == outbound)
                .map(|(_, entry)| entry.verdict());
            let first = verdicts.next()?;
            first.filter(|_| verdicts.all(|verdict| verdict == first))
        })
    }

    /// Finds the classes whose verdict needs no check.
    ///
    /// What looks like TCP may turn out to be without transport, because it is
    /// cut or a fragment, or to be no packet at all. The verdict on those has
    /// to be the same.
    fn note_early(&mut self, nothing: [Option<bool>; 2], v6: [Option<bool>; 2]) {
        let written = self.entries;
        let mut note = |index: usize, verdict: Option<bool>| {
            if let (Some(verdict), Some(place)) = (verdict, self.entries.get_mut(index)) {
                *place = Next::of_verdict(verdict);
                self.early |= u32::try_from(index).map_or(0, |at| 1_u32.wrapping_shl(at));
            }
        };
        let verdict = |class: Class| written.get(class.index()).and_then(|entry| entry.verdict());
        for class in Class::ALL {
            let outbound = class.outbound();
            if class.version().is_some() {
                let bare = Class::of(class.version(), Transport::None, outbound);
                let may_be = [verdict(class), verdict(bare), pick(nothing, outbound)];
                note(class.index(), common(may_be));
            }
        }
        for outbound in [false, true] {
            let may_be = [pick(v6, outbound), pick(nothing, outbound)];
            note(usize::from(EXTENDED | u8::from(outbound)), common(may_be));
        }
    }

    /// Whether no packet is ever looked at.
    pub(crate) fn is_constant(&self) -> bool {
        self.always.iter().all(Option::is_some)
    }

    /// Whether an event leaves this host, as far as it makes a difference.
    ///
    /// If it makes none, the event is not touched, which need not be in the
    /// cache. The compiler would rather read it always than jump.
    #[inline(always)]
    pub(crate) fn outbound(&self, event: &Event) -> bool {
        self.has_directions && black_box(event).outbound
    }

    /// The verdict, if it can be had without a look at the packet.
    #[inline(always)]
    pub(crate) fn verdict(&self, outbound: bool) -> Option<bool> {
        pick(self.always, outbound)
    }

    /// Where execution starts for the class with this index.
    #[inline(always)]
    pub(crate) fn entry(&self, class: u8) -> Next {
        let place = usize::from(class) & (PLACES - 1);
        self.entries.get(place).copied().unwrap_or(Next::FAULT)
    }

    /// Whether the entry of a class is the verdict on all that looks like it.
    #[inline(always)]
    pub(crate) fn is_early(&self, class: u8) -> bool {
        self.early.wrapping_shr(class.into()) & 1 == 1
    }
}

#[inline(always)]
fn pick([inbound, outbound]: [Option<bool>; 2], is_outbound: bool) -> Option<bool> {
    if is_outbound { outbound } else { inbound }
}

/// The verdict that is the same for all.
fn common<const N: usize>(verdicts: [Option<bool>; N]) -> Option<bool> {
    let first = verdicts.first().copied().flatten();
    first.filter(|_| verdicts.iter().all(|verdict| *verdict == first))
}

/// The verdict on a class, if its entry is one or leads to one in any case.
fn settled(cells: &[Cell], class: Class) -> Option<bool> {
    let entry = entries(cells).get(class.index()).copied()?;
    if entry.verdict().is_some() {
        return entry.verdict();
    }
    let body = cells.get(HEADER_CELLS..)?;
    let node = Node::read(body.get(usize::try_from(entry.0).ok()?)?)?;
    common(node.targets().map(Next::verdict))
}

/// Where execution starts, by class.
fn entries(cells: &[Cell]) -> [Next; Class::COUNT] {
    let words = cells.get(1..).unwrap_or_default().as_flattened();
    Class::ALL.map(|class| {
        words
            .get(class.index())
            .map_or(Next::FAULT, |word| Next(*word))
    })
}
