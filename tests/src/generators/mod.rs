//! Generators of filters, graphs, packets, events, programs, images and
//! object strings.
//!
//! All of them read their choices from bytes, so the same code serves a
//! fixed seed, proptest and a fuzzer. Where the bytes end, the choices are
//! the first and simplest ones.

mod constant;
mod event;
mod filter;
mod graph;
mod image;
mod packet;
mod program;
mod source;

pub use event::{can_occur, event, scene};
pub use filter::filter_text;
pub use graph::graph_text;
pub use image::image;
pub use packet::packet;
pub use program::{insn, mutated, object_text, program, raw_program};
pub use source::{Source, random_bytes};

use divert_vm::Layer;

/// A layer, most often NETWORK.
pub fn layer(source: &mut Source<'_>) -> Layer {
    const OFTEN: [Layer; 10] = [
        Layer::Network,
        Layer::Network,
        Layer::Network,
        Layer::Network,
        Layer::Network,
        Layer::Network,
        Layer::NetworkForward,
        Layer::Flow,
        Layer::Socket,
        Layer::Reflect,
    ];
    source.pick(&OFTEN)
}
