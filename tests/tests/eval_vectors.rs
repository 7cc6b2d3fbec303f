//! Verdicts in the `windivert-2.2` dialect against the reference's recorded
//! ones: every filter on every case of its layer.

use std::collections::HashMap;

use divert_compiler::{Compiler, Dialect, Filter};
use divert_testkit::vectors::{self, Case, EvalRow};

/// The cases on which a filter answers otherwise than recorded.
fn wrong<'a>(filter: &Filter, row: &EvalRow, cases: &'a [Case]) -> Vec<&'a str> {
    let is_wrong = |(at, case): &(usize, &Case)| {
        let verdict = filter.evaluate(case.packet.as_deref(), &case.event);
        let expect = match (case.valid && !row.refused.get(*at), row.matches.get(*at)) {
            (true, matches) => Some(matches),
            (false, false) => None,
            (false, true) => panic!("{} is both refused and matched", case.id),
        };
        verdict.ok() != expect
    };
    let wrong = cases.iter().enumerate().filter(is_wrong);
    wrong.map(|(_, case)| case.id.as_str()).collect()
}

#[test]
fn every_filter_matches_what_it_matches_in_the_reference() {
    let filters = vectors::filters();
    let filters: HashMap<&str, _> = filters.iter().map(|row| (row.id.as_str(), row)).collect();
    let cases = vectors::cases_by_layer();
    let rows = vectors::evals();
    let (mut verdicts, mut matches, mut errors) = (0, 0, 0);
    let mut failures = 0;
    for row in &rows {
        let source = filters[row.filter.as_str()];
        let cases = &cases[usize::from(source.layer.as_u8())];
        let compiler = Compiler::new()
            .layer(source.layer)
            .dialect(Dialect::WinDivert22);
        let text = compiler.compile(&source.filter).unwrap();
        let object = compiler.compile(&text.object());
        // The object of 256 instructions cannot be loaded again.
        assert_eq!(
            object.is_ok(),
            text.instructions().len() <= 255,
            "{}",
            row.filter
        );
        for (form, filter) in [("text", Some(text)), ("object", object.ok())] {
            let Some(filter) = filter else { continue };
            let wrong = wrong(&filter, row, cases);
            if !wrong.is_empty() {
                failures += 1;
                if failures <= 20 {
                    println!("{} as {form}: {} on {wrong:?}", row.filter, source.filter);
                }
            }
            verdicts += cases.len();
        }
        matches += row.matches.count();
        errors += row.refused.count();
    }
    println!(
        "{} filters, {verdicts} verdicts; {matches} matches, {errors} refusals",
        rows.len()
    );
    assert_eq!(failures, 0);
    assert_eq!(rows.len(), 9_013);
    assert!(
        matches > 400_000 && errors > 1000,
        "the vectors hold both answers"
    );
}

#[test]
fn the_workload_matches_as_often_as_in_the_reference() {
    let workload = vectors::workload();
    let mut matches = 0;
    for (text, expect) in &workload.filters {
        for dialect in Dialect::ALL {
            let filter = Compiler::new().dialect(dialect).compile(text).unwrap();
            let packets = workload.packets.iter();
            let count = packets.filter(|(packet, event)| filter.matches(packet, event));
            assert_eq!(count.count(), *expect, "{dialect}: {text}");
        }
        matches += expect;
    }
    let (filters, packets) = (workload.filters.len(), workload.packets.len());
    println!("{filters} filters, {packets} packets, {matches} matches in either dialect");
    assert_eq!((filters, packets), (28, 2_048));
}
