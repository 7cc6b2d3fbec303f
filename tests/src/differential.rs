//! Random filters on many packets, by every engine that there is.
//!
//! The oracle, the decision graph before and after every pass, the virtual
//! machine at every level, what it reads back from bytes, and the stock
//! algorithm on the instructions of every level and on those of the text that
//! they decompile to: all have to give the same verdict.

use divert_compiler::graph::{Graph, Subject};
use divert_compiler::hir::IntervalSet;
use divert_compiler::opt::PASSES;
use divert_compiler::{Compiler, Dialect, Engine, Filter, OptLevel};
use divert_vm::bytecode::{self, EMPTY};
use divert_vm::isa::limits::MAX_INSNS;
use divert_vm::object::Object;
use divert_vm::{Event, Insn, Interval, Layer, Program, execute, trace};

use crate::generators::{self, Source, random_bytes};
use crate::meaning;
use crate::oracle::Oracle;

/// Packets with events, for each layer.
#[derive(Clone, Debug)]
pub struct Pool {
    scenes: [Vec<(Vec<u8>, Event)>; Layer::ALL.len()],
}

/// What has been compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Filters that compile.
    pub filters: u64,
    /// Texts that do not.
    pub refused: u64,
    /// Filters on packets.
    pub pairs: u64,
    /// Those of them that match.
    pub matches: u64,
    /// Verdicts by anything but the oracle.
    pub verdicts: u64,
    /// Graphs, counting each that a pass changed.
    pub graphs: u64,
    /// Programs that were decompiled and compiled again.
    pub texts: u64,
}

impl Counts {
    /// Adds what has been compared elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.filters += other.filters;
        self.refused += other.refused;
        self.pairs += other.pairs;
        self.matches += other.matches;
        self.verdicts += other.verdicts;
        self.graphs += other.graphs;
        self.texts += other.texts;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} pairs, {} matched; {} filters, {} refused; {} graphs, {} recompiled; {} verdicts",
            self.pairs,
            self.matches,
            self.filters,
            self.refused,
            self.graphs,
            self.texts,
            self.verdicts
        )
    }
}

impl Pool {
    /// As many scenes for each layer, all of them such that the oracle has an
    /// answer; always the same for a seed.
    #[must_use]
    pub fn new(seed: u64, count: usize) -> Self {
        let scenes = Layer::ALL.map(|layer| {
            let any = Oracle::new("true", layer, Dialect::Divert).expect("a filter");
            let scenes = (0_u64..).filter_map(|at| {
                let bytes = random_bytes(seed << 32 ^ at << 3 ^ u64::from(layer.as_u8()), 300);
                let (packet, event) = generators::scene(&mut Source::new(&bytes), layer);
                any.matches(packet.as_deref(), &event).ok()?;
                Some((packet.unwrap_or_default(), event))
            });
            scenes.take(count).collect()
        });
        Self { scenes }
    }
}

/// A filter, and what may be asked about it.
struct Subjects {
    name: String,
    layer: Layer,
    oracle: Option<Oracle>,
    naive: Vec<Insn>,
    graphs: Vec<(&'static str, Graph)>,
    filters: Vec<(&'static str, Filter)>,
    decoded: Vec<Program<Vec<bytecode::Cell>>>,
    texts: u64,
}

/// Compares all engines on the filter of a seed and some scenes of the pool.
///
/// # Panics
///
/// Two engines give different verdicts.
#[must_use]
pub fn compare(pool: &Pool, seed: u64, pairs: usize) -> Counts {
    let bytes = random_bytes(seed, 600);
    let mut source = Source::new(&bytes);
    let layer = generators::layer(&mut source);
    let dialect = source.pick(&Dialect::ALL);
    let start = source.below(1 << 16);
    let text = if source.one_in(8) {
        let mut insns = generators::program(&mut source, layer);
        insns.truncate(MAX_INSNS);
        Object(&insns).to_string()
    } else {
        generators::filter_text(&mut source, layer, dialect)
    };
    let Some(subjects) = Subjects::new(&text, layer, dialect) else {
        return Counts {
            refused: 1,
            ..Counts::default()
        };
    };
    let scenes = &pool.scenes[usize::from(layer.as_u8())];
    subjects.judge(scenes.iter().cycle().skip(start % scenes.len()).take(pairs))
}

impl Subjects {
    fn new(text: &str, layer: Layer, dialect: Dialect) -> Option<Self> {
        let compiler = Compiler::new().layer(layer).dialect(dialect);
        let compile = |level| compiler.opt_level(level).compile(text).ok();
        let naive = compile(OptLevel::O0)?;
        let as_graph = compiler.opt_level(OptLevel::O0).engine(Engine::Divert);
        let mut filters = vec![
            ("-O1", compile(OptLevel::O1)?),
            ("-O2", compile(OptLevel::O2)?),
            ("-O0 as graph", as_graph.compile(text).ok()?),
        ];
        let is_object = text.starts_with(divert_vm::object::MARK);
        let oracle = (!is_object).then(|| Oracle::new(text, layer, dialect).expect("a filter"));
        let mut graphs = Vec::new();
        if !is_object {
            stages(Graph::of_hir(naive.hir(), layer), &mut graphs);
        }
        if let Some(graph) = Graph::of_insns(naive.instructions(), layer) {
            stages(graph, &mut graphs);
        }
        let insns = naive.instructions().to_vec();
        filters.push(("-O0", naive));
        let mut decoded = Vec::new();
        for (_, filter) in &filters {
            let cells = filter.program().map_or([].as_slice(), Program::cells);
            let wire: Vec<u8> = cells.iter().flat_map(bytecode::to_bytes).collect();
            // A program with a fault in it is not bytecode on its own.
            decoded.extend(Program::decode(&wire, vec![EMPTY; cells.len()]).ok());
        }
        let again: Vec<Filter> = filters.iter().filter_map(|(_, f)| recompiled(f)).collect();
        let texts = again.len() as u64;
        filters.extend(again.into_iter().map(|filter| ("recompiled", filter)));
        Some(Self {
            name: format!("{text} at {layer} in {dialect}"),
            layer,
            oracle,
            naive: insns,
            graphs,
            filters,
            decoded,
            texts,
        })
    }

    fn judge<'a>(&self, scenes: impl Iterator<Item = &'a (Vec<u8>, Event)>) -> Counts {
        let mut counts = Counts {
            filters: 1,
            graphs: self.graphs.len() as u64,
            texts: self.texts,
            ..Counts::default()
        };
        let graphs = self.graphs.iter().map(|(_, graph)| graph);
        let mut subjects: Vec<Subject> = graphs.flat_map(meaning::subjects).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let mut values = Vec::with_capacity(subjects.len());
        for (packet, event) in scenes {
            let (packet, layer) = (packet.as_slice(), self.layer);
            let stock = |insns: &[Insn]| trace(insns, layer, packet, event, |_| {});
            let expect = match &self.oracle {
                Some(oracle) => {
                    let packet = layer.has_packets().then_some(packet);
                    oracle.matches(packet, event).expect("scenes of the pool")
                }
                None => stock(&self.naive),
            };
            let mut check = |engine: &str, verdict: bool| {
                counts.verdicts += 1;
                let what = &self.name;
                assert_eq!(
                    verdict, expect,
                    "{engine}: {what}, {event:?}, {packet:02x?}"
                );
            };
            for (level, filter) in &self.filters {
                check(level, filter.matches(packet, event));
                if !filter.instructions().is_empty() {
                    check("object", stock(filter.instructions()));
                }
            }
            for program in &self.decoded {
                check("decoded", execute(program, packet, event));
            }
            values.clear();
            let load = |subject: &Subject| meaning::load(*subject, layer, packet, event);
            values.extend(subjects.iter().map(load));
            for (pass, graph) in &self.graphs {
                let value = |subject| match subjects.binary_search(&subject) {
                    Ok(at) => values[at],
                    Err(_) => panic!("a subject of its own: {graph}"),
                };
                check(pass, graph.eval(value));
            }
            counts.pairs += 1;
            counts.matches += u64::from(expect);
        }
        counts
    }
}

/// The graph as it is, and after every pass that changes it.
fn stages(mut graph: Graph, stages: &mut Vec<(&'static str, Graph)>) {
    assert_eq!(graph.verify(), [], "{graph}");
    stages.push(("build", graph.clone()));
    for pass in PASSES.iter().chain(PASSES) {
        if (pass.run)(&mut graph) {
            assert_eq!(graph.verify(), [], "{}: {graph}", pass.name);
            stages.push((pass.name, graph.clone()));
        }
    }
}

/// The instructions of a filter as an object, as text, and compiled again.
fn recompiled(filter: &Filter) -> Option<Filter> {
    let layer = filter.layer();
    let insns = filter.instructions();
    if !filter.driver_accepts() || insns.len() > MAX_INSNS || insns.iter().any(folds) {
        return None;
    }
    let compiler = Compiler::new().layer(layer).dialect(Dialect::WinDivert22);
    let object = compiler.compile(&filter.object()).expect("an object");
    assert_eq!(object.instructions(), insns, "{}", filter.source());
    // Some texts that the reference prints it does not read, and shared code
    // may multiply beyond what it takes.
    compiler.compile(&object.to_text()?).ok()
}

/// Whether the reference, given the test as text, makes another of it: what
/// never holds in the range of the field becomes the absence of its header,
/// what always holds its presence, and for data there is no header.
fn folds(insn: &Insn) -> bool {
    let interval = Interval::of_test(insn.field, insn.op, insn.constant());
    let (low, high) = Interval::domain(insn.field);
    let values = IntervalSet::of(interval, (0, u128::MAX));
    let within = IntervalSet::of(interval, (low, high));
    let is_presence = !insn.field.field_type().is_data() && values.covers((low, u128::MAX));
    within.is_empty() || within.covers((low, high)) && !is_presence
}
