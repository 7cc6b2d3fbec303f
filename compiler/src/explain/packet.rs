//! Packets and events in one line each.

use core::fmt::Write;

use divert_vm::addr::{V4, V6};
use divert_vm::packet::{Headers, IpVersion, Source, Transport, icmp, ipv4, ipv6, tcp, udp};
use divert_vm::{Event, Layer, Record};

/// A packet in one line.
///
/// # Examples
///
/// ```
/// use divert_compiler::explain::packet_summary;
///
/// let dns = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\
///     \x08\x08\x08\x08\xc0\x00\x00\x35\x00\x08\x00\x00";
/// let summary = packet_summary(dns);
/// assert_eq!(summary, "IPv4 UDP 10.0.0.1:49152 > 8.8.8.8:53, 28 bytes");
/// assert_eq!(packet_summary(b"hello"), "not an IP packet, 5 bytes");
/// ```
#[must_use]
pub fn packet_summary(packet: &[u8]) -> String {
    let len = packet.len();
    let Some(headers) = Headers::parse(packet) else {
        return format!("not an IP packet, {len} bytes");
    };
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = write_packet(&mut line, packet, &headers);
    let _ = write!(line, ", {len} bytes");
    if headers.is_truncated() {
        let _ = write!(line, " of {}", headers.total_len());
    }
    line
}

fn write_packet(line: &mut String, packet: &[u8], headers: &Headers) -> core::fmt::Result {
    let version = headers.version();
    line.write_str(match version {
        IpVersion::V4 => "IPv4 ",
        IpVersion::V6 => "IPv6 ",
    })?;
    let at = headers.transport_offset().unwrap_or_default();
    let byte = |offset: usize| {
        let byte = packet.read(at.saturating_add(offset));
        byte.map_or(0, |[byte]: [u8; 1]| byte)
    };
    let port = |offset: usize| {
        let bytes = packet.read(at.saturating_add(offset));
        bytes.map(u16::from_be_bytes)
    };
    let (mut source, mut destination) = (None, None);
    match headers.transport() {
        Transport::Tcp => {
            line.write_str("TCP ")?;
            (source, destination) = (port(tcp::SRC_PORT), port(tcp::DST_PORT));
        }
        Transport::Udp => {
            line.write_str("UDP ")?;
            (source, destination) = (port(udp::SRC_PORT), port(udp::DST_PORT));
        }
        Transport::Icmp => write!(line, "ICMP {}/{} ", byte(icmp::TYPE), byte(icmp::CODE))?,
        Transport::Icmpv6 => write!(line, "ICMPv6 {}/{} ", byte(icmp::TYPE), byte(icmp::CODE))?,
        Transport::None => write!(line, "protocol {} ", headers.protocol())?,
    }
    let end = |at: usize, port: Option<u16>, v6_at: usize| match version {
        IpVersion::V4 => endpoint_v4(packet.read(at).map_or(0, u32::from_be_bytes), port),
        IpVersion::V6 => endpoint_v6(packet.read(v6_at).map_or(0, u128::from_be_bytes), port),
    };
    let source = end(ipv4::SRC, source, ipv6::SRC);
    let destination = end(ipv4::DST, destination, ipv6::DST);
    write!(line, "{source} > {destination}")?;
    if headers.is_fragment() {
        let unit = if version == IpVersion::V4 { 8 } else { 1 };
        let offset = u32::from(headers.fragment_offset()).saturating_mul(unit);
        write!(line, ", fragment at {offset}")?;
    }
    Ok(())
}

fn endpoint_v4(addr: u32, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{}:{port}", V4(addr)),
        None => V4(addr).to_string(),
    }
}

fn endpoint_v6(addr: u128, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("[{}]:{port}", V6(addr)),
        None => V6(addr).to_string(),
    }
}

/// An event in one line, its packet left out.
///
/// # Examples
///
/// ```
/// use divert_compiler::{explain::event_summary, Event, Layer};
///
/// assert_eq!(event_summary(&Event::outbound()), "outbound packet");
/// let mut flow = Event::new(Layer::Flow);
/// flow.event = 1;
/// let summary = event_summary(&flow);
/// assert_eq!(summary, "inbound FLOW ESTABLISHED, protocol 0, [::]:0 > [::]:0, process 0");
/// ```
#[must_use]
pub fn event_summary(event: &Event) -> String {
    let mut line = String::new();
    let direction = match (event.layer, event.outbound) {
        (Layer::NetworkForward, _) => "forwarded ",
        (Layer::Reflect, _) => "",
        (_, true) => "outbound ",
        (_, false) => "inbound ",
    };
    line.push_str(direction);
    for (set, word) in [(event.loopback, "loopback "), (event.impostor, "impostor ")] {
        if set {
            line.push_str(word);
        }
    }
    // Writing to a string cannot fail.
    let _ = write_record(&mut line, event);
    line
}

fn write_record(line: &mut String, event: &Event) -> core::fmt::Result {
    let names = event.layer.events().iter();
    let mut names = names.filter(|(_, number)| *number == event.event);
    let name = names.next().map(|(name, _)| *name);
    let number = event.event.to_string();
    let name = name.unwrap_or(&number);
    match &event.record {
        Record::Network(_) => line.write_str("packet"),
        Record::Flow(flow) => {
            let end = |addr: u128, port: u16| match addr.to_be_bytes() {
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, v4 @ ..] => {
                    endpoint_v4(u32::from_be_bytes(v4), Some(port))
                }
                _ => endpoint_v6(addr, Some(port)),
            };
            let protocol = match flow.protocol {
                6 => "TCP".to_owned(),
                17 => "UDP".to_owned(),
                other => format!("protocol {other}"),
            };
            let local = end(flow.local_addr, flow.local_port);
            let remote = end(flow.remote_addr, flow.remote_port);
            let (from, to) = if event.outbound {
                (local, remote)
            } else {
                (remote, local)
            };
            let (layer, process) = (event.layer, flow.process_id);
            write!(
                line,
                "{layer} {name}, {protocol}, {from} > {to}, process {process}"
            )
        }
        Record::Reflect(handle) => {
            let number = u8::try_from(handle.layer).ok();
            let layer = number
                .and_then(Layer::from_u8)
                .map_or("unknown", Layer::name);
            let (priority, process) = (handle.priority, handle.process_id);
            write!(
                line,
                "REFLECT {name}, layer {layer}, priority {priority}, process {process}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_fit_one_line() {
        let check = |packet: &[u8], expect: &str| assert_eq!(packet_summary(packet), expect);
        let ping =
            b"\x45\x00\x00\x1d\x00\x01\x00\x00\x40\x01\x00\x00\x7f\x00\x00\x01\x7f\x00\x00\x01\
            \x08\x00\x00\x00\x00\x01\x00\x01!";
        check(ping, "IPv4 ICMP 8/0 127.0.0.1 > 127.0.0.1, 29 bytes");
        check(
            &ping[..24],
            "IPv4 protocol 1 127.0.0.1 > 127.0.0.1, 24 bytes of 29",
        );
        let fragment =
            b"\x45\x00\x00\x15\x00\x01\x00\x02\x40\x11\x00\x00\x7f\x00\x00\x01\x7f\x00\x00\x01!";
        check(
            fragment,
            "IPv4 protocol 17 127.0.0.1 > 127.0.0.1, fragment at 16, 21 bytes",
        );
        let mut v6 = [0; 48];
        v6[0] = 0x60;
        v6[5] = 8;
        v6[6] = 17;
        v6[23] = 1;
        v6[39] = 2;
        v6[41] = 53;
        check(&v6, "IPv6 UDP [::1]:53 > [::2]:0, 48 bytes");
        check(b"", "not an IP packet, 0 bytes");
    }
}
