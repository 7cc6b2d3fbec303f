//! Compiling in the `windivert-2.2` dialect against the reference's recorded
//! answers, to the bit.

use std::collections::HashMap;

use divert_compiler::{Compiler, Dialect, Filter};
use divert_testkit::vectors::{self, Compiled, FilterRow, RawInsn};

fn raw(filter: &Filter) -> Vec<RawInsn> {
    let insns = filter.instructions().iter();
    let insn = insns.map(|insn| {
        let [a0, a1, a2, a3] = insn.args;
        [
            insn.field.id().into(),
            insn.op.as_u8().into(),
            insn.negative.into(),
            a0,
            a1,
            a2,
            a3,
            insn.success.as_u16().into(),
            insn.failure.as_u16().into(),
        ]
    });
    insn.collect()
}

/// Every way in which the answer to a row is not the recorded one.
fn differences(row: &FilterRow, program: Option<&Vec<RawInsn>>) -> Vec<String> {
    let compiler = Compiler::new()
        .layer(row.layer)
        .dialect(Dialect::WinDivert22);
    let mut found = Vec::new();
    let mut note = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{what}: {ours} instead of {theirs}"));
        }
    };
    match (compiler.compile(&row.filter), &row.outcome) {
        (Ok(filter), Ok(expect)) => {
            compare(&compiler, &filter, expect, &mut note);
            if let Some(program) = program {
                note(
                    "insns",
                    format!("{:?}", raw(&filter)),
                    format!("{program:?}"),
                );
            }
        }
        (Err(error), Err(expect)) => {
            let error = error
                .reference_error()
                .expect("every refusal has the reference's error");
            note("err", error.code.to_string(), expect.err.to_string());
            let position = expect.pos.unwrap_or(error.position);
            note("pos", error.position.to_string(), position.to_string());
        }
        (Ok(_), Err(expect)) => note("verdict", "accepted".into(), format!("{expect:?}")),
        (Err(error), Ok(_)) => note("verdict", error.to_string(), "accepted".into()),
    }
    found
}

fn compare(
    compiler: &Compiler,
    filter: &Filter,
    expect: &Compiled,
    note: &mut impl FnMut(&str, String, String),
) {
    note(
        "n",
        filter.instructions().len().to_string(),
        expect.n.to_string(),
    );
    let object = filter.object();
    note("object", object.clone(), expect.object.clone());
    note(
        "flags",
        format!("{:#x}", filter.flags().bits()),
        format!("{:#x}", expect.flags),
    );
    note(
        "drv",
        u8::from(filter.driver_accepts()).to_string(),
        expect.drv.to_string(),
    );
    let reloaded = compiler.compile(&object).ok();
    let format = reloaded.as_ref().and_then(Filter::to_text);
    note(
        "format",
        format!("{format:?}"),
        format!("{:?}", expect.format),
    );
    let format_text = filter.to_text();
    let expect_text = expect.format_text.as_ref().or(expect.format.as_ref());
    note(
        "format_text",
        format!("{:?}", format_text.as_ref()),
        format!("{expect_text:?}"),
    );
}

#[test]
fn every_filter_compiles_as_the_reference_compiles_it() {
    let rows = vectors::filters();
    let programs = vectors::programs();
    let (mut accepted, mut objects, mut shown) = (0, 0, 0);
    let mut by_family: HashMap<&str, usize> = HashMap::new();
    for row in &rows {
        accepted += usize::from(row.outcome.is_ok());
        objects += usize::from(row.outcome.is_ok() && row.filter.starts_with('@'));
        let differences = differences(row, programs.get(&row.id));
        if !differences.is_empty() {
            *by_family.entry(&row.family).or_default() += 1;
            if shown < 20 {
                let text: String = row.filter.chars().take(120).collect();
                println!(
                    "{} {} {text}\n  {}",
                    row.id,
                    row.layer,
                    differences.join("\n  ")
                );
                shown += 1;
            }
        }
    }
    println!(
        "{} filters, {accepted} accepted, {objects} of them objects",
        rows.len()
    );
    println!(
        "{} programs compared instruction by instruction",
        programs.len()
    );
    assert!(by_family.is_empty(), "differences by family: {by_family:?}");
    assert_eq!(
        (rows.len(), accepted, programs.len()),
        (12_242, 9_013, 8_975)
    );
}
