//! Every diagnostic code: its example raises it, its suggestion works, and a
//! person sees what the snapshot shows.

use divert_compiler::diag::{Code, Diagnostic, RenderOptions, Severity};
use divert_compiler::{Compiler, Diagnostics, Dialect, Layer, compile, reference};

/// Filters that break a limit.
fn long_filter(code: Code) -> Option<(String, Dialect)> {
    let nested = |depth: usize| "(".repeat(depth) + "tcp" + &")".repeat(depth);
    Some(match code {
        Code::TooLong => (" ".repeat((1 << 20) + 1), Dialect::Divert),
        Code::TooDeep => (nested(1001), Dialect::Divert),
        Code::TooManyInsns => {
            let ports = (0..256).map(|at| format!("udp.DstPort = {}", at * 7));
            (ports.collect::<Vec<_>>().join(" or "), Dialect::Divert)
        }
        Code::TooManyErrors => ("$ ".repeat(257) + "tcp", Dialect::Divert),
        Code::TooManyTokens => ("!".repeat(1277) + "tcp", Dialect::WinDivert22),
        Code::ReferenceRefuses => (nested(341), Dialect::WinDivert22),
        _ => return None,
    })
}

/// The filter that shows a code, and how to compile it.
fn sample(code: Code) -> (String, Layer, Dialect) {
    match (code.example(), long_filter(code)) {
        (Some(example), None) => (example.filter.to_owned(), example.layer, example.dialect),
        (None, Some((filter, dialect))) => (filter, Layer::Network, dialect),
        _ => panic!("{code} needs one example"),
    }
}

/// All that is told about a filter, for layer and dialect of an example.
fn told(code: Code, filter: &str) -> Vec<Diagnostic> {
    let (_, layer, dialect) = sample(code);
    match Compiler::new()
        .layer(layer)
        .dialect(dialect)
        .compile(filter)
    {
        Ok(filter) => [filter.warnings(), &filter.lints()].concat(),
        Err(diagnostics) => diagnostics.into_iter().collect(),
    }
}

fn example(code: Code) -> (String, Vec<Diagnostic>) {
    let (filter, ..) = sample(code);
    let told = told(code, &filter);
    (filter, told)
}

fn first_error(told: &[Diagnostic]) -> Option<Code> {
    told.iter().find(|d| d.is_error()).map(|d| d.code)
}

#[test]
fn every_example_raises_its_code_first() {
    for &code in Code::ALL {
        let (filter, told) = example(code);
        let codes: Vec<_> = told.iter().map(|d| d.code.as_str()).collect();
        match (code, code.severity()) {
            // Other mistakes come before these by their nature.
            (Code::TooManyErrors | Code::UnclosedBrace, _) => {
                assert!(codes.contains(&code.as_str()), "{codes:?}");
            }
            (_, Severity::Error) => {
                assert_eq!(first_error(&told), Some(code), "{filter:.200}: {codes:?}");
            }
            _ => {
                assert_eq!(first_error(&told), None, "{filter}: {codes:?}");
                assert!(codes.contains(&code.as_str()), "{filter}: {codes:?}");
            }
        }
    }
    println!("{} codes", Code::ALL.len());
    assert!(Code::ALL.len() > 70);
}

#[test]
fn every_suggestion_compiles() {
    let mut applied = 0;
    for &code in Code::ALL {
        let (filter, first) = example(code);
        for diagnostic in first.iter().filter(|d| d.code == code) {
            let Some(suggestion) = &diagnostic.suggestion else {
                continue;
            };
            let changed = suggestion.apply(&filter);
            let left = told(code, &changed);
            // A list that is closed is still a list.
            let rest = first_error(&left).filter(|rest| *rest != Code::Set);
            assert_eq!(rest, None, "{code}: {changed:.200}: {left:?}");
            let again = left.iter().find(|d| d.code == code);
            assert_eq!(again, None, "{code}: {changed:.200}");
            applied += 1;
        }
    }
    println!("{applied} suggestions");
    assert!(applied >= 45, "{applied}");
}

#[test]
fn the_table_is_in_order_and_complete() {
    assert!(Code::ALL.is_sorted_by_key(|code| code.as_str()));
    for &code in Code::ALL {
        assert_eq!(code.as_str().parse(), Ok(code));
        assert_eq!(code.as_str().to_lowercase().parse(), Ok(code));
        assert_eq!(code.slug().parse(), Ok(code));
        assert!(code.title().len() <= 70, "{code}");
        let is_error = code.severity() == Severity::Error;
        assert_eq!(is_error, code.as_str().starts_with('E'));
        let text = code.explanation();
        assert!(text.len() > 100 && text.ends_with('\n'), "{code}");
        assert!(text.lines().all(|line| line.len() <= 90), "{code}");
        assert!(text.contains("WinDivert 2.2"), "{code}");
    }
}

/// What the table says of WinDivert 2.2 is what its replay says.
#[test]
fn every_code_names_the_error_of_the_reference() {
    for &code in Code::ALL {
        let (filter, layer, _) = sample(code);
        // Objects and lengths of programs are not a matter of syntax.
        if matches!(code, Code::BadObject | Code::TooManyInsns) {
            continue;
        }
        let error = reference::check(&filter, layer);
        let number = error.err().map_or(0, |error| error.code);
        assert_eq!(number, code.reference_code(), "{code}");
    }
}

#[test]
fn every_code_is_drawn_as_recorded() {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        for &code in Code::ALL {
            let (filter, told) = example(code);
            let diagnostic = told.iter().find(|d| d.code == code).unwrap();
            let drawn = diagnostic.render(&filter, RenderOptions::default());
            let shown: String = filter.chars().take(70).collect();
            let (_, layer, dialect) = sample(code);
            let shown = shown.escape_debug();
            let body = format!("{shown}\nat {layer}, {dialect}\n\n{drawn}");
            assert!(body.lines().count() <= 25, "{code}:\n{body}");
            insta::assert_snapshot!(code.as_str(), body);
        }
    });
}

/// Checks the code of the first error of a filter, and what its suggestion
/// makes of the filter; that compiles.
#[track_caller]
fn check_at(layer: Layer, filter: &str, code: Code, fixed: Option<&str>) {
    let error = compile(filter, layer).unwrap_err();
    let first = error.first().unwrap();
    assert_eq!(first.code, code, "{error}");
    let changed = first
        .suggestion
        .as_ref()
        .map(|suggestion| suggestion.apply(filter));
    assert_eq!(changed.as_deref(), fixed);
    if let Some(fixed) = fixed {
        assert!(compile(fixed, layer).is_ok(), "{fixed}");
    }
}

#[track_caller]
fn check(filter: &str, code: Code, fixed: &str) {
    let fixed = Some(fixed).filter(|fixed| !fixed.is_empty());
    check_at(Layer::Network, filter, code, fixed);
}

#[test]
fn names_of_other_tools_lead_to_fields() {
    use Code::{ExpectedOperator, UnknownField, UnknownValue};
    check("ip6.DstAddr = ::1", UnknownField, "ipv6.DstAddr = ::1");
    check(
        "tcp.port == 80",
        UnknownField,
        "(tcp.SrcPort == 80 or tcp.DstPort == 80)",
    );
    check(
        "tcp.port != 80",
        UnknownField,
        "(tcp.SrcPort != 80 and tcp.DstPort != 80)",
    );
    check("ip.src == 1.2.3.4", UnknownField, "ip.SrcAddr == 1.2.3.4");
    check("src = fe80::1", UnknownField, "ipv6.SrcAddr = fe80::1");
    check(
        "port = 53 and udp",
        UnknownField,
        "(localPort = 53 or remotePort = 53) and udp",
    );
    check(
        "host = 1.2.3.4",
        UnknownField,
        "(localAddr = 1.2.3.4 or remoteAddr = 1.2.3.4)",
    );
    check("tcp.flags.syn = 1", UnknownField, "tcp.Syn = 1");
    check("tcp.flags = 2", UnknownField, "");
    check("pid = 4", UnknownField, "");
    check("http", UnknownField, "");
    check("tcp.DstPort eq 80", ExpectedOperator, "tcp.DstPort = 80");
    check("tcp.DstPort = http", UnknownValue, "tcp.DstPort = 80");
    check(
        "ip.DstAddr = localhost",
        UnknownValue,
        "ip.DstAddr = 127.0.0.1",
    );
    check_at(Layer::Flow, "pid = 4", UnknownField, Some("processId = 4"));
    check_at(Layer::NetworkForward, "host = 1.2.3.4", UnknownField, None);
}

#[test]
fn prefixes_and_lists_are_written_out() {
    use Code::{BadAddress, ExpectedOperator, Prefix, Set};
    let ten = "(ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.255.255.255)";
    check("ip.DstAddr = 10.0.0.0/8", Prefix, ten);
    check("ip.DstAddr = 10.1.2.3/255.0.0.0", Prefix, ten);
    let not_ten = "(ip.DstAddr < 10.0.0.0 or ip.DstAddr > 10.255.255.255)";
    check("not ip.DstAddr = 10/8", Prefix, not_ten);
    check("ip.DstAddr != 10.0.0.0/8", Prefix, not_ten);
    check("ip.DstAddr = 1.2.3.4/32", Prefix, "ip.DstAddr = 1.2.3.4");
    check("ip.DstAddr = 1.2.3.4/33", Prefix, "");
    let high = "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let local = format!("(ipv6.SrcAddr >= fe80:: and ipv6.SrcAddr <= {high})");
    check("ipv6.SrcAddr = fe80::/10", Prefix, &local);
    let part = "(ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.0.255.255)";
    check("ip.DstAddr == 10.0", BadAddress, part);
    check("ip.DstAddr = 1.2.3.4:80", BadAddress, "");
    check("ip.DstAddr = 1.2.3.400", BadAddress, "");
    let ports = "(tcp.DstPort = 80 or (tcp.DstPort >= 8000 and tcp.DstPort <= 8080))";
    check("tcp.DstPort in {80, 8000 - 8080}", Set, ports);
    let others = "(tcp.DstPort != 80 and tcp.DstPort != 443)";
    check("not tcp.DstPort = {80, 443}", Set, others);
    check("tcp.DstPort in 80", Set, "tcp.DstPort = 80");
    let range = "(tcp.DstPort >= 80 and tcp.DstPort <= 90)";
    check("tcp.DstPort = 80-90", ExpectedOperator, range);
    check(
        "tcp.DstPort = 80, 90",
        ExpectedOperator,
        "tcp.DstPort = 80 or tcp.DstPort = 90",
    );
    let priorities = "(priority = -5 or priority = -3)";
    check_at(
        Layer::Reflect,
        "priority in {-5, -3}",
        Set,
        Some(priorities),
    );
}

#[test]
fn slips_of_form_are_mended() {
    use Code::{BadAddress, ExpectedTest, ExpectedValue, LoneAmpersand, ValueOnLeft};
    check("(tcp? udp:icmp)", BadAddress, "(tcp? udp: icmp)");
    check("80 >= tcp.DstPort", ValueOnLeft, "tcp.DstPort <= 80");
    check("tcp.DstPort === 80", ExpectedValue, "tcp.DstPort = 80");
    check("tcp.DstPort =! 80", ExpectedValue, "tcp.DstPort != 80");
    check("tcp.DstPort => 80", ExpectedValue, "tcp.DstPort >= 80");
    check("packet32[0] & 0xff = 1", LoneAmpersand, "");
    check("tcp and and udp", ExpectedTest, "tcp and udp");
    check("(tcp and) or udp", ExpectedTest, "(tcp) or udp");
    check("tcp.SrcPort = tcp.DstPort", Code::FieldOnRight, "");
    check("tcp[13] = 2", Code::IndexOnScalar, "");
}

/// A note about WinDivert 2.2 is a claim of fact.
#[test]
fn only_what_the_reference_folds_is_said_to_be_folded() {
    let folds = |filter: &str| {
        let filter = compile(filter, Layer::Network).unwrap();
        let never = filter
            .warnings()
            .iter()
            .find(|d| d.code == Code::NeverInRange)
            .unwrap();
        never
            .notes
            .iter()
            .any(|note| note.contains("compiles it to `not "))
    };
    for filter in [
        "tcp.DstPort = 65536",
        "tcp.Syn > 1",
        "ip.TTL < 0",
        "ip.TOS = 70000",
    ] {
        assert!(folds(filter), "{filter}");
    }
    for filter in [
        "tcp.SeqNum = 0x100000000",
        "ip.TOS = 300",
        "localPort = 70000",
        "event = 3",
    ] {
        assert!(!folds(filter), "{filter}");
    }
}

#[test]
fn nothing_in_a_filter_reaches_a_terminal_raw() {
    let hostile = "tcp \u{1b}[31m and \u{7} x\r\u{8}\t\u{202e}y\u{200b} \u{9b}31m";
    let error: Diagnostics = compile(hostile, Layer::Network).unwrap_err();
    let drawn = error.render(RenderOptions {
        color: false,
        name: "a\u{1b}b",
    });
    let raw = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{200b}');
    assert_eq!(drawn.chars().find(|c| raw(*c)), None, "{drawn:?}");
    for diagnostic in &error {
        let line = diagnostic.to_string();
        assert_eq!(line.chars().find(|c| raw(*c)), None, "{line:?}");
    }
}

#[test]
fn a_diagnostic_in_a_megabyte_is_drawn_small() {
    let text = "tcp or ".repeat(10_000) + "(tpc or " + &"udp or ".repeat(10_000) + "udp";
    let error = compile(&text, Layer::Network).unwrap_err();
    assert_eq!(error.len(), 2);
    let drawn = error.render(RenderOptions::default());
    assert!(drawn.len() < 4_000, "{} bytes", drawn.len());
    assert!(drawn.contains("filter:1:70002"), "{drawn}");
    assert!(drawn.contains("opened here at 1:70001"), "{drawn}");
}

#[test]
fn very_many_mistakes_are_told_in_part_and_in_time() {
    let text = "nope or ".repeat(130_000) + "tcp";
    let start = std::time::Instant::now();
    let error = compile(&text, Layer::Network).unwrap_err();
    assert_eq!(error.len(), 256);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
