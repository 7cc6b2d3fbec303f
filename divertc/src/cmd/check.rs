//! `divertc check`

use std::io::Write;

use divert_compiler::diag::Severity;
use divert_compiler::{Diagnostic, Filter};
use divert_grammar::Span;
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
    if args.each {
        return each(args, &input);
    }
    let checked = Checked::new(args, &input.text);
    report::print(&checked.diagnostics, &input, args.format)?;
    if let Some(filter) = &checked.filter {
        summary(filter, None, args.format)?;
    }
    Ok(Outcome::of(checked.is_fine))
}

/// Checks every line of the input that is not blank.
///
/// What is found is reported at its place in the whole input, so that tools
/// can point into the file; a log has to be one, not one a line.
fn each(args: &CheckArgs, input: &Input) -> Result<Outcome, Failure> {
    let mut fine = true;
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in (1..).zip(input.text.split_inclusive('\n')) {
        let text = line.trim_end_matches(['\r', '\n']);
        if !text.trim().is_empty() {
            let checked = Checked::new(args, text);
            fine &= checked.is_fine;
            if args.format == CheckFormat::Human {
                // The lines around it are other filters, and not to be drawn.
                let before = "\n".repeat(number - 1);
                let moved = moved(checked.diagnostics, before.len());
                let name = input.name.clone();
                let text = before + text;
                report::print(&moved, &Input { name, text }, args.format)?;
            } else {
                found.extend(moved(checked.diagnostics, start));
            }
            if args.format != CheckFormat::Sarif {
                report::print(&found, input, args.format)?;
                found.clear();
            }
            if let Some(filter) = &checked.filter {
                summary(filter, Some(number), args.format)?;
            }
        }
        start += line.len();
    }
    if args.format == CheckFormat::Sarif {
        report::print(&found, input, args.format)?;
    }
    Ok(Outcome::of(fine))
}

/// What became of a filter.
struct Checked {
    filter: Option<Filter>,
    diagnostics: Vec<Diagnostic>,
    is_fine: bool,
}

impl Checked {
    fn new(args: &CheckArgs, text: &str) -> Self {
        let (filter, diagnostics) = match args.source.options.compiler().compile(text) {
            Ok(filter) => {
                let mut warnings = filter.warnings().to_vec();
                warnings.extend(filter.lints());
                warnings.sort_by_key(|warning| warning.span.start);
                (Some(filter), warnings)
            }
            Err(diagnostics) => (None, diagnostics.into_iter().collect()),
        };
        let warns = |d: &Diagnostic| d.severity == Severity::Warning;
        let is_denied = args.deny.is_some() && diagnostics.iter().any(warns);
        Self {
            is_fine: filter.is_some() && !is_denied,
            filter,
            diagnostics,
        }
    }
}

/// Diagnostics of a line that begins at this byte, as those of the whole text.
fn moved(mut diagnostics: Vec<Diagnostic>, start: usize) -> Vec<Diagnostic> {
    let by = u32::try_from(start).unwrap_or(u32::MAX);
    let place = |span: &mut Span| {
        *span = Span::new(span.start.saturating_add(by), span.end.saturating_add(by));
    };
    for diagnostic in &mut diagnostics {
        place(&mut diagnostic.span);
        for label in &mut diagnostic.labels {
            place(&mut label.span);
        }
        if let Some(suggestion) = &mut diagnostic.suggestion {
            place(&mut suggestion.span);
        }
    }
    diagnostics
}

fn summary(filter: &Filter, line: Option<usize>, format: CheckFormat) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    let count = filter.instructions().len();
    match format {
        CheckFormat::Human | CheckFormat::Short => {
            if let Some(line) = line {
                write!(out, "line {line}: ")?;
            }
            let plural = if count == 1 { "" } else { "s" };
            let layer = filter.layer();
            writeln!(
                out,
                "ok: {count} instruction{plural} of {MAX_INSNS}, layer {layer}"
            )?;
        }
        CheckFormat::Json => {
            let mut summary = serde_json::json!({
                "ok": true,
                "n": count,
                "limit": MAX_INSNS,
                "layer": filter.layer().slug(),
            });
            if let Some(line) = line {
                summary["line"] = line.into();
            }
            writeln!(out, "{summary}")?;
        }
        CheckFormat::Sarif | CheckFormat::Github => {}
    }
    Ok(())
}
