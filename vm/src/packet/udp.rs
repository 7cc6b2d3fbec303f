//! UDP header: offsets of its members.

/// Source port, 2 bytes.
pub const SRC_PORT: usize = 0;
/// Destination port, 2 bytes.
pub const DST_PORT: usize = 2;
/// Length of header and payload as sent, 2 bytes.
pub const LENGTH: usize = 4;
/// Checksum, 2 bytes; 0 means there is none.
pub const CHECKSUM: usize = 6;

/// Length of the header.
pub const HEADER_LEN: usize = 8;
/// Its number in an IP header.
pub const PROTOCOL: u8 = 17;
