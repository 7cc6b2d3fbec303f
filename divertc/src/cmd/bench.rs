//! `divertc bench`: what a filter costs for a packet.

mod clock;
mod packets;
mod timing;

use std::io::{self, Write};

use divert_compiler::{Event, Filter};
use serde::Serialize;

use crate::args::{BenchArgs, BenchFormat, Engine};
use crate::cmd::run::note_direction;
use crate::{Failure, Outcome, input, report};
use packets::{Aligned, Case};
use timing::Timing;

pub(crate) fn run(args: &BenchArgs) -> Result<Outcome, Failure> {
    check_engine(args.engine)?;
    let (argument, captures) =
        input::filter_and_captures(args.filter.as_deref(), args.file.as_deref(), &args.captures);
    if captures.is_empty() == args.workload.is_none() {
        let advice = "name captures, or a workload: divertc bench FILTER CAPTURE…, \
                      or divertc bench FILTER --workload FILE";
        return Err(Failure::Usage(advice.into()));
    }
    if args.workload.is_none() && !args.options.layer().has_packets() {
        let message = "captures hold packets, so the layer must be network or forward; \
                       --workload takes events of every layer";
        return Err(Failure::Usage(message.into()));
    }
    let input = match input::read(argument, args.file.as_deref())? {
        Ok(input) => input,
        Err(not) => {
            report::not_text(&not);
            return Ok(Outcome::Wrong);
        }
    };
    let Some(filter) = report::compile_input(
        &input,
        &args.options,
        divert_compiler::Engine::Divert,
        args.format.into(),
    )?
    else {
        return Ok(Outcome::Wrong);
    };
    let packets = match &args.workload {
        Some(path) => packets::of_workload(path, filter.layer())?,
        None => {
            if args.format == BenchFormat::Human {
                note_direction(&filter, &args.direction);
            }
            packets::of_captures(&captures, filter.layer(), &args.direction)?
        }
    };
    print(args, &measure(args, &filter, &packets))?;
    Ok(Outcome::Fine)
}

/// Refuses the engines that are not in this program.
fn check_engine(engine: Engine) -> Result<(), Failure> {
    let message = match engine {
        Engine::Vm | Engine::Object => return Ok(()),
        Engine::Oracle => {
            "the oracle belongs to the tests (tests/src/oracle) and is not part of divertc; \
             time `vm` or `object`"
        }
        Engine::Native => "native code is not built into this divertc; time `vm` or `object`",
    };
    Err(Failure::Usage(message.into()))
}

/// What was measured; the names are part of the command's contract.
#[derive(Serialize)]
struct Report<'a> {
    filter: &'a str,
    engine: &'static str,
    packets: usize,
    matches: usize,
    ns_per_packet: f64,
    ns_min: f64,
    iterations: u32,
}

fn measure<'a>(args: &BenchArgs, filter: &'a Filter, packets: &[(Vec<u8>, Event)]) -> Report<'a> {
    let memory = Aligned::new(packets);
    let cases = memory.cases(packets);
    let (matches, timing) = match args.engine {
        Engine::Object => {
            let stock = stock(filter);
            time(&cases, args.iterations, |case| stock(case))
        }
        _ => time(&cases, args.iterations, |case| {
            filter.matches(case.packet, case.event)
        }),
    };
    // More digits than a clock has would be noise.
    let rounded = |ns: f64| (ns * 1000.0).round() / 1000.0;
    Report {
        filter: filter.source(),
        engine: args.engine.name(),
        packets: cases.len(),
        matches,
        ns_per_packet: rounded(timing.median),
        ns_min: rounded(timing.min),
        iterations: args.iterations,
    }
}

/// The filter's instructions, executed one at a time.
fn stock(filter: &Filter) -> impl Fn(&Case<'_>) -> bool {
    let insns = filter.instructions();
    move |case| divert_vm::trace(insns, filter.layer(), case.packet, case.event, |_| {})
}

/// How many of the packets match, and how long a verdict takes.
fn time(cases: &[Case<'_>], runs: u32, verdict: impl Fn(&Case<'_>) -> bool) -> (usize, Timing) {
    let matches = cases.iter().filter(|case| verdict(case)).count();
    (matches, timing::measure(cases, runs, verdict))
}

fn print(args: &BenchArgs, report: &Report<'_>) -> Result<(), Failure> {
    let mut out = io::stdout();
    if args.format == BenchFormat::Json {
        let json = serde_json::to_string(report).map_err(io::Error::from)?;
        writeln!(out, "{json}")?;
        return Ok(());
    }
    let Report {
        engine,
        packets,
        matches,
        ns_per_packet,
        ns_min,
        iterations,
        ..
    } = report;
    writeln!(
        out,
        "{engine}: {ns_per_packet:.1} ns per packet (median of {iterations}, minimum {ns_min:.1}), \
         {matches} of {packets} packets match"
    )?;
    Ok(())
}
