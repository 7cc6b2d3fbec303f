//! Timed runs over packets in random order.

use std::hint::black_box;
use std::time::Duration;

use super::clock;
use super::packets::Case;

/// Picks in a pass.
const PICKS: usize = 65_536;
/// Where the generator of the order starts.
const SEED: u64 = 1_234_567;
/// A run shorter than this says more about the clock than about the filter.
const SHORTEST_RUN: Duration = Duration::from_millis(4);

/// Nanoseconds for a packet.
pub(super) struct Timing {
    pub(super) median: f64,
    pub(super) min: f64,
}

/// Times `runs` runs, of as many passes each as take some milliseconds.
pub(super) fn measure(
    cases: &[Case<'_>],
    runs: u32,
    verdict: impl Fn(&Case<'_>) -> bool,
) -> Timing {
    let picks = order(cases.len());
    let run = |passes: u32| {
        let start = clock::now();
        for _ in 0..passes {
            let picked = picks.iter().filter_map(|pick| cases.get(*pick));
            black_box(picked.filter(|case| verdict(case)).count());
        }
        clock::now().saturating_sub(start)
    };
    let passes = enough_passes(&run);
    let times = (0..runs).map(|_| per_packet(run(passes), passes));
    summary(times.collect())
}

/// The order of `tests/bench/README.md`: random, and the same for everybody.
fn order(packets: usize) -> Vec<usize> {
    let count = u64::try_from(packets).unwrap_or(u64::MAX).max(1);
    let mut state = SEED;
    let pick = |_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % count).unwrap_or_default()
    };
    (0..PICKS).map(pick).collect()
}

/// Doubles the passes until a run is long enough; warms the caches, too.
fn enough_passes(run: &impl Fn(u32) -> Duration) -> u32 {
    let mut passes = 1;
    // A clock that stands still must not keep us here for ever.
    while run(passes) < SHORTEST_RUN && passes < 1 << 10 {
        passes *= 2;
    }
    passes
}

fn per_packet(time: Duration, passes: u32) -> f64 {
    time.as_secs_f64() * 1e9 / (PICKS as f64 * f64::from(passes))
}

fn summary(mut times: Vec<f64>) -> Timing {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let len = times.len();
    // Of an even number, the mean of the two in the middle.
    let median = (at(len.saturating_sub(1) / 2) + at(len / 2)) / 2.0;
    Timing { median, min: at(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_the_published_one() {
        let order = order(2048);
        assert_eq!(order[..8], [1157, 1957, 1143, 831, 1741, 1270, 1669, 433]);
        assert_eq!(order.last(), Some(&1326));
        assert_eq!(order.iter().sum::<usize>(), 67_028_272);
    }

    #[test]
    fn median_is_the_middle() {
        let median = |times: &[f64]| summary(times.to_vec()).median;
        assert_eq!(median(&[3.0, 1.0, 9.0]), 3.0);
        assert_eq!(median(&[3.0, 1.0, 9.0, 5.0]), 4.0);
        assert_eq!(median(&[7.0]), 7.0);
    }
}
