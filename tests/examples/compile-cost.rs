//! What compiling costs, in instructions, beside the recorded baseline.
//!
//! `cargo run --release -p divert-testkit --example compile-cost` runs itself
//! under callgrind (package `valgrind`), so the figures do not depend on how
//! fast or busy the machine is. Fails if a bound is not met.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use divert_compiler::{Compiler, OptLevel};
use serde::Deserialize;

/// Bound on the geometric mean of ours over the reference's, `f1`..`f9`, for
/// what the reference does: text to object, nothing optimised.
const MAX_RATIO: f64 = 5.0;
/// The same bound for what only we do: text to an optimised program.
const MAX_OPTIMISED_RATIO: f64 = 8.0;
/// Bound on the cost of a test in a filter of 200 over one in a filter of 20.
const MAX_GROWTH: f64 = 1.3;
/// Compilations in the longer of the two runs that are compared.
const ITERATIONS: u32 = 20;

#[derive(Deserialize)]
struct Baseline {
    filters: BTreeMap<String, Cost>,
}

#[derive(Deserialize)]
struct Cost {
    ref_compile_instr: f64,
    pcap_compile_instr: Option<f64>,
}

#[derive(Deserialize)]
struct Line {
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    filter: String,
}

fn data(name: &str) -> String {
    let path = format!("{}/bench/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The filters of the workload, and two that differ in length only.
fn filters() -> BTreeMap<String, String> {
    let workload = data("workload.jsonl");
    let lines = workload
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut filters: BTreeMap<String, String> = lines
        .filter(|line: &Line| line.kind == "filter")
        .map(|line| (line.name, line.filter))
        .collect();
    for count in [20, 200] {
        let ports: Vec<String> = (0..count)
            .map(|n| format!("tcp.DstPort = {}", 10_000 + n))
            .collect();
        filters.insert(format!("ports-{count}"), ports.join(" or "));
    }
    filters
}

/// What is made of a filter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// The object string, as written.
    Object,
    /// The optimised program.
    Program,
}

impl Goal {
    const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Program => "program",
        }
    }
}

fn compile(name: &str, goal: &str, iterations: u32) {
    let filters = filters();
    let text = std::hint::black_box(&filters[name]);
    for _ in 0..iterations {
        if goal == Goal::Object.name() {
            let compiler = Compiler::new().opt_level(OptLevel::O0);
            std::hint::black_box(compiler.compile(text).unwrap().object());
        } else {
            std::hint::black_box(Compiler::new().compile(text).unwrap());
        }
    }
}

/// Instructions of a child process, by callgrind.
fn instructions(name: &str, goal: Goal, iterations: u32) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args([name, goal.name(), &iterations.to_string()])
        .output()
        .expect("valgrind, from the package of that name");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let count = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = count.unwrap_or_else(|| panic!("callgrind says: {text}"));
    count.trim().parse().unwrap()
}

fn cost(name: &str, goal: Goal) -> f64 {
    let once = instructions(name, goal, 1);
    (instructions(name, goal, 1 + ITERATIONS) - once) / f64::from(ITERATIONS)
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if let (Some(name), Some(goal), Some(iterations)) = (args.next(), args.next(), args.next()) {
        compile(&name, &goal, iterations.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let baseline: Baseline = serde_json::from_str(&data("baseline.json")).unwrap();
    let mut ok = true;
    let (mut ratios, mut optimised) = (Vec::new(), Vec::new());
    println!(
        "instructions to compile   divert  WinDivert 2.2  ratio  optimised  ratio  libpcap  ratio"
    );
    for (name, theirs) in &baseline.filters {
        let reference = theirs.ref_compile_instr;
        let (ours, program) = (cost(name, Goal::Object), cost(name, Goal::Program));
        let (ratio, program_ratio) = (ours / reference, program / reference);
        print!(
            "{name:22} {ours:9.0} {reference:14.0} {ratio:6.2} {program:10.0} {program_ratio:6.2}"
        );
        // For the constant filters there is nothing to compile.
        match theirs
            .pcap_compile_instr
            .filter(|_| !matches!(name.as_str(), "f0" | "true"))
        {
            Some(pcap) => {
                println!(" {pcap:8.0} {:6.2}", ours / pcap);
                ok &= ours < pcap;
            }
            None => println!(),
        }
        if matches!(name.as_bytes(), [b'f', b'1'..=b'9']) {
            ratios.push(ratio.ln());
            optimised.push(program_ratio.ln());
        }
    }
    let mean = |logs: &[f64]| (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    let (mean, program) = (mean(&ratios), mean(&optimised));
    let of_test = |count: u32| cost(&format!("ports-{count}"), Goal::Object) / f64::from(count);
    let growth = of_test(200) / of_test(20);
    println!("geometric mean of f1..f9: {mean:.2} of WinDivert 2.2 (bound {MAX_RATIO})");
    println!("an optimised program: {program:.2} (bound {MAX_OPTIMISED_RATIO})");
    ok &= program <= MAX_OPTIMISED_RATIO;
    println!("a test in 200 costs {growth:.2} of one in 20 (bound {MAX_GROWTH})");
    ok &= ratios.len() == 9 && mean <= MAX_RATIO && growth <= MAX_GROWTH;
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
