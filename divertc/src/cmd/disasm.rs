//! `divertc disasm`

use std::io::Write;

use divert_compiler::explain::test_text;
use divert_compiler::{Compiler, Engine, Filter, OptLevel};
use divert_vm::Target;

use crate::args::DisasmArgs;
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &DisasmArgs) -> Result<Outcome, Failure> {
    let Some((_, filter)) = report::compile(&args.source, Engine::WinDivert, args.format)? else {
        return Ok(Outcome::Wrong);
    };
    // Of an object one wants to see what is in it.
    let is_object = filter.source().starts_with(divert_vm::object::MARK);
    let shown = match args.source.options.opt_level {
        None if is_object => as_it_is(filter.source(), &filter),
        _ => filter,
    };
    write!(anstream::stdout(), "{}", listing(&shown))?;
    Ok(Outcome::Fine)
}

/// The filter with the instructions of this object, none of them changed.
pub(crate) fn as_it_is(object: &str, filter: &Filter) -> Filter {
    let compiler = Compiler::new()
        .layer(filter.layer())
        .dialect(filter.dialect());
    let same = compiler.opt_level(OptLevel::O0).compile(object);
    same.unwrap_or_else(|_| filter.clone())
}

/// One instruction a line: index, test, and where it goes on.
pub(crate) fn listing(filter: &Filter) -> String {
    let target = |target: Target| match (target, target.index()) {
        (_, Some(index)) => index.to_string(),
        (Target::ACCEPT, None) => "accept".into(),
        _ => "reject".into(),
    };
    let insns = filter.instructions();
    let texts: Vec<String> = insns.iter().map(|i| test_text(i, filter.layer())).collect();
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    let lines = insns.iter().zip(&texts).enumerate();
    let lines = lines.map(|(index, (insn, text))| {
        let (success, failure) = (target(insn.success), target(insn.failure));
        format!("{index:3}  {text:width$}  ? {success} : {failure}\n")
    });
    lines.collect()
}
