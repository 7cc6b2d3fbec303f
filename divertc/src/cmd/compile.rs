//! `divertc compile`

use std::fs::File;
use std::io::{self, IsTerminal, Write};

use divert_compiler::explain::to_dot;
use divert_compiler::{Diagnostic, Filter};
use serde::Serialize;

use crate::args::{CompileArgs, Emit};
use crate::cmd::disasm;
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &CompileArgs) -> Result<Outcome, Failure> {
    let Some((_, filter)) = report::compile(&args.source, args.format)? else {
        return Ok(Outcome::Wrong);
    };
    let bytes = match args.emit {
        Emit::Object => filter.object() + "\n",
        Emit::Bytecode => return write(args, &filter.to_bytes()),
        Emit::Asm => disasm::listing(&filter),
        Emit::Hex => hex(&filter.to_bytes()) + "\n",
        Emit::C => c_source(&filter),
        Emit::Json => {
            let json = serde_json::to_string(&Compiled::new(&filter)).map_err(io::Error::from)?;
            json + "\n"
        }
        Emit::Dot => to_dot(&filter),
    };
    write(args, bytes.as_bytes())
}

fn write(args: &CompileArgs, bytes: &[u8]) -> Result<Outcome, Failure> {
    if let Some(path) = &args.output {
        let cannot = |error| Failure::Io(format!("cannot write {}: {error}", path.display()));
        let mut file = File::create(path).map_err(cannot)?;
        file.write_all(bytes).map_err(cannot)?;
        return Ok(Outcome::Fine);
    }
    let mut out = io::stdout();
    if args.emit == Emit::Bytecode && out.is_terminal() {
        let advice = "bytecode is not for a terminal: use -o FILE, or --emit hex";
        return Err(Failure::Usage(advice.into()));
    }
    out.write_all(bytes)?;
    out.flush()?;
    Ok(Outcome::Fine)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A compiled filter as JSON has it, with the names of the test vectors.
#[derive(Serialize)]
pub(crate) struct Compiled<'a> {
    pub(crate) ok: bool,
    pub(crate) n: usize,
    pub(crate) object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    pub(crate) flags: u64,
    pub(crate) drv: u8,
    pub(crate) insns: Vec<[u32; 9]>,
    pub(crate) diagnostics: &'a [Diagnostic],
}

impl<'a> Compiled<'a> {
    pub(crate) fn new(filter: &'a Filter) -> Self {
        let insn = |insn: &divert_vm::Insn| {
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
        };
        Self {
            ok: true,
            n: filter.instructions().len(),
            object: filter.object(),
            format: filter.to_text(),
            flags: filter.flags().bits(),
            drv: filter.driver_accepts().into(),
            insns: filter.instructions().iter().map(insn).collect(),
            diagnostics: filter.warnings(),
        }
    }
}

fn c_source(filter: &Filter) -> String {
    let text = filter
        .source()
        .replace("*/", "* /")
        .replace(['\n', '\r'], " ");
    let mut source = format!("/* {text} */\n");
    source += &format!(
        "/* layer {}, flags {:#x} */\n",
        filter.layer(),
        filter.flags().bits()
    );
    source += &format!("#define FILTER_OBJECT \"{}\"\n", filter.object());
    source += &format!("#define FILTER_LENGTH {}\n", filter.instructions().len());
    source += "static const unsigned char filter[] = {\n";
    for insn in filter.instructions() {
        let bytes: Vec<String> = insn.encode().iter().map(|b| format!("0x{b:02x}")).collect();
        source += &format!("    {},\n", bytes.join(", "));
    }
    source + "};\n"
}
