//! What a verdict costs: every engine, side by side, on the same packets.
//!
//! `cargo bench -p divert-testkit`, or with libpcap as a yardstick (package
//! `libpcap-dev`) `cargo bench -p divert-testkit --features pcap`. The order
//! of the packets is the point, so this is a loop of its own rather than a
//! framework's. `--runs N` sets the number of timed runs.

use divert_testkit::bench::time::Bench;

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--runs").skip(1);
    let runs = args
        .next()
        .map_or(11, |runs| runs.parse().expect("a number of runs"));
    let bench = Bench::new(runs);
    println!("ns for a packet, median (minimum) of {runs} runs, random order\n");
    println!("{}", bench.workload());
    println!("Growth\n\n{}", bench.growth());
    println!("Constant filters\n\n{}", bench.constant());
}
