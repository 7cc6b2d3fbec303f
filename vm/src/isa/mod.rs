//! The instruction set: fields, layers, tests, constants and their encoding.
//!
//! Everything a filter can name is stated once, here. The compiler, the
//! command line, the tests and the documentation derive what they need.

mod field;
mod insn;
mod interval;
mod layer;
pub mod limits;
mod op;
mod value;

pub use field::{Field, FieldType, Folding, Presence};
pub use insn::{DecodeError, Insn, Target};
pub use interval::Interval;
pub(crate) use interval::ordinal_of_signed;
pub use layer::{Layer, LayerSet};
pub use op::Op;
pub use value::Value;
