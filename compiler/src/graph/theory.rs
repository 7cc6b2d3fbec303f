//! What the class of a packet says of its fields: the presence theory.
//!
//! The class of a packet is its IP version, its transport header and its
//! direction. Transport headers exclude each other, ICMP comes with IPv4 and
//! ICMPv6 with IPv6, and a field is absent where its header is. Everything
//! here follows from how the virtual machine loads fields; a test compares
//! the two on every class.

use divert_vm::bytecode::{Base, Class, Load};
use divert_vm::packet::{IpVersion, Transport, icmp, ipv6, tcp, udp};
use divert_vm::{Field, FieldType, Interval, Layer, Presence, Value};

use super::Subject;

/// A set of packet classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Classes(u32);

impl Classes {
    pub(crate) const NONE: Self = Self(0);
    /// Every class that there is.
    pub(crate) const ALL: Self = Self((1 << Class::ALL.len()) - 1);

    pub(crate) const fn only(class: Class) -> Self {
        Self(1 << class.index())
    }

    pub(crate) const fn contains(self, class: Class) -> bool {
        self.0 & Self::only(class).0 != 0
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What the class of a packet says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    /// It is absent.
    Absent,
    /// It has this value.
    Value(u8),
    /// It has some value.
    Present,
    /// Nothing.
    Nothing,
}

/// What each class says of one field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theory {
    /// Where it is absent.
    pub(crate) absent: Classes,
    /// Where it has a value.
    pub(crate) present: Classes,
    /// Where its value is known to be 0, and known to be 1.
    pub(crate) values: [Classes; 2],
    /// Where its value is known to be some other number.
    others: Classes,
}

impl Theory {
    /// What one class says of the field.
    pub(crate) const fn in_class(&self, field: Field, class: Class) -> Known {
        let [zero, one] = self.values;
        if self.absent.contains(class) {
            Known::Absent
        } else if zero.contains(class) {
            Known::Value(0)
        } else if one.contains(class) {
            Known::Value(1)
        } else if self.others.contains(class) {
            known(field, true, class)
        } else if self.present.contains(class) {
            Known::Present
        } else {
            Known::Nothing
        }
    }

    /// The theory of a field at a layer.
    pub(crate) const fn of(field: Field, layer: Layer) -> &'static Self {
        let tables = if layer.has_packets() {
            &PACKETS
        } else {
            &EVENTS
        };
        #[allow(clippy::indexing_slicing, reason = "a table with a row a field")]
        &tables[field.id() as usize]
    }

    const fn compute(field: Field, has_packets: bool) -> Self {
        let mut theory = Self {
            absent: Classes::NONE,
            present: Classes::NONE,
            values: [Classes::NONE; 2],
            others: Classes::NONE,
        };
        let mut classes: &[Class] = &Class::ALL;
        while let [class, rest @ ..] = classes {
            let only = Classes::only(*class);
            let known = known(field, has_packets, *class);
            if matches!(known, Known::Present | Known::Value(_)) {
                theory.present = theory.present.union(only);
            }
            let [zero, one] = &mut theory.values;
            match known {
                Known::Absent => theory.absent = theory.absent.union(only),
                Known::Value(0) => *zero = zero.union(only),
                Known::Value(1) => *one = one.union(only),
                Known::Value(_) => theory.others = theory.others.union(only),
                Known::Present | Known::Nothing => {}
            }
            classes = rest;
        }
        theory
    }
}

static PACKETS: [Theory; Field::ALL.len()] = table(true);
static EVENTS: [Theory; Field::ALL.len()] = table(false);

const fn table(has_packets: bool) -> [Theory; Field::ALL.len()] {
    let mut table = [Theory::compute(Field::Zero, has_packets); Field::ALL.len()];
    let (mut rows, mut fields): (&mut [Theory], &[Field]) = (&mut table, &Field::ALL);
    while let ([row, next_rows @ ..], [field, next_fields @ ..]) = (rows, fields) {
        *row = Theory::compute(*field, has_packets);
        (rows, fields) = (next_rows, next_fields);
    }
    table
}

/// What a class says of a field.
const fn known(field: Field, has_packets: bool, class: Class) -> Known {
    match field {
        Field::Zero => return Known::Value(0),
        Field::Inbound => return Known::Value(!class.outbound() as u8),
        Field::Outbound => return Known::Value(class.outbound() as u8),
        Field::Length | Field::Timestamp | Field::Event | Field::Loopback | Field::Impostor => {
            return Known::Present;
        }
        _ => {}
    }
    if !has_packets {
        return match field {
            Field::Ip | Field::Ipv6 => Known::Value(0),
            Field::Tcp | Field::Udp | Field::Icmp | Field::Icmpv6 => Known::Present,
            _ => Known::Nothing,
        };
    }
    let is_ip = class.version().is_some();
    match field {
        Field::Ip => Known::Value(has(Presence::Ip, class) as u8),
        Field::Ipv6 => Known::Value(has(Presence::Ipv6, class) as u8),
        Field::Icmp => Known::Value(has(Presence::Icmp, class) as u8),
        Field::Icmpv6 => Known::Value(has(Presence::Icmpv6, class) as u8),
        Field::Tcp => Known::Value(has(Presence::Tcp, class) as u8),
        Field::Udp => Known::Value(has(Presence::Udp, class) as u8),
        Field::Random8 | Field::Random16 | Field::Random32 | Field::Fragment => {
            if is_ip {
                Known::Present
            } else {
                Known::Absent
            }
        }
        Field::IpProtocol if has(Presence::Ip, class) => protocol(class),
        Field::Protocol if is_ip => protocol(class),
        Field::LocalAddr | Field::RemoteAddr if is_ip => Known::Present,
        Field::LocalPort | Field::RemotePort if is_ip => match class.transport() {
            Transport::None => Known::Value(0),
            Transport::Icmp | Transport::Icmpv6 if !is_source(field, class) => Known::Value(0),
            _ => Known::Present,
        },
        Field::Packet | Field::Packet16 | Field::Packet32 if !is_ip => Known::Absent,
        _ => match field.presence() {
            Presence::None => Known::Nothing,
            header if !has(header, class) => Known::Absent,
            _ if field.field_type().is_data() => Known::Nothing,
            _ => Known::Present,
        },
    }
}

const fn protocol(class: Class) -> Known {
    match class.transport() {
        Transport::Icmp => Known::Value(icmp::PROTOCOL),
        Transport::Tcp => Known::Value(tcp::PROTOCOL),
        Transport::Udp => Known::Value(udp::PROTOCOL),
        Transport::Icmpv6 => Known::Value(icmp::PROTOCOL_V6),
        Transport::None => Known::Present,
    }
}

/// Whether packets of a class have a header.
const fn has(header: Presence, class: Class) -> bool {
    match header {
        Presence::None => true,
        Presence::Ip => matches!(class.version(), Some(IpVersion::V4)),
        Presence::Ipv6 => matches!(class.version(), Some(IpVersion::V6)),
        Presence::Icmp => matches!(class.transport(), Transport::Icmp),
        Presence::Icmpv6 => matches!(class.transport(), Transport::Icmpv6),
        Presence::Tcp => matches!(class.transport(), Transport::Tcp),
        Presence::Udp => matches!(class.transport(), Transport::Udp),
    }
}

/// Whether a local or remote field is the source in packets of a class.
const fn is_source(field: Field, class: Class) -> bool {
    let is_local = matches!(field, Field::LocalAddr | Field::LocalPort);
    is_local == class.outbound()
}

/// Whether it depends on the class which header field a field is.
pub(crate) const fn is_relative(field: Field) -> bool {
    matches!(
        field,
        Field::LocalAddr | Field::RemoteAddr | Field::LocalPort | Field::RemotePort
    )
}

/// The header field that a local or remote field is, in packets of a class.
pub(crate) const fn canonical(subject: Subject, layer: Layer, class: Class) -> Subject {
    if !layer.has_packets() {
        return subject;
    }
    let is_source = is_source(subject.field, class);
    // The source, and the destination.
    let (source, destination) = match (subject.field, class.version(), class.transport()) {
        (Field::LocalAddr | Field::RemoteAddr, Some(IpVersion::V4), _) => {
            (Field::IpSrcAddr, Field::IpDstAddr)
        }
        (Field::LocalAddr | Field::RemoteAddr, Some(IpVersion::V6), _) => {
            (Field::Ipv6SrcAddr, Field::Ipv6DstAddr)
        }
        (Field::LocalPort | Field::RemotePort, _, Transport::Tcp) => {
            (Field::TcpSrcPort, Field::TcpDstPort)
        }
        (Field::LocalPort | Field::RemotePort, _, Transport::Udp) => {
            (Field::UdpSrcPort, Field::UdpDstPort)
        }
        (Field::LocalPort | Field::RemotePort, _, Transport::Icmp) => {
            (Field::IcmpType, Field::IcmpType)
        }
        (Field::LocalPort | Field::RemotePort, _, Transport::Icmpv6) => {
            (Field::Icmpv6Type, Field::Icmpv6Type)
        }
        _ => return subject,
    };
    let field = if is_source { source } else { destination };
    Subject { field, ..subject }
}

/// The first 32 bits of an IPv6 address.
pub(crate) const fn first_word(field: Field) -> Option<Load> {
    let at = match field {
        Field::Ipv6SrcAddr => ipv6::SRC,
        Field::Ipv6DstAddr => ipv6::DST,
        _ => return None,
    };
    #[allow(clippy::cast_possible_truncation, reason = "two small constants")]
    Some(Load::Word {
        base: Base::Ipv6,
        offset: at as u8,
        shift: 0,
        mask: u32::MAX,
    })
}

/// The smallest and largest ordinal that loading the field can give, if that
/// is less than every number. Some fields can be outside their documented
/// range: what they come from is not checked.
pub(crate) fn loaded(field: Field) -> Option<(u128, u128)> {
    match field.field_type() {
        FieldType::Zero
        | FieldType::Bool
        | FieldType::U4
        | FieldType::U8
        | FieldType::U13
        | FieldType::U16
        | FieldType::Hex16
        | FieldType::U32
        | FieldType::U64
        | FieldType::I64
        | FieldType::Ipv4Addr
        | FieldType::Data8
        | FieldType::Data16
        | FieldType::Data32 => Some(Interval::domain(field)),
        // Of 32 bits, as are the constants that instructions compare them with.
        FieldType::U20 | FieldType::LayerNumber | FieldType::EventNumber | FieldType::Length => {
            Some((0, u32::MAX.into()))
        }
        FieldType::Priority => {
            let end = u32::MAX.into();
            let ends = [Value::negated(end), Value::new(end)];
            let [low, high] = ends.map(|end| Interval::ordinal_of(field, end));
            Some((low, high))
        }
        FieldType::IpAddr => None,
    }
}

#[cfg(test)]
mod tests {
    use divert_vm::packet::Headers;
    use divert_vm::{Event, FlowRecord, Insn, NetworkRecord, Record, ReflectRecord, trace};

    use super::*;

    /// Numbers that look random.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn pick<T: Copy>(&mut self, items: &[T]) -> T {
            items[self.next() as usize % items.len()]
        }
    }

    /// A packet, most often a whole one.
    fn packet(random: &mut Random) -> Vec<u8> {
        let mut packet: Vec<u8> = (0..80).map(|_| random.next() as u8).collect();
        let protocol = random.pick(&[6, 6, 17, 17, 1, 58, 47, 0]);
        let len = random.pick(&[80, 80, 80, 60, 48, 44, 40, 28, 24, 20]);
        packet.truncate(len);
        match random.next() % 16 {
            0 => packet[0] = random.next() as u8,
            1..=8 => {
                packet[0] = random.pick(&[0x45, 0x45, 0x45, 0x46]);
                packet[2..4].copy_from_slice(&[0, len as u8]);
                packet[6..8].copy_from_slice(&random.pick(&[[0; 2], [0; 2], [0x40, 0], [0x20, 3]]));
                packet[9] = protocol;
            }
            _ => {
                packet[0] = 0x60;
                packet[4..6].copy_from_slice(&[0, (len as u8).saturating_sub(40)]);
                packet[6] = protocol;
            }
        }
        // Where a TCP header has its length.
        for at in [32, 52] {
            if let Some(byte) = packet.get_mut(at) {
                *byte = random.pick(&[0x50, 0x50, 0x60, 0x40]);
            }
        }
        packet
    }

    fn event(random: &mut Random, layer: Layer) -> Event {
        let [a, b, c, d] = [(); 4].map(|()| random.next());
        let record = match layer {
            Layer::Network | Layer::NetworkForward => Record::Network(NetworkRecord {
                if_idx: a as u32,
                sub_if_idx: b as u32,
            }),
            Layer::Flow | Layer::Socket => Record::Flow(FlowRecord {
                endpoint_id: a,
                parent_endpoint_id: b,
                process_id: c as u32,
                local_addr: c.into(),
                remote_addr: d.into(),
                local_port: a as u16,
                remote_port: b as u16,
                protocol: random.pick(&[6, 17, 1, 58, 0, d as u8]),
            }),
            Layer::Reflect => Record::Reflect(ReflectRecord {
                timestamp: a as i64,
                process_id: b as u32,
                layer: c as u32,
                flags: d,
                priority: a as i16,
            }),
        };
        Event {
            timestamp: d as i64,
            event: random.pick(&[0, 1, 2, 8]),
            outbound: a & 1 != 0,
            loopback: a & 2 != 0,
            impostor: a & 4 != 0,
            ipv6: a & 8 != 0,
            record,
            ..Event::new(layer)
        }
    }

    fn load(subject: Subject, layer: Layer, packet: &[u8], event: &Event) -> Option<u128> {
        let mut insn = Insn {
            field: subject.field,
            ..Insn::ALWAYS
        };
        if subject.field.field_type().is_data() {
            insn.args[1] = subject.offset.cast_unsigned();
        }
        let mut value = None;
        trace(&[insn], layer, packet, event, |step| value = step.value);
        value
    }

    /// What is said of a field that is loaded.
    #[track_caller]
    fn check(subject: Subject, layer: Layer, class: Class, packet: &[u8], event: &Event) {
        let field = subject.field;
        let value = load(subject, layer, packet, event);
        let known = Theory::of(field, layer).in_class(field, class);
        let holds = match known {
            Known::Absent => value.is_none(),
            Known::Value(known) => value == Some(known.into()),
            Known::Present => value.is_some(),
            Known::Nothing => true,
        };
        let what = format!("{field:?} at {layer}, {class:?}, {event:?}, {packet:02x?}");
        assert!(holds, "{known:?}, but {value:?}: {what}");
        // Which field it is matters only where the value is not known.
        if matches!(known, Known::Present | Known::Nothing) {
            let other = canonical(subject, layer, class);
            assert_eq!(
                load(other, layer, packet, event),
                value,
                "{other:?}: {what}"
            );
        }
        if let (Some((low, high)), Some(value)) = (loaded(field), value) {
            assert!((low..=high).contains(&value), "{value:#x}: {what}");
        }
    }

    #[test]
    fn what_a_class_says_of_a_field_is_what_is_loaded() {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        for layer in Layer::ALL {
            let mut seen = [0; Class::COUNT];
            for _ in 0..2000 {
                let event = event(&mut random, layer);
                let packet = match layer.has_packets() {
                    true => packet(&mut random),
                    false => Vec::new(),
                };
                let headers = Headers::parse(packet.as_slice());
                let version = headers.map(|headers| headers.version());
                let transport = headers.map_or(Transport::None, |headers| headers.transport());
                let class = Class::of(version, transport, event.outbound);
                seen[class.index()] += 1;
                for field in Field::ALL {
                    if !field.layers().contains(layer) {
                        continue;
                    }
                    let offsets: &[i32] = match field.field_type().is_data() {
                        true => &[0, 9, 30, -1, -50],
                        false => &[0],
                    };
                    for offset in offsets.iter().copied() {
                        let subject = Subject { field, offset };
                        check(subject, layer, class, &packet, &event);
                    }
                }
            }
            let expect = if layer.has_packets() { Class::COUNT } else { 2 };
            let often = seen.iter().filter(|count| **count >= 5);
            assert_eq!(often.count(), expect, "{layer}: {seen:?}");
        }
    }

    /// The theory is as sharp as a class allows: what it leaves open is both
    /// absent and present somewhere, or is data.
    #[test]
    fn what_is_left_open_is_data_or_unknown_to_all_classes() {
        for field in Field::ALL
            .into_iter()
            .filter(|f| f.layers().contains(Layer::Network))
        {
            for class in Class::ALL.into_iter().filter(|c| c.version().is_some()) {
                let known = Theory::of(field, Layer::Network).in_class(field, class);
                let is_open = known == Known::Nothing;
                let may_be_open = field.field_type().is_data()
                    || field.presence() == Presence::None
                        && Theory::of(field, Layer::Network).present.is_empty();
                assert!(!is_open || may_be_open, "{field:?} in {class:?}");
            }
        }
    }
}
