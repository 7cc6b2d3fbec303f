//! Every numeric limit of the format, each stated once.

/// Bytes of one encoded instruction.
pub const INSN_LEN: usize = 24;

/// Most instructions the driver runs, and so the most that leave a process.
pub const MAX_INSNS: usize = 255;

/// Most instructions that WinDivert 2.2 compiles in user mode. One more than
/// its driver accepts; only evaluation inside the process can use the last.
pub const MAX_USER_INSNS: usize = 256;

/// Largest length of an IP packet in bytes: an IPv6 header and 65535 bytes.
pub const MAX_PACKET_LEN: u32 = 65_575;

/// Shortest length of an IP packet in bytes: an IPv4 header.
pub const MIN_PACKET_LEN: u32 = 20;

/// Largest byte index that a data field such as `packet[…]` may name.
pub const MAX_DATA_INDEX: u32 = 65_535;

/// Highest handle priority; the lowest is its negation.
pub const MAX_PRIORITY: u32 = 30_000;

/// Most bytes of an object string, its terminating NUL excluded.
pub const MAX_OBJECT_LEN: usize = 10_254;
