//! Compares all engines on random filters and packets, as often as one likes.
//!
//! `cargo run --release -p divert-testkit --example differential -- --pairs 10000000`
//!
//! Seeds count up from `--seed`; each stands for one filter on `--packets`
//! packets, so a run can go on where an earlier one ended. With `--trees`
//! instead, all small trees of tests are compared, see `trees.rs`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use divert_testkit::differential::{Counts, Pool, compare};
use divert_testkit::trees;

const THREADS: usize = 2;

/// Between two lines of output.
const EVERY: u64 = 1_000_000;

fn argument(name: &str) -> Option<u64> {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).and_then(|number| number.parse().ok())
}

fn main() {
    let start = Instant::now();
    if let Some(tests) = argument("--trees") {
        let counts = trees::compare(tests as usize, 1);
        println!("{counts}; {:.0} s", start.elapsed().as_secs_f64());
        return;
    }
    let pairs = argument("--pairs").unwrap_or(100_000);
    let packets = argument("--packets").unwrap_or(256);
    let pool = Pool::new(1, 4096);
    let next = AtomicU64::new(argument("--seed").unwrap_or(0));
    let total = Mutex::new(Counts::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while total.lock().expect("no panic").pairs < pairs {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let counts = compare(&pool, seed, packets as usize);
                    let mut total = total.lock().expect("no panic");
                    let before = total.pairs / EVERY;
                    total.add(&counts);
                    if total.pairs / EVERY > before {
                        println!("to seed {seed}: {total}");
                    }
                }
            });
        }
    });
    let total = total.into_inner().expect("no panic");
    let (next, elapsed) = (next.into_inner(), start.elapsed().as_secs_f64());
    println!("{total}; next seed {next}; {elapsed:.0} s");
}
