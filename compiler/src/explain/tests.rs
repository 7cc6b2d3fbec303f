use divert_vm::{Event, Field, FieldType, FlowRecord, Record};

use super::*;

fn filter(text: &str, layer: Layer) -> Filter {
    let compiled = Compiler::new().layer(layer).compile(text);
    compiled.unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The words of a filter of one clause.
#[track_caller]
fn check_at(layer: Layer, text: &str, expect: &str) {
    let explanation = filter(text, layer).explain();
    let texts: Vec<&str> = explanation
        .clauses
        .iter()
        .map(|c| c.text.as_str())
        .collect();
    assert_eq!(texts, [expect], "{text}");
}

#[track_caller]
fn check(text: &str, expect: &str) {
    check_at(Layer::Network, text, expect);
}

#[track_caller]
fn check_summary(layer: Layer, text: &str, expect: &str) {
    assert_eq!(filter(text, layer).explain().summary, expect, "{text}");
}

#[test]
fn fields_of_every_type_have_words() {
    check("outbound", "the packet is outbound");
    check("not outbound", "the packet is not outbound");
    check("inbound", "the packet is inbound");
    check("loopback", "the traffic is loopback");
    check("impostor", "another program injected the packet");
    check("not impostor", "no other program injected the packet");
    check("fragment", "the packet is an IP fragment");
    check("tcp", "the packet has a TCP header");
    check("not ip", "the packet has no IPv4 header");
    check("icmp", "the packet has an ICMP header");
    check("ip.DF", "the IPv4 don't-fragment flag is set");
    check("not tcp.Syn", "the TCP SYN flag is not set");
    check("tcp.Fin = 0", "the TCP FIN flag is not set");
    check(
        "ip.HdrLength > 5",
        "the IPv4 header length in 32-bit words is above 5",
    );
    check("ip.TTL <= 5", "the IPv4 time to live is at most 5");
    check("ip.Id = 255", "the IPv4 identification is 0xff");
    check(
        "ip.FragOff",
        "the IPv4 fragment offset in 8-byte units is not 0",
    );
    check(
        "ip.Length < 100",
        "the IPv4 total length is below 100 bytes",
    );
    check("ip.Protocol = 6", "the IPv4 protocol number is 6 (TCP)");
    check("ipv6.NextHdr = 59", "the first next-header number is 59");
    check(
        "protocol != UDP",
        "the transport protocol number is not 17 (UDP)",
    );
    check(
        "ip.SrcAddr = 10.0.0.1",
        "the IPv4 source address is 10.0.0.1",
    );
    check(
        "ipv6.DstAddr = fe80::1",
        "the IPv6 destination address is fe80::1",
    );
    check("localAddr = 10.0.0.1", "the local address is 10.0.0.1");
    check("ipv6.FlowLabel = 1", "the IPv6 flow label is 1");
    check(
        "ipv6.FlowLabel < 70000",
        "the IPv6 flow label is below 70000",
    );
    check(
        "not ipv6.FlowLabel < 5",
        "the IPv6 flow label is at least 5",
    );
    check("icmp.Body = 1", "the 32 bits after the ICMP checksum are 1");
    check("tcp.DstPort == 443", "the TCP destination port is 443");
    check(
        "udp.SrcPort >= 1024",
        "the UDP source port is at least 1024",
    );
    check(
        "tcp.PayloadLength > 0",
        "the number of bytes after the TCP header is above 0",
    );
    check("udp.Length = 8", "the UDP length is 8 bytes");
    check("localPort = 80", "the local port is 80");
    check("ifIdx = 3", "the index of the network interface is 3");
    check(
        "length < 100",
        "the length of the packet is below 100 bytes",
    );
    check(
        "random8 < 128",
        "8 bits of a hash of headers and timestamp are below 128",
    );
    check(
        "timestamp < -5",
        "the performance counter when the event happened is below -5",
    );
    check("packet[0] = 0x45", "byte 0 of the packet is 0x45");
    check(
        "tcp.Payload[-1] != 0",
        "the last byte of the TCP payload is not 0x0",
    );
    check(
        "tcp.Payload[-9] = 1",
        "the byte 9 before the end of the TCP payload is 0x1",
    );
    check(
        "udp.Payload16[0] = 1",
        "bytes 0 and 1 of the UDP payload are 0x1",
    );
    check("packet32[-1] = 1", "the last 4 bytes of the packet are 0x1");
    check(
        "packet32[1] < 256",
        "bytes 4 to 7 of the packet are below 0x100",
    );
    check(
        "packet16[-9b] = 1",
        "the 2 bytes from 9 before the end of the packet are 0x1",
    );
    check("packet[99] < 256", "byte 99 of the packet exists");
    check("ip.TTL < 256", "the packet has an IPv4 header");
    check("ip.TTL > 300", "never");
    check_at(Layer::Flow, "tcp", "the traffic is TCP");
    check_at(Layer::Flow, "not outbound", "the event is not outbound");
    check_at(Layer::Flow, "ip", "the local address is an IPv4 address");
    check_at(
        Layer::Flow,
        "not ip",
        "the local address is not an IPv4 address",
    );
    check_at(Layer::Flow, "endpointId = 5", "the endpoint id is 5");
    check_at(Layer::Socket, "event = BIND", "the event is BIND");
    check_at(Layer::Socket, "processId = 4", "the id of the process is 4");
    check_at(
        Layer::Reflect,
        "priority < -5",
        "the priority of the reflected handle is below -5",
    );
    check_at(
        Layer::Reflect,
        "layer = FLOW",
        "the layer of the reflected handle is FLOW",
    );
}

#[test]
fn neighbouring_tests_of_one_field_are_one_clause() {
    check(
        "ip.TTL >= 5 and ip.TTL <= 9",
        "the IPv4 time to live is from 5 to 9",
    );
    check("ip.TTL > 5 and ip.TTL < 7", "the IPv4 time to live is 6");
    check(
        "ip.TTL = 1 or ip.TTL = 9",
        "the IPv4 time to live is 1 or 9",
    );
    check(
        "tcp.DstPort = 80 or tcp.DstPort = 443 or tcp.DstPort = 8080",
        "the TCP destination port is one of 80, 443 and 8080",
    );
    check(
        "not udp.DstPort = 53 and udp.DstPort != 67",
        "the UDP destination port is neither 53 nor 67",
    );
    check(
        "ip.SrcAddr >= 10.0.0.0 and ip.SrcAddr <= 10.255.255.255",
        "the IPv4 source address is in 10.0.0.0/8",
    );
    check(
        "remoteAddr >= fe80:: and remoteAddr < fec0::",
        "the remote address is in fe80::/10",
    );
    check(
        "ip.TTL = 1 or ip.TTL > 9",
        "the IPv4 time to live is 1 or at least 10",
    );
    let ports: Vec<String> = (0..40)
        .map(|i| format!("udp.DstPort = {}", i * 3))
        .collect();
    check(
        &ports.join(" or "),
        "the UDP destination port is one of 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33 and 28 more",
    );
}

#[test]
fn summaries_are_sentences() {
    let network = |text: &str, expect: &str| check_summary(Layer::Network, text, expect);
    network("true", "Matches every packet.");
    network("false", "Matches no packet.");
    network(
        "tcp and udp",
        "Matches no packet: the tests exclude each other.",
    );
    network(
        "not (tcp)",
        "Matches every packet unless it has a TCP header.",
    );
    network(
        "inbound and (tcp.Syn or tcp.Fin)",
        "Matches a packet if it is inbound and either the TCP SYN flag is set or the TCP FIN \
         flag is set.",
    );
    network(
        "tcp and not (ip.TTL = 1)",
        "Matches a packet if it has a TCP header, unless the IPv4 time to live is 1.",
    );
    network(
        "(tcp? tcp.Syn: true)",
        "Where the packet has a TCP header, matches if the TCP SYN flag is set; otherwise always.",
    );
    let long: Vec<String> = (0..40)
        .map(|i| format!("(udp.DstPort = {i} and tcp.Syn)"))
        .collect();
    network(
        &format!("tcp or ip or {}", long.join(" or ")),
        "Matches a packet by 82 tests of tcp, ip, udp.DstPort and 1 more field.",
    );
    check_summary(
        Layer::Socket,
        "event = BIND and udp",
        "Matches a SOCKET event if it is BIND and the traffic is UDP.",
    );
}

#[test]
fn what_is_left_out_by_an_absent_header_is_told() {
    let check = |text: &str, expect: &[&str]| {
        assert_eq!(
            filter(text, Layer::Network).explain().excluded,
            expect,
            "{text}"
        );
    };
    check(
        "tcp.DstPort != 53",
        &["packets without a TCP header never match `tcp.DstPort != 53`"],
    );
    check(
        "not ip.TTL = 1",
        &["packets without an IPv4 header never match `not ip.TTL = 1`"],
    );
    check(
        "packet[60] != 1",
        &["packets that are too short never match `packet[60] != 1`"],
    );
    check("tcp.DstPort = 53", &[]);
    check("tcp.Syn = 0", &[]);
    check(
        "!tcp.Syn",
        &["packets without a TCP header never match `!tcp.Syn`"],
    );
    check("tcp and tcp.DstPort != 53", &[]);
    check("not tcp", &[]);
    check("packet[9] != 1", &[]);
    check("not ipv6.FlowLabel < 5", &[]);
}

#[test]
fn directions_and_families_are_those_that_can_match() {
    let of = |text: &str, layer: Layer| {
        let e = filter(text, layer).explain();
        let (d, f) = (e.directions, e.families);
        [d.inbound, d.outbound, f.ipv4, f.ipv6]
    };
    assert_eq!(of("true", Layer::Network), [true; 4]);
    assert_eq!(
        of("inbound and ip.TTL = 1", Layer::Network),
        [true, false, true, false]
    );
    assert_eq!(
        of("outbound and ip", Layer::Flow),
        [false, true, true, false]
    );
    assert_eq!(of("not ip", Layer::Socket), [true, true, false, true]);
    assert_eq!(of("tcp", Layer::NetworkForward), [false, false, true, true]);
    assert_eq!(of("true", Layer::Reflect), [false; 4]);
    assert_eq!(of("false", Layer::Network), [false; 4]);
}

#[test]
fn objects_are_explained_by_their_decompiled_text() {
    let text = "outbound and tcp.DstPort = 443";
    let object = filter(text, Layer::Network).object();
    let explanation = filter(&object, Layer::Network).explain();
    assert_eq!(explanation.source, text);
    assert_eq!(explanation.clauses.len(), 3);
    assert_eq!(explanation.instructions[1].source, "tcp.DstPort = 443");
    // `tcp.DstPort` does not exist at this layer, so there is no such text.
    let explanation = filter(&object, Layer::Flow).explain();
    assert!(explanation.clauses.is_empty());
    assert_eq!(explanation.source, object);
    assert_eq!(explanation.instructions[1].source, "");
}

#[test]
fn clauses_point_at_their_text() {
    let text = "tcp and (not  tcp.Syn or ip.TTL = 1 or ip.TTL = 3)";
    let explanation = filter(text, Layer::Network).explain();
    let clauses: Vec<_> = explanation
        .clauses
        .iter()
        .map(|c| (c.depth, c.source.as_str()))
        .collect();
    let expect = [
        (0, text),
        (1, "tcp"),
        (1, "not  tcp.Syn or ip.TTL = 1 or ip.TTL = 3"),
        (2, "not  tcp.Syn"),
        (2, "ip.TTL = 1 or ip.TTL = 3"),
    ];
    assert_eq!(clauses, expect);
    assert_eq!(explanation.instructions[1].source, "not  tcp.Syn");
    for clause in &explanation.clauses {
        assert_eq!(&text[clause.span.clone()], clause.source);
    }
}

#[test]
fn a_deep_filter_is_explained_without_recursion() {
    let depth = 400;
    let text = format!(
        "{}tcp{}",
        "(true or (true and ".repeat(depth),
        "))".repeat(depth)
    );
    let explanation = filter(&text, Layer::Network).explain();
    assert!(explanation.to_string().len() < 200_000);
}

/// Start and end tags match, attributes are quoted, no character is bare.
#[track_caller]
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml.strip_prefix("<!DOCTYPE html>").unwrap_or(xml);
    while let Some((text, after)) = rest.split_once('<') {
        assert!(
            open.last() == Some(&"style") || !text.contains('>'),
            "{text}"
        );
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{text}");
        }
        let (tag, after) = after.split_once('>').expect("an end of the tag");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{xml}");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?} left open");
}

/// Everything that can be made of a filter; returns its explanation.
fn render(filter: &Filter) -> Explanation {
    let layer = filter.layer();
    let explanation = filter.explain();
    let syn = b"\x45\x00\x00\x28\x00\x01\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\
        \x0a\x00\x00\x02\xc0\x00\x01\xbb\x00\x00\x00\x00\x00\x00\x00\x00\
        \x50\x02\x20\x00\x00\x00\x00\x00";
    let event = Event::new(layer);
    let trace = filter.trace(syn, &event);
    assert_eq!(trace.verdict, filter.matches(syn, &event));
    assert!(!explanation.to_string().is_empty() && !trace.to_string().is_empty());
    assert_well_formed(&to_svg(filter));
    assert_well_formed(&to_html(filter, Some(&trace)));
    let dot = to_dot(filter);
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    explanation
}

#[test]
fn every_field_has_words_at_every_layer() {
    for field in Field::ALL {
        for layer in field.layers().iter() {
            let index = if field.field_type().is_data() {
                "[7]"
            } else {
                ""
            };
            let subject = format!("{}{index}", field.name());
            let value = match field.field_type() {
                FieldType::Ipv4Addr => "10.0.0.1",
                FieldType::IpAddr => "fe80::1",
                FieldType::Length => "100",
                FieldType::EventNumber => layer.events()[0].0,
                _ => "1",
            };
            let mut texts = vec![subject.clone(), format!("not {subject}")];
            texts.extend(Op::ALL.map(|op| format!("{subject} {op} {value}")));
            texts.push(format!("{subject} > 1 and {subject} < 9"));
            for text in texts {
                let compiler = Compiler::new().layer(layer);
                let filter = compiler.compile(&text).expect(&text);
                let explanation = render(&filter);
                let reference = compiler.dialect(Dialect::WinDivert22);
                let reference = reference.compile(&text).expect(&text).explain();
                let object = compiler.compile(&filter.object()).expect(&text).explain();
                let all = [explanation.clauses, reference.clauses, object.clauses];
                for words in all.iter().flatten().map(|clause| &clause.text) {
                    let clean = !words.is_empty() && !words.contains("  ");
                    assert!(clean && !words.contains("1 if"), "{text}: {words}");
                }
            }
        }
    }
}

#[test]
fn markup_is_escaped() {
    let filter = filter("length < 100 and tcp.PayloadLength\u{b}> 5", Layer::Network);
    let html = to_html(&filter, None);
    assert!(html.contains("length &lt; 100") && html.contains("tcp.PayloadLength &gt; 5"));
    assert_well_formed(&html);
}

#[test]
fn pictures_of_the_largest_program_are_well_formed() {
    let ports: Vec<String> = (0..255)
        .map(|i| format!("tcp.DstPort = {}", i * 2))
        .collect();
    let explanation = render(&filter(&ports.join(" or "), Layer::Network));
    assert_eq!(explanation.instruction_count, 255);
    let pairs: Vec<String> = (0..60)
        .map(|i| format!("(ip.TTL = {i}? tcp.DstPort = {i}: udp.DstPort = {i})"))
        .collect();
    render(&filter(&pairs.join(" and "), Layer::Network));
}

#[test]
fn traces_say_why() {
    let filter = filter("udp and tcp.DstPort = 443", Layer::Network);
    let trace = filter.trace(b"hello", &Event::outbound());
    assert_eq!(trace.subject, "not an IP packet, 5 bytes");
    assert_eq!(trace.steps.len(), 1);
    assert_eq!(trace.decided_by, Some(0));
    assert_eq!(trace.steps[0].reason, "udp is 0: the test fails");
    assert_eq!(trace.steps[0].next, Target::REJECT);
}

#[test]
fn traces_show_values_as_filters_spell_them() {
    let mut event = Event::new(Layer::Flow);
    event.event = 2;
    event.record = Record::Flow(FlowRecord {
        local_addr: 0xFFFF_0A00_0001,
        process_id: 4,
        ..FlowRecord::default()
    });
    let trace = filter("localAddr = ::1 or event = DELETED", Layer::Flow).trace(b"", &event);
    assert!(trace.verdict);
    let values: Vec<_> = trace
        .steps
        .iter()
        .map(|step| step.value.as_deref())
        .collect();
    assert_eq!(values, [Some("10.0.0.1"), Some("DELETED")]);
    assert_eq!(trace.steps[0].reason, "10.0.0.1 = ::1 fails");
}

#[test]
fn a_test_of_a_missing_field_breaks_a_trace_off() {
    let object = filter("outbound or tcp.DstPort = 443", Layer::Network).object();
    let trace = filter(&object, Layer::Flow).trace(b"", &Event::new(Layer::Flow));
    assert_eq!(trace.steps.len(), 1);
    assert_eq!(
        trace.fault.as_deref(),
        Some("tcp.DstPort does not exist at layer FLOW")
    );
    assert_eq!(trace.decided_by, None);
}

#[test]
fn a_constant_filter_is_decided_by_nothing() {
    let trace = filter("true", Layer::Network).trace(b"", &Event::inbound());
    assert!(trace.verdict && trace.decided_by.is_none());
}
