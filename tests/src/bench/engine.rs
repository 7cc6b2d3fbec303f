//! The engines that are compared.

use std::hint::black_box;

use divert_compiler::{Compiler, Diagnostics, Engine, Filter, OptLevel};
use divert_vm::{Insn, Layer, Step};

use super::Case;

/// How much a filter is optimised, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(pub OptLevel);

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::O0, Self::O1, Self::O2];
    /// Test by test as written.
    pub const O0: Self = Self(OptLevel::O0);
    /// In between.
    pub const O1: Self = Self(OptLevel::O1);
    /// The default.
    pub const O2: Self = Self(OptLevel::O2);

    /// As on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            OptLevel::O0 => "-O0",
            OptLevel::O1 => "-O1",
            _ => "-O2",
        }
    }
}

/// Compiles a filter for the layer NETWORK.
///
/// # Errors
///
/// The filter is refused.
pub fn compile(text: &str, level: Level) -> Result<Filter, Diagnostics> {
    let compiler = Compiler::new().opt_level(level.0);
    let compiled = compiler.compile(text);
    // What is too long for the stock driver still runs here.
    compiled.or_else(|_| compiler.engine(Engine::Divert).compile(text))
}

/// What `divertc run` uses.
pub fn vm(filter: &Filter) -> impl Fn(&Case<'_>) -> bool {
    |case| filter.matches(case.packet, case.event)
}

/// The stock algorithm: the object's instructions, one at a time.
pub fn stock(filter: &Filter) -> impl Fn(&Case<'_>) -> bool {
    let stepper = Stepper::new(filter);
    move |case| stepper.run(case, |_| {})
}

/// How many instructions the stock algorithm executes for a packet.
pub fn steps(filter: &Filter) -> impl Fn(&Case<'_>) -> u64 {
    let stepper = Stepper::new(filter);
    move |case| {
        let mut steps = 0;
        stepper.run(case, |_| steps += 1);
        steps
    }
}

/// The only place that knows how the virtual machine steps.
struct Stepper<'a>(&'a [Insn], Layer);

impl<'a> Stepper<'a> {
    fn new(filter: &'a Filter) -> Self {
        Self(filter.instructions(), filter.layer())
    }

    fn run(&self, case: &Case<'_>, observe: impl FnMut(Step)) -> bool {
        divert_vm::trace(self.0, self.1, case.packet, case.event, observe)
    }
}

/// What the loop itself costs.
pub fn empty(case: &Case<'_>) -> bool {
    black_box(case);
    false
}
