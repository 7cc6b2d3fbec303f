//! What a subject can be in packets of one class.
//!
//! Stronger than what the optimiser may use, for it speaks only of packets
//! and events that can occur: a packet is an IP packet, an event has the
//! record of its layer, and all values are in their documented ranges.

use divert_vm::bytecode::{Base, Class, DataBase, Load};
use divert_vm::isa::limits::{MAX_PACKET_LEN, MAX_PRIORITY};
use divert_vm::packet::{IpVersion, Transport, icmp, ipv4, ipv6, tcp, udp};
use divert_vm::{Field, Interval, Layer, Value};

use crate::graph::{Known, Subject, Theory, canonical};

/// The kind of packets and events that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) layer: Layer,
    pub(super) class: Class,
}

/// What a subject can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// It is absent.
    Never,
    /// It has this value.
    Always(u128),
    /// It has one of these values.
    Present(u128, u128),
    /// It has one of these values, or is absent.
    Open(u128, u128),
}

impl Kind {
    /// Every kind of packets or events that can occur at a layer.
    pub(super) fn all(layer: Layer) -> impl Iterator<Item = Self> {
        let has_packets = layer.has_packets();
        let occurs = move |class: &Class| class.version().is_some() == has_packets;
        let classes = Class::ALL.into_iter().filter(occurs);
        classes.map(move |class| Self { layer, class })
    }

    pub(super) const fn is_v4(self) -> bool {
        matches!(self.class.version(), Some(IpVersion::V4))
    }

    /// Bytes of the shortest header of the IP version.
    pub(super) const fn least_ip_header(self) -> usize {
        match self.class.version() {
            Some(IpVersion::V4) => ipv4::HEADER_LEN,
            Some(IpVersion::V6) => ipv6::HEADER_LEN,
            None => 0,
        }
    }

    /// Bytes of the transport header, TCP options left out.
    pub(super) const fn least_transport_header(self) -> usize {
        match self.class.transport() {
            Transport::None => 0,
            Transport::Tcp => tcp::HEADER_LEN,
            Transport::Udp => udp::HEADER_LEN,
            Transport::Icmp | Transport::Icmpv6 => icmp::HEADER_LEN,
        }
    }

    /// What a subject can be.
    pub(super) fn values(self, subject: Subject) -> Values {
        let field = subject.field;
        match Theory::of(field, self.layer).in_class(field, self.class) {
            Known::Absent => return Values::Never,
            Known::Value(value) => return Values::Always(value.into()),
            Known::Present | Known::Nothing => {}
        }
        let (low, high) = self.domain(field);
        if low == high {
            return Values::Always(low);
        }
        if field.field_type().is_data() && !self.is_in_header(subject) {
            Values::Open(low, high)
        } else {
            Values::Present(low, high)
        }
    }

    /// Whether data lies in the part of the IP header that is always there.
    pub(super) fn is_in_header(self, subject: Subject) -> bool {
        let Load::Data { base, width, .. } = Load::of(subject.field, subject.offset) else {
            return false;
        };
        let offset = usize::try_from(subject.offset);
        let end = offset.map(|at| at.saturating_add(width.into()));
        base == DataBase::Packet && end.is_ok_and(|end| end <= self.least_ip_header())
    }

    /// The smallest and largest ordinal of a field that is there.
    pub(super) fn domain(self, field: Field) -> (u128, u128) {
        let wide = |n: usize| u128::try_from(n).unwrap_or(u128::MAX);
        let headers = self
            .least_ip_header()
            .saturating_add(self.least_transport_header());
        let (low, high) = Interval::domain(field);
        let has_transport = self.class.transport() != Transport::None;
        match field {
            Field::Ipv6FlowLabel => (0, u128::from(u32::MAX)),
            Field::IpHdrLength | Field::TcpHdrLength => (5, high),
            Field::IpFragOff if has_transport => (0, 0),
            Field::Length => (wide(headers), u128::from(MAX_PACKET_LEN)),
            Field::IpLength => (wide(headers), high),
            Field::Ipv6Length => (wide(self.least_transport_header()), high),
            Field::TcpPayloadLength | Field::UdpPayloadLength => {
                let least = if self.is_v4() {
                    headers
                } else {
                    self.least_transport_header()
                };
                (low, high.saturating_sub(wide(least)))
            }
            Field::Priority => {
                let ordinal = |value| Interval::ordinal_of(field, value);
                let most = u128::from(MAX_PRIORITY);
                (ordinal(Value::negated(most)), ordinal(Value::new(most)))
            }
            Field::Event => {
                let numbers = self
                    .layer
                    .events()
                    .iter()
                    .map(|(_, number)| u128::from(*number));
                let (first, last) = (numbers.clone().min(), numbers.max());
                (first.unwrap_or(low), last.unwrap_or(high))
            }
            _ => (low, high),
        }
    }

    /// The subject by which all that always have the same value go.
    pub(super) fn same(self, subject: Subject) -> Subject {
        let subject = canonical(subject, self.layer, self.class);
        let field = match subject.field {
            Field::Protocol if self.is_v4() => Field::IpProtocol,
            Field::Fragment if self.is_v4() && self.class.transport() != Transport::None => {
                Field::IpMf
            }
            _ => return self.header_field(subject).unwrap_or(subject),
        };
        Subject { field, offset: 0 }
    }

    /// The field of the IP header that has the same bytes as some data.
    fn header_field(self, subject: Subject) -> Option<Subject> {
        if !self.is_in_header(subject) {
            return None;
        }
        let Load::Data { width, .. } = Load::of(subject.field, subject.offset) else {
            return None;
        };
        let first = u32::try_from(subject.offset).ok()?.checked_mul(8)?;
        let bits = u32::from(width).checked_mul(8)?;
        let base = if self.is_v4() { Base::Ip } else { Base::Ipv6 };
        let is_it = |field: &Field| {
            // Addresses count from another zero.
            Load::ordinal_base(*field) == 0 && header_bits(*field) == Some((base, first, bits))
        };
        let field = Field::ALL.into_iter().find(is_it)?;
        Some(Subject { field, offset: 0 })
    }
}

/// The bits of a header that a field is: which header, the first of the bits,
/// and how many.
pub(super) fn header_bits(field: Field) -> Option<(Base, u32, u32)> {
    let Load::Word {
        base,
        offset,
        shift,
        mask,
    } = Load::of(field, 0)
    else {
        return None;
    };
    let width = mask.count_ones();
    let end = u32::from(offset).checked_mul(8)?.checked_add(32)?;
    let first = end.checked_sub(shift.into())?.checked_sub(width)?;
    (base != Base::Status).then_some((base, first, width))
}
