//! Makes a packet and an event that pass given constraints, or shows that
//! there are none.
//!
//! The shapes of packets are gone through, the simplest first. In a shape,
//! the constraints on lengths leave a set of places where the packet can end,
//! and all others are about bits at known places, which `bits` fills in.

use divert_vm::bytecode::{Base, DataBase, Load};
use divert_vm::isa::limits::MAX_PACKET_LEN;
use divert_vm::packet::{Transport, ipv4, ipv6};
use divert_vm::{Event, Field, Insn, Layer, Op, Target, trace};

use super::bits::{self, Bits, Filled};
use super::event::{event, hashed};
use super::shape::Shape;
use super::subject::{Kind, header_bits};
use crate::graph::Subject;
use crate::hir::IntervalSet;

/// A subject with what it must be: one of some values, or absent.
pub(super) type Constraint = (Subject, Option<IntervalSet>);

/// A packet, at layers with packets, and its event.
pub(super) type Scene = (Vec<u8>, Event);

/// Whether something passes all constraints.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Scene(Box<Scene>),
    Impossible,
    /// Nothing was found, but there may be something.
    Unknown,
}

/// How much work may be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// How many bits are tried.
    pub(super) bits: usize,
    /// How many hashes are computed.
    pub(super) hashes: u64,
}

/// Most ends of a packet that are tried where it matters.
const MAX_ENDS: usize = 128;

/// Finds a scene that passes the constraints.
pub(super) fn solve(
    constraints: &[Constraint],
    kind: Kind,
    shapes: &[Shape],
    work: &mut Work,
) -> Answer {
    let Some(event) = event(constraints, kind) else {
        return Answer::Impossible;
    };
    if !kind.layer.has_packets() {
        return Answer::Scene(Box::new((Vec::new(), event)));
    }
    if simply_impossible(constraints, kind, work) {
        return Answer::Impossible;
    }
    let mut answer = Answer::Impossible;
    let plainest = Plainest::of(constraints, kind);
    for shape in shapes.iter().filter(|shape| plainest.allows(shape)) {
        let places = Places {
            constraints,
            kind,
            shape,
        };
        match places.solve(work) {
            Answer::Scene(scene) => {
                let (packet, _) = *scene;
                let Some(event) = hashed(constraints, &packet, event, work) else {
                    answer = Answer::Unknown;
                    continue;
                };
                if constraints
                    .iter()
                    .all(|constraint| holds(constraint, kind.layer, &packet, &event))
                {
                    return Answer::Scene(Box::new((packet, event)));
                }
                answer = Answer::Unknown;
            }
            Answer::Unknown => answer = Answer::Unknown,
            Answer::Impossible => {}
        }
    }
    if matches!(answer, Answer::Impossible) {
        return other_shapes(constraints, kind, shapes, work);
    }
    answer
}

/// The answer where none of the shapes that are made will do.
///
/// How long extension headers are matters to data behind the header of IPv6,
/// and where the length is fixed in three ways. Otherwise the shortest can do
/// what any can, so what is impossible without these is so in all shapes.
fn other_shapes(
    constraints: &[Constraint],
    kind: Kind,
    shapes: &[Shape],
    work: &mut Work,
) -> Answer {
    if kind.is_v4() {
        return Answer::Impossible;
    }
    let is_behind = |subject: Subject| {
        is_data_of(subject.field, DataBase::Packet) && !kind.is_in_header(subject)
    };
    let without = |what: &dyn Fn(Subject) -> bool| -> Vec<Constraint> {
        let kept = constraints.iter().filter(|(subject, _)| !what(*subject));
        kept.cloned().collect()
    };
    let weaker = if constraints.iter().any(|(subject, _)| is_behind(*subject)) {
        vec![without(&is_behind)]
    } else if fixes_lengths(constraints, kind) {
        let lengths = [Field::Length, Field::Ipv6Length];
        lengths
            .map(|length| without(&|subject| subject.field == length))
            .to_vec()
    } else {
        return Answer::Impossible;
    };
    let mut is_impossible =
        |weaker: &Vec<Constraint>| matches!(solve(weaker, kind, shapes, work), Answer::Impossible);
    if weaker.iter().any(&mut is_impossible) {
        Answer::Impossible
    } else {
        Answer::Unknown
    }
}

/// The value of a subject.
pub(super) fn load(subject: Subject, layer: Layer, packet: &[u8], event: &Event) -> Option<u128> {
    let insn = Insn {
        field: subject.field,
        op: Op::Eq,
        negative: false,
        args: [0, subject.offset.cast_unsigned(), 0, 0],
        success: Target::ACCEPT,
        failure: Target::REJECT,
    };
    let mut value = None;
    trace(&[insn], layer, packet, event, |step| value = step.value);
    value
}

fn holds(constraint: &Constraint, layer: Layer, packet: &[u8], event: &Event) -> bool {
    let (subject, wanted) = constraint;
    match (load(*subject, layer, packet, event), wanted) {
        (Some(value), Some(set)) => set.contains(value),
        (None, None) => true,
        _ => false,
    }
}

/// What a field must be; everything, if nothing is said.
pub(super) fn wanted(constraints: &[Constraint], field: Field, kind: Kind) -> IntervalSet {
    let (low, high) = kind.domain(field);
    let all = IntervalSet::range(low, high);
    let sets = constraints
        .iter()
        .filter(|(subject, _)| subject.field == field);
    sets.fold(all, |all, (_, set)| match set {
        Some(set) => all.intersect(set),
        None => IntervalSet::default(),
    })
}

/// A value of a set: a certain one if it is there, or the smallest.
pub(super) fn nice(set: &IntervalSet, preferred: u128) -> Option<u128> {
    if set.contains(preferred) {
        return Some(preferred);
    }
    set.ranges().first().map(|(low, _)| *low)
}

/// Whether those constraints alone exclude each other that are about the
/// start of the packet, whatever its shape.
fn simply_impossible(constraints: &[Constraint], kind: Kind, work: &mut Work) -> bool {
    let mut fields = Vec::new();
    for (subject, set) in constraints {
        let Some(set) = set else { continue };
        let start = match Load::of(subject.field, subject.offset) {
            Load::Data {
                base: DataBase::Packet,
                ..
            } => 0,
            Load::Data { .. } => continue,
            _ if subject.field.presence() == divert_vm::Presence::None => continue,
            _ if is_in_ip_header(subject.field) => 0,
            _ => continue,
        };
        fields.extend(place(*subject, set, start, None));
    }
    let version = if kind.is_v4() { 4 } else { 6 };
    fields.push(Bits {
        at: 0,
        width: 4,
        wanted: IntervalSet::range(version, version),
    });
    let end = fields
        .iter()
        .map(|bits| bits.at.saturating_add(bits.width as usize))
        .max();
    let mut packet = vec![0; end.unwrap_or(0).div_ceil(8)];
    bits::fill(fields, &mut packet, &mut work.bits) == Filled::Impossible
}

fn is_in_ip_header(field: Field) -> bool {
    use divert_vm::Presence;
    matches!(field.presence(), Presence::Ip | Presence::Ipv6)
}

/// Whether the length is asked for in three ways: as stated, as it is, and
/// as what headers leave of it. A transport header that is cut off, and so
/// missed, leaves next to nothing.
fn fixes_lengths(constraints: &[Constraint], kind: Kind) -> bool {
    let has = |what: &dyn Fn(Field) -> bool| constraints.iter().any(|(s, _)| what(s.field));
    let leaves_nothing = kind.class.transport() == Transport::None;
    has(&|field| field == Field::Length)
        && has(&|field| matches!(field, Field::IpLength | Field::Ipv6Length))
        && (leaves_nothing || has(&is_payload))
}

/// The lengths of headers that are as good as all others; `None` where it is
/// not known that any are.
///
/// Longer headers move what follows. That matters to data at fixed places of
/// the packet, and where the length is fixed in three ways.
struct Plainest {
    ip: Option<u128>,
    tcp: Option<u128>,
}

impl Plainest {
    fn of(constraints: &[Constraint], kind: Kind) -> Self {
        let at_places = |(subject, _): &Constraint| {
            let in_header = (1..=16).contains(&subject.offset);
            is_data_of(subject.field, DataBase::Packet) && !in_header
        };
        if fixes_lengths(constraints, kind) || constraints.iter().any(at_places) {
            return Self {
                ip: None,
                tcp: None,
            };
        }
        let least =
            |field| nice(&wanted(constraints, field, kind), 5).map(|words| words.saturating_mul(4));
        Self {
            ip: least(Field::IpHdrLength).filter(|_| kind.is_v4()),
            tcp: least(Field::TcpHdrLength),
        }
    }

    fn allows(&self, shape: &Shape) -> bool {
        let wide = |n: usize| u128::try_from(n).unwrap_or(u128::MAX);
        self.ip.is_none_or(|bytes| bytes == wide(shape.ip_header))
            && (shape.tcp_words == 0
                || self
                    .tcp
                    .is_none_or(|bytes| bytes == wide(shape.tcp_words.saturating_mul(4))))
    }
}

fn is_payload(field: Field) -> bool {
    let is_length = matches!(field, Field::TcpPayloadLength | Field::UdpPayloadLength);
    is_length || is_data_of(field, DataBase::Tcp) || is_data_of(field, DataBase::Udp)
}

fn is_data_of(field: Field, of: DataBase) -> bool {
    matches!(Load::of(field, 0), Load::Data { base, .. } if base == of)
}

/// Where a subject lies, and what its bits must be. `start` is the byte that
/// a header, or data with an offset from the start, counts from.
fn place(subject: Subject, set: &IntervalSet, start: usize, end: Option<usize>) -> Option<Bits> {
    let bit = |byte: usize| byte.saturating_mul(8);
    match Load::of(subject.field, subject.offset) {
        Load::Data { width, offset, .. } => {
            let distance = usize::try_from(offset.unsigned_abs()).ok()?;
            let byte = if offset < 0 {
                end?.checked_sub(distance)?
            } else {
                start.checked_add(distance)?
            };
            Some(Bits {
                at: bit(byte),
                width: u32::from(width).checked_mul(8)?,
                wanted: set.clone(),
            })
        }
        Load::Word { .. } => {
            let (_, first, width) = header_bits(subject.field)?;
            let wanted = set.intersect(&IntervalSet::range(
                Load::ordinal_base(subject.field),
                u128::MAX,
            ));
            Some(Bits {
                at: bit(start).checked_add(first as usize)?,
                width,
                wanted: wanted.shifted_down(Load::ordinal_base(subject.field)),
            })
        }
        Load::Field(Field::Ipv6SrcAddr) => Some(wide_bits(bit(ipv6::SRC), set)),
        Load::Field(Field::Ipv6DstAddr) => Some(wide_bits(bit(ipv6::DST), set)),
        Load::Field(Field::Ipv6FlowLabel) => Some(Bits {
            at: 12,
            width: 20,
            wanted: flow_labels(set),
        }),
        Load::Field(_) => None,
    }
}

fn wide_bits(at: usize, set: &IntervalSet) -> Bits {
    Bits {
        at,
        width: 128,
        wanted: set.clone(),
    }
}

/// The flow labels that, swapped as they are loaded, are in a set.
///
/// The low 16 bits of a label are loaded as the high ones, and its high 4
/// bits as bits 8 to 11.
fn flow_labels(set: &IntervalSet) -> IntervalSet {
    let mut labels = Vec::new();
    for high in 0_u128..16 {
        let below = high << 8;
        for (from, end) in set.ranges() {
            let Some(last) = end.checked_sub(below) else {
                continue;
            };
            let (first, last) = (from.saturating_sub(below).div_ceil(1 << 16), last >> 16);
            let last = last.min(0xFFFF);
            if first <= last {
                labels.push((high << 16 | first, high << 16 | last));
            }
        }
    }
    IntervalSet::union_of(labels)
}

/// A shape, and the constraints that are put into it.
struct Places<'a> {
    constraints: &'a [Constraint],
    kind: Kind,
    shape: &'a Shape,
}

/// Lengths of a packet: what it states, how much of it is there.
#[derive(Clone, Copy)]
struct Lengths {
    total: usize,
    len: usize,
}

impl Lengths {
    fn end(self) -> usize {
        self.total.min(self.len)
    }
}

impl Places<'_> {
    fn solve(&self, work: &mut Work) -> Answer {
        for (subject, set) in self.constraints {
            let Some(set) = set else { continue };
            let is_wrong = match subject.field {
                Field::Fragment => self
                    .shape
                    .is_fragment
                    .is_some_and(|is_fragment| !set.contains(is_fragment.into())),
                Field::Protocol => set.intersect(&self.shape.protocols).is_empty(),
                _ => false,
            };
            if is_wrong {
                return Answer::Impossible;
            }
        }
        let (lengths, are_all) = self.lengths();
        let mut answer = if are_all {
            Answer::Impossible
        } else {
            Answer::Unknown
        };
        for lengths in lengths {
            // A packet takes time even where no bit is to be tried.
            work.bits = work.bits.saturating_sub(10);
            let mut packet = vec![0; lengths.len];
            match bits::fill(self.bits(lengths), &mut packet, &mut work.bits) {
                Filled::Done => {
                    return Answer::Scene(Box::new((packet, Event::new(self.kind.layer))));
                }
                Filled::Impossible => {}
                Filled::GaveUp => answer = Answer::Unknown,
            }
        }
        answer
    }

    /// All that is wanted of bits in a packet of these lengths.
    fn bits(&self, lengths: Lengths) -> Vec<Bits> {
        let mut fields = self.shape.fixed.clone();
        let (stated, at) = if self.kind.is_v4() {
            (lengths.total, ipv4::LENGTH)
        } else {
            (lengths.total.saturating_sub(ipv6::HEADER_LEN), ipv6::LENGTH)
        };
        let stated = u128::try_from(stated).unwrap_or(0);
        fields.push(Bits {
            at: at.saturating_mul(8),
            width: 16,
            wanted: IntervalSet::range(stated, stated),
        });
        let transport = self.shape.ip_header;
        for (subject, set) in self.constraints {
            let Some(set) = set else { continue };
            let (start, end) = match Load::of(subject.field, subject.offset) {
                Load::Data {
                    base: DataBase::Packet,
                    ..
                } => (0, lengths.len),
                Load::Data { .. } => (self.shape.payload, lengths.end()),
                Load::Word {
                    base: Base::Ip | Base::Ipv6,
                    ..
                } => (0, 0),
                _ => (transport, 0),
            };
            fields.extend(place(*subject, set, start, Some(end)));
            if subject.field == Field::Protocol {
                fields.push(Bits {
                    at: self.shape.protocol_at.saturating_mul(8),
                    width: 8,
                    wanted: set.clone(),
                });
            }
        }
        fields
    }

    /// Lengths to try, and whether all others can do no more than these.
    fn lengths(&self) -> (Vec<Lengths>, bool) {
        let (total, len, ends) = self.length_sets();
        let matters = self.constraints.iter().any(|(subject, set)| {
            let is_from_end = subject.offset < 0;
            set.is_some() && (is_from_end || self.is_over_length(*subject))
        });
        let limit = if matters { MAX_ENDS } else { 1 };
        let (whole, cut) = (total.intersect(&ends), len.intersect(&ends));
        let narrow = |n: u128| usize::try_from(n).unwrap_or(usize::MAX);
        let lengths = |total: u128, len: u128| Lengths {
            total: narrow(total),
            len: narrow(len),
        };
        let whole_ones = elements(&whole, limit).filter_map(|total| {
            let len = at_least(&len, total)?;
            Some(lengths(total, len))
        });
        let cut_ones = elements(&cut, limit).filter_map(|len| {
            let total = at_least(&total, len.saturating_add(1))?;
            Some(lengths(total, len))
        });
        let is_small = |set: &IntervalSet| elements(set, limit.saturating_add(1)).count() <= limit;
        let are_all = !matters || is_small(&whole) && is_small(&cut);
        (whole_ones.chain(cut_ones).collect(), are_all)
    }

    /// Whether a subject has bits of the stated length.
    fn is_over_length(&self, subject: Subject) -> bool {
        let at = if self.kind.is_v4() {
            ipv4::LENGTH
        } else {
            ipv6::LENGTH
        };
        let Load::Data {
            base: DataBase::Packet,
            width,
            offset,
        } = Load::of(subject.field, subject.offset)
        else {
            return false;
        };
        let Ok(first) = usize::try_from(offset) else {
            return true;
        };
        first < at.saturating_add(2) && at < first.saturating_add(width.into())
    }

    /// What the stated length, the real length, and the end of what the
    /// headers cover can be.
    fn length_sets(&self) -> (IntervalSet, IntervalSet, IntervalSet) {
        let header = u128::try_from(self.kind.least_ip_header()).unwrap_or(0);
        let own = u128::try_from(self.shape.ip_header).unwrap_or(0);
        let most = u128::from(MAX_PACKET_LEN);
        let mut total = if self.kind.is_v4() {
            let wanted = wanted(self.constraints, Field::IpLength, self.kind);
            wanted.intersect(&IntervalSet::range(own, u16::MAX.into()))
        } else {
            let wanted = wanted(self.constraints, Field::Ipv6Length, self.kind);
            let moved = |(low, high): &(u128, u128)| {
                (low.saturating_add(header), high.saturating_add(header))
            };
            wanted.ranges().iter().map(moved).collect()
        };
        if let Some(high_byte) = self.high_byte_of_length() {
            total = total.intersect(&high_byte);
        }
        let mut len = wanted(self.constraints, Field::Length, self.kind)
            .intersect(&IntervalSet::range(own.min(header.max(20)), most));
        let mut payload = IntervalSet::range(0, most);
        for (subject, set) in self.constraints {
            let Load::Data {
                base,
                width,
                offset,
            } = Load::of(subject.field, subject.offset)
            else {
                if matches!(
                    subject.field,
                    Field::TcpPayloadLength | Field::UdpPayloadLength
                ) {
                    payload = set
                        .as_ref()
                        .map(|set| payload.intersect(set))
                        .unwrap_or_default();
                }
                continue;
            };
            let reach = reach(width, offset).map_or(u128::MAX, u128::from);
            let long = IntervalSet::range(reach, u128::MAX);
            let fits = if set.is_some() {
                long
            } else {
                long.complement((0, u128::MAX))
            };
            match base {
                DataBase::Packet => len = len.intersect(&fits),
                DataBase::Tcp | DataBase::Udp => payload = payload.intersect(&fits),
            }
        }
        (total, len, self.ends(&payload))
    }

    /// Where packets whose payload has one of these lengths end.
    fn ends(&self, payload: &IntervalSet) -> IntervalSet {
        let start = u128::try_from(self.shape.payload).unwrap_or(0);
        let moved =
            |(low, high): &(u128, u128)| (low.saturating_add(start), high.saturating_add(start));
        let mut ranges: Vec<(u128, u128)> = payload.ranges().iter().map(moved).collect();
        if payload.contains(0) {
            // Options that are cut off leave no payload either.
            ranges.push((0, start));
        }
        IntervalSet::union_of(ranges).intersect(&self.shape.ends)
    }

    /// The total lengths whose first byte is as some data test wants it.
    fn high_byte_of_length(&self) -> Option<IntervalSet> {
        if !self.kind.is_v4() {
            return None;
        }
        let at = i32::try_from(ipv4::LENGTH).ok()?;
        let is_it =
            |(subject, _): &&Constraint| subject.field == Field::Packet && subject.offset == at;
        let (_, set) = self.constraints.iter().find(is_it)?;
        let whole = |(low, high): &(u128, u128)| (low << 8, high << 8 | 0xFF);
        let ranges = set.as_ref()?.ranges().iter().map(whole).collect();
        Some(IntervalSet::union_of(ranges))
    }
}

/// How many bytes there must be for data at an offset; `None` if no number of
/// them is enough.
fn reach(width: u8, offset: i32) -> Option<u32> {
    if offset < 0 {
        let distance = offset.unsigned_abs();
        return (distance >= width.into()).then_some(distance);
    }
    offset.unsigned_abs().checked_add(width.into())
}

/// The first elements of a set.
fn elements(set: &IntervalSet, most: usize) -> impl Iterator<Item = u128> {
    set.ranges()
        .iter()
        .flat_map(|(low, high)| *low..=*high)
        .take(most)
}

/// The smallest element that is not below a bound.
fn at_least(set: &IntervalSet, bound: u128) -> Option<u128> {
    let range = set.ranges().iter().find(|(_, high)| *high >= bound)?;
    Some(range.0.max(bound))
}
