//! Names that people bring along from tcpdump, Wireshark and nftables.

use super::Context;

/// What a foreign name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// One field.
    Field(&'static str),
    /// Either of two fields.
    Either(&'static str, &'static str),
    /// Nothing that a filter can ask for; what to know instead.
    Nothing(&'static str),
}

use Habit::{Either, Field, Nothing};

/// Names in lower case.
const HABITS: &[(&str, Habit)] = &[
    // Both directions at once.
    ("tcp.port", Either("tcp.SrcPort", "tcp.DstPort")),
    ("udp.port", Either("udp.SrcPort", "udp.DstPort")),
    ("ip.addr", Either("ip.SrcAddr", "ip.DstAddr")),
    ("ip.host", Either("ip.SrcAddr", "ip.DstAddr")),
    ("ip.address", Either("ip.SrcAddr", "ip.DstAddr")),
    ("ipv6.addr", Either("ipv6.SrcAddr", "ipv6.DstAddr")),
    ("ipv6.host", Either("ipv6.SrcAddr", "ipv6.DstAddr")),
    ("port", Either("localPort", "remotePort")),
    ("host", Either("localAddr", "remoteAddr")),
    ("addr", Either("localAddr", "remoteAddr")),
    ("address", Either("localAddr", "remoteAddr")),
    // Addresses.
    ("ip.src", Field("ip.SrcAddr")),
    ("ip.dst", Field("ip.DstAddr")),
    ("ip.saddr", Field("ip.SrcAddr")),
    ("ip.daddr", Field("ip.DstAddr")),
    ("ipv6.src", Field("ipv6.SrcAddr")),
    ("ipv6.dst", Field("ipv6.DstAddr")),
    ("ipv6.saddr", Field("ipv6.SrcAddr")),
    ("ipv6.daddr", Field("ipv6.DstAddr")),
    ("src", Field("ip.SrcAddr")),
    ("dst", Field("ip.DstAddr")),
    ("saddr", Field("ip.SrcAddr")),
    ("daddr", Field("ip.DstAddr")),
    ("srcaddr", Field("ip.SrcAddr")),
    ("dstaddr", Field("ip.DstAddr")),
    ("localip", Field("localAddr")),
    ("remoteip", Field("remoteAddr")),
    // Ports.
    ("tcp.sport", Field("tcp.SrcPort")),
    ("tcp.dport", Field("tcp.DstPort")),
    ("udp.sport", Field("udp.SrcPort")),
    ("udp.dport", Field("udp.DstPort")),
    ("sport", Field("tcp.SrcPort")),
    ("dport", Field("tcp.DstPort")),
    ("srcport", Field("tcp.SrcPort")),
    ("dstport", Field("tcp.DstPort")),
    ("src.port", Field("tcp.SrcPort")),
    ("dst.port", Field("tcp.DstPort")),
    ("lport", Field("localPort")),
    ("rport", Field("remotePort")),
    // Headers.
    ("ipv4", Field("ip")),
    ("ip4", Field("ip")),
    ("ip6", Field("ipv6")),
    ("icmp6", Field("icmpv6")),
    ("ip.proto", Field("ip.Protocol")),
    ("ip.len", Field("ip.Length")),
    ("ip.hdr_len", Field("ip.HdrLength")),
    ("ip.ihl", Field("ip.HdrLength")),
    ("ip.dsfield", Field("ip.TOS")),
    ("ip.flags.df", Field("ip.DF")),
    ("ip.flags.mf", Field("ip.MF")),
    ("ip.frag_offset", Field("ip.FragOff")),
    ("ipv6.nxt", Field("ipv6.NextHdr")),
    ("ipv6.hlim", Field("ipv6.HopLimit")),
    ("ipv6.flow", Field("ipv6.FlowLabel")),
    ("ipv6.tclass", Field("ipv6.TrafficClass")),
    ("ipv6.plen", Field("ipv6.Length")),
    ("tcp.seq", Field("tcp.SeqNum")),
    ("tcp.len", Field("tcp.PayloadLength")),
    ("tcp.hdr_len", Field("tcp.HdrLength")),
    ("tcp.window_size", Field("tcp.Window")),
    ("tcp.flags.syn", Field("tcp.Syn")),
    ("tcp.flags.ack", Field("tcp.Ack")),
    ("tcp.flags.fin", Field("tcp.Fin")),
    ("tcp.flags.reset", Field("tcp.Rst")),
    ("tcp.flags.rst", Field("tcp.Rst")),
    ("tcp.flags.push", Field("tcp.Psh")),
    ("tcp.flags.psh", Field("tcp.Psh")),
    ("tcp.flags.urg", Field("tcp.Urg")),
    ("udp.len", Field("udp.Length")),
    // Metadata.
    ("frame.len", Field("length")),
    ("len", Field("length")),
    ("size", Field("length")),
    ("proto", Field("protocol")),
    ("pid", Field("processId")),
    ("process", Field("processId")),
    ("incoming", Field("inbound")),
    ("ingress", Field("inbound")),
    ("out", Field("outbound")),
    ("outgoing", Field("outbound")),
    ("egress", Field("outbound")),
    ("lo", Field("loopback")),
    ("iface", Field("ifIdx")),
    ("ifindex", Field("ifIdx")),
    // What is not there.
    (
        "tcp.flags",
        Nothing(
            "each flag is a field of its own: `tcp.Syn`, `tcp.Ack`, `tcp.Fin`, `tcp.Rst`, `tcp.Psh`, `tcp.Urg`",
        ),
    ),
    (
        "http",
        Nothing("filters know headers, not applications: test a port, such as `tcp.DstPort = 80`"),
    ),
    (
        "https",
        Nothing("filters know headers, not applications: test a port, such as `tcp.DstPort = 443`"),
    ),
    (
        "tls",
        Nothing("filters know headers, not applications: test a port, such as `tcp.DstPort = 443`"),
    ),
    (
        "ssl",
        Nothing("filters know headers, not applications: test a port, such as `tcp.DstPort = 443`"),
    ),
    (
        "quic",
        Nothing("filters know headers, not applications: test a port, such as `udp.DstPort = 443`"),
    ),
    (
        "dns",
        Nothing("filters know headers, not applications: test a port, such as `udp.DstPort = 53`"),
    ),
    (
        "dhcp",
        Nothing("filters know headers, not applications: test a port, such as `udp.DstPort = 67`"),
    ),
    (
        "ssh",
        Nothing("filters know headers, not applications: test a port, such as `tcp.DstPort = 22`"),
    ),
    (
        "rdp",
        Nothing(
            "filters know headers, not applications: test a port, such as `tcp.DstPort = 3389`",
        ),
    ),
    (
        "arp",
        Nothing("WinDivert sees IP packets only, not what is below"),
    ),
    (
        "eth",
        Nothing("WinDivert sees IP packets only, not what is below"),
    ),
    (
        "ether",
        Nothing("WinDivert sees IP packets only, not what is below"),
    ),
    (
        "vlan",
        Nothing("WinDivert sees IP packets only, not what is below"),
    ),
    (
        "mac",
        Nothing("WinDivert sees IP packets only, not what is below"),
    ),
    ("any", Nothing("to match everything, write `true`")),
    ("all", Nothing("to match everything, write `true`")),
    ("none", Nothing("to match nothing, write `false`")),
];

/// Parts of names in lower case that are spelled differently elsewhere.
const PREFIXES: [(&str, &str); 4] = [
    ("ip6.", "ipv6."),
    ("ipv4.", "ip."),
    ("ip4.", "ip."),
    ("icmp6.", "icmpv6."),
];

/// A name in lower case, the name of its header as it is spelled here.
pub(super) fn normal(word: &str) -> String {
    let word = word.to_ascii_lowercase();
    for (theirs, ours) in PREFIXES {
        if let Some(rest) = word.strip_prefix(theirs) {
            return [ours, rest].concat();
        }
    }
    word
}

/// Looks up a name that [`normal`] gave.
pub(super) fn lookup(word: &str) -> Option<Habit> {
    let found = HABITS.iter().find(|(name, _)| *name == word);
    let habit = found.map(|(_, habit)| *habit);
    habit.or_else(|| {
        let below = ["eth.", "arp.", "vlan."]
            .iter()
            .any(|p| word.starts_with(p));
        let above = ["http.", "dns.", "tls.", "ssl.", "quic."]
            .iter()
            .any(|p| word.starts_with(p));
        if below {
            Some(Nothing("WinDivert sees IP packets only, not what is below"))
        } else if above {
            Some(Nothing(
                "filters know headers, not applications: compare bytes, such as \
                 `tcp.Payload32[0] = 0x47455420`",
            ))
        } else {
            None
        }
    })
}

/// The number of the service that a name in a filter means.
const SERVICES: [(&str, u16); 16] = [
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("dns", 53),
    ("domain", 53),
    ("dhcp", 67),
    ("http", 80),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("snmp", 161),
    ("https", 443),
    ("smb", 445),
    ("rdp", 3389),
    ("mdns", 5353),
];

impl Context<'_> {
    /// The value that a foreign word on the right side stands for.
    pub(super) fn foreign_value(&self) -> Option<String> {
        let word = self.here().to_ascii_lowercase();
        if word == "localhost" {
            return Some("127.0.0.1".to_owned());
        }
        let before = self.before(self.span.start);
        let subject = before.iter().rev().nth(1)?;
        if !self.text(*subject).ends_with("Port") {
            return None;
        }
        let (_, port) = SERVICES.iter().find(|(name, _)| *name == word)?;
        Some(port.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use divert_vm::Field as Real;

    #[test]
    fn habits_lead_to_fields() {
        for (name, habit) in HABITS {
            assert_eq!(normal(name), *name, "lookups are in this form");
            let fields = match habit {
                Field(field) => vec![field],
                Either(a, b) => vec![a, b],
                Nothing(_) => vec![],
            };
            for field in fields {
                assert!(Real::from_name(field).is_some(), "{field}");
            }
        }
    }

    #[test]
    fn no_habit_is_a_field_in_another_case() {
        for (name, _) in HABITS {
            let same = |field: &Real| field.name().eq_ignore_ascii_case(name);
            assert_eq!(Real::ALL.into_iter().find(same), None, "{name}");
        }
    }
}
