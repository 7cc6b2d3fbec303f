//! `divertc compile`

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use divert_compiler::equiv::{Comparison, Side, validate};
use divert_compiler::explain::to_dot;
use divert_compiler::{Compiler, Diagnostic, Engine, Filter};
use serde::Serialize;

use crate::args::{CompileArgs, Emit};
use crate::cmd::{diff, disasm};
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &CompileArgs) -> Result<Outcome, Failure> {
    let engine = match args.emit {
        Emit::Bytecode => Engine::Divert,
        _ => Engine::WinDivert,
    };
    let Some((input, filter)) = report::compile(&args.source, engine, args.format)? else {
        return Ok(Outcome::Wrong);
    };
    if args.verify {
        let outcome = verify(&filter);
        if outcome != Outcome::Fine {
            return Ok(outcome);
        }
    }
    if args.timings {
        let compiler = args.source.options.compiler().engine(engine);
        timings(&compiler, &input.text)?;
    }
    let bytes = match args.emit {
        Emit::Object => filter.object() + "\n",
        Emit::Bytecode => return write(args, &filter.to_bytecode()),
        Emit::Insns => return write(args, &filter.to_bytes()),
        Emit::Asm => disasm::listing(&filter),
        Emit::Hex => hex(&filter.to_bytes()) + "\n",
        Emit::C => c_source(&filter),
        Emit::Json => {
            let json = serde_json::to_string(&Compiled::new(&filter)).map_err(io::Error::from)?;
            json + "\n"
        }
        Emit::Dot => to_dot(&disasm::as_it_is(&filter.object(), &filter)),
    };
    write(args, bytes.as_bytes())
}

/// Says whether what was generated matches what was written.
fn verify(filter: &Filter) -> Outcome {
    let outcome = validate(filter);
    match &outcome {
        Comparison::Equivalent => {
            report::say("verified: proved to match what was written");
        }
        Comparison::Undecided(open) => report::say(format_args!("not verified: {open}")),
        Comparison::Different(witness) => {
            let not = match witness.matches {
                Side::A => " not",
                Side::B => "",
            };
            let scene = diff::scene(witness);
            report::say(format_args!(
                "wrong: the program would{not} match this:\n{}",
                scene.trim_end()
            ));
        }
    }
    diff::of(&outcome)
}

fn write(args: &CompileArgs, bytes: &[u8]) -> Result<Outcome, Failure> {
    if let Some(path) = &args.output {
        let cannot = |error| Failure::Io(format!("cannot write {}: {error}", path.display()));
        let mut file = File::create(path).map_err(cannot)?;
        file.write_all(bytes).map_err(cannot)?;
        return Ok(Outcome::Fine);
    }
    let mut out = io::stdout();
    if matches!(args.emit, Emit::Bytecode | Emit::Insns) && out.is_terminal() {
        let advice = "bytes are not for a terminal: use -o FILE, or --emit hex";
        return Err(Failure::Usage(advice.into()));
    }
    out.write_all(bytes)?;
    out.flush()?;
    Ok(Outcome::Fine)
}

/// How often a filter is compiled to time it.
const RUNS: u32 = 100;

/// Prints the shortest time of each stage, of many runs.
fn timings(compiler: &Compiler, text: &str) -> Result<(), Failure> {
    let mut best: Vec<(&str, Duration)> = Vec::new();
    for _ in 0..RUNS {
        let mut stages: Vec<(&str, Duration)> = Vec::new();
        let mut last = Instant::now();
        let mut done = |name| {
            stages.push((name, last.elapsed()));
            last = Instant::now();
        };
        let filter = compiler.compile_observed(text, &mut |stage| done(stage.name()));
        done("the rest");
        if let Ok(filter) = &filter {
            let _ = filter.instructions();
            done("object");
        }
        let shorter = |(at, (name, time)): (usize, (&'static str, Duration))| {
            let earlier = best.get(at).map_or(time, |(_, earlier)| *earlier);
            (name, time.min(earlier))
        };
        best = stages.into_iter().enumerate().map(shorter).collect();
    }
    let mut err = io::stderr();
    writeln!(err, "shortest of {RUNS} runs, in microseconds")?;
    for (name, time) in &best {
        writeln!(err, "{name:>9} {:9.2}", time.as_secs_f64() * 1e6)?;
    }
    let total: Duration = best.iter().map(|(_, time)| *time).sum();
    writeln!(err, "{:>9} {:9.2}", "together", total.as_secs_f64() * 1e6)?;
    Ok(())
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
