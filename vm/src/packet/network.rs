//! What both IP versions have in common.

/// The version of the Internet protocol of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What the IP header of either version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) version: IpVersion,
    /// Options and extension headers included.
    pub(super) header_len: usize,
    pub(super) total_len: usize,
    pub(super) protocol: u8,
    pub(super) is_fragment: bool,
    pub(super) more_fragments: bool,
    pub(super) fragment_offset: u16,
}
