//! What `check` remarks on clauses: only what is proved, and no idioms.

use divert_compiler::diag::{Code, Diagnostic};
use divert_compiler::equiv::{Comparison, compare};
use divert_compiler::{Compiler, Dialect, Filter, Layer};
use divert_testkit::generators::{Source, filter_text, layer, random_bytes};
use divert_testkit::vectors;

fn compile(text: &str, layer: Layer) -> Option<Filter> {
    Compiler::new().layer(layer).compile(text).ok()
}

/// The codes and places of what is remarked.
#[track_caller]
fn check(text: &str, expect: &[(&str, &str)]) {
    let filter = compile(text, Layer::Network).unwrap();
    let lints = filter.lints();
    let found: Vec<_> = lints
        .iter()
        .map(|d| (d.code.as_str(), d.span.of(text)))
        .collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn clauses_that_never_decide_are_found() {
    check(
        "tcp.DstPort = 80 and (udp.DstPort = 53 or outbound)",
        &[("W2008", "udp.DstPort = 53")],
    );
    check(
        "outbound and (tcp.DstPort = 80 or tcp.DstPort = 81) and tcp.DstPort > 81 or udp",
        &[("W2008", "tcp.DstPort > 81")],
    );
    check("(tcp or not tcp)? udp: icmp", &[("W2008", "icmp")]);
    check("udp and (tcp? inbound: outbound)", &[("W2008", "inbound")]);
}

#[test]
fn clauses_that_change_nothing_are_found() {
    check(
        "tcp.DstPort > 1023 and tcp.DstPort > 8000",
        &[("W2009", "tcp.DstPort > 1023")],
    );
    check(
        "udp.DstPort == 53 or tcp.DstPort == 53 or udp.DstPort == 53",
        &[("W2009", "udp.DstPort == 53")],
    );
    check(
        "outbound and tcp.DstPort == 443 and not tcp.DstPort == 80",
        &[("W2009", "not tcp.DstPort == 80")],
    );
    check(
        "tcp.DstPort == 80 or tcp",
        &[("W2009", "tcp.DstPort == 80")],
    );
    check(
        "ip.SrcAddr = 10.0.0.1 and packet32[12b] = 0x0a000001",
        &[("W2009", "packet32[12b] = 0x0a000001")],
    );
}

#[test]
fn constant_filters_are_found_by_meaning() {
    // The optimiser finds some already, and then nothing more is said.
    let text = "tcp.DstPort >= 80 or not tcp or tcp.DstPort < 80";
    let filter = compile(text, Layer::Network).unwrap();
    assert_eq!(filter.warnings()[0].code, Code::ConstantFilter);
    assert!(filter.lints().is_empty());
    let filter = compile("remotePort >= 5000 or remotePort <= 6000", Layer::Network).unwrap();
    assert_eq!(filter.lints()[0].code, Code::ConstantFilter);
    check(
        "udp.PayloadLength < 4 and udp.Payload32[0] = 7",
        &[("W2007", "udp.PayloadLength < 4 and udp.Payload32[0] = 7")],
    );
}

#[test]
fn idioms_are_left_alone() {
    for text in [
        "tcp and tcp.DstPort == 80",
        "outbound and ip and tcp and tcp.DstPort == 80 and ip.DstAddr != 10.0.0.1",
        "(ip or ipv6) and tcp.DstPort == 443",
        "(tcp or udp) and (tcp.DstPort == 53 or udp.DstPort == 53)",
        "tcp.PayloadLength > 0 and tcp.Payload[0] == 0x16",
        "ip.Protocol == 17 and udp.DstPort == 53",
        "true",
        "ip or ipv6",
        "inbound or outbound",
        "false or outbound and tcp.DstPort == 80",
        "true and udp",
        "(ip.DstAddr < 10.0.0.0 or ip.DstAddr > 10.255.255.255) and ip.DstAddr != 127.0.0.1",
        "tcp.DstPort == 80 and (tcp.Syn? tcp.PayloadLength > 10: true)",
    ] {
        check(text, &[]);
    }
}

/// The filter with the clause of a remark replaced by what it comes to.
fn rewritten(filter: &Filter, lint: &Diagnostic) -> Vec<String> {
    let (text, range) = (filter.source(), lint.span.range());
    let put = |word: &str| format!("{}({word}){}", &text[..range.start], &text[range.end..]);
    let is_any = lint.notes.iter().any(|note| note.starts_with("all "))
        || lint.labels.iter().any(|l| l.message.starts_with("is true"));
    match (lint.code, lint.message.as_str()) {
        (Code::RedundantClause, _) => vec![put(if is_any { "false" } else { "true" })],
        (Code::UnreachableClause, "evaluation never comes here") => vec![put("true"), put("false")],
        (Code::UnreachableClause, _) => vec![put("false")],
        _ => vec![
            if lint.message.contains("every") {
                "true"
            } else {
                "false"
            }
            .to_owned(),
        ],
    }
}

/// Every remark is right: the rewritten filter matches the same.
fn confirm(filter: &Filter) -> usize {
    let mut confirmed = 0;
    for lint in filter.lints() {
        for text in rewritten(filter, &lint) {
            let Some(other) = compile(&text, filter.layer()) else {
                continue;
            };
            let outcome = compare(filter, &other).unwrap();
            let (text, source) = (other.source(), filter.source());
            let is_fine = !matches!(outcome, Comparison::Different(_));
            assert!(is_fine, "{lint}\n{source}\n{text}\n{outcome:02x?}");
            confirmed += 1;
        }
    }
    confirmed
}

#[test]
fn remarks_on_wild_filters_are_few_and_true() {
    let rows = vectors::wild_filters();
    let (mut filters, mut remarks) = (0, 0);
    for row in rows.iter().filter(|row| row.ok) {
        filters += 1;
        remarks += confirm(&compile(&row.filter, row.layer).unwrap());
    }
    println!("{remarks} remarks on {filters} filters");
    assert!(remarks < 40, "{remarks}");
}

#[test]
fn remarks_on_generated_filters_are_true() {
    let (mut filters, mut remarks) = (0, 0);
    for seed in 40_000..40_800 {
        let bytes = random_bytes(seed, 2000);
        let mut source = Source::new(&bytes);
        let layer = layer(&mut source);
        let text = filter_text(&mut source, layer, Dialect::Divert);
        if let Some(filter) = compile(&text, layer) {
            filters += 1;
            remarks += confirm(&filter);
        }
    }
    println!("{remarks} remarks on {filters} filters");
    assert!(remarks > 100);
}
