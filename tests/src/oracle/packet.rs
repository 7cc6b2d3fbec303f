//! What the bytes of a packet are: an own, slow reader of headers.

/// Which transport header there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// None that is complete
    None,
    /// ICMP over IPv4
    Icmp,
    /// ICMP over IPv6
    Icmpv6,
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

/// The parts of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// IPv6; otherwise IPv4.
    pub v6: bool,
    /// The number of the protocol that was reached.
    pub protocol: u8,
    /// Which header lies at `transport_at`.
    pub transport: Transport,
    /// Where the transport begins.
    pub transport_at: usize,
    /// Where the payload begins.
    pub payload_at: usize,
    /// Where the payload ends.
    pub end: usize,
    /// Whether the packet is one of several fragments.
    pub fragment: bool,
}

/// Takes a packet apart; `None` if it is not an IP packet.
#[must_use]
pub fn parse(packet: &[u8]) -> Option<Parsed> {
    if packet.len() < 20 {
        return None;
    }
    match packet[0] >> 4 {
        4 => parse_v4(packet),
        6 => parse_v6(packet),
        _ => None,
    }
}

pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) << 8 | u16::from(bytes[at + 1])
}

fn parse_v4(packet: &[u8]) -> Option<Parsed> {
    let header = usize::from(packet[0] & 15) * 4;
    let total = usize::from(be16(packet, 2));
    if header < 20 || total < header || packet.len() < header {
        return None;
    }
    let fragment_word = be16(packet, 6);
    let offset = fragment_word & 0x1FFF;
    let more = fragment_word & 0x2000 != 0;
    let end = total.min(packet.len());
    Some(transport(
        &packet[..end],
        Parsed {
            v6: false,
            protocol: packet[9],
            transport: Transport::None,
            transport_at: header,
            payload_at: header,
            end,
            fragment: more || offset != 0,
        },
        offset == 0,
    ))
}

fn parse_v6(packet: &[u8]) -> Option<Parsed> {
    if packet.len() < 40 {
        return None;
    }
    let end = packet.len().min(40 + usize::from(be16(packet, 4)));
    let packet = &packet[..end];
    let mut protocol = packet[6];
    let mut at = 40;
    let mut fragment = false;
    let mut offset = 0;
    while offset == 0 && end - at >= 2 {
        let second = usize::from(packet[at + 1]);
        let length = match protocol {
            0 | 43 | 60 | 135 => 8 * (second + 1),
            51 => 4 * (second + 2),
            44 if !fragment => 8,
            _ => break,
        };
        if at + length > end {
            break;
        }
        if protocol == 44 {
            fragment = true;
            offset = be16(packet, at + 2) & 0xFFF8;
        }
        protocol = packet[at];
        at += length;
    }
    Some(transport(
        packet,
        Parsed {
            v6: true,
            protocol,
            transport: Transport::None,
            transport_at: at,
            payload_at: at,
            end,
            fragment,
        },
        offset == 0,
    ))
}

/// Looks for a transport header, unless this is a later fragment.
fn transport(packet: &[u8], parsed: Parsed, first: bool) -> Parsed {
    if !first {
        return parsed;
    }
    let rest = &packet[parsed.transport_at..];
    let (transport, length) = match parsed.protocol {
        6 if rest.len() >= 20 && rest[12] >> 4 >= 5 => (
            Transport::Tcp,
            rest.len().min(usize::from(rest[12] >> 4) * 4),
        ),
        17 if rest.len() >= 8 => (Transport::Udp, 8),
        1 if rest.len() >= 8 && !parsed.v6 => (Transport::Icmp, 8),
        58 if rest.len() >= 8 && parsed.v6 => (Transport::Icmpv6, 8),
        _ => (Transport::None, 0),
    };
    Parsed {
        transport,
        payload_at: parsed.transport_at + length,
        ..parsed
    }
}
