//! Compiler for WinDivert packet filters.
//!
//! Reads the filter language of WinDivert 2.2 and a superset of it, says what
//! is wrong in plain words, and produces what the stock driver and
//! [`divert_vm`] run.
//!
//! ```text
//! text ─parse─▶ Ast ─resolve─▶ Hir ─build─▶ Graph ─passes─▶ Graph ─▶ bytecode ─verify─▶ Program
//!      grammar       names,      │           │                 │
//!                    ranges      └── -O0 ────┴─▶ instructions ◀┘
//!                                                └─▶ object, bytes, text
//! ```
//!
//! [`graph`] and [`opt`] say what the optimiser does and why it is sound;
//! [`equiv`] proves it of a single filter, and compares two.
//!
//! # Examples
//!
//! ```
//! use divert_compiler::{compile, Layer};
//!
//! let filter = compile("tcp.DstPort = 443 and not loopback", Layer::Network)?;
//! assert_eq!(filter.instructions().len(), 2);
//!
//! let error = compile("tcp.DstPort = 443 AND ip", Layer::Network).unwrap_err();
//! let first = error.first().unwrap();
//! let suggestion = first.suggestion.as_ref().unwrap();
//! assert_eq!(suggestion.apply(error.source()), "tcp.DstPort = 443 and ip");
//! # Ok::<(), divert_compiler::Diagnostics>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

mod codegen;
mod compile;
mod decompile;
pub mod diag;
mod dialect;
pub mod equiv;
pub mod explain;
pub mod expr;
mod filter;
mod flags;
pub mod graph;
pub mod hir;
mod lint;
mod literal;
pub mod opt;
pub mod reference;
mod resolve;
mod symbols;

pub use compile::{Compiler, Stage, compile};
pub use diag::{Diagnostic, Diagnostics};
pub use dialect::{Dialect, Engine, OptLevel, UnknownDialect};
pub use divert_grammar::Span;
pub use divert_vm::{Event, Layer};
pub use filter::Filter;
pub use flags::FilterFlags;

/// The examples of the README compile and hold.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
