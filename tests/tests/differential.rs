//! Random filters on many packets: all engines agree. The example
//! `differential` does the same for as long as one likes.

use divert_testkit::differential::{Counts, Pool, compare};

#[test]
fn all_engines_agree_on_random_filters_and_packets() {
    let pool = Pool::new(1, 512);
    let mut counts = Counts::default();
    for seed in 0..6000 {
        counts.add(&compare(&pool, seed, 64));
    }
    println!("{counts}");
    assert!(counts.pairs > 300_000 && counts.texts > 10_000);
    assert!(counts.matches > counts.pairs / 10 && counts.matches < counts.pairs / 10 * 9);
}
