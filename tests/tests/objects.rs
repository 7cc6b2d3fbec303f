//! Optimised objects on the stock algorithm: never slower, never longer.

use divert_compiler::Layer;
use divert_testkit::bench::{Case, Level, captures, compile, steps};
use divert_testkit::vectors;

/// The lists of the bench workload, on which the stock driver is slowest.
const LISTS: [&str; 7] = [
    "ports64",
    "ranges50",
    "ranges100",
    "ranges100-nohit-all",
    "f5",
    "f9",
    "f10",
];

/// Instructions, characters of the object, instructions executed for all.
fn cost(text: &str, level: Level, cases: &[Case<'_>]) -> (usize, usize, u64) {
    let filter = compile(text, level).unwrap();
    let steps = steps(&filter);
    let executed = cases.iter().map(steps).sum();
    (filter.instructions().len(), filter.object().len(), executed)
}

#[test]
fn no_filter_costs_more_than_as_written() {
    let packets = captures::packets();
    let cases: Vec<Case<'_>> = packets
        .iter()
        .map(|(packet, event)| Case { packet, event })
        .collect();
    let wild = vectors::wild_filters();
    let wild = wild.iter().filter(|filter| filter.layer == Layer::Network);
    let wild = wild.map(|filter| (String::new(), filter.filter.clone()));
    let bench = vectors::bench_filters();
    let bench = bench
        .iter()
        .map(|filter| (filter.name.clone(), filter.filter.clone()));
    let mut filters = 0;
    let (mut before, mut after) = (0, 0);
    for (name, text) in wild.chain(bench) {
        let Ok(written) = compile(&text, Level::O0) else {
            continue;
        };
        filters += 1;
        let all = Level::ALL.map(|level| cost(&text, level, &cases));
        let [naive, short, fast] = all;
        assert_eq!(naive.0, written.instructions().len());
        assert!(short.0 <= naive.0 && short.1 <= naive.1, "{text}: {all:?}");
        assert!(short.2 <= naive.2 && fast.2 <= naive.2, "{text}: {all:?}");
        before += naive.2;
        after += fast.2;
        if LISTS.contains(&name.as_str()) {
            let ratio = fast.2 as f64 / naive.2 as f64;
            println!("{name}: {ratio:.3} of the instructions executed");
            assert!(ratio <= 0.15, "{name}: {all:?}");
        }
    }
    println!(
        "{filters} filters on {} packets: {before} steps, {after} optimised",
        cases.len()
    );
    assert!(filters > 340);
}
