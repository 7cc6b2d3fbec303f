//! What kinds of event a program can accept, and which reach each test.
//!
//! Events fall into classes by what they are made of: direction, IP version,
//! transport header, number of the event. Within a class some tests are
//! decided; all others can go either way. So "accepts" means "as far as the
//! class tells", and "does not accept" is certain.

use divert_vm::{Field, FieldType, Insn, Interval, Layer, Presence, Target};

use crate::hir::{IntervalSet, Test};

/// One kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// `None` at layers without directions.
    pub(super) outbound: Option<bool>,
    /// [`Presence::Ip`], [`Presence::Ipv6`], or nothing at REFLECT.
    pub(super) family: Presence,
    /// [`Presence::None`] for all transports that no field asks for.
    pub(super) transport: Presence,
    /// Name and number of the event.
    pub(super) event: (&'static str, u8),
    /// On which side of the IPv4 addresses those of IPv6 flows lie.
    local: Side,
    remote: Side,
}

/// Addresses of IPv6 flows are below or above those of IPv4.
///
/// A test for a range is two comparisons, which neither decides alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Any,
    Below,
    Above,
}

impl Side {
    /// The pairs for both ends of what a class holds.
    const fn pairs(family: Presence, layer: Layer) -> &'static [(Self, Self)] {
        match (family, layer) {
            (Presence::Ipv6, Layer::Flow | Layer::Socket) => &[
                (Self::Below, Self::Below),
                (Self::Below, Self::Above),
                (Self::Above, Self::Below),
                (Self::Above, Self::Above),
            ],
            _ => &[(Self::Any, Self::Any)],
        }
    }
}

impl Class {
    fn all(layer: Layer) -> Vec<Self> {
        let outbound: &[Option<bool>] = match layer {
            Layer::NetworkForward | Layer::Reflect => &[None],
            _ => &[Some(false), Some(true)],
        };
        let families: &[Presence] = match layer {
            Layer::Reflect => &[Presence::None],
            _ => &[Presence::Ip, Presence::Ipv6],
        };
        let mut classes = Vec::new();
        let pairs = outbound
            .iter()
            .flat_map(|o| families.iter().map(|f| (*o, *f)));
        for (outbound, family) in pairs {
            for transport in transports(family) {
                for (local, remote) in Side::pairs(family, layer) {
                    classes.extend(layer.events().iter().map(|event| Self {
                        outbound,
                        family,
                        transport: *transport,
                        event: *event,
                        local: *local,
                        remote: *remote,
                    }));
                }
            }
        }
        classes
    }

    /// Whether events of the class have a header.
    pub(super) fn has(&self, header: Presence) -> bool {
        header == Presence::None || header == self.family || header == self.transport
    }

    /// The value that a field has throughout the class.
    fn value(&self, field: Field, layer: Layer) -> Option<u128> {
        let is_header = |p: &Presence| p.field() == Some(field);
        if let Some(header) = Presence::HEADERS.iter().find(|p| is_header(p)) {
            // The stock interpreter never sets `ip` and `ipv6` for flows.
            let is_family = matches!(header, Presence::Ip | Presence::Ipv6);
            let set = self.has(*header) && (layer.has_packets() || !is_family);
            return Some(set.into());
        }
        match field {
            Field::Zero => Some(0),
            Field::Inbound => self.outbound.map(|outbound| u128::from(!outbound)),
            Field::Outbound => self.outbound.map(u128::from),
            Field::Event => Some(self.event.1.into()),
            _ => None,
        }
    }

    /// The values an address of either version can have within the class.
    fn addresses(&self, side: Side) -> IntervalSet {
        let (low, high) = FieldType::Ipv4Addr.range();
        let (low, high) = (low.magnitude, high.magnitude);
        match (self.family, side) {
            (Presence::Ip, _) => IntervalSet::range(low, high),
            (_, Side::Any) => IntervalSet::range(0, u128::MAX),
            (_, Side::Below) => IntervalSet::range(0, low.saturating_sub(1)),
            (_, Side::Above) => IntervalSet::range(high.saturating_add(1), u128::MAX),
        }
    }
}

const fn transports(family: Presence) -> &'static [Presence] {
    match family {
        Presence::Ip => &[Presence::None, Presence::Icmp, Presence::Tcp, Presence::Udp],
        Presence::Ipv6 => &[
            Presence::None,
            Presence::Icmpv6,
            Presence::Tcp,
            Presence::Udp,
        ],
        _ => &[Presence::None],
    }
}

/// The classes of a layer, and how far each gets through a program.
pub(super) struct Analysis {
    classes: Vec<(Class, Walk)>,
}

struct Walk {
    accepts: bool,
    /// By instruction: whether an event of the class can get there.
    reaches: Vec<bool>,
}

impl Analysis {
    pub(super) fn new(insns: &[Insn], layer: Layer) -> Self {
        let tests: Vec<Test> = insns.iter().map(of_insn).collect();
        let walk = |class: Class| (class, Walk::new(insns, &tests, &class, layer));
        Self {
            classes: Class::all(layer).into_iter().map(walk).collect(),
        }
    }

    /// The classes of which the program may accept an event.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &Class> {
        let accepted = self.classes.iter().filter(|(_, walk)| walk.accepts);
        accepted.map(|(class, _)| class)
    }

    /// The headers that every accepted event has.
    pub(super) fn needs(&self) -> impl Iterator<Item = Presence> {
        let any = self.accepted().next().is_some();
        let needed = move |header: &Presence| any && self.accepted().all(|c| c.has(*header));
        Presence::HEADERS.into_iter().filter(needed)
    }

    /// Whether events without the header get to the instruction.
    pub(super) fn reached_without(&self, header: Presence, at: usize) -> bool {
        self.classes.iter().any(|(class, walk)| {
            !class.has(header) && walk.reaches.get(at).copied().unwrap_or_default()
        })
    }
}

impl Walk {
    fn new(insns: &[Insn], tests: &[Test], class: &Class, layer: Layer) -> Self {
        let mut walk = Self {
            accepts: false,
            reaches: vec![false; insns.len()],
        };
        if let Some(first) = walk.reaches.first_mut() {
            *first = true;
        }
        for (at, (insn, test)) in insns.iter().zip(tests).enumerate() {
            let reached = walk.reaches.get(at).copied().unwrap_or_default();
            if !reached || !insn.field.layers().contains(layer) {
                continue;
            }
            let outcome = decide(test, class, layer);
            if outcome != Some(false) {
                walk.go(insn.success);
            }
            if outcome != Some(true) {
                walk.go(insn.failure);
            }
        }
        walk
    }

    fn go(&mut self, target: Target) {
        match target.index() {
            Some(index) => {
                if let Some(slot) = self.reaches.get_mut(usize::from(index)) {
                    *slot = true;
                }
            }
            None => self.accepts |= target == Target::ACCEPT,
        }
    }
}

/// The outcome of a test for every event of a class, if it is the same.
fn decide(test: &Test, class: &Class, layer: Layer) -> Option<bool> {
    let ty = test.field.field_type();
    let header = test.field.presence();
    if !class.has(header) {
        return Some(false);
    }
    // The stock interpreter swaps the bytes of a flow label, which takes it
    // out of its range.
    if matches!(ty, FieldType::U20) {
        return None;
    }
    if test.values.is_empty() {
        return Some(false);
    }
    if let Some(value) = class.value(test.field, layer) {
        return Some(test.values.contains(value));
    }
    let domain = Interval::domain(test.field);
    if ty.is_data() {
        return None;
    }
    let possible = match test.field {
        Field::LocalAddr => class.addresses(class.local),
        Field::RemoteAddr => class.addresses(class.remote),
        _ => IntervalSet::range(domain.0, domain.1),
    };
    if test.values.intersect(&possible).is_empty() {
        return Some(false);
    }
    let others = test.values.complement(domain);
    others.intersect(&possible).is_empty().then_some(true)
}

/// What an instruction asks.
pub(super) fn of_insn(insn: &Insn) -> Test {
    Test::compare(insn.field, insn.offset(), insn.op, insn.constant())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compiler;

    fn analyse(text: &str, layer: Layer) -> Analysis {
        let filter = Compiler::new().layer(layer).compile(text).unwrap();
        Analysis::new(&filter.written().insns, layer)
    }

    #[track_caller]
    fn check_needs(text: &str, expect: &[Presence]) {
        let needs: Vec<_> = analyse(text, Layer::Network).needs().collect();
        assert_eq!(needs, expect, "{text}");
    }

    #[test]
    fn a_header_is_needed_if_no_match_is_without_it() {
        check_needs("tcp", &[Presence::Tcp]);
        check_needs("tcp.DstPort = 1 or tcp.SrcPort = 1", &[Presence::Tcp]);
        check_needs("tcp.DstPort = 1 or udp.SrcPort = 1", &[]);
        check_needs(
            "tcp.DstPort = 1 and ip.TTL = 1",
            &[Presence::Ip, Presence::Tcp],
        );
        check_needs("icmp.Type = 8", &[Presence::Ip, Presence::Icmp]);
        check_needs("not icmp", &[]);
        check_needs("not ip", &[Presence::Ipv6]);
        check_needs("false", &[]);
        check_needs("localAddr = fe80::1", &[Presence::Ipv6]);
        check_needs("localAddr = 10.0.0.1", &[]);
        check_needs("(tcp? tcp.Syn: udp.DstPort = 53)", &[]);
        check_needs("(tcp? ip.TTL = 1: icmp.Type = 1)", &[Presence::Ip]);
    }

    #[test]
    fn events_of_a_layer_are_told_apart() {
        let events = |text: &str| {
            let analysis = analyse(text, Layer::Socket);
            let mut events: Vec<_> = analysis.accepted().map(|c| c.event.0).collect();
            events.sort_unstable();
            events.dedup();
            events
        };
        assert_eq!(events("event = BIND or event = CLOSE"), ["BIND", "CLOSE"]);
        assert_eq!(events("not event = BIND and event != ACCEPT").len(), 3);
        assert_eq!(events("event = 1"), [""; 0]);
    }

    #[test]
    fn flows_of_ipv4_are_known_by_their_address() {
        let analysis = analyse("ip", Layer::Flow);
        assert!(analysis.accepted().all(|class| class.has(Presence::Ip)));
        assert!(analysis.accepted().next().is_some());
    }
}
