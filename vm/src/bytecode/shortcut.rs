//! Verdicts that need less than all headers, seen once for a program.

use super::{Cell, Class, HEADER_CELLS, Next, Node};
use crate::isa::Layer;
use crate::packet::{IpVersion, Source, Transport};

/// What is known before any node is visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortcuts {
    /// The verdict whatever the packet, inbound and outbound.
    always: [Option<bool>; 2],
    /// The verdict by the packet's first half byte: neither 4 nor 6, 4, or 6.
    by_version: [[Option<bool>; 2]; 3],
    /// Whether that is known of a version, so that it pays to look.
    peeks: bool,
}

impl Shortcuts {
    /// What the entries of an image say.
    pub(crate) fn of(layer: Layer, cells: &[Cell]) -> Self {
        let by_version = [None, Some(IpVersion::V4), Some(IpVersion::V6)]
            .map(|version| [false, true].map(|outbound| begins(cells, version, outbound)));
        let [other, v4, v6] = by_version;
        let always = if layer.has_packets() {
            [
                common([other, v4, v6].map(|[inbound, _]| inbound)),
                common([other, v4, v6].map(|[_, outbound]| outbound)),
            ]
        } else {
            other
        };
        Self {
            always,
            by_version,
            peeks: layer.has_packets() && [v4, v6].as_flattened().iter().any(Option::is_some),
        }
    }

    /// Whether no packet is ever looked at.
    pub(crate) fn is_constant(&self) -> bool {
        self.always.iter().all(Option::is_some)
    }

    /// The verdict, if it can be had without headers.
    #[inline(always)]
    pub(crate) fn verdict<P: Source + ?Sized>(&self, packet: &P, outbound: bool) -> Option<bool> {
        let always = pick(self.always, outbound);
        if always.is_some() || !self.peeks {
            return always;
        }
        let [other, v4, v6] = self.by_version;
        let verdicts = match packet.read(0).map(|[first]| first >> 4) {
            Some(4) => v4,
            Some(6) => v6,
            _ => other,
        };
        pick(verdicts, outbound)
    }
}

#[inline(always)]
fn pick([inbound, outbound]: [Option<bool>; 2], is_outbound: bool) -> Option<bool> {
    if is_outbound { outbound } else { inbound }
}

/// The verdict on everything that begins like a packet of this version.
///
/// It may turn out to be no packet at all, so that has to have it, too.
fn begins(cells: &[Cell], version: Option<IpVersion>, outbound: bool) -> Option<bool> {
    let of = |version, transport| settled(cells, Class::of(version, transport, outbound));
    let icmp = match version {
        Some(IpVersion::V6) => Transport::Icmpv6,
        _ => Transport::Icmp,
    };
    let transports = [Transport::None, icmp, Transport::Tcp, Transport::Udp];
    common(transports.map(|transport| of(version, transport)))
        .filter(|verdict| of(None, Transport::None) == Some(*verdict))
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
pub(crate) fn entries(cells: &[Cell]) -> [Next; Class::COUNT] {
    let words = cells.get(1..).unwrap_or_default().as_flattened();
    Class::ALL.map(|class| {
        words
            .get(class.index())
            .map_or(Next::FAULT, |word| Next(*word))
    })
}
