//! The two dialects beside each other: `divert` takes what WinDivert 2.2
//! takes, and says so where it means something else.

use std::collections::BTreeMap;

use divert_compiler::diag::Code;
use divert_compiler::{Compiler, Dialect, Filter, Layer, OptLevel};
use divert_testkit::generators::can_occur;
use divert_testkit::vectors::{self, Case};
use divert_vm::isa::limits::MAX_INSNS;

/// The quirk warnings of a filter: those that may announce a difference.
///
/// A test that is always true is so in both dialects, and a stray `b` is
/// dropped in both.
fn quirks(filter: &Filter) -> Vec<Code> {
    let codes = filter.warnings().iter().map(|warning| warning.code);
    let is_quirk = |code: &Code| {
        let harmless = matches!(code, Code::AlwaysInRange | Code::StrayBytes);
        code.as_str().starts_with("W10") && !harmless
    };
    codes.filter(is_quirk).collect()
}

fn differ<'a>(a: &Filter, b: &Filter, cases: &'a [Case]) -> Option<&'a Case> {
    cases
        .iter()
        .filter(|case| can_occur(&case.event))
        .find(|case| {
            let packet = case.packet.as_deref();
            a.evaluate(packet, &case.event) != b.evaluate(packet, &case.event)
        })
}

#[test]
fn divert_takes_every_filter_of_the_reference_and_announces_differences() {
    let rows = vectors::filters();
    let cases = vectors::cases_by_layer();
    let (mut texts, mut too_long, mut same, mut different, mut silent) = (0, 0, 0, 0, 0);
    let mut by_code: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(|row| row.outcome.is_ok() && !row.filter.starts_with('@'))
    {
        texts += 1;
        let compiler = Compiler::new().layer(row.layer);
        let reference = compiler
            .dialect(Dialect::WinDivert22)
            .compile(&row.filter)
            .unwrap();
        let filter = match compiler.dialect(Dialect::Divert).compile(&row.filter) {
            Ok(filter) => filter,
            Err(error) => {
                let first = error.first().unwrap();
                assert_eq!(first.code, Code::TooManyInsns, "{}: {}", row.id, row.filter);
                assert!(reference.instructions().len() > MAX_INSNS, "{}", row.filter);
                too_long += 1;
                continue;
            }
        };
        assert!(filter.driver_accepts(), "{}: {}", row.id, row.filter);
        let cases = &cases[usize::from(row.layer.as_u8())];
        let Some(case) = differ(&filter, &reference, cases) else {
            same += 1;
            continue;
        };
        different += 1;
        let quirks = quirks(&filter);
        for code in &quirks {
            *by_code.entry(code.as_str()).or_default() += 1;
        }
        if quirks.is_empty() {
            println!(
                "{}: {} differs silently on {}",
                row.layer, row.filter, case.id
            );
            silent += 1;
        }
    }
    println!("{texts} filters: {same} mean the same, {different} differ with a warning");
    println!("{too_long} have more instructions than the driver runs");
    println!("warnings of the filters that differ: {by_code:?}");
    assert_eq!(silent, 0);
    // Three that the driver refuses as written fit when they are optimised.
    assert_eq!((texts, too_long), (8_489, 0));
    assert_eq!(same + different + too_long, texts);
    assert!(different > 100, "some filters do differ");
}

#[test]
fn a_filter_without_quirk_warning_compiles_to_the_reference_program() {
    let rows = vectors::filters();
    let (mut plain, mut quirky) = (0, 0);
    for row in rows
        .iter()
        .filter(|row| row.outcome.is_ok() && !row.filter.starts_with('@'))
    {
        let compiler = Compiler::new().layer(row.layer).opt_level(OptLevel::O0);
        let Ok(filter) = compiler.dialect(Dialect::Divert).compile(&row.filter) else {
            continue;
        };
        if filter
            .warnings()
            .iter()
            .any(|warning| warning.code.as_str().starts_with("W10"))
        {
            quirky += 1;
            continue;
        }
        plain += 1;
        let reference = compiler
            .dialect(Dialect::WinDivert22)
            .compile(&row.filter)
            .unwrap();
        assert_eq!(
            filter.object(),
            reference.object(),
            "{}: {}",
            row.id,
            row.filter
        );
    }
    println!("{plain} filters without a quirk warning, {quirky} with");
    assert!(plain > 4_000 && quirky > 1_000);
}

#[test]
fn objects_mean_the_same_in_both_dialects() {
    let rows = vectors::filters();
    let mut objects = 0;
    for row in rows.iter().filter(|row| row.filter.starts_with('@')) {
        let compile = |dialect| {
            let filter = Compiler::new()
                .layer(row.layer)
                .dialect(dialect)
                .opt_level(OptLevel::O0)
                .compile(&row.filter);
            filter
                .map(|filter| filter.object())
                .map_err(|error| error.reference_error())
        };
        assert_eq!(
            compile(Dialect::Divert),
            compile(Dialect::WinDivert22),
            "{}",
            row.filter
        );
        objects += 1;
    }
    println!("{objects} objects");
    assert!(objects > 700);
}

#[test]
fn there_are_five_layers_in_the_vectors() {
    let cases = vectors::cases_by_layer();
    let counts = cases.map(|cases| cases.len());
    println!("cases by layer: {counts:?}");
    assert_eq!(counts, [179, 44, 20, 16, 18]);
    assert_eq!(Layer::ALL.len(), counts.len());
}
