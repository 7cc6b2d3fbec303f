//! The virtual machine of divert: runs packet filters anywhere.
//!
//! Loads filters compiled for WinDivert 2.2 (object strings, instruction
//! arrays), checks them as its driver does, and executes them on packets and
//! events. Also executes its own [`bytecode`], to which it lowers them. Also the packet helpers that go with it: header parser, checksums,
//! time to live, packet hash, address text.
//!
//! # Promises
//!
//! Held by construction: `no_std`, no `alloc`, no dependency, no `unsafe`.
//! For every [`Program`], packet and event, [`execute`]
//!
//! 1. ends after at most as many steps as the program has nodes: each leads
//!    forward, or ends it (test `whatever_is_accepted_means_what_it_says`);
//! 2. reads nothing outside the packet
//!    (test `every_packet_cut_at_every_length_is_survived`);
//! 3. does not panic: its object code has no panic symbol
//!    (test `vm_has_no_panic_symbols`);
//! 4. does not allocate, and uses a constant amount of stack
//!    (test `stack_use_is_bounded`);
//! 5. gives the same answer in every build and on every machine: it depends
//!    on nothing but its three arguments.
//!
//! # Examples
//!
//! ```
//! use divert_vm::bytecode::{EMPTY, MAX_STOCK_CELLS};
//! use divert_vm::{execute, object, Event, Insn, Layer, Program};
//!
//! // `outbound and tcp.DstPort = 443`, as compiled by `divertc compile`.
//! let object = b"@WinDiv_WY_YXWWLXX_1dWWDxAX";
//! let mut insns = [Insn::ALWAYS; 255];
//! let len = object::decode(object, &mut insns)?;
//! let program = Program::verify(&insns[..len], Layer::Network, [EMPTY; MAX_STOCK_CELLS])?;
//!
//! let syn = b"\x45\x00\x00\x28\x00\x01\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\
//!     \x0a\x00\x00\x02\xc0\x00\x01\xbb\x00\x00\x00\x00\x00\x00\x00\x00\
//!     \x50\x02\x20\x00\x00\x00\x00\x00";
//! assert!(execute(&program, syn.as_slice(), &Event::outbound()));
//! assert!(!execute(&program, syn.as_slice(), &Event::inbound()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

pub mod addr;
mod buffer;
pub mod bytecode;
pub mod checksum;
mod event;
mod exec;
mod hash;
pub mod isa;
mod load;
mod locate;
pub mod object;
pub mod packet;
mod program;
mod trace;
mod ttl;

pub use buffer::TextBuffer;
pub use bytecode::{Cell, Class};
pub use event::{Event, FlowRecord, NetworkRecord, Record, ReflectRecord};
pub use exec::{EvalError, evaluate, execute, execute_batch};
pub use hash::{header_hash, packet_hash};
pub use isa::{Field, FieldType, Insn, Interval, Layer, LayerSet, Op, Presence, Target, Value};
pub use program::{Program, VerifyError, VerifyErrorKind};
pub use trace::{Step, trace};
pub use ttl::decrement_ttl;
