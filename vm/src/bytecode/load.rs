//! Where the value of a test comes from.

use crate::isa::Field;
use crate::packet::{icmp, ipv4, ipv6, tcp, udp};

/// Bits of the status word, from the lowest up.
pub(crate) mod status {
    pub(crate) const OUTBOUND: u8 = 0;
    pub(crate) const INBOUND: u8 = 1;
    pub(crate) const LOOPBACK: u8 = 2;
    pub(crate) const IMPOSTOR: u8 = 3;
    pub(crate) const IP: u8 = 4;
    pub(crate) const IPV6: u8 = 5;
    pub(crate) const ICMP: u8 = 6;
    pub(crate) const ICMPV6: u8 = 7;
    pub(crate) const TCP: u8 = 8;
    pub(crate) const UDP: u8 = 9;
}

/// What a word is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Base {
    /// One word of booleans about the event.
    Status = 0,
    /// The IPv4 header.
    Ip = 1,
    /// The IPv6 header.
    Ipv6 = 2,
    /// The ICMP header.
    Icmp = 3,
    /// The ICMPv6 header.
    Icmpv6 = 4,
    /// The TCP header.
    Tcp = 5,
    /// The UDP header.
    Udp = 6,
}

impl Base {
    /// Every base, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Status,
        Self::Ip,
        Self::Ipv6,
        Self::Icmp,
        Self::Icmpv6,
        Self::Tcp,
        Self::Udp,
    ];

    /// The base with this number.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Status),
            1 => Some(Self::Ip),
            2 => Some(Self::Ipv6),
            3 => Some(Self::Icmp),
            4 => Some(Self::Icmpv6),
            5 => Some(Self::Tcp),
            6 => Some(Self::Udp),
            _ => None,
        }
    }

    /// The number of the base on the wire.
    #[allow(clippy::as_conversions)]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Bytes that are there whenever the header is.
    pub const fn len(self) -> usize {
        match self {
            Self::Status => 4,
            Self::Ip => ipv4::HEADER_LEN,
            Self::Ipv6 => ipv6::HEADER_LEN,
            Self::Icmp | Self::Icmpv6 => icmp::HEADER_LEN,
            Self::Tcp => tcp::HEADER_LEN,
            Self::Udp => udp::HEADER_LEN,
        }
    }

    /// Never: every base has bytes.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What bytes at a variable place are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DataBase {
    /// The packet; absent if it does not parse.
    Packet = 0,
    /// What follows the TCP header.
    Tcp = 1,
    /// What follows the UDP header.
    Udp = 2,
}

impl DataBase {
    /// The base with this number.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Packet),
            1 => Some(Self::Tcp),
            2 => Some(Self::Udp),
            _ => None,
        }
    }

    /// The number of the base on the wire.
    #[allow(clippy::as_conversions)]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

/// How a test gets its value. [`Load::of`] says which load a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    /// `word >> shift & mask` of an aligned big-endian word in a header.
    Word {
        /// The header.
        base: Base,
        /// Bytes from its start, a multiple of 4.
        offset: u8,
        /// Bits to shift by, at most 31.
        shift: u8,
        /// Bits to keep.
        mask: u32,
    },
    /// A big-endian number; absent unless all of it lies within the data.
    Data {
        /// The data.
        base: DataBase,
        /// Bytes to read: 1, 2 or 4.
        width: u8,
        /// Bytes from its start or, if negative, from its end.
        offset: i32,
    },
    /// Any other field: its ordinal.
    Field(Field),
}

/// `::ffff:0.0.0.0`, the ordinal of the IPv4 address 0.0.0.0.
const MAPPED: u128 = 0xFFFF_0000_0000;

impl Load {
    /// What an ordinal of the field is larger than the value of its load.
    ///
    /// IPv4 addresses are loaded as 32 bits, and their ordinals are those of
    /// `::ffff:a.b.c.d`. For every other field this is 0.
    pub const fn ordinal_base(field: Field) -> u128 {
        match field.field_type() {
            crate::isa::FieldType::Ipv4Addr => MAPPED,
            _ => 0,
        }
    }

    /// Whether the value has up to 128 bits, for [`Test::Wide`] and
    /// [`Test::WideTable`], and not up to 32, for the other two.
    ///
    /// [`Test::Wide`]: super::Test::Wide
    /// [`Test::WideTable`]: super::Test::WideTable
    pub const fn is_wide(self) -> bool {
        match self {
            Self::Word { .. } | Self::Data { .. } => false,
            Self::Field(field) => {
                let ty = field.field_type();
                ty.is_wide() || ty.is_signed()
            }
        }
    }
}
