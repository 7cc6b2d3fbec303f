//! Writes `docs/performance.md`: what filters cost, counted and timed.
//!
//! `cargo run --release -p divert-testkit --features pcap --example
//! performance` needs the packages `valgrind` and `libpcap-dev`; without the
//! feature the columns of libpcap's times stay empty. With `--check` nothing is
//! written: what does not depend on the machine is counted again, and it is an
//! error if the document says something else. Only what stands between the
//! markers of a section is replaced.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use divert_compiler::{Compiler, Layer, Stage};
use divert_testkit::bench::time::Bench;
use divert_testkit::bench::{
    Aligned, Case, Lane, Level, Table, captures, compile, counted_pass, empty, geomean,
    is_repeated, is_series, order, ratio, short, steps, vm,
};
use divert_testkit::vectors::{self, Cost};

/// How far a count may be from the document: compilers differ a little.
const TOLERANCE: f64 = 0.02;
/// Timed runs of each engine.
const RUNS: usize = 11;
/// The levels whose instructions are counted.
const COUNTED: [Level; 2] = [Level::O2, Level::O0];

const HEADER: &str = "# Performance

Written by `cargo run --release -p divert-testkit --features pcap --example
performance`; `--check` counts again. Filters, packets and their order are those
of `tests/bench/`; *reference* is WinDivert 2.2, *libpcap* its `bpf_filter` on the
same predicate, *native* a C function written by hand for the one filter.
";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("--count") => count(),
        Some("--check") => return check(),
        _ => write(),
    }
    ExitCode::SUCCESS
}

/// The sections that come out the same on every machine.
fn counted_sections() -> [(&'static str, String); 2] {
    [("instructions", instructions()), ("objects", objects())]
}

fn write() {
    let mut document = std::fs::read_to_string(path()).unwrap_or_else(|_| HEADER.to_owned());
    let timed = [("times", times()), ("compiling", compiling())];
    for (name, text) in counted_sections().into_iter().chain(timed) {
        replace(&mut document, name, &text);
    }
    std::fs::create_dir_all(path().parent().unwrap()).unwrap();
    std::fs::write(path(), document).unwrap();
}

/// How long each stage of compiling takes.
fn compiling() -> String {
    const ROUNDS: usize = 200;
    let mut columns = vec!["filter"];
    columns.extend(Stage::ALL.map(Stage::name));
    columns.extend(["together", "verify ÷ together", "object"]);
    let mut table = Table::new(&columns);
    for filter in vectors::bench_filters() {
        let mut best = [f64::MAX; Stage::ALL.len() + 1];
        for _ in 0..ROUNDS {
            let mut last = Instant::now();
            let mut times = Vec::with_capacity(best.len());
            let mut done = || {
                let now = Instant::now();
                times.push((now - last).as_secs_f64() * 1e6);
                last = now;
            };
            let compiler = Compiler::new();
            let compiled = compiler.compile_observed(&filter.filter, &mut |_| done());
            let compiled = compiled.expect("filters of the benchmark compile");
            last = Instant::now();
            assert!(!compiled.instructions().is_empty());
            times.push(last.elapsed().as_secs_f64() * 1e6);
            for (best, time) in best.iter_mut().zip(times) {
                *best = best.min(time);
            }
        }
        let (object, stages) = best.split_last().expect("one more than stages");
        let together: f64 = stages.iter().sum();
        let verify = stages.last().expect("stages") / together;
        let mut row = vec![filter.name.clone()];
        row.extend(
            stages
                .iter()
                .chain([&together])
                .map(|time| short(Some(*time))),
        );
        row.extend([format!("{verify:.2}"), short(Some(*object))]);
        table.push(row);
    }
    format!(
        "## Compiling\n\n\
         Microseconds from text to a verified program, the shortest of {ROUNDS} runs of each\n\
         stage. The *object* is made only when somebody asks for it.\n\n{table}"
    )
}

fn check() -> ExitCode {
    let document = std::fs::read_to_string(path()).expect("docs/performance.md");
    let mut ok = true;
    for (name, text) in counted_sections() {
        let Some(recorded) = section(&document, name) else {
            println!("{name}: there is no such section");
            ok = false;
            continue;
        };
        for (old, new) in differences(recorded, &text) {
            println!("{name}: the document says\n    {old}\n  and it is\n    {new}");
            ok = false;
        }
    }
    if ok {
        println!("the document is right");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md")
}

fn markers(name: &str) -> [String; 2] {
    ["begin", "end"].map(|word| format!("<!-- {word} {name} -->"))
}

/// What the document has between the markers.
fn section<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let [begin, end] = markers(name);
    let (_, rest) = document.split_once(&begin)?;
    Some(rest.split_once(&end)?.0)
}

/// Puts a text between the markers, which come last if there are none.
fn replace(document: &mut String, name: &str, text: &str) {
    let [begin, end] = markers(name);
    let new = format!("{begin}\n{text}{end}");
    match section(document, name) {
        Some(old) => *document = document.replace(&format!("{begin}{old}{end}"), &new),
        None => *document += &format!("\n{new}\n"),
    }
}

/// The lines that differ in words, or in numbers by more than the tolerance.
fn differences<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, &'a str)> {
    // Only the width of the widest cell decides how long a rule is.
    let lines = |text: &'a str| {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.filter(|line| line.chars().any(|c| !"|-: ".contains(c)))
    };
    let (count_old, count_new) = (lines(old).count(), lines(new).count());
    let mut pairs: Vec<_> = lines(old).zip(lines(new)).collect();
    pairs.retain(|(old, new)| !is_close(old, new));
    if count_old != count_new {
        pairs.push(("another number of lines", "see above"));
    }
    pairs
}

fn is_close(old: &str, new: &str) -> bool {
    let words = |text| {
        let words = str::split_whitespace(text);
        words
            .map(|word| word.trim_end_matches([',', '.']))
            .collect::<Vec<_>>()
    };
    let (old, new) = (words(old), words(new));
    old.len() == new.len()
        && old.iter().zip(&new).all(|(old, new)| {
            match (old.parse::<f64>(), new.parse::<f64>()) {
                // The last digit of a small ratio is more than 2 %.
                (Ok(old), Ok(new)) => (old - new).abs() <= (TOLERANCE * old.abs()).max(0.011),
                _ => old == new,
            }
        })
}

/// Runs the loop without an engine, then every filter at every level.
fn count() {
    let packets = vectors::workload().packets;
    let bytes: Vec<&Vec<u8>> = packets.iter().map(|(packet, _)| packet).collect();
    let memory = Aligned::new(&bytes);
    let cases = memory.cases(&packets);
    let order = order(cases.len());
    counted_pass(&Lane::new("empty loop", &cases, &order, empty));
    for row in vectors::bench_filters() {
        for level in COUNTED {
            let filter = compile(&row.filter, level).expect("a filter of the workload");
            let lane = Lane::new(level.name(), &cases, &order, vm(&filter));
            assert_eq!(lane.matches(), row.matches, "{}", row.name);
            counted_pass(&lane);
        }
    }
}

/// Instructions of every pass of a child process, by callgrind.
fn passes() -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("callgrind");
    let pass = std::any::type_name_of_val(&counted_pass);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--combine-dumps=yes"])
        .args([
            format!("--toggle-collect={pass}"),
            format!("--dump-after={pass}"),
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .arg("--count")
        .output()
        .expect("valgrind, from the package of that name");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let dumps = std::fs::read_to_string(&out).unwrap();
    let counts = dumps
        .lines()
        .filter_map(|line| line.strip_prefix("summary: "));
    let counts: Vec<f64> = counts.map(|count| count.trim().parse().unwrap()).collect();
    counts.into_iter().filter(|count| *count > 0.0).collect()
}

fn instructions() -> String {
    let baseline = vectors::baseline();
    let filters = vectors::bench_filters();
    let picks = order(1).len() as f64;
    let counts = passes();
    assert_eq!(counts.len(), 1 + COUNTED.len() * filters.len(), "passes");
    let (empty, counts) = counts.split_first().expect("the empty loop");
    let rows: Vec<(&str, [f64; 2], &Cost)> = filters
        .iter()
        .zip(counts.as_chunks::<2>().0)
        .map(|(filter, counts)| {
            let ours = counts.map(|count| (count - empty) / picks);
            (filter.name.as_str(), ours, &baseline.filters[&filter.name])
        })
        .collect();
    let mut table = Table::new(&[
        "filter",
        "vm -O2",
        "vm -O0",
        "reference",
        "libpcap",
        "native",
        "vm -O2 ÷ reference",
        "vm -O2 ÷ libpcap",
        "vm -O2 ÷ native",
    ]);
    for (name, ours, cost) in &rows {
        table.push([vec![(*name).into()], cells(*ours, cost)].concat());
    }
    let series = rows.iter().filter(|(name, ..)| is_series(name));
    let distinct = rows.iter().filter(|(name, ..)| !is_repeated(name));
    let common = distinct
        .clone()
        .filter(|(_, _, cost)| cost.pcap_instr.is_some());
    table.push(mean("geomean f1–f9", series));
    table.push(mean("geomean of all 26 distinct", distinct));
    table.push(mean("geomean of those that libpcap has", common));
    format!(
        "## Instructions for a packet\n\n\
         Of the processor, by callgrind; the empty loop is subtracted. From the packet's\n\
         bytes to the verdict, the program already loaded.\n\n{table}"
    )
}

fn columns(ours: [f64; 2], cost: &Cost) -> [Option<f64>; 8] {
    let [best, plain] = ours.map(Some);
    let (reference, pcap, native) = (Some(cost.ref_instr), cost.pcap_instr, cost.native_instr);
    let ratios = [reference, pcap, native].map(|theirs| ratio(best, theirs));
    let [first, second, third] = ratios;
    [best, plain, reference, pcap, native, first, second, third]
}

fn cells(ours: [f64; 2], cost: &Cost) -> Vec<String> {
    columns(ours, cost).map(short).to_vec()
}

/// Geometric means of the columns that have a number in every row.
fn mean<'a>(
    name: &str,
    rows: impl Iterator<Item = &'a (&'a str, [f64; 2], &'a Cost)>,
) -> Vec<String> {
    let rows: Vec<[Option<f64>; 8]> = rows.map(|(_, ours, cost)| columns(*ours, cost)).collect();
    let of = |at: usize| {
        let values: Option<Vec<f64>> = rows.iter().map(|row| row[at]).collect();
        short(values.and_then(geomean))
    };
    let mut cells = vec![format!("**{name}**")];
    cells.extend((0..8).map(of));
    cells
}

/// A filter at every level: instructions, object, what the stock algorithm
/// executes for a packet.
struct Objects {
    insns: [f64; 3],
    bytes: [f64; 3],
    executed: [f64; 3],
}

impl Objects {
    /// `None` if the filter is refused at one of the levels.
    fn of(filter: &str, cases: &[Case<'_>]) -> Option<Self> {
        let [o0, o1, o2] = Level::ALL.map(|level| compile(filter, level).ok());
        let filters = [o0?, o1?, o2?];
        Some(Self {
            insns: filters.each_ref().map(|f| f.instructions().len() as f64),
            bytes: filters.each_ref().map(|f| f.object().len() as f64),
            executed: filters.each_ref().map(|filter| {
                let steps = steps(filter);
                cases.iter().map(|case| steps(case) as f64).sum::<f64>() / cases.len() as f64
            }),
        })
    }

    /// What `-O2` executes of what `-O0` executes.
    fn ratio(&self) -> f64 {
        self.executed[2] / self.executed[0]
    }
}

fn objects() -> String {
    let packets = captures::packets();
    let bytes: Vec<&Vec<u8>> = packets.iter().map(|(packet, _)| packet).collect();
    let memory = Aligned::new(&bytes);
    let cases = memory.cases(&packets);
    format!(
        "## Objects on the stock algorithm\n\n\
         Instructions and characters of the object, and the instructions that the\n\
         WinDivert 2.2 driver executes for a packet, one at a time: mean over the {} IP\n\
         packets of `tests/captures/`.\n\n{}\n{}",
        cases.len(),
        workload_objects(&cases),
        wild_objects(&cases)
    )
}

fn workload_objects(cases: &[Case<'_>]) -> Table {
    let mut head = vec!["filter".to_owned()];
    for what in ["instructions", "object", "executed"] {
        head.extend(Level::ALL.map(|level| format!("{what} {}", level.name())));
    }
    head.push("executed -O2 ÷ -O0".into());
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    let mut ratios = Vec::new();
    for row in vectors::bench_filters() {
        let objects = Objects::of(&row.filter, cases).expect("a filter of the workload");
        let whole = [objects.insns, objects.bytes].concat();
        let whole = whole.into_iter().map(|number| number.to_string());
        let executed = objects.executed.map(|number| short(Some(number)));
        let ratio = short(Some(objects.ratio()));
        table.push(
            [row.name.clone()]
                .into_iter()
                .chain(whole)
                .chain(executed)
                .chain([ratio]),
        );
        ratios.push((row.name, objects.ratio()));
    }
    let mut mean = |name: &str, keep: fn(&str) -> bool| {
        let kept = ratios.iter().filter(|(name, _)| keep(name));
        let mut cells = vec![format!("**{name}**")];
        cells.extend(vec![String::new(); 9]);
        cells.push(short(geomean(kept.map(|(_, ratio)| *ratio))));
        table.push(cells);
    };
    mean("geomean f1–f9", is_series);
    mean("geomean of all 26 distinct", |name| !is_repeated(name));
    table
}

/// What the filters of public projects gain, in sum.
fn wild_objects(cases: &[Case<'_>]) -> String {
    let mut texts: Vec<String> = vectors::wild_filters()
        .into_iter()
        .filter(|row| row.layer == Layer::Network)
        .map(|row| row.filter)
        .collect();
    texts.sort();
    texts.dedup();
    let objects: Vec<Objects> = texts
        .iter()
        .filter_map(|filter| Objects::of(filter, cases))
        .collect();
    let mut table = Table::new(&["all filters together", "-O0", "-O1", "-O2"]);
    let mut sum = |name: &str, of: fn(&Objects) -> [f64; 3], digits: usize| {
        let at = |level: usize| objects.iter().map(|o| of(o)[level]).sum::<f64>();
        let cells = [0, 1, 2].map(|level| format!("{:.digits$}", at(level)));
        table.push([name.to_owned()].into_iter().chain(cells));
    };
    sum("instructions", |o| o.insns, 0);
    sum("characters of the objects", |o| o.bytes, 0);
    sum("executed for a packet", |o| o.executed, 1);
    let ratios: Vec<f64> = objects.iter().map(Objects::ratio).collect();
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    format!(
        "The {} filters for the layer NETWORK found in public projects\n\
         (`tests/corpus/`) that compile:\n\n{table}\n\
         Executed at -O2 over -O0: geometric mean {}, worst {}, fewer in {} filters, more\n\
         in {}.\n",
        objects.len(),
        short(geomean(ratios.iter().copied())),
        short(Some(worst)),
        ratios.iter().filter(|ratio| **ratio < 1.0).count(),
        ratios.iter().filter(|ratio| **ratio > 1.0).count(),
    )
}

fn times() -> String {
    let bench = Bench::new(RUNS);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.map_or("an unknown processor", |name| {
        name.trim_start_matches(['\t', ':', ' '])
    });
    format!(
        "## Times\n\n\
         Nanoseconds for a packet on {cpu}: median (minimum) of {RUNS} runs, CPU time of the\n\
         thread, packets in random order, engines in turns. *object* executes the object's\n\
         instructions one at a time, as the WinDivert 2.2 driver does. The ratio to the\n\
         reference is estimated: the measured ratio to libpcap times libpcap ÷ reference as\n\
         recorded in `tests/bench/baseline.json` on another machine.\n\n{}\n\
         ### Growth\n\n\
         Ports and networks at random; times as above.\n\n{}\n\
         ### Constant filters\n\n\
         The verdict is the same for every packet.\n\n{}",
        bench.workload(),
        bench.growth(),
        bench.constant()
    )
}
