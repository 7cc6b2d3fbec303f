//! Timed passes, several engines side by side.

use std::hint::black_box;
use std::time::Duration;

use super::clock;

/// A run shorter than this says more about the clock than about the engine.
const SHORTEST_RUN: Duration = Duration::from_millis(4);

/// One engine on one filter.
pub struct Lane<'a> {
    name: String,
    picks: usize,
    matches: usize,
    pass: Box<dyn Fn() -> usize + 'a>,
}

impl<'a> Lane<'a> {
    /// A lane that takes `items` in this order; asks for every verdict once.
    pub fn new<T>(
        name: &str,
        items: &'a [T],
        order: &'a [usize],
        verdict: impl Fn(&T) -> bool + 'a,
    ) -> Self {
        let matches = items.iter().filter(|item| verdict(item)).count();
        let pass = move || order.iter().filter(|pick| verdict(&items[**pick])).count();
        Self::of_pass(name, order.len(), matches, pass)
    }

    /// A lane that says itself how it passes over so many packets.
    pub fn of_pass(
        name: &str,
        picks: usize,
        matches: usize,
        pass: impl Fn() -> usize + 'a,
    ) -> Self {
        Self {
            name: name.to_owned(),
            picks,
            matches,
            pass: Box::new(pass),
        }
    }

    /// The name of the engine.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many of the packets match.
    #[must_use]
    pub const fn matches(&self) -> usize {
        self.matches
    }

    /// The packets in a pass.
    #[must_use]
    pub const fn picks(&self) -> usize {
        self.picks
    }

    fn run(&self, passes: u32) -> Duration {
        let start = clock::now();
        for _ in 0..passes {
            black_box(counted_pass(self));
        }
        clock::now() - start
    }

    /// Doubles the passes until a run is long enough; warms the caches, too.
    fn enough_passes(&self) -> u32 {
        let mut passes = 1;
        while self.run(passes) < SHORTEST_RUN && passes < 1 << 10 {
            passes *= 2;
        }
        passes
    }
}

/// One pass; a function of its own, so that a profiler finds it by its name.
#[inline(never)]
pub fn counted_pass(lane: &Lane<'_>) -> usize {
    (lane.pass)()
}

/// Nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The median of the runs.
    pub median: f64,
    /// The shortest run.
    pub min: f64,
    runs: Vec<f64>,
}

impl Timing {
    fn of(runs: Vec<f64>) -> Self {
        Self {
            median: median(runs.clone()),
            min: runs.iter().copied().fold(f64::INFINITY, f64::min),
            runs,
        }
    }

    /// The ratio to another lane of the same runs.
    ///
    /// Run by run, since the machine may change its speed between two runs.
    #[must_use]
    pub fn ratio(&self, other: &Self) -> f64 {
        let pairs = self.runs.iter().zip(&other.runs);
        median(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds for a packet, of each lane, in `runs` runs.
///
/// The lanes take turns, so that a disturbance hits all of them.
#[must_use]
pub fn interleaved(lanes: &[Lane<'_>], runs: usize) -> Vec<Timing> {
    let passes: Vec<u32> = lanes.iter().map(Lane::enough_passes).collect();
    let mut times = vec![Vec::with_capacity(runs); lanes.len()];
    for _ in 0..runs {
        for ((lane, passes), times) in lanes.iter().zip(&passes).zip(&mut times) {
            let packets = lane.picks as f64 * f64::from(*passes);
            // The caches still hold what the lane before has used.
            lane.run(1);
            times.push(lane.run(*passes).as_secs_f64() * 1e9 / packets);
        }
    }
    times.into_iter().map(Timing::of).collect()
}

/// Nanoseconds for a call, in `runs` runs of some milliseconds.
#[must_use]
pub fn once<T>(runs: usize, call: impl Fn() -> T) -> Timing {
    let item = [()];
    let order = [0; 1];
    let lane = Lane::new("", &item, &order, |()| {
        black_box(call());
        true
    });
    interleaved(&[lane], runs).remove(0)
}
