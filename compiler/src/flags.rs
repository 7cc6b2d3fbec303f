//! What a program could accept: decides where a driver has to hook.
//!
//! The analysis is the reference's, over-approximation included (spec: filter
//! bytecode, section 5), for a driver installs callouts by it.

use divert_vm::{Field, Insn, Layer, Op, Target};

/// The summary word that accompanies a program to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct FilterFlags(u64);

impl FilterFlags {
    /// Inbound packets may match.
    pub const INBOUND: Self = Self(0x10);
    /// Outbound packets may match.
    pub const OUTBOUND: Self = Self(0x20);
    /// IPv4 may match.
    pub const IPV4: Self = Self(0x40);
    /// IPv6 may match.
    pub const IPV6: Self = Self(0x80);
    /// The end of a flow may match.
    pub const FLOW_DELETED: Self = Self(0x100);
    /// A bind may match.
    pub const SOCKET_BIND: Self = Self(0x200);
    /// A connect may match.
    pub const SOCKET_CONNECT: Self = Self(0x400);
    /// A listen may match.
    pub const SOCKET_LISTEN: Self = Self(0x800);
    /// An accept may match.
    pub const SOCKET_ACCEPT: Self = Self(0x1000);
    /// The close of a socket may match.
    pub const SOCKET_CLOSE: Self = Self(0x2000);

    /// The word as it is sent.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing can match.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn set(&mut self, flag: Self, on: bool) {
        if on {
            self.0 |= flag.0;
        }
    }

    /// Summarises a program for a layer.
    pub(crate) fn analyse(insns: &[Insn], layer: Layer) -> Self {
        let mut flags = Self::default();
        let mut may = May::new(insns);
        if !may.accept(Field::Zero, 0) {
            return flags;
        }
        if layer.has_packets() {
            let inbound = may.accept(Field::Inbound, 1) && may.accept(Field::Outbound, 0);
            let outbound = may.accept(Field::Outbound, 1) && may.accept(Field::Inbound, 0);
            flags.set(Self::INBOUND, inbound);
            flags.set(Self::OUTBOUND, outbound);
        }
        if layer != Layer::Reflect {
            let ipv4 = may.accept(Field::Ip, 1) && may.accept(Field::Ipv6, 0);
            let ipv6 = may.accept(Field::Ipv6, 1) && may.accept(Field::Ip, 0);
            flags.set(Self::IPV4, ipv4);
            flags.set(Self::IPV6, ipv6);
        }
        for (flag, event) in event_flags(layer) {
            flags.set(*flag, may.accept(Field::Event, *event));
        }
        flags
    }
}

const fn event_flags(layer: Layer) -> &'static [(FilterFlags, u32)] {
    match layer {
        // The start of a flow needs no flag.
        Layer::Flow => &[(FilterFlags::FLOW_DELETED, 2)],
        Layer::Socket => &[
            (FilterFlags::SOCKET_BIND, 3),
            (FilterFlags::SOCKET_CONNECT, 4),
            (FilterFlags::SOCKET_LISTEN, 5),
            (FilterFlags::SOCKET_ACCEPT, 6),
            (FilterFlags::SOCKET_CLOSE, 7),
        ],
        _ => &[],
    }
}

/// Whether a program may accept if one field has a known value.
struct May<'a> {
    insns: &'a [Insn],
    /// By instruction: whether it may lead to acceptance.
    accepts: Vec<bool>,
}

impl<'a> May<'a> {
    fn new(insns: &'a [Insn]) -> Self {
        Self {
            insns,
            accepts: vec![true; insns.len()],
        }
    }

    fn accept(&mut self, field: Field, value: u32) -> bool {
        for (at, insn) in self.insns.iter().enumerate().rev() {
            let success = self.target(insn.success);
            let failure = self.target(insn.failure);
            let accepts = match decide(insn, field, value) {
                _ if success == failure => success,
                Some(true) => success,
                Some(false) => failure,
                None => true,
            };
            if let Some(slot) = self.accepts.get_mut(at) {
                *slot = accepts;
            }
        }
        self.accepts.first().copied().unwrap_or(true)
    }

    fn target(&self, target: Target) -> bool {
        match (target, target.index()) {
            (_, Some(index)) => self
                .accepts
                .get(usize::from(index))
                .copied()
                .unwrap_or(true),
            (verdict, None) => verdict == Target::ACCEPT,
        }
    }
}

/// The outcome of a test, if it is on that field and its constant is small.
fn decide(insn: &Insn, field: Field, value: u32) -> Option<bool> {
    let [low, high @ ..] = insn.args;
    if insn.field != field || insn.negative || high != [0; 3] {
        return None;
    }
    Some(match insn.op {
        Op::Eq => value == low,
        Op::Ne => value != low,
        Op::Lt => value < low,
        Op::Le => value <= low,
        Op::Gt => value > low,
        Op::Ge => value >= low,
    })
}

/// Whether a program can accept at all, and whether it can reject at all, as
/// far as its jumps tell.
pub(crate) fn outcomes(insns: &[Insn]) -> (bool, bool) {
    let mut outcomes = vec![(false, false); insns.len()];
    for (at, insn) in insns.iter().enumerate().rev() {
        let of = |target: Target| match (target, target.index()) {
            (_, Some(index)) => outcomes
                .get(usize::from(index))
                .copied()
                .unwrap_or_default(),
            (verdict, None) => (verdict == Target::ACCEPT, verdict == Target::REJECT),
        };
        let (success, failure) = (of(insn.success), of(insn.failure));
        if let Some(slot) = outcomes.get_mut(at) {
            *slot = (success.0 || failure.0, success.1 || failure.1);
        }
    }
    outcomes.first().copied().unwrap_or_default()
}
