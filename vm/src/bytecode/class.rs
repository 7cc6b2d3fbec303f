//! Packet classes: what is known of a packet before any test.

use crate::packet::{IpVersion, Transport};

/// IP version, transport header and direction of a packet.
///
/// A packet that does not parse has no version, and neither have events of
/// layers without packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(u8);

/// Bit of the index that is set if the packet leaves this host.
const OUTBOUND: u8 = 1;

impl Class {
    /// The number of classes.
    pub const COUNT: usize = 18;

    /// Every class, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self(0); Self::COUNT];
        let mut rest: &mut [Self] = &mut all;
        let mut index = 0;
        while let [first, tail @ ..] = rest {
            *first = Self(index);
            index = index.wrapping_add(1);
            rest = tail;
        }
        all
    };

    /// The class of such a packet. A transport header that does not go with
    /// the IP version, or without any, counts as none.
    pub const fn of(version: Option<IpVersion>, transport: Transport, outbound: bool) -> Self {
        let row = match (version, transport) {
            (None, _) => 0,
            (Some(IpVersion::V4), Transport::None | Transport::Icmpv6) => 1,
            (Some(IpVersion::V4), Transport::Icmp) => 2,
            (Some(IpVersion::V4), Transport::Tcp) => 3,
            (Some(IpVersion::V4), Transport::Udp) => 4,
            (Some(IpVersion::V6), Transport::None | Transport::Icmp) => 5,
            (Some(IpVersion::V6), Transport::Icmpv6) => 6,
            (Some(IpVersion::V6), Transport::Tcp) => 7,
            (Some(IpVersion::V6), Transport::Udp) => 8,
        };
        Self(row << 1 | if outbound { OUTBOUND } else { 0 })
    }

    /// Where its target stands among those of all classes.
    #[allow(clippy::as_conversions, reason = "lossless, and `From` is not const")]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The version of the IP header, if there is one.
    pub const fn version(self) -> Option<IpVersion> {
        match self.0 >> 1 {
            0 => None,
            1..=4 => Some(IpVersion::V4),
            _ => Some(IpVersion::V6),
        }
    }

    /// The transport header.
    pub const fn transport(self) -> Transport {
        match self.0 >> 1 {
            2 => Transport::Icmp,
            6 => Transport::Icmpv6,
            3 | 7 => Transport::Tcp,
            4 | 8 => Transport::Udp,
            _ => Transport::None,
        }
    }

    /// Whether the packet leaves this host.
    pub const fn outbound(self) -> bool {
        self.0 & OUTBOUND != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_that_of_its_parts() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
            let again = Class::of(class.version(), class.transport(), class.outbound());
            assert_eq!(again, class);
        }
    }
}
