//! One file a command.

pub(crate) mod batch;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod diff;
pub(crate) mod disasm;
pub(crate) mod explain;
pub(crate) mod fields;
pub(crate) mod fmt;
pub(crate) mod run;
pub(crate) mod shell;
