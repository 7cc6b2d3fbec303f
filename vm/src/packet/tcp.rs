//! TCP header: offsets of its members.

/// Source port, 2 bytes.
pub const SRC_PORT: usize = 0;
/// Destination port, 2 bytes.
pub const DST_PORT: usize = 2;
/// Sequence number, 4 bytes.
pub const SEQ: usize = 4;
/// Acknowledgement number, 4 bytes.
pub const ACK: usize = 8;
/// Header length in words, in the high half of the byte.
pub const DATA_OFFSET: usize = 12;
/// Flags from the low bit up: FIN, SYN, RST, PSH, ACK, URG.
pub const FLAGS: usize = 13;
/// Window, 2 bytes.
pub const WINDOW: usize = 14;
/// Checksum, 2 bytes.
pub const CHECKSUM: usize = 16;
/// Urgent pointer, 2 bytes.
pub const URG_PTR: usize = 18;

/// Length of a header without options.
pub const HEADER_LEN: usize = 20;
/// Its number in an IP header.
pub const PROTOCOL: u8 = 6;
