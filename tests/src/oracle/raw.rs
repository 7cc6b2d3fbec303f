//! The stock driver's check and interpreter, on bare numbers.
//!
//! Written from the description of the byte code, for instructions as in
//! `vectors/programs.jsonl`.

use divert_compiler::Dialect;
use divert_vm::{Event, Layer};

use super::number::{Comparison, Number};
use super::value::World;
use crate::vectors::RawInsn;

/// The target that accepts.
pub const ACCEPT: u32 = 0x7FFE;
/// The target that rejects.
pub const REJECT: u32 = 0x7FFF;

/// The names of the fields, by number.
pub const FIELDS: [&str; 86] = [
    "zero",
    "inbound",
    "outbound",
    "ifIdx",
    "subIfIdx",
    "ip",
    "ipv6",
    "icmp",
    "tcp",
    "udp",
    "icmpv6",
    "ip.HdrLength",
    "ip.TOS",
    "ip.Length",
    "ip.Id",
    "ip.DF",
    "ip.MF",
    "ip.FragOff",
    "ip.TTL",
    "ip.Protocol",
    "ip.Checksum",
    "ip.SrcAddr",
    "ip.DstAddr",
    "ipv6.TrafficClass",
    "ipv6.FlowLabel",
    "ipv6.Length",
    "ipv6.NextHdr",
    "ipv6.HopLimit",
    "ipv6.SrcAddr",
    "ipv6.DstAddr",
    "icmp.Type",
    "icmp.Code",
    "icmp.Checksum",
    "icmp.Body",
    "icmpv6.Type",
    "icmpv6.Code",
    "icmpv6.Checksum",
    "icmpv6.Body",
    "tcp.SrcPort",
    "tcp.DstPort",
    "tcp.SeqNum",
    "tcp.AckNum",
    "tcp.HdrLength",
    "tcp.Urg",
    "tcp.Ack",
    "tcp.Psh",
    "tcp.Rst",
    "tcp.Syn",
    "tcp.Fin",
    "tcp.Window",
    "tcp.Checksum",
    "tcp.UrgPtr",
    "tcp.PayloadLength",
    "udp.SrcPort",
    "udp.DstPort",
    "udp.Length",
    "udp.Checksum",
    "udp.PayloadLength",
    "loopback",
    "impostor",
    "processId",
    "localAddr",
    "remoteAddr",
    "localPort",
    "remotePort",
    "protocol",
    "endpointId",
    "parentEndpointId",
    "layer",
    "priority",
    "event",
    "packet",
    "packet16",
    "packet32",
    "tcp.Payload",
    "tcp.Payload16",
    "tcp.Payload32",
    "udp.Payload",
    "udp.Payload16",
    "udp.Payload32",
    "length",
    "timestamp",
    "random8",
    "random16",
    "random32",
    "fragment",
];

/// The 24 bytes of an instruction; numbers must fit their bits.
#[must_use]
pub fn encode(insn: &RawInsn) -> [u8; 24] {
    let [field, test, neg, a0, a1, a2, a3, success, failure] = *insn;
    let words = [
        field | test << 11 | success << 16,
        failure | neg << 16,
        a0,
        a1,
        a2,
        a3,
    ];
    let mut bytes = [0; 24];
    for (at, word) in words.into_iter().enumerate() {
        bytes[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// The numbers in the 24 bytes of an instruction.
#[must_use]
pub fn decode(bytes: &[u8; 24]) -> RawInsn {
    let word = |at: usize| {
        (0..4)
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(bytes[4 * at + byte]))
    };
    let (head, tail) = (word(0), word(1));
    [
        head & 0x7FF,
        head >> 11 & 0x1F,
        tail >> 16 & 1,
        word(2),
        word(3),
        word(4),
        word(5),
        head >> 16,
        tail & 0xFFFF,
    ]
}

/// Whether the driver starts a handle with this program.
#[must_use]
pub fn driver_accepts(program: &[RawInsn], layer: Layer) -> bool {
    let count = program.len() as u32;
    (1..=255).contains(&count)
        && program
            .iter()
            .zip(0..)
            .all(|(insn, at)| insn_is_fine(insn, at, count, layer))
}

fn insn_is_fine(insn: &RawInsn, at: u32, count: u32, layer: Layer) -> bool {
    let [field, test, neg, a0, a1, a2, a3, success, failure] = *insn;
    if field > 85 || test > 5 {
        return false;
    }
    let leads_on = |to: u32| to == ACCEPT || to == REJECT || (at < to && to < count);
    if !leads_on(success) || !leads_on(failure) || !has_field(layer, field) {
        return false;
    }
    if (71..=79).contains(&field) {
        let offset = i64::from(a1.cast_signed());
        let in_packet = (-65_575..=65_575).contains(&offset);
        return neg == 0 && in_packet && a2 == 0 && a3 == 0 && a0 <= data_maximum(field);
    }
    if field == 70 && !events(layer).contains(&a0) {
        return false;
    }
    let (low, high) = constant_range(field);
    let magnitude = [a3, a2, a1, a0]
        .iter()
        .fold(0, |all, word| all << 32 | u128::from(*word));
    match (neg != 0, i128::try_from(magnitude)) {
        // There is no negative zero, and no range begins below -2^63.
        (true, Ok(0)) => false,
        (true, Ok(magnitude)) => -magnitude >= low,
        (true, Err(_)) => false,
        (false, _) => {
            low <= 0 && magnitude <= high || low > 0 && (low as u128..=high).contains(&magnitude)
        }
    }
}

fn has_field(layer: Layer, field: u32) -> bool {
    let letters = match field {
        0 | 70 | 81 => "NMFSR",
        1 | 2 | 58 | 61..=65 => "NFS",
        3 | 4 | 11..=57 | 59 | 71..=80 | 82..=85 => "NM",
        5..=10 => "NMFS",
        60 => "FSR",
        66 | 67 => "FS",
        _ => "R",
    };
    letters.contains(['N', 'M', 'F', 'S', 'R'][usize::from(layer.as_u8())])
}

fn events(layer: Layer) -> &'static [u32] {
    match layer {
        Layer::Network | Layer::NetworkForward => &[0],
        Layer::Flow => &[1, 2],
        Layer::Socket => &[3, 4, 5, 6, 7],
        Layer::Reflect => &[8, 9],
    }
}

fn data_maximum(field: u32) -> u32 {
    match field {
        71 | 74 | 77 => 0xFF,
        72 | 75 | 78 => 0xFFFF,
        _ => 0xFFFF_FFFF,
    }
}

fn constant_range(field: u32) -> (i128, u128) {
    let name = FIELDS[field as usize];
    match name {
        "zero" | "inbound" | "outbound" | "fragment" | "ip" | "ipv6" | "icmp" | "icmpv6"
        | "tcp" | "udp" | "ip.DF" | "ip.MF" | "tcp.Urg" | "tcp.Ack" | "tcp.Psh" | "tcp.Rst"
        | "tcp.Syn" | "tcp.Fin" => (0, 1),
        "layer" => (0, 4),
        "priority" => (-30_000, 30_000),
        "event" => (0, 9),
        "ip.HdrLength" | "tcp.HdrLength" => (0, 15),
        "ip.TOS" | "ip.TTL" | "ip.Protocol" | "ipv6.TrafficClass" | "ipv6.NextHdr"
        | "ipv6.HopLimit" | "icmp.Type" | "icmp.Code" | "icmpv6.Type" | "icmpv6.Code"
        | "protocol" | "random8" => (0, 255),
        "ip.FragOff" => (0, 8191),
        "ip.Length" | "ip.Id" | "ip.Checksum" | "ipv6.Length" | "icmp.Checksum"
        | "icmpv6.Checksum" | "tcp.SrcPort" | "tcp.DstPort" | "tcp.Window" | "tcp.Checksum"
        | "tcp.UrgPtr" | "tcp.PayloadLength" | "udp.SrcPort" | "udp.DstPort" | "udp.Length"
        | "udp.Checksum" | "udp.PayloadLength" | "localPort" | "remotePort" | "random16" => {
            (0, 0xFFFF)
        }
        "length" => (20, 65_575),
        "ipv6.FlowLabel" => (0, 0xF_FFFF),
        "ip.SrcAddr" | "ip.DstAddr" => (0xFFFF_0000_0000, 0xFFFF_FFFF_FFFF),
        "timestamp" => (-(1 << 63), (1 << 63) - 1),
        "endpointId" | "parentEndpointId" => (0, u64::MAX.into()),
        "ipv6.SrcAddr" | "ipv6.DstAddr" | "localAddr" | "remoteAddr" => (0, u128::MAX),
        _ => (0, 0xFFFF_FFFF),
    }
}

/// The values of all fields in one packet and event.
pub struct Scene<'a> {
    world: World<'a>,
    /// Those of the fields that have no index.
    values: Vec<Option<Number>>,
}

impl<'a> Scene<'a> {
    /// `None` where nothing can be evaluated.
    #[must_use]
    pub fn new(packet: Option<&'a [u8]>, event: &'a Event) -> Option<Self> {
        let world = World::new(event.layer, Dialect::WinDivert22, packet, event)?;
        let value = |(id, name): (u32, &&str)| match id {
            0 => Some(Number::positive(0)),
            71..=79 => None,
            _ if has_field(event.layer, id) => world.value(name, 0),
            _ => None,
        };
        let values = (0..).zip(&FIELDS).map(value).collect();
        Some(Self { world, values })
    }

    /// Runs a program that the driver accepts: the verdict and the steps.
    #[must_use]
    pub fn run(&self, program: &[RawInsn]) -> (bool, usize) {
        let mut at = 0;
        for steps in 1.. {
            let insn = &program[at as usize];
            let [.., success, failure] = *insn;
            match if self.holds(insn) { success } else { failure } {
                ACCEPT => return (true, steps),
                REJECT => return (false, steps),
                next => at = next,
            }
        }
        unreachable!("targets lead forward")
    }

    fn holds(&self, insn: &RawInsn) -> bool {
        let [field, test, neg, a0, a1, a2, a3, ..] = *insn;
        let value = if (71..=79).contains(&field) {
            self.world
                .value(FIELDS[field as usize], a1.cast_signed().into())
        } else {
            self.values[field as usize]
        };
        let Some(value) = value else { return false };
        let is_wide = matches!(field, 21 | 22 | 28 | 29 | 61 | 62 | 66 | 67 | 81);
        let words = if is_wide {
            [a3, a2, a1, a0]
        } else {
            [0, 0, 0, a0]
        };
        let constant = Number {
            negative: neg != 0,
            magnitude: words
                .iter()
                .fold(0, |all, word| all << 32 | u128::from(*word)),
        };
        let comparison = [
            Comparison::Equal,
            Comparison::Different,
            Comparison::Less,
            Comparison::AtMost,
            Comparison::More,
            Comparison::AtLeast,
        ];
        comparison[test as usize].holds(value, constant)
    }
}
