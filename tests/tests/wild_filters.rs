//! Filters that public projects use: verdicts, error codes, printing.

use std::collections::BTreeMap;

use divert_compiler::diag::{Code, Severity};
use divert_compiler::{Compiler, Dialect, Filter, Layer};
use divert_testkit::vectors::{self, WildFilter};

const ROWS: usize = 397;
const ACCEPTED: usize = 356;

fn compile(
    text: &str,
    layer: Layer,
    dialect: Dialect,
) -> Result<Filter, divert_compiler::Diagnostics> {
    Compiler::new().layer(layer).dialect(dialect).compile(text)
}

#[test]
fn wild_filters_get_the_verdict_of_the_reference() {
    let rows = vectors::wild_filters();
    let mut accepted = 0;
    for row in &rows {
        let ours = compile(&row.filter, row.layer, Dialect::WinDivert22);
        accepted += usize::from(ours.is_ok());
        let ours = ours.err().map(|error| {
            let error = error.reference_error().unwrap();
            (error.message().to_owned(), Some(error.position))
        });
        let expect = row.err.clone().map(|err| (err, row.pos));
        assert_eq!(ours, expect, "{}: {}", row.layer, row.filter);
        assert_eq!(expect.is_none(), row.ok, "{}", row.filter);
    }
    println!("{} filters, {accepted} accepted", rows.len());
    assert_eq!((rows.len(), accepted), (ROWS, ACCEPTED));
}

/// The codes that say no more than the reference does.
const GENERIC: [Code; 1] = [Code::ReferenceRefuses];

#[test]
fn wild_mistakes_get_specific_codes() {
    let rows = vectors::wild_filters();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut valid_here = 0;
    let wrong: Vec<&WildFilter> = rows.iter().filter(|row| !row.ok).collect();
    for row in &wrong {
        // Logical `not (…)` and free ternaries are no mistakes here.
        let Err(errors) = compile(&row.filter, row.layer, Dialect::Divert) else {
            valid_here += 1;
            let in_reference = compile(&row.filter, row.layer, Dialect::WinDivert22).unwrap_err();
            let code = in_reference.first().unwrap().code;
            let extension = matches!(code, Code::NotOnGroup | Code::UngroupedTernary);
            assert!(extension, "{code}: {}", row.filter);
            continue;
        };
        let first = errors.first().unwrap();
        assert_eq!(first.severity, Severity::Error, "{}", row.filter);
        assert!(!GENERIC.contains(&first.code), "{}: {errors}", row.filter);
        assert!(first.span.range().end <= row.filter.len(), "{}", row.filter);
        *counts.entry(first.code.as_str()).or_default() += 1;
    }
    for (code, count) in &counts {
        let title = code.parse::<Code>().unwrap().title();
        println!("{count:4} {code} {title}");
    }
    println!(
        "{valid_here:4} valid in the divert dialect, {} mistakes in all",
        wrong.len()
    );
    assert_eq!(wrong.len(), ROWS - ACCEPTED);
    assert_eq!(counts.values().sum::<usize>() + valid_here, wrong.len());
}

#[test]
fn wild_filters_survive_printing() {
    let rows = vectors::wild_filters();
    let (mut printed, mut decompiled) = (0, 0);
    for row in rows.iter().filter(|row| row.ok) {
        let WildFilter {
            filter: text,
            layer,
            ..
        } = row;
        let filter =
            compile(text, *layer, Dialect::Divert).unwrap_or_else(|e| panic!("{text}: {e}"));
        let print = divert_grammar::print(&divert_grammar::parse(text).ast, text);
        let again =
            compile(&print, *layer, Dialect::Divert).unwrap_or_else(|e| panic!("{print}: {e}"));
        assert_eq!(again.hir(), filter.hir(), "{text} printed as {print}");
        assert_eq!(again.object(), filter.object(), "{text} printed as {print}");
        printed += 1;

        // What the reference would print means the same to the reference.
        let filter = compile(text, *layer, Dialect::WinDivert22).unwrap();
        let decompile = filter
            .to_text()
            .unwrap_or_else(|| panic!("{text} has no text"));
        let again = compile(&decompile, *layer, Dialect::WinDivert22);
        let again = again.unwrap_or_else(|e| panic!("{decompile}: {e}"));
        assert_eq!(again.to_text().as_ref(), Some(&decompile), "{text}");
        let cases = vectors::cases();
        for case in cases.iter().filter(|case| case.event.layer == *layer) {
            let packet = case.packet.as_deref();
            let (a, b) = (
                filter.evaluate(packet, &case.event),
                again.evaluate(packet, &case.event),
            );
            assert_eq!(a, b, "{text} decompiled to {decompile}, on {}", case.id);
        }
        decompiled += 1;
    }
    println!("{printed} filters printed, {decompiled} decompiled");
    assert_eq!((printed, decompiled), (ACCEPTED, ACCEPTED));
}
