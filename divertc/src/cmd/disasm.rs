//! `divertc disasm`

use std::io::Write;

use divert_compiler::{Engine, Filter};
use divert_vm::Target;

use crate::args::DisasmArgs;
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &DisasmArgs) -> Result<Outcome, Failure> {
    let Some((_, filter)) = report::compile(&args.source, Engine::WinDivert, args.format)? else {
        return Ok(Outcome::Wrong);
    };
    write!(anstream::stdout(), "{}", listing(&filter))?;
    Ok(Outcome::Fine)
}

/// One instruction a line: index, test, and where it goes on.
pub(crate) fn listing(filter: &Filter) -> String {
    let target = |target: Target| match (target, target.index()) {
        (_, Some(index)) => index.to_string(),
        (Target::ACCEPT, None) => "accept".into(),
        _ => "reject".into(),
    };
    let explanation = filter.explain();
    let width = explanation
        .instructions
        .iter()
        .map(|i| i.text.len())
        .max()
        .unwrap_or(0);
    let lines = explanation.instructions.iter().map(|insn| {
        let (success, failure) = (target(insn.success), target(insn.failure));
        format!(
            "{:3}  {:width$}  ? {success} : {failure}\n",
            insn.index, insn.text
        )
    });
    lines.collect()
}
