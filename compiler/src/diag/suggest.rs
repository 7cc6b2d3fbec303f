//! What was probably meant: names close to a wrong one, ranges of a prefix.

use core::net::IpAddr;

use divert_vm::{Field, Layer};

use crate::symbols;

/// What people write who know other tools, and what it is called here.
const HABITS: [(&str, &str); 22] = [
    ("dport", "tcp.DstPort"),
    ("sport", "tcp.SrcPort"),
    ("dstport", "tcp.DstPort"),
    ("srcport", "tcp.SrcPort"),
    ("port", "tcp.DstPort"),
    ("tcp.port", "tcp.DstPort"),
    ("udp.port", "udp.DstPort"),
    ("ip.src", "ip.SrcAddr"),
    ("ip.dst", "ip.DstAddr"),
    ("ip.addr", "remoteAddr"),
    ("ip6.src", "ipv6.SrcAddr"),
    ("ip6.dst", "ipv6.DstAddr"),
    ("src", "ip.SrcAddr"),
    ("dst", "ip.DstAddr"),
    ("host", "remoteAddr"),
    ("srcaddr", "ip.SrcAddr"),
    ("dstaddr", "ip.DstAddr"),
    ("pid", "processId"),
    ("ipv4", "ip"),
    ("ip6", "ipv6"),
    ("icmp6", "icmpv6"),
    ("iface", "ifIdx"),
];

/// The field that a wrong name was meant to be.
pub(super) fn field(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let habit = HABITS.iter().find(|(name, _)| *name == lower);
    if let Some((_, field)) = habit {
        return Some(field);
    }
    let spelled = lower.replace("ip6.", "ipv6.").replace("ipv4.", "ip.");
    let names = Field::ALL
        .into_iter()
        .map(Field::name)
        .chain(["true", "false"]);
    nearest(&spelled, names)
}

/// The macro that a wrong value was meant to be.
pub(super) fn value(word: &str, layer: Layer) -> Option<&'static str> {
    nearest(&word.to_ascii_lowercase(), symbols::names(layer))
}

/// The closest of `names`, upper and lower case being the same, if it is
/// close at all.
fn nearest(word: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if word.len() > 39 {
        return None;
    }
    let score = |name: &&'static str| {
        let lower = name.to_ascii_lowercase();
        (
            strsim::damerau_levenshtein(word, &lower),
            lower.len().abs_diff(word.len()),
        )
    };
    let best = names.min_by_key(score)?;
    let (distance, _) = score(&best);
    (distance <= (word.len() / 3).max(1)).then_some(best)
}

/// First and last address of a network, as filter text.
pub(super) fn network(addr: &str, len: &str) -> Option<(String, String)> {
    let len: u32 = len.parse().ok()?;
    match addr.parse().ok()? {
        IpAddr::V4(addr) => {
            let host = u32::MAX.checked_shr(len).unwrap_or(0);
            let first = addr.to_bits() & !host;
            let text = |bits| divert_vm::addr::V4(bits).to_string();
            (len <= 32).then(|| (text(first), text(first | host)))
        }
        IpAddr::V6(addr) => {
            let host = u128::MAX.checked_shr(len).unwrap_or(0);
            let first = addr.to_bits() & !host;
            let text = |bits| divert_vm::addr::V6(bits).to_string();
            (len <= 128).then(|| (text(first), text(first | host)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found() {
        let words = [
            ("tcp.DestPort", Some("tcp.DstPort")),
            ("ip6.DstAddr", Some("ipv6.DstAddr")),
            ("upd", Some("udp")),
            ("srcPort", Some("tcp.SrcPort")),
            ("outbund", Some("outbound")),
            ("xyzzy", None),
        ];
        for (word, expect) in words {
            assert_eq!(field(word), expect, "{word}");
        }
        assert_eq!(value("established", Layer::Flow), Some("ESTABLISHED"));
        assert_eq!(value("conect", Layer::Socket), Some("CONNECT"));
    }

    #[test]
    fn networks_have_their_first_and_last_address() {
        let check = |addr, len, first: &str, last: &str| {
            assert_eq!(network(addr, len), Some((first.into(), last.into())));
        };
        check("10.1.2.3", "8", "10.0.0.0", "10.255.255.255");
        check("10.1.2.3", "32", "10.1.2.3", "10.1.2.3");
        check("0.0.0.0", "0", "0.0.0.0", "255.255.255.255");
        check(
            "2001:db8::",
            "32",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        );
        assert_eq!(network("10.0.0.0", "33"), None);
    }
}
