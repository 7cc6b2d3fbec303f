//! Builds a filter from data, instead of pasting text together.
//!
//! `cargo run -p divert-compiler --example block-list`

use std::net::Ipv4Addr;

use divert_compiler::expr::{constant, field, outbound};
use divert_compiler::{Diagnostics, Event, Layer};
use divert_vm::Field;

fn main() -> Result<(), Diagnostics> {
    let networks = [("10.0.0.0", 8), ("192.168.0.0", 16), ("203.0.113.0", 24)];
    let blocked = networks
        .into_iter()
        .fold(constant(false), |any, (network, prefix)| {
            let first: Ipv4Addr = network.parse().expect("an address");
            let last = Ipv4Addr::from(u32::from(first) | u32::MAX >> prefix);
            any | field(Field::IpDstAddr).between(first, last)
        });
    let filter = (outbound() & blocked).compile(Layer::Network)?;

    // An IPv4 header: 20 bytes, from 192.0.2.1 to 203.0.113.9, no protocol.
    let packet = b"\x45\x00\x00\x14\x00\x00\x00\x00\x40\x3b\x00\x00\
        \xc0\x00\x02\x01\xcb\x00\x71\x09";
    println!("filter:  {}", filter.source());
    println!("object:  {}", filter.object());
    println!("blocked: {}", filter.matches(packet, &Event::outbound()));
    Ok(())
}
