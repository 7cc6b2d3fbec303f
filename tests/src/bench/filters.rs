//! Filters that grow, and filters that say the same of every packet.

use std::fmt::Write;

use super::memory::random;

/// Where the generator of the filters starts.
const SEED: u64 = 42;
/// Beyond this libpcap takes minutes to compile.
const MAX_PCAP: usize = 250;

/// A filter of a given length.
#[derive(Clone, Debug)]
pub struct Growing {
    /// What it is made of.
    pub name: String,
    /// The text.
    pub filter: String,
    /// The same predicate for libpcap, unless it is too long for it.
    pub pcap: Option<String>,
}

/// Lists of ports, of address ranges, and of very many networks.
#[must_use]
pub fn growing() -> Vec<Growing> {
    let ports = [1, 10, 50, 100, 250].map(ports);
    let ranges = [1, 10, 30, 60, 120].map(|count| blocks(count, "range"));
    let many = blocks(10_000, "CIDR block");
    ports.into_iter().chain(ranges).chain([many]).collect()
}

fn ports(count: usize) -> Growing {
    let mut ports: Vec<u64> = Vec::new();
    for number in random(SEED) {
        let port = 1024 + number % 60_000;
        if ports.len() == count {
            break;
        }
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    let joined = |prefix: &str| {
        let tests: Vec<String> = ports.iter().map(|port| format!("{prefix}{port}")).collect();
        tests.join(" or ")
    };
    Growing {
        name: named(count, "port"),
        filter: joined("tcp.DstPort = "),
        pcap: Some(joined("tcp dst port ")),
    }
}

/// Networks at random, of 16 to 28 bits, as ranges of addresses.
fn blocks(count: usize, what: &str) -> Growing {
    let (mut filter, mut pcap) = (String::new(), String::new());
    for number in random(SEED).take(count) {
        let bits = 16 + (number >> 32) % 13;
        let mask = !0_u32 << (32 - bits);
        let first = number as u32 & mask;
        let [first, last] = [first, first | !mask].map(std::net::Ipv4Addr::from);
        let or = if filter.is_empty() { "" } else { " or " };
        write!(filter, "{or}ip.DstAddr >= {first} and ip.DstAddr <= {last}").expect("a string");
        write!(pcap, "{or}ip dst net {first}/{bits}").expect("a string");
    }
    Growing {
        name: named(count, what),
        filter,
        pcap: (count <= MAX_PCAP).then_some(pcap),
    }
}

fn named(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Filters whose verdict no packet changes, some less plainly than others.
#[must_use]
pub fn constant() -> [&'static str; 8] {
    [
        "true",
        "false",
        "ip or ipv6",
        "inbound or outbound",
        "tcp and udp",
        "ip and ipv6.HopLimit < 5",
        "tcp.DstPort > 443 and tcp.DstPort < 80",
        "tcp.DstPort >= 0 or not tcp",
    ]
}
