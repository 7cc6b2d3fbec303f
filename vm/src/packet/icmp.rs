//! ICMP and ICMPv6 header: offsets of its members.

/// Type of message, 1 byte.
pub const TYPE: usize = 0;
/// Code within the type, 1 byte.
pub const CODE: usize = 1;
/// Checksum, 2 bytes.
pub const CHECKSUM: usize = 2;
/// What the type makes of it, 4 bytes.
pub const BODY: usize = 4;

/// Length of the header.
pub const HEADER_LEN: usize = 8;
/// Its number in an IPv4 header.
pub const PROTOCOL: u8 = 1;
/// The number of ICMPv6 in an IPv6 header.
pub const PROTOCOL_V6: u8 = 58;
