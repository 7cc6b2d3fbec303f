//! What a verdict costs when the packet is not in the cache.
//!
//! `cargo bench -p divert-testkit --bench cold -- --cold` takes a gigabyte of
//! memory: half a million packets in slots of 2 KiB, as a network card fills
//! them, taken in random order, each once in a pass. One packet at a time
//! waits for memory at each; a batch can wait for several at once.

use std::cell::RefCell;

use divert_compiler::Filter;
use divert_testkit::bench::{Lane, Level, Table, compile, interleaved, random, short};
use divert_testkit::vectors;
use divert_vm::{Event, execute, execute_batch};

/// Packets in memory.
const SLOTS: usize = 512 << 10;
/// The bytes of a slot.
const SLOT_LEN: usize = 2 << 10;
/// Where the generator of the order starts.
const SEED: u64 = 1_234_567;
/// Packets in a batch.
const BATCHES: [usize; 3] = [16, 64, 256];
/// Timed runs of each engine.
const RUNS: usize = 5;

fn main() {
    if !std::env::args().any(|arg| arg == "--cold") {
        println!("cold packets take a gigabyte of memory; ask for them with `-- --cold`");
        return;
    }
    let sources = vectors::workload().packets;
    let mut memory = vec![0_u8; SLOTS * SLOT_LEN];
    for (slot, (packet, _)) in memory
        .chunks_exact_mut(SLOT_LEN)
        .zip(sources.iter().cycle())
    {
        slot[..packet.len()].copy_from_slice(packet);
    }
    let (packets, events): (Vec<&[u8]>, Vec<Event>) = shuffled()
        .into_iter()
        .map(|slot| {
            let (packet, event) = &sources[slot % sources.len()];
            let start = slot * SLOT_LEN;
            (&memory[start..start + packet.len()], *event)
        })
        .unzip();
    println!("ns for a cold packet, median (minimum) of {RUNS} runs, -O2\n");
    println!("{}", table(&packets, &events));
}

/// Every slot once, in random order.
fn shuffled() -> Vec<usize> {
    let mut slots: Vec<usize> = (0..SLOTS).collect();
    let random = random(SEED);
    for (last, number) in (1..SLOTS).rev().zip(random) {
        slots.swap(last, (number % (last as u64 + 1)) as usize);
    }
    slots
}

fn table(packets: &[&[u8]], events: &[Event]) -> Table {
    let batches = BATCHES.map(|batch| format!("batches of {batch}"));
    let head = ["filter", "one at a time"].into_iter();
    let head: Vec<&str> = head.chain(batches.iter().map(String::as_str)).collect();
    let mut table = Table::new(&head);
    let filters = vectors::bench_filters().into_iter();
    let series = |name: &str| matches!(name.as_bytes(), [b'f', b'0'..=b'9', ..]);
    for row in filters.filter(|row| series(&row.name)) {
        let filter = compile(&row.filter, Level::O2).expect("a filter of the workload");
        let mut lanes = vec![one_by_one(&filter, packets, events)];
        lanes.extend(BATCHES.map(|batch| in_batches(&filter, packets, events, batch)));
        let matches = row.matches * SLOTS / 2048;
        for lane in &lanes {
            assert_eq!(lane.matches(), matches, "{} of {}", lane.name(), row.name);
        }
        let times = interleaved(&lanes, RUNS).into_iter();
        let cells = times.map(|t| format!("{} ({})", short(Some(t.median)), short(Some(t.min))));
        table.push([row.name].into_iter().chain(cells));
    }
    table
}

fn one_by_one<'a>(filter: &'a Filter, packets: &'a [&[u8]], events: &'a [Event]) -> Lane<'a> {
    let program = filter.program().expect("a program");
    let pass = move || {
        let pairs = packets.iter().zip(events);
        pairs
            .filter(|(packet, event)| execute(program, **packet, event))
            .count()
    };
    Lane::of_pass("one at a time", packets.len(), pass(), pass)
}

fn in_batches<'a>(
    filter: &'a Filter,
    packets: &'a [&[u8]],
    events: &'a [Event],
    batch: usize,
) -> Lane<'a> {
    let program = filter.program().expect("a program");
    let verdicts = RefCell::new(vec![false; batch]);
    let pass = move || {
        let mut verdicts = verdicts.borrow_mut();
        let batches = packets.chunks(batch).zip(events.chunks(batch));
        batches
            .map(|(packets, events)| {
                let verdicts = &mut verdicts[..packets.len()];
                execute_batch(program, packets, events, verdicts);
                verdicts.iter().filter(|matches| **matches).count()
            })
            .sum()
    };
    let matches = pass();
    Lane::of_pass(&format!("batches of {batch}"), packets.len(), matches, pass)
}
