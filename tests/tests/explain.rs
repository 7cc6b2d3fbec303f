//! Explanations: what people read, and that it is true of recorded verdicts.

use std::collections::HashMap;

use divert_compiler::explain::{Explanation, to_dot, to_html, to_svg};
use divert_compiler::{Compiler, Dialect, Event, Filter, Layer};
use divert_testkit::vectors::{self, Case};
use divert_vm::packet::{Headers, IpVersion, Transport};
use divert_vm::{FlowRecord, Record};

const SYN: &[u8] = b"\x45\x00\x00\x28\x00\x01\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\
    \x0a\x00\x00\x02\xc0\x00\x01\xbb\x00\x00\x00\x00\x00\x00\x00\x00\x50\x02\x20\x00\x00\x00\x00\x00";

fn compile(text: &str, layer: Layer) -> Filter {
    Compiler::new().layer(layer).compile(text).unwrap()
}

/// The snapshot of one rendering, under the text it is about.
fn snapshot(name: &str, text: &str, rendering: &str) {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, format!("{text}\n\n{rendering}"));
    });
}

#[test]
fn explanations_read_well() {
    for (name, text, layer) in [
        (
            "explain_groups",
            "outbound and (tcp.DstPort = 80 or tcp.DstPort = 443 or udp.DstPort = 53)",
            Layer::Network,
        ),
        (
            "explain_absent_header",
            "(ip? ip.TTL < 5: tcp.DstPort != 53)",
            Layer::Network,
        ),
        (
            "explain_flow",
            "event = ESTABLISHED and remoteAddr >= 10.0.0.0 and remoteAddr <= 10.255.255.255",
            Layer::Flow,
        ),
    ] {
        snapshot(name, text, &compile(text, layer).explain().to_string());
    }
}

#[test]
fn a_trace_reads_well() {
    let text = "outbound and (udp.DstPort != 53 or tcp.DstPort = 443) and ip.TTL < 5";
    let trace = compile(text, Layer::Network).trace(SYN, &Event::outbound());
    snapshot("explain_trace", text, &trace.to_string());
}

#[test]
fn a_graph_reads_well() {
    let text = "tcp and (length < 100 or tcp.Syn)";
    snapshot("explain_dot", text, &to_dot(&compile(text, Layer::Network)));
}

/// What is known of a case: direction, version, headers.
struct Facts {
    outbound: bool,
    ipv6: Option<bool>,
    headers: Vec<&'static str>,
}

impl Facts {
    fn of(case: &Case) -> Self {
        let outbound = case.event.outbound;
        let headers = case.packet.as_deref().and_then(Headers::parse);
        if let Some(headers) = headers {
            let ipv6 = headers.version() == IpVersion::V6;
            let transport = match headers.transport() {
                Transport::None => None,
                Transport::Icmp => Some("ICMP"),
                Transport::Icmpv6 => Some("ICMPv6"),
                Transport::Tcp => Some("TCP"),
                Transport::Udp => Some("UDP"),
            };
            let family = if ipv6 { "IPv6" } else { "IPv4" };
            let headers = [Some(family), transport].into_iter().flatten().collect();
            return Self {
                outbound,
                ipv6: Some(ipv6),
                headers,
            };
        }
        // A flow whose flag and addresses contradict each other is neither.
        let ipv6 = match case.event.record {
            Record::Flow(FlowRecord {
                local_addr,
                remote_addr,
                ..
            }) => {
                let is_v6 = |addr: u128| addr >> 32 != 0xFFFF;
                let all = [case.event.ipv6, is_v6(local_addr), is_v6(remote_addr)];
                all.iter()
                    .all(|v6| *v6 == case.event.ipv6)
                    .then_some(case.event.ipv6)
            }
            _ => None,
        };
        Self {
            outbound,
            ipv6,
            headers: Vec::new(),
        }
    }
}

/// Whether an explanation allows for a match that was recorded.
fn allows(explanation: &Explanation, case: &Case) -> bool {
    let (facts, layer) = (Facts::of(case), explanation.layer);
    let direction = match layer {
        Layer::NetworkForward | Layer::Reflect => true,
        _ if facts.outbound => explanation.directions.outbound,
        _ => explanation.directions.inbound,
    };
    let family = match (layer, facts.ipv6) {
        (Layer::Reflect, _) | (_, None) => true,
        (_, Some(true)) => explanation.families.ipv6,
        (_, Some(false)) => explanation.families.ipv4,
    };
    let has = |header: &&str| facts.headers.contains(header);
    let headers = !layer.has_packets() || explanation.needs.iter().all(has);
    let event = layer
        .events()
        .iter()
        .find(|(_, number)| *number == case.event.event);
    // An event that does not occur at the layer is none that is explained.
    event
        .is_none_or(|(name, _)| direction && family && headers && explanation.events.contains(name))
}

#[test]
fn explanations_are_true_of_every_recorded_match() {
    let rows = vectors::filters();
    let rows: HashMap<&str, _> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let cases = vectors::cases_by_layer();
    let (mut checked, mut traced) = (0, 0);
    for eval in vectors::evals() {
        let row = rows[eval.filter.as_str()];
        let compiler = Compiler::new()
            .layer(row.layer)
            .dialect(Dialect::WinDivert22);
        let filter = compiler.compile(&row.filter).unwrap();
        let explanation = filter.explain();
        let cases = &cases[usize::from(row.layer.as_u8())];
        for (_, case) in cases
            .iter()
            .enumerate()
            .filter(|(at, _)| eval.matches.get(*at))
        {
            assert!(
                allows(&explanation, case),
                "{} on {}: {}",
                row.id,
                case.id,
                row.filter
            );
            checked += 1;
        }
        // Another case for each filter.
        let case = &cases[traced % cases.len()];
        let packet = case.packet.as_deref().unwrap_or_default();
        let trace = filter.trace(packet, &case.event);
        assert_eq!(
            trace.verdict,
            filter.matches(packet, &case.event),
            "{}",
            row.id
        );
        traced += 1;
    }
    println!("{checked} matches, {traced} traces");
    assert!(checked > 400_000 && traced > 9000);
}

#[test]
fn every_filter_in_the_wild_can_be_explained() {
    let mut explained = 0;
    let mut sentences = 0;
    for row in vectors::wild_filters() {
        let Ok(filter) = Compiler::new().layer(row.layer).compile(&row.filter) else {
            continue;
        };
        let explanation = filter.explain();
        let text = explanation.to_string();
        let wide = text.lines().filter(|line| line.chars().count() > 100);
        let wide: Vec<&str> = wide.filter(|line| !line.starts_with("object: ")).collect();
        assert_eq!(wide, [""; 0], "{}", row.filter);
        for rendering in [to_svg(&filter), to_html(&filter, None), to_dot(&filter)] {
            assert!(rendering.len() < 2_000_000, "{}", row.filter);
        }
        explained += 1;
        sentences += usize::from(!explanation.summary.contains(" tests of "));
    }
    println!("{explained} explained, {sentences} in one sentence");
    assert!(explained > 300 && sentences > explained / 2);
}
