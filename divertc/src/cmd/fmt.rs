//! `divertc fmt`

use std::io::Write;

use crate::args::{FmtArgs, Format};
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &FmtArgs) -> Result<Outcome, Failure> {
    let Some((input, filter)) = report::compile(&args.source, Format::Human)? else {
        return Ok(Outcome::Wrong);
    };
    let normal = if input.text.starts_with(divert_vm::object::MARK) {
        let too_long = || Failure::Io("the text of this object would be too long".into());
        filter.to_text().ok_or_else(too_long)?
    } else {
        let parse = divert_grammar::parse(&input.text);
        divert_grammar::print(&parse.ast, &input.text)
    };
    if args.check {
        return Ok(Outcome::of(normal == input.text));
    }
    writeln!(anstream::stdout(), "{normal}")?;
    Ok(Outcome::Fine)
}
