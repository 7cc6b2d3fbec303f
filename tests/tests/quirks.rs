//! Each numbered quirk of WinDivert 2.2 (ARCHITECTURE.md, "Two dialects"):
//! what a filter matches in either dialect, and the warning that says so.

use divert_compiler::{Compiler, Dialect, Event, Filter, Layer};
use divert_vm::{FlowRecord, Record};

/// IPv4, TCP, 10.0.0.1:49152 to 10.0.0.2:443, SYN, no payload.
const TCP: &[u8] = b"\x45\x00\x00\x28\x00\x01\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\
    \x0a\x00\x00\x02\xc0\x00\x01\xbb\x00\x00\x00\x00\x00\x00\x00\x00\
    \x50\x02\x20\x00\x00\x00\x00\x00";

/// IPv4, UDP, port 53 to port 53, no payload.
const UDP: &[u8] = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\
    \x0a\x00\x00\x02\x00\x35\x00\x35\x00\x08\x00\x00";

/// IPv6, UDP, flow label 0x12345.
const LABELLED: &[u8] = b"\x60\x01\x23\x45\x00\x08\x11\x40\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\
    \x00\x35\x00\x35\x00\x08\x00\x00";

fn compile(text: &str, layer: Layer, dialect: Dialect) -> Filter {
    let compiler = Compiler::new().layer(layer).dialect(dialect);
    let filter = compiler.compile(text);
    filter.unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn codes(filter: &Filter) -> Vec<&'static str> {
    filter.warnings().iter().map(|w| w.code.as_str()).collect()
}

/// Checks a filter on a packet: the code of its warning, what the documented
/// meaning is, and what WinDivert 2.2 answers.
#[track_caller]
fn check(text: &str, packet: &[u8], code: &str, documented: bool, reference: bool) {
    let event = Event::outbound();
    for (dialect, expect) in [
        (Dialect::Divert, documented),
        (Dialect::WinDivert22, reference),
    ] {
        let filter = compile(text, Layer::Network, dialect);
        assert!(
            codes(&filter).contains(&code),
            "{text} in {dialect}: {:?}",
            codes(&filter)
        );
        assert_eq!(
            filter.matches(packet, &event),
            expect,
            "{text} in {dialect}"
        );
    }
}

#[test]
fn quirk_1_a_constant_out_of_range_matches_packets_without_the_header() {
    check("tcp.DstPort = 65536", UDP, "W1001", false, true);
    check("tcp.DstPort = 65536", TCP, "W1001", false, false);
    check("ip.TTL > 300", LABELLED, "W1001", false, true);
    check("tcp.Syn = 2", UDP, "W1001", false, true);
    check("ip.DstAddr = 12345", LABELLED, "W1001", false, true);
}

#[test]
fn quirk_2_a_range_test_on_data_ignores_that_the_data_is_missing() {
    check("packet[1000] < 256", TCP, "W1012", false, true);
    check("tcp.Payload[0] < 256", TCP, "W1012", false, true);
    check("packet[0] < 256", TCP, "W1012", true, true);
}

#[test]
fn quirk_3_ip_is_always_0_at_flow_and_socket() {
    for layer in [Layer::Flow, Layer::Socket] {
        let mut event = Event::new(layer);
        event.event = layer.events()[0].1;
        event.record = Record::Flow(FlowRecord {
            local_addr: 0xFFFF_0A00_0001,
            ..FlowRecord::default()
        });
        let mut v6 = event;
        v6.ipv6 = true;
        v6.record = Record::Flow(FlowRecord {
            local_addr: 1,
            ..FlowRecord::default()
        });
        let filters = [
            ("ip", true, false),
            ("not ip", false, true),
            ("ipv6", false, true),
        ];
        for (text, on_v4, on_v6) in filters {
            let filter = compile(text, layer, Dialect::Divert);
            assert_eq!(codes(&filter), ["W1003"]);
            assert_eq!(filter.matches(&[], &event), on_v4, "{text}");
            assert_eq!(filter.matches(&[], &v6), on_v6, "{text}");
            assert!(filter.driver_accepts());
            let reference = compile(text, layer, Dialect::WinDivert22);
            let negated = text.starts_with("not");
            assert_eq!(reference.matches(&[], &event), negated);
            assert_eq!(reference.matches(&[], &v6), negated);
        }
    }
}

#[test]
fn quirk_4_the_flow_label_is_compared_byte_swapped() {
    check("ipv6.FlowLabel = 0x12345", LABELLED, "W1004", true, false);
    check(
        "ipv6.FlowLabel >= 0x12000 and ipv6.FlowLabel < 0x13000",
        LABELLED,
        "W1004",
        true,
        false,
    );
    check("ipv6.FlowLabel != 0x12345", LABELLED, "W1004", false, true);
    check("ipv6.FlowLabel != 1", UDP, "W1004", false, false);
}

#[test]
fn flow_labels_are_right_for_every_comparison_at_every_boundary() {
    let labels = [
        0, 1, 0xF, 0x10, 0xFF, 0x100, 0xFFFF, 0x10000, 0x12345, 0xABCDE, 0xFFFFF,
    ];
    let mut tests = 0;
    for constant in labels {
        for op in ["=", "!=", "<", "<=", ">", ">="] {
            let text = format!("ipv6.FlowLabel {op} {constant}");
            let filter = compile(&text, Layer::Network, Dialect::Divert);
            assert!(filter.driver_accepts(), "{text}");
            for label in labels {
                let expect = match op {
                    "=" => label == constant,
                    "!=" => label != constant,
                    "<" => label < constant,
                    "<=" => label <= constant,
                    ">" => label > constant,
                    _ => label >= constant,
                };
                let mut packet = LABELLED.to_vec();
                // A traffic class in the upper half of the byte must not matter.
                packet[1] = 0xA0 | u8::try_from(label >> 16).unwrap();
                packet[2] = u8::try_from(label >> 8 & 0xFF).unwrap();
                packet[3] = u8::try_from(label & 0xFF).unwrap();
                let matches = filter.matches(&packet, &Event::outbound());
                assert_eq!(matches, expect, "{text} on {label:#x}");
                tests += 1;
            }
        }
    }
    println!("{tests} flow label comparisons");
    assert_eq!(tests, 11 * 6 * 11);
}

#[test]
fn quirk_5_wide_constants_are_cut() {
    check("tcp.SeqNum = 0x100000000", TCP, "W1005", false, true);
    check("packet32[0] < 0x100000000", TCP, "W1005", true, false);
}

#[test]
fn quirk_6_a_detached_b_vanishes() {
    // Bytes 1 and 2 are 0x0000; words 1 is the total length.
    check("packet16[2 b] = 40", TCP, "W1006", true, false);
    check("b tcp b", TCP, "W1010", true, true);
}

#[test]
fn quirks_7_and_8_addresses_with_junk_are_accepted() {
    check(
        "remoteAddr = 1:2:3:4:5:6:7:8:zzz",
        TCP,
        "W1007",
        false,
        false,
    );
    check("ip.SrcAddr = 4294967306.0.0.1", TCP, "W1008", true, true);
}

#[test]
fn quirk_9_minus_zero_is_below_zero() {
    check(
        "tcp.DstPort > -0 and tcp.SrcPort = - 0",
        TCP,
        "W1011",
        false,
        false,
    );
    check("tcp.SeqNum = -0", TCP, "W1011", true, false);
    check("tcp.Window <= -0", UDP, "W1011", false, true);
}

#[test]
fn quirk_10_no_driver_runs_256_instructions() {
    let tests = |count| {
        let tests = (0..count).map(|at| format!("udp.DstPort = {}", at * 7));
        tests.collect::<Vec<_>>().join(" or ")
    };
    for (count, divert, reference) in [(255, true, true), (256, false, true), (257, false, false)] {
        let text = tests(count);
        let compiles = |dialect| Compiler::new().dialect(dialect).compile(&text).is_ok();
        assert_eq!(compiles(Dialect::Divert), divert, "{count}");
        assert_eq!(compiles(Dialect::WinDivert22), reference, "{count}");
    }
    let filter = compile(&tests(256), Layer::Network, Dialect::WinDivert22);
    assert_eq!(filter.object(), "@WinDiv_WW");
    assert!(!filter.driver_accepts());
}

#[test]
fn quirk_11_the_compiler_lets_pass_what_its_driver_refuses() {
    let filters = [
        ("ip.TOS != 256", Layer::Network),
        ("event >= 1", Layer::Socket),
        ("tcp.SeqNum > -1", Layer::Network),
    ];
    for (text, layer) in filters {
        let reference = compile(text, layer, Dialect::WinDivert22);
        assert!(!reference.driver_accepts(), "{text}");
        let filter = compile(text, layer, Dialect::Divert);
        assert!(
            codes(&filter).contains(&"W1009"),
            "{text}: {:?}",
            codes(&filter)
        );
        assert!(filter.driver_accepts(), "{text}");
    }
}

#[test]
fn not_before_a_group_is_logical_and_before_a_test_keeps_presence() {
    let event = Event::outbound();
    let filters = [
        ("not (udp.DstPort = 53)", true),
        ("not udp.DstPort = 53", false),
        ("not not (udp.DstPort = 53)", false),
        ("!(udp or ipv6)", true),
        ("tcp? true: false", true),
        ("udp? true: tcp? outbound: ipv6", true),
    ];
    for (text, expect) in filters {
        let filter = compile(text, Layer::Network, Dialect::Divert);
        assert_eq!(filter.matches(TCP, &event), expect, "{text}");
    }
}
