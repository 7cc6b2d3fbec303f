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

/// Most nodes of a program in divert bytecode. An execution visits each at
/// most once, so this bounds its time, too.
pub const MAX_NODES: u32 = 65_536;

/// Most cells of nodes and constants of a program in divert bytecode: 4 MiB.
/// A table for every second of all 32-bit values would not fit, one with a
/// bound for each of 65,536 ports does many times.
pub const MAX_BODY_CELLS: u32 = 131_072;

/// Most bounds that the tables of all nodes of a program have together, a
/// table that two nodes share counted twice. The verifier reads each table
/// once for each node, so this bounds its time.
pub const MAX_TABLE_BOUNDS: u32 = 4_194_304;
