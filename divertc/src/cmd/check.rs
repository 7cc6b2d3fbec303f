//! `divertc check`

use std::io::Write;

use divert_compiler::diag::Severity;
use divert_compiler::{Diagnostic, Filter};
use divert_vm::isa::limits::MAX_INSNS;

use crate::args::{CheckArgs, CheckFormat};
use crate::input::Input;
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &CheckArgs) -> Result<Outcome, Failure> {
    let input = match args.source.read()? {
        Ok(input) => input,
        Err(not) => {
            report::not_text(&not);
            return Ok(Outcome::Wrong);
        }
    };
    if !args.each {
        return Ok(Outcome::of(check(args, &input)?));
    }
    let mut fine = true;
    for (line, text) in (1..).zip(input.text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        fine &= check(
            args,
            &Input {
                name: format!("{}#{line}", input.name),
                text: text.into(),
            },
        )?;
    }
    Ok(Outcome::of(fine))
}

fn check(args: &CheckArgs, input: &Input) -> Result<bool, Failure> {
    let compiled = args.source.options.compiler().compile(&input.text);
    let (filter, diagnostics) = match &compiled {
        Ok(filter) => (Some(filter), filter.warnings()),
        Err(diagnostics) => (None, diagnostics.iter().as_slice()),
    };
    report::print(diagnostics, input, args.format)?;
    if let Some(filter) = filter {
        summary(filter, args.format)?;
    }
    let warns = |d: &Diagnostic| d.severity == Severity::Warning;
    Ok(filter.is_some() && !(args.deny.is_some() && diagnostics.iter().any(warns)))
}

fn summary(filter: &Filter, format: CheckFormat) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    let count = filter.instructions().len();
    match format {
        CheckFormat::Human | CheckFormat::Short => {
            let plural = if count == 1 { "" } else { "s" };
            let layer = filter.layer();
            writeln!(
                out,
                "ok: {count} instruction{plural} of {MAX_INSNS}, layer {layer}"
            )?;
        }
        CheckFormat::Json => {
            let summary = serde_json::json!({
                "ok": true,
                "n": count,
                "limit": MAX_INSNS,
                "layer": filter.layer().slug(),
            });
            writeln!(out, "{summary}")?;
        }
        CheckFormat::Sarif | CheckFormat::Github => {}
    }
    Ok(())
}
