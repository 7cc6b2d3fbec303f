//! Optimised filters mean what they mean unoptimised.

use divert_compiler::graph::Graph;
use divert_compiler::opt::PASSES;
use divert_compiler::{Compiler, Dialect, Filter, OptLevel};
use divert_testkit::meaning;
use divert_testkit::vectors::{self, Case};
use divert_vm::{Event, Program, execute, trace};

/// The verdicts of the stock algorithm on the instructions of a filter.
fn stock(filter: &Filter, cases: &[Case]) -> Vec<bool> {
    let verdict = |case: &Case| {
        let packet = case.packet.as_deref().unwrap_or_default();
        trace(
            filter.instructions(),
            filter.layer(),
            packet,
            &case.event,
            |_| {},
        )
    };
    cases.iter().map(verdict).collect()
}

fn machine(filter: &Filter, cases: &[Case]) -> Vec<bool> {
    let verdict = |case: &Case| {
        let packet = case.packet.as_deref().unwrap_or_default();
        filter.matches(packet, &case.event)
    };
    cases.iter().map(verdict).collect()
}

#[test]
fn every_vector_has_the_same_verdicts_at_every_level() {
    let cases = vectors::cases_by_layer();
    let mut failures = 0;
    let (mut filters, mut fewer) = (0, 0);
    for row in vectors::filters().iter().filter(|row| row.outcome.is_ok()) {
        let cases = &cases[usize::from(row.layer.as_u8())];
        for dialect in Dialect::ALL {
            let compiler = Compiler::new().layer(row.layer).dialect(dialect);
            let Ok(naive) = compiler.opt_level(OptLevel::O0).compile(&row.filter) else {
                continue;
            };
            let expect = stock(&naive, cases);
            filters += 1;
            for level in OptLevel::ALL {
                let filter = compiler.opt_level(level).compile(&row.filter).unwrap();
                let engines = [
                    ("machine", machine(&filter, cases)),
                    ("object", stock(&filter, cases)),
                ];
                fewer += usize::from(filter.instructions().len() < naive.instructions().len());
                for (engine, verdicts) in engines {
                    if verdicts != expect {
                        let at = verdicts
                            .iter()
                            .zip(&expect)
                            .position(|(a, b)| a != b)
                            .unwrap();
                        failures += 1;
                        if failures < 20 {
                            println!(
                                "{dialect} {level:?} {engine}: {} at {} on {}",
                                row.filter, row.layer, cases[at].id
                            );
                        }
                    }
                }
            }
        }
    }
    println!("{filters} filters, {fewer} got shorter");
    assert_eq!(failures, 0);
}

/// The verdict of the reference evaluator.
fn evaluated(graph: &Graph, case: &Case) -> bool {
    let packet = case.packet.as_deref().unwrap_or_default();
    meaning::evaluated(graph, packet, &case.event)
}

#[test]
fn every_pass_keeps_every_verdict() {
    let cases = vectors::cases_by_layer();
    let mut failures = 0;
    for row in vectors::filters().iter().filter(|row| row.outcome.is_ok()) {
        let cases = &cases[usize::from(row.layer.as_u8())];
        let compiler = Compiler::new()
            .layer(row.layer)
            .dialect(Dialect::WinDivert22);
        let naive = compiler
            .opt_level(OptLevel::O0)
            .compile(&row.filter)
            .unwrap();
        let Some(mut graph) = Graph::of_insns(naive.instructions(), row.layer) else {
            continue;
        };
        let expect = stock(&naive, cases);
        let before: Vec<bool> = cases.iter().map(|case| evaluated(&graph, case)).collect();
        assert_eq!(before, expect, "build {}", row.filter);
        'passes: for round in 0..3 {
            for pass in PASSES {
                let old = graph.to_string();
                (pass.run)(&mut graph);
                assert_eq!(graph.verify(), [], "{}: {}", pass.name, row.filter);
                let after: Vec<bool> = cases.iter().map(|case| evaluated(&graph, case)).collect();
                if after != expect {
                    failures += 1;
                    if failures < 3 {
                        println!("round {round} {} of {old}\n{graph}", pass.name);
                    }
                    break 'passes;
                }
            }
        }
    }
    assert_eq!(failures, 0);
}

/// As many single addresses as fit one set of the virtual machine.
#[test]
fn a_block_list_of_65536_addresses_is_one_look_up() {
    let count = 1_u32 << 16;
    let bounds = (0..count).flat_map(|n| [n * 0x4001, n * 0x4001 + 1]);
    let edges = bounds.enumerate().map(|(at, bound)| {
        let verdict = if at % 2 == 0 { "accept" } else { "reject" };
        format!("{:#x}: {verdict}", 0xFFFF_0000_0000 | u64::from(bound))
    });
    let edges = edges.collect::<Vec<_>>().join(", ");
    let text = format!("graph network\nn0: ip.SrcAddr [0: reject, {edges}] absent reject\n");
    let graph: Graph = text.parse().unwrap();
    let program = Program::from_cells(graph.to_bytecode()).unwrap();
    let mut packet = [0_u8; 20];
    (packet[0], packet[3]) = (0x45, 20);
    for n in [0, 1, 2, 77, 4096, count / 2, count - 1] {
        for (off, expect) in [(0, true), (1, false)] {
            packet[12..16].copy_from_slice(&(n * 0x4001 + off).to_be_bytes());
            let verdict = execute(&program, packet.as_slice(), &Event::inbound());
            assert_eq!(verdict, expect, "address {n}, off by {off}");
        }
    }
}
