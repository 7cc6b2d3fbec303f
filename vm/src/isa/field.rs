//! The field table: every fact about a field, in one row.
//!
//! Ids are written out because they are wire format. The only other place
//! that names single fields is `load.rs`, which reads their values.

use super::limits::{MAX_PACKET_LEN, MAX_PRIORITY, MIN_PACKET_LEN};
use super::{Layer, LayerSet, Value};

/// Calls `$callback!` with one row a field.
///
/// Columns: wire id, variant, name in a filter, type, layers it exists at,
/// header it needs, constant folding of the WinDivert 2.2 compiler, meaning.
macro_rules! for_each_field {
    ($callback:ident) => {
        $callback! {
             0, Zero,             "zero",               Zero,        NMFSR, None,   Plain,    "The constant 0";
             1, Inbound,          "inbound",            Bool,        NFS,   None,   Plain,    "1 if the event is not outbound";
             2, Outbound,         "outbound",           Bool,        NFS,   None,   Plain,    "1 if the event is outbound";
             3, IfIdx,            "ifIdx",              U32,         NM,    None,   Plain,    "Index of the network interface";
             4, SubIfIdx,         "subIfIdx",           U32,         NM,    None,   Plain,    "Index of the sub-interface";
             5, Ip,               "ip",                 Bool,        NMFS,  None,   Plain,    "1 if there is an IPv4 header";
             6, Ipv6,             "ipv6",               Bool,        NMFS,  None,   Plain,    "1 if there is an IPv6 header";
             7, Icmp,             "icmp",               Bool,        NMFS,  None,   Plain,    "1 if there is an ICMP header";
             8, Tcp,              "tcp",                Bool,        NMFS,  None,   Plain,    "1 if there is a TCP header";
             9, Udp,              "udp",                Bool,        NMFS,  None,   Plain,    "1 if there is a UDP header";
            10, Icmpv6,           "icmpv6",             Bool,        NMFS,  None,   Plain,    "1 if there is an ICMPv6 header";
            11, IpHdrLength,      "ip.HdrLength",       U4,          NM,    Ip,     Plain,    "IPv4 header length in 32-bit words";
            12, IpTos,            "ip.TOS",             U8,          NM,    Ip,     Folds16,  "IPv4 type of service";
            13, IpLength,         "ip.Length",          U16,         NM,    Ip,     Plain,    "IPv4 total length in bytes";
            14, IpId,             "ip.Id",              Hex16,       NM,    Ip,     Plain,    "IPv4 identification";
            15, IpDf,             "ip.DF",              Bool,        NM,    Ip,     Plain,    "IPv4 don't-fragment flag";
            16, IpMf,             "ip.MF",              Bool,        NM,    Ip,     Plain,    "IPv4 more-fragments flag";
            17, IpFragOff,        "ip.FragOff",         U13,         NM,    Ip,     Plain,    "IPv4 fragment offset in 8-byte units";
            18, IpTtl,            "ip.TTL",             U8,          NM,    Ip,     Plain,    "IPv4 time to live";
            19, IpProtocol,       "ip.Protocol",        U8,          NM,    Ip,     Plain,    "IPv4 protocol number";
            20, IpChecksum,       "ip.Checksum",        Hex16,       NM,    Ip,     Plain,    "IPv4 header checksum";
            21, IpSrcAddr,        "ip.SrcAddr",         Ipv4Addr,    NM,    Ip,     Plain,    "IPv4 source address";
            22, IpDstAddr,        "ip.DstAddr",         Ipv4Addr,    NM,    Ip,     Plain,    "IPv4 destination address";
            23, Ipv6TrafficClass, "ipv6.TrafficClass",  U8,          NM,    Ipv6,   Plain,    "IPv6 traffic class";
            24, Ipv6FlowLabel,    "ipv6.FlowLabel",     U20,         NM,    Ipv6,   Plain,    "IPv6 flow label";
            25, Ipv6Length,       "ipv6.Length",        U16,         NM,    Ipv6,   Plain,    "IPv6 payload length in bytes";
            26, Ipv6NextHdr,      "ipv6.NextHdr",       U8,          NM,    Ipv6,   Plain,    "First next-header number, not always the transport protocol";
            27, Ipv6HopLimit,     "ipv6.HopLimit",      U8,          NM,    Ipv6,   Plain,    "IPv6 hop limit";
            28, Ipv6SrcAddr,      "ipv6.SrcAddr",       IpAddr,      NM,    Ipv6,   Plain,    "IPv6 source address";
            29, Ipv6DstAddr,      "ipv6.DstAddr",       IpAddr,      NM,    Ipv6,   Plain,    "IPv6 destination address";
            30, IcmpType,         "icmp.Type",          U8,          NM,    Icmp,   Plain,    "ICMP type";
            31, IcmpCode,         "icmp.Code",          U8,          NM,    Icmp,   Plain,    "ICMP code";
            32, IcmpChecksum,     "icmp.Checksum",      Hex16,       NM,    Icmp,   Plain,    "ICMP checksum";
            33, IcmpBody,         "icmp.Body",          U32,         NM,    Icmp,   Unfolded, "The 32 bits after the ICMP checksum";
            34, Icmpv6Type,       "icmpv6.Type",        U8,          NM,    Icmpv6, Plain,    "ICMPv6 type";
            35, Icmpv6Code,       "icmpv6.Code",        U8,          NM,    Icmpv6, Plain,    "ICMPv6 code";
            36, Icmpv6Checksum,   "icmpv6.Checksum",    Hex16,       NM,    Icmpv6, Plain,    "ICMPv6 checksum";
            37, Icmpv6Body,       "icmpv6.Body",        U32,         NM,    Icmpv6, Unfolded, "The 32 bits after the ICMPv6 checksum";
            38, TcpSrcPort,       "tcp.SrcPort",        U16,         NM,    Tcp,    Plain,    "TCP source port";
            39, TcpDstPort,       "tcp.DstPort",        U16,         NM,    Tcp,    Plain,    "TCP destination port";
            40, TcpSeqNum,        "tcp.SeqNum",         U32,         NM,    Tcp,    Unfolded, "TCP sequence number";
            41, TcpAckNum,        "tcp.AckNum",         U32,         NM,    Tcp,    Unfolded, "TCP acknowledgement number";
            42, TcpHdrLength,     "tcp.HdrLength",      U4,          NM,    Tcp,    Plain,    "TCP header length in 32-bit words";
            43, TcpUrg,           "tcp.Urg",            Bool,        NM,    Tcp,    Plain,    "TCP URG flag";
            44, TcpAck,           "tcp.Ack",            Bool,        NM,    Tcp,    Plain,    "TCP ACK flag";
            45, TcpPsh,           "tcp.Psh",            Bool,        NM,    Tcp,    Plain,    "TCP PSH flag";
            46, TcpRst,           "tcp.Rst",            Bool,        NM,    Tcp,    Plain,    "TCP RST flag";
            47, TcpSyn,           "tcp.Syn",            Bool,        NM,    Tcp,    Plain,    "TCP SYN flag";
            48, TcpFin,           "tcp.Fin",            Bool,        NM,    Tcp,    Plain,    "TCP FIN flag";
            49, TcpWindow,        "tcp.Window",         U16,         NM,    Tcp,    Plain,    "TCP window size";
            50, TcpChecksum,      "tcp.Checksum",       Hex16,       NM,    Tcp,    Plain,    "TCP checksum";
            51, TcpUrgPtr,        "tcp.UrgPtr",         U16,         NM,    Tcp,    Plain,    "TCP urgent pointer";
            52, TcpPayloadLength, "tcp.PayloadLength",  U16,         NM,    Tcp,    Plain,    "Bytes after the TCP header";
            53, UdpSrcPort,       "udp.SrcPort",        U16,         NM,    Udp,    Plain,    "UDP source port";
            54, UdpDstPort,       "udp.DstPort",        U16,         NM,    Udp,    Plain,    "UDP destination port";
            55, UdpLength,        "udp.Length",         U16,         NM,    Udp,    Plain,    "UDP length in bytes, its header included";
            56, UdpChecksum,      "udp.Checksum",       Hex16,       NM,    Udp,    Plain,    "UDP checksum";
            57, UdpPayloadLength, "udp.PayloadLength",  U16,         NM,    Udp,    Plain,    "Bytes after the UDP header, by the IP length";
            58, Loopback,         "loopback",           Bool,        NFS,   None,   Unfolded, "1 if the traffic is loopback";
            59, Impostor,         "impostor",           Bool,        NM,    None,   Unfolded, "1 if another program injected the packet";
            60, ProcessId,        "processId",          U32,         FSR,   None,   Plain,    "Id of the process";
            61, LocalAddr,        "localAddr",          IpAddr,      NFS,   None,   Plain,    "Local address; IPv4 as ::ffff:a.b.c.d";
            62, RemoteAddr,       "remoteAddr",         IpAddr,      NFS,   None,   Plain,    "Remote address; IPv4 as ::ffff:a.b.c.d";
            63, LocalPort,        "localPort",          U16,         NFS,   None,   Plain,    "Local port, or ICMP type; 0 without either";
            64, RemotePort,       "remotePort",         U16,         NFS,   None,   Plain,    "Remote port, or ICMP type; 0 without either";
            65, Protocol,         "protocol",           U8,          NFS,   None,   Plain,    "Transport protocol number, behind IPv6 extension headers";
            66, EndpointId,       "endpointId",         U64,         FS,    None,   Plain,    "Endpoint id";
            67, ParentEndpointId, "parentEndpointId",   U64,         FS,    None,   Plain,    "Endpoint id of the parent";
            68, Layer,            "layer",              LayerNumber, R,     None,   Plain,    "Layer of the reflected handle";
            69, Priority,         "priority",           Priority,    R,     None,   Plain,    "Priority of the reflected handle";
            70, Event,            "event",              EventNumber, NMFSR, None,   Plain,    "What happened; see the event macros of the layer";
            71, Packet,           "packet",             Data8,       NM,    None,   Plain,    "One byte of the packet";
            72, Packet16,         "packet16",           Data16,      NM,    None,   Plain,    "Two bytes of the packet, big-endian";
            73, Packet32,         "packet32",           Data32,      NM,    None,   Unfolded, "Four bytes of the packet, big-endian";
            74, TcpPayload,       "tcp.Payload",        Data8,       NM,    Tcp,    Plain,    "One byte of the TCP payload";
            75, TcpPayload16,     "tcp.Payload16",      Data16,      NM,    Tcp,    Plain,    "Two bytes of the TCP payload, big-endian";
            76, TcpPayload32,     "tcp.Payload32",      Data32,      NM,    Tcp,    Plain,    "Four bytes of the TCP payload, big-endian";
            77, UdpPayload,       "udp.Payload",        Data8,       NM,    Udp,    Plain,    "One byte of the UDP payload";
            78, UdpPayload16,     "udp.Payload16",      Data16,      NM,    Udp,    Plain,    "Two bytes of the UDP payload, big-endian";
            79, UdpPayload32,     "udp.Payload32",      Data32,      NM,    Udp,    Plain,    "Four bytes of the UDP payload, big-endian";
            80, Length,           "length",             Length,      NM,    None,   Plain,    "Length of the packet in bytes";
            81, Timestamp,        "timestamp",          I64,         NMFSR, None,   Plain,    "Performance counter when the event happened";
            82, Random8,          "random8",            U8,          NM,    None,   Plain,    "8 bits of a hash of headers and timestamp";
            83, Random16,         "random16",           U16,         NM,    None,   Plain,    "16 bits of a hash of headers and timestamp";
            84, Random32,         "random32",           U32,         NM,    None,   Plain,    "32 bits of a hash of headers and timestamp";
            85, Fragment,         "fragment",           Bool,        NM,    None,   Plain,    "1 if the packet is an IP fragment";
        }
    };
}

/// The header without which every test on a field is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// The field has a value in every event of its layers. Data fields also
    /// need their index to lie inside the data.
    None,
    /// An IPv4 header.
    Ip,
    /// An IPv6 header.
    Ipv6,
    /// An ICMP header.
    Icmp,
    /// An ICMPv6 header.
    Icmpv6,
    /// A TCP header.
    Tcp,
    /// A UDP header.
    Udp,
}

impl Presence {
    /// Every header, network layer first.
    pub const HEADERS: [Self; 6] = [
        Self::Ip,
        Self::Ipv6,
        Self::Icmp,
        Self::Icmpv6,
        Self::Tcp,
        Self::Udp,
    ];

    /// The field that is 1 exactly if the header is present.
    pub const fn field(self) -> Option<Field> {
        match self {
            Self::None => None,
            Self::Ip => Some(Field::Ip),
            Self::Ipv6 => Some(Field::Ipv6),
            Self::Icmp => Some(Field::Icmp),
            Self::Icmpv6 => Some(Field::Icmpv6),
            Self::Tcp => Some(Field::Tcp),
            Self::Udp => Some(Field::Udp),
        }
    }
}

/// What the WinDivert 2.2 compiler believes about a field when it folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folding {
    /// The range of the type.
    Plain,
    /// Nothing: it never folds a test on this field.
    Unfolded,
    /// A 16-bit range, although the field has 8 bits.
    Folds16,
}

/// The values a field can take, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Always 0.
    Zero,
    /// 0 or 1; `name` and `not name` are its natural tests.
    Bool,
    /// 4 bits.
    U4,
    /// 8 bits.
    U8,
    /// 13 bits.
    U13,
    /// 16 bits.
    U16,
    /// 16 bits, written in hexadecimal.
    Hex16,
    /// 20 bits.
    U20,
    /// 32 bits.
    U32,
    /// 64 bits.
    U64,
    /// Signed 64 bits.
    I64,
    /// A handle priority, signed.
    Priority,
    /// The number of a layer.
    LayerNumber,
    /// The number of an event.
    EventNumber,
    /// The length of an IP packet.
    Length,
    /// An IPv4 address as the 128-bit value `::ffff:a.b.c.d`.
    Ipv4Addr,
    /// A 128-bit address.
    IpAddr,
    /// One indexed byte, written in hexadecimal.
    Data8,
    /// Two indexed bytes, written in hexadecimal.
    Data16,
    /// Four indexed bytes, written in hexadecimal.
    Data32,
}

/// The IPv4 address 0.0.0.0 in its 128-bit form.
const IPV4_BASE: u128 = 0xFFFF_0000_0000;

impl FieldType {
    /// Smallest and largest value.
    pub const fn range(self) -> (Value, Value) {
        const fn up_to(high: u128) -> (Value, Value) {
            (Value::new(0), Value::new(high))
        }
        const fn bits(bits: u32) -> (Value, Value) {
            up_to(match 1_u128.checked_shl(bits) {
                Some(power) => power.wrapping_sub(1),
                None => u128::MAX,
            })
        }
        #[allow(clippy::as_conversions)]
        const fn wide(value: u32) -> u128 {
            value as u128
        }
        match self {
            Self::Zero => up_to(0),
            Self::Bool => bits(1),
            Self::U4 => bits(4),
            Self::U8 | Self::Data8 => bits(8),
            Self::U13 => bits(13),
            Self::U16 | Self::Hex16 | Self::Data16 => bits(16),
            Self::U20 => bits(20),
            Self::U32 | Self::Data32 => bits(32),
            Self::U64 => bits(64),
            Self::IpAddr => bits(128),
            Self::I64 => (Value::negated(1 << 63), Value::new((1 << 63) - 1)),
            Self::Priority => (
                Value::negated(wide(MAX_PRIORITY)),
                Value::new(wide(MAX_PRIORITY)),
            ),
            Self::LayerNumber => up_to(4),
            Self::EventNumber => up_to(9),
            Self::Length => (
                Value::new(wide(MIN_PACKET_LEN)),
                Value::new(wide(MAX_PACKET_LEN)),
            ),
            Self::Ipv4Addr => (Value::new(IPV4_BASE), Value::new(IPV4_BASE | 0xFFFF_FFFF)),
        }
    }

    /// Whether the field takes an index, as in `tcp.Payload[0]`.
    pub const fn is_data(self) -> bool {
        self.data_width().is_some()
    }

    /// Bytes that one test of a data field reads; `None` for other fields.
    pub const fn data_width(self) -> Option<u32> {
        match self {
            Self::Data8 => Some(1),
            Self::Data16 => Some(2),
            Self::Data32 => Some(4),
            _ => None,
        }
    }

    /// Whether tests compare all 128 bits rather than the low 32.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::I64 | Self::U64 | Self::Ipv4Addr | Self::IpAddr)
    }

    /// Whether the field can be negative.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::I64 | Self::Priority)
    }

    /// Whether values are addresses.
    pub const fn is_address(self) -> bool {
        matches!(self, Self::Ipv4Addr | Self::IpAddr)
    }

    /// Whether values are written in hexadecimal.
    pub const fn is_hex(self) -> bool {
        matches!(self, Self::Hex16) || self.is_data()
    }
}

macro_rules! define_fields {
    ($($id:literal, $variant:ident, $name:literal, $ty:ident, $layers:ident,
       $presence:ident, $folding:ident, $doc:literal;)*) => {
        /// A field of a packet or event, by its WinDivert 2.2 number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: ", $doc, ".")] $variant = $id,)*
        }

        const ROWS: &[Row] = &[$(Row {
            name: $name,
            ty: FieldType::$ty,
            layers: $layers,
            presence: Presence::$presence,
            folding: Folding::$folding,
            doc: $doc,
        },)*];

        impl Field {
            /// Every field, in the order of their numbers.
            pub const ALL: [Self; ROWS.len()] = [$(Self::$variant,)*];

            /// The field with this number.
            pub const fn from_id(id: u16) -> Option<Self> {
                match id {
                    $($id => Some(Self::$variant),)*
                    _ => None,
                }
            }

            #[allow(clippy::indexing_slicing, reason = "while compiling only")]
            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &const { ROWS[$id] },)*
                }
            }
        }
    };
}

/// What the table says of one field.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    ty: FieldType,
    layers: LayerSet,
    presence: Presence,
    folding: Folding,
    doc: &'static str,
}

use Layer::{Flow, Network, NetworkForward, Reflect, Socket};

const NMFSR: LayerSet = LayerSet::of(&Layer::ALL);
const NMFS: LayerSet = LayerSet::of(&[Network, NetworkForward, Flow, Socket]);
const NFS: LayerSet = LayerSet::of(&[Network, Flow, Socket]);
const NM: LayerSet = LayerSet::of(&[Network, NetworkForward]);
const FSR: LayerSet = LayerSet::of(&[Flow, Socket, Reflect]);
const FS: LayerSet = LayerSet::of(&[Flow, Socket]);
const R: LayerSet = LayerSet::of(&[Reflect]);

for_each_field!(define_fields);

/// Names to ids: a hash table with linear probing, half empty.
const BY_NAME: [Option<u8>; BUCKETS] = hashed_by_name();
const BUCKETS: usize = 256;

impl Field {
    /// The number of the field on the wire.
    #[allow(clippy::as_conversions)]
    pub const fn id(self) -> u16 {
        self as u16
    }

    /// The name in a filter, e.g. `tcp.DstPort`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The field with exactly this name; case matters.
    pub fn from_name(name: &str) -> Option<Self> {
        let from = hash(name.as_bytes());
        let probes = (0..BUCKETS).map(|step| from.wrapping_add(step) % BUCKETS);
        let ids = probes.map_while(|at| BY_NAME.get(at).copied().flatten());
        ids.filter_map(|id| Self::from_id(id.into()))
            .find(|field| field.name() == name)
    }

    /// The type of its values.
    pub const fn field_type(self) -> FieldType {
        self.row().ty
    }

    /// The layers at which it exists.
    pub const fn layers(self) -> LayerSet {
        self.row().layers
    }

    /// The header without which every test on it is false.
    pub const fn presence(self) -> Presence {
        self.row().presence
    }

    /// What the WinDivert 2.2 compiler believes when it folds.
    pub const fn folding(self) -> Folding {
        self.row().folding
    }

    /// One line for people.
    pub const fn doc(self) -> &'static str {
        self.row().doc
    }

    /// The range the WinDivert 2.2 compiler folds with, if it folds at all.
    pub const fn folding_range(self) -> Option<(Value, Value)> {
        match self.folding() {
            Folding::Plain => Some(self.field_type().range()),
            Folding::Folds16 => Some(FieldType::U16.range()),
            Folding::Unfolded => None,
        }
    }

    /// The range of constants that the WinDivert 2.2 driver accepts.
    pub const fn driver_range(self) -> (Value, Value) {
        match (self.field_type(), self.folding()) {
            (FieldType::Zero, _) => FieldType::Bool.range(),
            (FieldType::Bool, Folding::Unfolded) => FieldType::U32.range(),
            (ty, _) => ty.range(),
        }
    }
}

#[allow(clippy::as_conversions, reason = "lossless, and `From` is not const")]
const fn hash(name: &[u8]) -> usize {
    let mut hash: usize = 0;
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        hash = hash.wrapping_mul(31).wrapping_add(*byte as usize);
        rest = tail;
    }
    hash
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "runs while compiling only"
)]
const fn hashed_by_name() -> [Option<u8>; BUCKETS] {
    let mut table = [None; BUCKETS];
    let mut id = 0;
    while id < ROWS.len() {
        let mut at = hash(ROWS[id].name.as_bytes()) % BUCKETS;
        while table[at].is_some() {
            at = (at + 1) % BUCKETS;
        }
        table[at] = Some(id as u8);
        id += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_number() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(Field::from_id(field.id()), Some(field));
        }
        assert_eq!(Field::ALL.len(), 86);
        assert_eq!(Field::from_id(86), None);
        assert_eq!(Field::from_name("tcp.dstport"), None);
    }
}
