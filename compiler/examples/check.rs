//! Checks filters and prints what a person needs to know.
//!
//! `cargo run -p divert-compiler --example check -- "tcp.DestPort = 80" "udp"`

use std::process::ExitCode;

use divert_compiler::{Layer, compile};

fn main() -> ExitCode {
    let mut ok = true;
    for text in std::env::args().skip(1) {
        match compile(&text, Layer::Network) {
            Ok(filter) => {
                println!("{text}: {} instructions", filter.instructions().len());
                for warning in filter.warnings() {
                    println!("  {warning}");
                }
            }
            Err(diagnostics) => {
                ok = false;
                println!("{text}: refused");
                for diagnostic in &diagnostics {
                    println!("  {diagnostic}");
                    if let Some(suggestion) = &diagnostic.suggestion {
                        println!("  try: {}", suggestion.apply(&text));
                    }
                }
            }
        }
    }
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
