//! The oracle of the testkit beside compiler and virtual machine.

use std::collections::HashMap;

use divert_compiler::{Compiler, Dialect, Event, Filter};
use divert_testkit::generators::{self, Source};
use divert_testkit::oracle::{self, Oracle};
use divert_testkit::vectors;

/// The verdict of the virtual machine and that of the oracle.
#[track_caller]
fn check(
    text: &str,
    filter: &Filter,
    oracle: &Oracle,
    packet: Option<&[u8]>,
    event: &Event,
) -> Option<bool> {
    let ours = filter.evaluate(packet, event).ok();
    let theirs = oracle.matches(packet, event).ok();
    assert_eq!(
        ours,
        theirs,
        "machine (left) and oracle (right) on {} filter `{text}`, {event:?}, packet {packet:02x?}",
        filter.dialect()
    );
    ours
}

#[test]
fn the_oracle_agrees_on_every_vector() {
    let rows = vectors::filters();
    let filters: HashMap<&str, _> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let cases = vectors::cases_by_layer();
    let (mut filters_seen, mut verdicts) = (0, 0);
    for row in vectors::evals() {
        let source = filters[row.filter.as_str()];
        let text = &source.filter;
        if text.starts_with('@') {
            continue;
        }
        let oracle = Oracle::new(text, source.layer, Dialect::WinDivert22);
        let oracle = oracle.unwrap_or_else(|| panic!("the oracle does not understand {text}"));
        filters_seen += 1;
        for (at, case) in cases[usize::from(source.layer.as_u8())].iter().enumerate() {
            let verdict = oracle.matches(case.packet.as_deref(), &case.event).ok();
            let expect = case.valid.then(|| row.matches.get(at));
            assert_eq!(verdict, expect, "{} {text} on {}", row.filter, case.id);
            verdicts += 1;
        }
    }
    println!("{filters_seen} filters, {verdicts} verdicts");
    assert_eq!(filters_seen, 8_489);
}

#[test]
fn the_oracle_agrees_with_the_machine_on_every_vector_in_either_dialect() {
    let cases = vectors::cases_by_layer();
    for dialect in Dialect::ALL {
        let (mut filters, mut verdicts, mut matches) = (0, 0, 0);
        for row in vectors::filters()
            .iter()
            .filter(|row| !row.filter.starts_with('@'))
        {
            let text = &row.filter;
            let compiler = Compiler::new().layer(row.layer).dialect(dialect);
            let Ok(filter) = compiler.compile(text) else {
                continue;
            };
            let oracle = Oracle::new(text, row.layer, dialect);
            let oracle = oracle.unwrap_or_else(|| panic!("the oracle does not understand {text}"));
            filters += 1;
            for case in &cases[usize::from(row.layer.as_u8())] {
                if dialect == Dialect::Divert && !generators::can_occur(&case.event) {
                    continue;
                }
                let verdict = check(text, &filter, &oracle, case.packet.as_deref(), &case.event);
                verdicts += 1;
                matches += usize::from(verdict == Some(true));
            }
        }
        println!("{dialect}: {filters} filters, {verdicts} verdicts, {matches} matches");
        assert!(filters >= 8_486 && matches > 300_000);
    }
}

#[test]
fn the_oracle_reads_addresses_as_recorded() {
    #[derive(serde::Deserialize)]
    struct Row {
        op: String,
        s: Option<String>,
        #[serde(default)]
        ok: bool,
        addr: Option<serde_json::Value>,
    }
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/addr.jsonl"));
    let mut seen = 0;
    for line in text.unwrap().lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        if row.op != "parse6" {
            continue;
        }
        seen += 1;
        let text = row.s.unwrap();
        let expect = row.ok.then(|| {
            let words: [u32; 4] = serde_json::from_value(row.addr.unwrap()).unwrap();
            words
                .iter()
                .rev()
                .fold(0, |addr, word| addr << 32 | u128::from(*word))
        });
        assert_eq!(oracle::parse_v6(&text), expect, "{text}");
    }
    println!("{seen} IPv6 addresses");
    assert!(seen > 300);
}

#[test]
fn the_oracle_reads_headers_as_etherparse_does() {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};
    let mut agreed = 0;
    for (packet, event) in vectors::workload().packets {
        let ours = oracle::parse(&packet).unwrap();
        let theirs = SlicedPacket::from_ip(&packet).unwrap();
        assert_eq!(matches!(theirs.net, Some(NetSlice::Ipv6(_))), ours.v6);
        assert_eq!(event.ipv6, ours.v6);
        let (transport, payload) = match theirs.transport.unwrap() {
            TransportSlice::Tcp(tcp) => (oracle::Transport::Tcp, tcp.payload().len()),
            TransportSlice::Udp(udp) => (oracle::Transport::Udp, udp.payload().len()),
            TransportSlice::Icmpv4(_) => (oracle::Transport::Icmp, ours.end - ours.payload_at),
            TransportSlice::Icmpv6(_) => (oracle::Transport::Icmpv6, ours.end - ours.payload_at),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (ours.transport, ours.end - ours.payload_at),
            (transport, payload)
        );
        agreed += 1;
    }
    println!("{agreed} packets");
    assert_eq!(agreed, 2_048);
}

/// Filters times events of a random comparison.
const FILTERS: u64 = 12_000;
const EVENTS: u64 = 90;

/// Compares verdicts on random filters, each on random packets and events.
fn compare_at_random(dialect: Dialect) {
    let (mut accepted, mut pairs, mut matches, mut refused) = (0, 0, 0, 0);
    for seed in 0..FILTERS {
        let bytes = generators::random_bytes(seed, 2048);
        let mut source = Source::new(&bytes);
        let layer = generators::layer(&mut source);
        let text = generators::filter_text(&mut source, layer, dialect);
        let Ok(filter) = Compiler::new().layer(layer).dialect(dialect).compile(&text) else {
            continue;
        };
        accepted += 1;
        let oracle = Oracle::new(&text, layer, dialect);
        let oracle = oracle.unwrap_or_else(|| panic!("the oracle does not understand {text}"));
        for event in 0..EVENTS {
            let bytes = generators::random_bytes(seed << 8 | event | 1 << 63, 300);
            let mut source = Source::new(&bytes);
            let (packet, event) = generators::scene(&mut source, layer);
            let verdict = check(&text, &filter, &oracle, packet.as_deref(), &event);
            pairs += 1;
            matches += u64::from(verdict == Some(true));
            refused += u64::from(verdict.is_none());
        }
    }
    println!(
        "{dialect}: {FILTERS} texts, {accepted} accepted, {pairs} pairs, \
         {matches} matched, {refused} refused"
    );
    assert!(accepted > FILTERS * 9 / 10, "most texts should be filters");
    assert!(pairs >= 1_000_000, "{pairs} pairs");
    assert!(
        pairs / 5 < matches && matches < pairs * 4 / 5,
        "both verdicts should be common"
    );
    assert!(refused > 0);
}

#[test]
fn the_oracle_agrees_on_a_million_random_pairs_in_divert() {
    compare_at_random(Dialect::Divert);
}

#[test]
fn the_oracle_agrees_on_a_million_random_pairs_in_windivert_2_2() {
    compare_at_random(Dialect::WinDivert22);
}
