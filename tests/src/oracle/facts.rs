//! What is known of fields, as a table in words.

use std::collections::HashMap;
use std::sync::OnceLock;

use divert_vm::Layer;

use super::number::Number;

/// What is known of one field.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) layers: Vec<Layer>,
    /// The values that the reference believes in, if it reasons about them.
    pub(super) range: Option<(Number, Number)>,
    /// The header without which there is no value.
    pub(super) needs: Option<&'static str>,
    /// Whether all 128 bits of a constant count in the reference.
    pub(super) wide: bool,
}

impl Fact {
    /// The bytes of a data field; `None` for other fields.
    pub(super) fn data_width(&self) -> Option<i64> {
        let stem = self.name.rsplit('.').next().unwrap_or(self.name);
        match stem {
            "packet" | "Payload" => Some(1),
            "packet16" | "Payload16" => Some(2),
            "packet32" | "Payload32" => Some(4),
            _ => None,
        }
    }
}

pub(super) fn by_name(name: &str) -> Option<&'static Fact> {
    static FACTS: OnceLock<HashMap<&str, Fact>> = OnceLock::new();
    let facts = FACTS.get_or_init(|| TABLE.lines().map(read).map(|f| (f.name, f)).collect());
    facts.get(name)
}

fn read(line: &'static str) -> Fact {
    let mut columns = line.split_whitespace();
    let mut next = || columns.next().expect("five columns");
    let (name, layers, needs, range, width) = (next(), next(), next(), next(), next());
    let layer = |letter| match letter {
        'N' => Layer::Network,
        'M' => Layer::NetworkForward,
        'F' => Layer::Flow,
        'S' => Layer::Socket,
        _ => Layer::Reflect,
    };
    let number = |text: &str| match text.strip_prefix('-') {
        Some(magnitude) => Number {
            negative: true,
            magnitude: magnitude.parse().expect("a number"),
        },
        None => Number::positive(text.parse().expect("a number")),
    };
    let bits = |bits: u32| Number::positive(u128::MAX >> (128 - bits));
    let range = match range {
        "-" => None,
        _ => Some(match range.strip_prefix('u') {
            Some(width) => (Number::positive(0), bits(width.parse().expect("bits"))),
            None => {
                let (low, high) = range.split_once("..").expect("a range");
                (number(low), number(high))
            }
        }),
    };
    Fact {
        name,
        layers: layers.chars().map(layer).collect(),
        range,
        needs: (needs != "-").then_some(needs),
        wide: width == "wide",
    }
}

/// Name, layers, needed header, range for folding, width of comparison.
const TABLE: &str = "\
event NMFSR - 0..9 32
timestamp NMFSR - -9223372036854775808..9223372036854775807 wide
inbound NFS - u1 32
outbound NFS - u1 32
loopback NFS - - 32
impostor NM - - 32
fragment NM - u1 32
ifIdx NM - u32 32
subIfIdx NM - u32 32
length NM - 20..65575 32
random8 NM - u8 32
random16 NM - u16 32
random32 NM - u32 32
processId FSR - u32 32
endpointId FS - u64 wide
parentEndpointId FS - u64 wide
layer R - 0..4 32
priority R - -30000..30000 32
protocol NFS - u8 32
localAddr NFS - u128 wide
remoteAddr NFS - u128 wide
localPort NFS - u16 32
remotePort NFS - u16 32
ip NMFS - u1 32
ipv6 NMFS - u1 32
tcp NMFS - u1 32
udp NMFS - u1 32
icmp NMFS - u1 32
icmpv6 NMFS - u1 32
ip.HdrLength NM ip u4 32
ip.TOS NM ip u16 32
ip.Length NM ip u16 32
ip.Id NM ip u16 32
ip.DF NM ip u1 32
ip.MF NM ip u1 32
ip.FragOff NM ip u13 32
ip.TTL NM ip u8 32
ip.Protocol NM ip u8 32
ip.Checksum NM ip u16 32
ip.SrcAddr NM ip 281470681743360..281474976710655 wide
ip.DstAddr NM ip 281470681743360..281474976710655 wide
ipv6.TrafficClass NM ipv6 u8 32
ipv6.FlowLabel NM ipv6 u20 32
ipv6.Length NM ipv6 u16 32
ipv6.NextHdr NM ipv6 u8 32
ipv6.HopLimit NM ipv6 u8 32
ipv6.SrcAddr NM ipv6 u128 wide
ipv6.DstAddr NM ipv6 u128 wide
icmp.Type NM icmp u8 32
icmp.Code NM icmp u8 32
icmp.Checksum NM icmp u16 32
icmp.Body NM icmp - 32
icmpv6.Type NM icmpv6 u8 32
icmpv6.Code NM icmpv6 u8 32
icmpv6.Checksum NM icmpv6 u16 32
icmpv6.Body NM icmpv6 - 32
tcp.SrcPort NM tcp u16 32
tcp.DstPort NM tcp u16 32
tcp.SeqNum NM tcp - 32
tcp.AckNum NM tcp - 32
tcp.HdrLength NM tcp u4 32
tcp.Urg NM tcp u1 32
tcp.Ack NM tcp u1 32
tcp.Psh NM tcp u1 32
tcp.Rst NM tcp u1 32
tcp.Syn NM tcp u1 32
tcp.Fin NM tcp u1 32
tcp.Window NM tcp u16 32
tcp.Checksum NM tcp u16 32
tcp.UrgPtr NM tcp u16 32
tcp.PayloadLength NM tcp u16 32
udp.SrcPort NM udp u16 32
udp.DstPort NM udp u16 32
udp.Length NM udp u16 32
udp.Checksum NM udp u16 32
udp.PayloadLength NM udp u16 32
packet NM - u8 32
packet16 NM - u16 32
packet32 NM - - 32
tcp.Payload NM tcp u8 32
tcp.Payload16 NM tcp u16 32
tcp.Payload32 NM tcp u32 32
udp.Payload NM udp u8 32
udp.Payload16 NM udp u16 32
udp.Payload32 NM udp u32 32";
