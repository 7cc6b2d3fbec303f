//! `divertc fmt`

use std::io::Write;

use divert_compiler::Engine;

use crate::args::FmtArgs;
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &FmtArgs) -> Result<Outcome, Failure> {
    let Some((input, filter)) = report::compile(&args.source, Engine::Divert, args.format)? else {
        return Ok(Outcome::Wrong);
    };
    let normal = if input.text.starts_with(divert_vm::object::MARK) {
        let too_long = || Failure::Io("the text of this object would be too long".into());
        filter.to_text().ok_or_else(too_long)?
    } else {
        let parse = divert_grammar::parse(&input.text);
        let normal = divert_grammar::print(&parse.ast, &input.text);
        // WinDivert 2.2 refuses a few texts for a space more or less.
        let compiled = args.source.options.compiler().compile(&normal);
        let is_same = compiled.is_ok_and(|c| c.instructions() == filter.instructions());
        if is_same { normal } else { input.text.clone() }
    };
    if args.check {
        return Ok(Outcome::of(normal == input.text));
    }
    writeln!(anstream::stdout(), "{normal}")?;
    Ok(Outcome::Fine)
}
