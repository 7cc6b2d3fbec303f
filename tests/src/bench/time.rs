//! The tables of times.

#[cfg(feature = "pcap")]
use super::pcap;
use super::{
    Aligned, Case, Growing, Lane, Level, Table, Timing, compile, constant, geomean, growing,
    interleaved, is_repeated, is_series, once, order, ratio, short, stock, vm,
};
use crate::vectors::{self, Baseline, BenchFilter};

/// The columns of engines, in this order.
const ENGINES: [&str; 5] = ["vm -O2", "vm -O0", "object -O2", "object -O0", "libpcap"];
const VM: usize = 0;
const LIBPCAP: usize = 4;

/// The packets that everything is timed on.
pub struct Bench {
    packets: Vec<(Vec<u8>, divert_vm::Event)>,
    memory: Aligned,
    #[cfg(feature = "pcap")]
    cooked: Aligned,
    order: Vec<usize>,
    runs: usize,
}

impl Bench {
    /// The packets of the workload, to be timed that many times.
    #[must_use]
    pub fn new(runs: usize) -> Self {
        let packets = vectors::workload().packets;
        let bytes: Vec<&Vec<u8>> = packets.iter().map(|(packet, _)| packet).collect();
        let memory = Aligned::new(&bytes);
        #[cfg(feature = "pcap")]
        let cooked = {
            let cooked = packets
                .iter()
                .map(|(packet, event)| pcap::cooked(packet, event));
            Aligned::new(&cooked.collect::<Vec<_>>())
        };
        Self {
            memory,
            #[cfg(feature = "pcap")]
            cooked,
            order: order(packets.len()),
            packets,
            runs,
        }
    }

    /// Every filter of the workload on every engine.
    ///
    /// # Panics
    ///
    /// If an engine matches another number of packets than recorded.
    #[must_use]
    pub fn workload(&self) -> Table {
        let baseline = vectors::baseline();
        let rows = vectors::bench_filters().into_iter();
        let rows: Vec<Row> = rows.map(|filter| self.row(&filter, &baseline)).collect();
        let mut head = vec!["filter", "matches"];
        head.extend(ENGINES);
        head.extend(["vm -O2 ÷ libpcap", "vm -O2 ÷ reference (estimated)"]);
        let mut table = Table::new(&head);
        for row in &rows {
            let cells = row.times.iter().map(|time| cell(time.as_ref()));
            let head = [row.name.clone(), row.matches.to_string()];
            let tail = [short(row.to_pcap), short(row.to_reference)];
            table.push(head.into_iter().chain(cells).chain(tail));
        }
        table.push(mean(
            "geomean f1–f9",
            rows.iter().filter(|row| is_series(&row.name)),
        ));
        let distinct = rows.iter().filter(|row| !is_repeated(&row.name));
        table.push(mean("geomean of all 26 distinct", distinct.clone()));
        let common = distinct.filter(|row| row.has_pcap);
        table.push(mean("geomean of those that libpcap has", common));
        table
    }

    fn row(&self, filter: &BenchFilter, baseline: &Baseline) -> Row {
        let lanes = self.times(&filter.filter, filter.pcap.as_deref(), Some(filter.matches));
        let times = ENGINES.map(|engine| find(&lanes, engine).cloned());
        let to_pcap = times[VM].as_ref().zip(times[LIBPCAP].as_ref());
        let to_pcap = to_pcap.map(|(ours, theirs)| ours.ratio(theirs));
        let cost = &baseline.filters[&filter.name];
        let pcap_to_reference = ratio(cost.pcap_ns, Some(cost.ref_ns));
        Row {
            name: filter.name.clone(),
            matches: filter.matches,
            times,
            has_pcap: filter.pcap.is_some(),
            to_pcap,
            to_reference: to_pcap.zip(pcap_to_reference).map(|(a, b)| a * b),
        }
    }

    /// Times every engine that takes the filter, after a look at its verdicts.
    fn times(
        &self,
        text: &str,
        pcap: Option<&str>,
        matches: Option<usize>,
    ) -> Vec<(&'static str, Timing)> {
        let cases = self.memory.cases(&self.packets);
        let [o2, o0] = [Level::O2, Level::O0].map(|level| compile(text, level).ok());
        #[cfg(feature = "pcap")]
        let program = pcap.map(pcap::compile);
        #[cfg(feature = "pcap")]
        let cooked: Vec<&[u8]> = self.cooked.packets().collect();
        let mut lanes = Vec::new();
        if let Some(filter) = &o2 {
            lanes.push((ENGINES[0], self.lane(ENGINES[0], &cases, vm(filter))));
        }
        if let Some(filter) = &o0 {
            lanes.push((ENGINES[1], self.lane(ENGINES[1], &cases, vm(filter))));
        }
        for (engine, filter) in [(ENGINES[2], &o2), (ENGINES[3], &o0)] {
            if let Some(filter) = filter.as_ref().filter(|filter| fits_object(filter)) {
                lanes.push((engine, self.lane(engine, &cases, stock(filter))));
            }
        }
        #[cfg(feature = "pcap")]
        if let Some(program) = &program {
            let verdict = |packet: &&[u8]| program.filter(packet);
            let lane = Lane::new(ENGINES[LIBPCAP], &cooked, &self.order, verdict);
            lanes.push((ENGINES[LIBPCAP], lane));
        }
        #[cfg(not(feature = "pcap"))]
        let _ = pcap;
        let (names, lanes): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
        let matches = matches.or(lanes.first().map(Lane::matches));
        for lane in &lanes {
            assert_eq!(
                Some(lane.matches()),
                matches,
                "{}: {text:.200}",
                lane.name()
            );
        }
        let times = interleaved(&lanes, self.runs);
        names.into_iter().zip(times).collect()
    }

    fn lane<'a>(
        &'a self,
        name: &str,
        cases: &'a [Case<'a>],
        verdict: impl Fn(&Case<'a>) -> bool + 'a,
    ) -> Lane<'a> {
        Lane::new(name, cases, &self.order, verdict)
    }

    /// Filters of growing length: for a packet, and to compile.
    #[must_use]
    pub fn growth(&self) -> Table {
        let mut table = Table::new(&[
            "filter",
            "instructions -O2",
            "vm -O2",
            "object -O2",
            "libpcap",
            "compile -O2, µs",
            "libpcap compiles, µs",
        ]);
        for filter in growing() {
            let times = self.times(&filter.filter, filter.pcap.as_deref(), None);
            let compiled = compile(&filter.filter, Level::O2).ok();
            let insns = compiled.map_or("refused".into(), |f| f.instructions().len().to_string());
            let refused = insns == "refused";
            let cell = |engine| match find(&times, engine) {
                None if refused && engine != ENGINES[LIBPCAP] => "refused".into(),
                time => cell(time),
            };
            let compiling = once(self.runs.min(5), || {
                compile(&filter.filter, Level::O2).is_ok()
            });
            table.push([
                filter.name.clone(),
                insns.clone(),
                cell(ENGINES[VM]),
                cell(ENGINES[2]),
                cell(ENGINES[LIBPCAP]),
                short(Some(compiling.median / 1000.0)),
                short(pcap_compiling(&filter).map(|ns| ns / 1000.0)),
            ]);
        }
        table
    }

    /// Filters that no packet changes.
    #[must_use]
    pub fn constant(&self) -> Table {
        let mut table = Table::new(&["filter", "vm -O2", "vm -O0"]);
        for filter in constant() {
            let times = self.times(filter, None, None);
            let cells = [ENGINES[0], ENGINES[1]].map(|engine| cell(find(&times, engine)));
            table.push([format!("`{filter}`")].into_iter().chain(cells));
        }
        table
    }
}

/// One filter of the workload.
struct Row {
    name: String,
    matches: usize,
    times: [Option<Timing>; ENGINES.len()],
    has_pcap: bool,
    to_pcap: Option<f64>,
    to_reference: Option<f64>,
}

/// A row of geometric means.
///
/// There is none in a column where one of the rows has no number: means over
/// different filters must not stand side by side.
fn mean<'a>(name: &str, rows: impl Iterator<Item = &'a Row> + Clone) -> Vec<String> {
    let of = |value: &dyn Fn(&Row) -> Option<f64>| {
        let values: Option<Vec<f64>> = rows.clone().map(value).collect();
        short(values.and_then(geomean))
    };
    let mut cells = vec![format!("**{name}**"), String::new()];
    cells.extend((0..ENGINES.len()).map(|at| of(&|row| Some(row.times[at].as_ref()?.median))));
    cells.extend([of(&|row| row.to_pcap), of(&|row| row.to_reference)]);
    cells
}

/// Whether there is an object, and it is short enough for the stock driver.
fn fits_object(filter: &divert_compiler::Filter) -> bool {
    let limit = divert_vm::isa::limits::MAX_INSNS;
    (1..=limit).contains(&filter.instructions().len())
}

fn find<'a>(times: &'a [(&str, Timing)], engine: &str) -> Option<&'a Timing> {
    let found = times.iter().find(|(name, _)| *name == engine);
    found.map(|(_, timing)| timing)
}

/// Median and minimum.
fn cell(timing: Option<&Timing>) -> String {
    timing.map_or("–".into(), |timing| {
        format!(
            "{} ({})",
            short(Some(timing.median)),
            short(Some(timing.min))
        )
    })
}

#[cfg(feature = "pcap")]
fn pcap_compiling(filter: &Growing) -> Option<f64> {
    let text = filter.pcap.as_ref()?;
    Some(once(3, || pcap::compile(text)).median)
}

#[cfg(not(feature = "pcap"))]
fn pcap_compiling(_: &Growing) -> Option<f64> {
    None
}
