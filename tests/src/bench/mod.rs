//! What filters cost: packets in memory, timed runs, engines, tables.
//!
//! Times are CPU time of the thread and hold for one machine; ratios of
//! engines that were timed in one run, and counts of instructions, carry over.

pub mod captures;
mod clock;
mod engine;
mod filters;
mod memory;
#[cfg(feature = "pcap")]
mod pcap;
mod table;
pub mod time;
mod timing;

pub use engine::{Level, compile, empty, steps, stock, vm};
pub use filters::{Growing, constant, growing};
pub use memory::{Aligned, Case, order, random};
pub use table::{Table, geomean, is_repeated, is_series, ratio, short};
pub use timing::{Lane, Timing, counted_pass, interleaved, once};
