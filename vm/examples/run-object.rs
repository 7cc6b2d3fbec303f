//! Runs a compiled filter with nothing but this crate: no allocator needed.
//!
//! `cargo run -p divert-vm --example run-object -- @WinDiv_WX_fXWWAX`

use divert_vm::bytecode::{EMPTY, MAX_STOCK_CELLS};
use divert_vm::isa::limits::MAX_INSNS;
use divert_vm::{Event, Insn, Layer, Program, execute, object};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let object = std::env::args()
        .nth(1)
        .unwrap_or("@WinDiv_WX_fXWWAX".into());
    let mut insns = [Insn::NEVER; MAX_INSNS];
    let len = object::decode(object.as_bytes(), &mut insns)?;
    let storage = [EMPTY; MAX_STOCK_CELLS];
    let program = Program::verify(&insns[..len], Layer::Network, storage)?;

    // IPv4 and UDP, port 53 to port 53, without payload.
    let packet = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\
        \x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x35\x00\x35\x00\x08\x00\x00";
    println!("{} instructions", program.len());
    println!(
        "matches: {}",
        execute(&program, packet.as_slice(), &Event::outbound())
    );
    Ok(())
}
