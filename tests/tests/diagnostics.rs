//! Every diagnostic code: its example raises it, its suggestion works, and a
//! person sees what the snapshot shows.

use divert_compiler::diag::{Code, Diagnostic, Example, Severity};
use divert_compiler::{Compiler, Diagnostics};

/// Examples that are too long to stand in the table.
fn long_example(code: Code) -> Option<String> {
    Some(match code {
        Code::TooLong => " ".repeat(1 << 20) + "tcp",
        Code::TooDeep => "(".repeat(1001) + "tcp" + &")".repeat(1001),
        Code::TooManyInsns => vec!["tcp.DstPort = 80"; 300].join(" or "),
        Code::TooManyTokens => "!".repeat(1278) + "tcp",
        Code::ReferenceRefuses => "(".repeat(341) + "tcp" + &")".repeat(341),
        Code::TooManyErrors => "tcp udp ".repeat(300),
        _ => return None,
    })
}

fn example(code: Code) -> (String, Example) {
    let short = Example {
        filter: "",
        layer: divert_compiler::Layer::Network,
        dialect: divert_compiler::Dialect::Divert,
    };
    match (code.example(), long_example(code)) {
        (Some(example), None) => (example.filter.to_owned(), example),
        (None, Some(text)) if matches!(code, Code::TooManyTokens | Code::ReferenceRefuses) => {
            let dialect = divert_compiler::Dialect::WinDivert22;
            (text, Example { dialect, ..short })
        }
        (None, Some(text)) => (text, short),
        _ => panic!("{code} needs exactly one example"),
    }
}

/// All diagnostics of a filter, errors or warnings.
fn diagnostics(text: &str, example: Example) -> Vec<Diagnostic> {
    let compiler = Compiler::new()
        .layer(example.layer)
        .dialect(example.dialect);
    match compiler.compile(text) {
        Ok(filter) => filter.warnings().to_vec(),
        Err(diagnostics) => diagnostics.into_iter().collect(),
    }
}

#[test]
fn every_example_raises_its_code() {
    for &code in Code::ALL {
        let (text, example) = example(code);
        let raised = diagnostics(&text, example);
        let codes: Vec<&str> = raised.iter().map(|d| d.code.as_str()).collect();
        let first_error = raised.iter().find(|d| d.severity == Severity::Error);
        if code.severity() == Severity::Error {
            assert!(first_error.is_some(), "{code} lets its example pass");
        } else {
            assert!(first_error.is_none(), "{code}: {codes:?}");
        }
        assert!(codes.contains(&code.as_str()), "{code}: {codes:?}");
    }
    println!("{} codes", Code::ALL.len());
    assert!(Code::ALL.len() > 50);
}

/// A suggestion removes the diagnostic that made it.
#[test]
fn every_suggestion_works() {
    let mut applied = 0;
    for &code in Code::ALL {
        let (text, example) = example(code);
        if code == Code::TooManyErrors {
            continue;
        }
        for diagnostic in diagnostics(&text, example) {
            let Some(suggestion) = &diagnostic.suggestion else {
                continue;
            };
            let changed = suggestion.apply(&text);
            let left = diagnostics(&changed, example);
            let again = left
                .iter()
                .any(|d| d.code == code && d.span == diagnostic.span);
            let worse = left
                .iter()
                .filter(|d| d.severity == Severity::Error)
                .count();
            let before = diagnostics(&text, example);
            let before = before
                .iter()
                .filter(|d| d.severity == Severity::Error)
                .count();
            let better = worse <= before.saturating_sub(1);
            assert!(!again && better, "{code}: {text:.200} -> {changed:.200}");
            applied += 1;
        }
    }
    println!("{applied} suggestions");
    assert!(applied > 20);
}

#[test]
fn codes_are_unique_sorted_and_explained() {
    assert!(Code::ALL.is_sorted_by_key(|code| code.as_str()));
    for &code in Code::ALL {
        assert_eq!(code.as_str().parse(), Ok(code));
        assert_eq!(code.slug().parse(), Ok(code));
        assert!(code.title().len() <= 70, "{code}");
        assert!(code.explanation().len() > 20, "{code}");
        let is_error = code.severity() == Severity::Error;
        assert_eq!(is_error, code.as_str().starts_with('E'));
        assert_eq!(is_error, code.reference_code() != 0, "{code}");
    }
}

#[test]
fn every_code_is_drawn_as_recorded() {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        for &code in Code::ALL {
            let (text, example) = example(code);
            let compiler = Compiler::new().layer(example.layer).dialect(example.dialect);
            let drawn = match compiler.compile(&text) {
                Ok(filter) => draw(code, filter.warnings(), &text),
                Err(diagnostics) => draw(code, diagnostics.iter().as_slice(), &text),
            };
            let shown: String = text.chars().take(60).collect();
            let body = format!("{:?}, {}, {}\n\n{drawn}", shown, example.layer, example.dialect);
            assert!(body.lines().count() <= 25, "{code}:\n{body}");
            insta::assert_snapshot!(code.as_str(), body);
        }
    });
}

fn draw(code: Code, diagnostics: &[Diagnostic], text: &str) -> String {
    let found = diagnostics.iter().find(|d| d.code == code);
    let found = found.unwrap_or_else(|| panic!("{code} is not raised"));
    found.render(text, Default::default())
}

#[test]
fn nothing_in_a_filter_reaches_a_terminal_raw() {
    let hostile = "tcp \u{1b}[31m and \u{7} x\r\u{8}\t\u{202e}y";
    let compiled: Result<_, Diagnostics> = Compiler::new().compile(hostile);
    let drawn = compiled.unwrap_err().render(Default::default());
    let raw = drawn.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(raw, None, "{drawn:?}");
}

#[test]
fn a_diagnostic_in_a_megabyte_is_drawn_small() {
    let text = "tcp or ".repeat(10_000) + "tpc or " + &"udp or ".repeat(10_000) + "udp";
    let drawn = Compiler::new()
        .compile(&text)
        .unwrap_err()
        .render(Default::default());
    assert!(drawn.len() < 4_000, "{} bytes", drawn.len());
    assert!(drawn.contains("tpc"), "{drawn}");
}
