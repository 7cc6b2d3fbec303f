//! A compiled filter, and what can be had of it.

use core::fmt::Write;
use core::str::FromStr;
use std::sync::OnceLock;

use divert_grammar::Span;
use divert_vm::bytecode::{Cell, EMPTY, cells_for, to_bytes};
use divert_vm::isa::limits::{MAX_INSNS, MAX_USER_INSNS};
use divert_vm::object::Object;
use divert_vm::{EvalError, Event, Insn, Layer, Program};

use crate::codegen::{self, Code, TooLong};
use crate::compile::{Stage, compile};
use crate::decompile::decompile;
use crate::diag::{self, Diagnostic, Diagnostics};
use crate::dialect::{Dialect, OptLevel};
use crate::flags::FilterFlags;
use crate::graph::Graph;
use crate::hir::Hir;
use crate::{equiv, explain, opt};

/// A compiled filter.
///
/// Owns everything; can be shared between threads.
///
/// # Examples
///
/// ```
/// use divert_compiler::{Event, Filter};
///
/// let filter: Filter = "udp and length < 100".parse()?;
/// let dns = b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\
///     \x08\x08\x08\x08\xc0\x00\x00\x35\x00\x08\x00\x00";
/// assert!(filter.matches(dns, &Event::outbound()));
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    source: Box<str>,
    layer: Layer,
    dialect: Dialect,
    opt_level: OptLevel,
    pub(crate) hir: Hir,
    /// The instructions of the object that it was loaded from.
    pub(crate) loaded: Option<Code>,
    /// The optimised form; `None` at `O0`.
    pub(crate) graph: Option<Graph>,
    /// Made when somebody asks: who executes the filter does not need it.
    code: OnceLock<Instructions>,
    program: Option<Program<Box<[Cell]>>>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// What a filter is as an instruction array.
#[derive(Clone, Debug, Default)]
struct Instructions {
    /// Empty if there would be too many.
    best: Code,
    /// Those as written, if `best` is something better.
    written: Option<Code>,
}

impl Filter {
    /// An unfinished filter.
    pub(crate) fn new(text: &str, layer: Layer, dialect: Dialect, opt_level: OptLevel) -> Self {
        Self {
            source: text.into(),
            layer,
            dialect,
            opt_level,
            hir: Hir::default(),
            loaded: None,
            graph: None,
            code: OnceLock::new(),
            program: None,
            warnings: Vec::new(),
        }
    }

    /// Optimises a graph, and makes it what is executed.
    pub(crate) fn optimise(&mut self, mut graph: Graph, done: &mut dyn FnMut(Stage)) {
        if self.opt_level != OptLevel::O0 {
            opt::optimise(&mut graph);
        }
        done(Stage::Optimise);
        let image = graph.to_bytecode().into_boxed_slice();
        done(Stage::Emit);
        let program = Program::from_cells(image);
        debug_assert!(program.is_ok(), "{program:?} of {}", self.source);
        // Generated programs are well-formed; were one not, it would match
        // nothing.
        self.program = program.ok();
        done(Stage::Verify);
        self.graph = Some(graph);
    }

    /// Executes the instructions as they are, unless there is bytecode.
    pub(crate) fn execute_instructions(&mut self) {
        if self.graph.is_none() {
            let insns = self.instructions();
            let storage = vec![EMPTY; cells_for(insns.len())].into_boxed_slice();
            self.program = Program::load(insns, self.layer, storage).ok();
        }
    }

    /// The instructions test by test as written.
    pub(crate) fn naive(&self) -> Result<Code, TooLong> {
        let limit = match self.dialect {
            Dialect::Divert => MAX_INSNS,
            Dialect::WinDivert22 => MAX_USER_INSNS,
        };
        match &self.loaded {
            Some(code) => Ok(code.clone()),
            None => codegen::naive::generate(&self.hir)?.at_most(limit),
        }
    }

    fn code(&self) -> &Instructions {
        self.code.get_or_init(|| {
            let naive = self.naive();
            let improve = |graph| codegen::improve(naive.as_ref().ok(), graph, self.opt_level);
            match (self.graph.as_ref().and_then(improve), naive) {
                (Some(best), naive) => Instructions {
                    best,
                    written: naive.ok(),
                },
                (None, naive) => Instructions {
                    best: naive.unwrap_or_default(),
                    written: None,
                },
            }
        })
    }

    /// The text the filter was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The layer the filter is for.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.layer
    }

    /// The dialect the text was read in.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The typed form; empty for a filter loaded from an object string.
    #[must_use]
    pub const fn hir(&self) -> &Hir {
        &self.hir
    }

    /// The optimised decision graph; `None` for a filter that is executed as
    /// written, that is at [`OptLevel::O0`].
    #[must_use]
    pub const fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// The instructions, as the WinDivert 2.2 driver takes them.
    ///
    /// None if it takes none of them, because there would be more than 255;
    /// that can be with [`Engine::Divert`](crate::Engine::Divert) only.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    /// use divert_vm::{Field, Op, Target};
    ///
    /// let filter = compile("tcp.DstPort = 443", Layer::Network)?;
    /// let [test] = filter.instructions() else { panic!("one test") };
    /// assert_eq!((test.field, test.op), (Field::TcpDstPort, Op::Eq));
    /// assert_eq!((test.success, test.failure), (Target::ACCEPT, Target::REJECT));
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn instructions(&self) -> &[Insn] {
        &self.code().best.insns
    }

    /// The instructions test by test as written, and where each comes from.
    ///
    /// The same as [`Filter::instructions`] unless optimisation found better
    /// ones.
    pub(crate) fn written(&self) -> &Code {
        let code = self.code();
        code.written.as_ref().unwrap_or(&code.best)
    }

    /// For each instruction the place in the text it comes from.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    ///
    /// let filter = compile("tcp or udp", Layer::Network)?;
    /// let texts: Vec<&str> = filter.spans().iter().map(|s| s.of(filter.source())).collect();
    /// assert_eq!(texts, ["tcp", "udp"]);
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.code().best.spans
    }

    /// What compiles, but may not do what was meant.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    ///
    /// let filter = compile("tcp.DstPort = 80 or ip and ipv6", Layer::Network)?;
    /// assert_eq!(filter.warnings()[0].code.as_str(), "W2002");
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Looks closely for what may not be meant: parts that never decide
    /// anything, tests that change nothing, a filter that always or never
    /// matches. In addition to [`Filter::warnings`].
    ///
    /// Everything found is proved for all packets. That can take some
    /// milliseconds, so compiling does not do it; very large filters are not
    /// looked at.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    ///
    /// let filter = compile("tcp.DstPort > 1023 and tcp.DstPort > 8000", Layer::Network)?;
    /// assert!(filter.warnings().is_empty());
    /// let lints = filter.lints();
    /// assert_eq!(lints[0].code.as_str(), "W2009");
    /// assert_eq!(lints[0].span.of(filter.source()), "tcp.DstPort > 1023");
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn lints(&self) -> Vec<Diagnostic> {
        use diag::Code;
        // A filter that never matches has no part that is better.
        if self.warnings.iter().any(|w| w.code == Code::ConstantFilter) {
            return Vec::new();
        }
        let is_enough = |code: Code| {
            let of_a_test = [
                Code::NeverInRange,
                Code::AlwaysInRange,
                Code::DataAlwaysInRange,
            ];
            of_a_test.contains(&code) || code == Code::Contradiction || code == Code::EventRedundant
        };
        let known = self.warnings.iter().filter(|w| is_enough(w.code));
        let known: Vec<Span> = known.map(|warning| warning.span).collect();
        let mut findings = equiv::clauses(&self.hir, self.layer, &known);
        // The typed form knows a test without the `not` before it.
        let nots = explain::nots(&self.source);
        for finding in &mut findings {
            finding.widen(|span| nots.get(&span).copied().unwrap_or(span));
        }
        diag::describe_all(findings, &self.source, self.layer, self.dialect)
    }

    /// The program as divert bytecode, in its wire form.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Event, Layer};
    /// use divert_vm::bytecode::EMPTY;
    /// use divert_vm::{execute, Program};
    ///
    /// let bytes = compile("tcp.DstPort = 443", Layer::Network)?.to_bytecode();
    /// let program = Program::decode(&bytes, [EMPTY; 5])?;
    /// assert!(!execute(&program, [0].as_slice(), &Event::inbound()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_bytecode(&self) -> Vec<u8> {
        let cells = self.program.as_ref().map_or(&[][..], Program::cells);
        cells.iter().flat_map(to_bytes).collect()
    }

    /// The instructions in their wire form, 24 bytes each.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Event, Layer};
    /// use divert_vm::bytecode::EMPTY;
    /// use divert_vm::{execute, Program};
    ///
    /// // Compile here, run where there is nothing but `divert_vm`.
    /// let bytes = compile("ip.TTL < 5", Layer::Network)?.to_bytes();
    /// let program = Program::verify_bytes(&bytes, Layer::Network, [EMPTY; 6])?;
    /// assert!(!execute(&program, [0].as_slice(), &Event::inbound()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.code()
            .best
            .insns
            .iter()
            .flat_map(Insn::encode)
            .collect()
    }

    /// The object string, which every WinDivert 2.2 function takes as filter.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    ///
    /// let filter = compile("tcp", Layer::Network)?;
    /// assert_eq!(filter.object(), "@WinDiv_WX_eXWWAX");
    /// // An object is a filter, too.
    /// let again = compile(&filter.object(), Layer::Network)?;
    /// assert_eq!(again.instructions(), filter.instructions());
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn object(&self) -> String {
        let mut text = String::with_capacity(self.code().best.insns.len().saturating_mul(16));
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", Object(&self.code().best.insns));
        text
    }

    /// The filter as text, as `WinDivertHelperFormatFilter` gives it: its
    /// instructions as written, decompiled.
    ///
    /// `None` if it would be longer than a megabyte: code that several tests
    /// share is written out for each of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    ///
    /// let filter = compile("@WinDiv_WZ_eXWWLXX_fXWWLYX_dXWWAX", Layer::Network)?;
    /// assert_eq!(filter.to_text().as_deref(), Some("tcp and udp and icmp"));
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        decompile(&self.written().insns, self.layer, &mut text).ok()?;
        Some(text)
    }

    /// What a driver needs to hook for this filter.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, FilterFlags, Layer};
    ///
    /// let flags = compile("inbound and ip", Layer::Network)?.flags();
    /// assert!(flags.contains(FilterFlags::INBOUND));
    /// assert!(!flags.contains(FilterFlags::IPV6));
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn flags(&self) -> FilterFlags {
        FilterFlags::analyse(&self.code().best.insns, self.layer)
    }

    /// Whether the WinDivert 2.2 driver accepts the program.
    ///
    /// # Errors
    ///
    /// Why it does not; `WinDivertOpen` then fails with error 87.
    pub fn verify(&self) -> Result<(), divert_vm::VerifyError> {
        let storage = vec![EMPTY; cells_for(self.code().best.insns.len())];
        Program::verify(&self.code().best.insns, self.layer, storage).map(|_| ())
    }

    /// Whether the WinDivert 2.2 driver accepts the program.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{Compiler, Dialect};
    ///
    /// // WinDivert 2.2 compiles what its own driver refuses.
    /// let compiler = Compiler::new().dialect(Dialect::WinDivert22);
    /// assert!(!compiler.compile("ip.TOS = 256")?.driver_accepts());
    /// assert!(compiler.compile("ip.TOS = 255")?.driver_accepts());
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn driver_accepts(&self) -> bool {
        self.verify().is_ok()
    }

    /// The program, ready to execute.
    #[must_use]
    pub const fn program(&self) -> Option<&Program<Box<[Cell]>>> {
        self.program.as_ref()
    }

    /// Whether the filter matches.
    ///
    /// `packet` begins with the IP header. At layers without packets it is
    /// ignored. A packet that is no IP packet matches nothing but constant
    /// filters.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Event, Layer};
    /// use divert_vm::{FlowRecord, Record};
    ///
    /// // At FLOW there are no packets, only events.
    /// let filter = compile("event = ESTABLISHED and processId = 4", Layer::Flow)?;
    /// let mut event = Event::new(Layer::Flow);
    /// event.event = 1;
    /// event.record = Record::Flow(FlowRecord { process_id: 4, ..Default::default() });
    /// assert!(filter.matches(&[], &event));
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn matches(&self, packet: &[u8], event: &Event) -> bool {
        let execute = |program| divert_vm::execute(program, packet, event);
        self.program.as_ref().is_some_and(execute)
    }

    /// Like [`Filter::matches`], with the checks of
    /// `WinDivertHelperEvalFilter`.
    ///
    /// # Errors
    ///
    /// Packet and event do not fit the layer or each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Event, Layer};
    /// use divert_vm::EvalError;
    ///
    /// let filter = compile("true", Layer::Network)?;
    /// let refused = filter.evaluate(Some(b"no packet"), &Event::outbound());
    /// assert_eq!(refused, Err(EvalError::BadPacket));
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    pub fn evaluate(&self, packet: Option<&[u8]>, event: &Event) -> Result<bool, EvalError> {
        match &self.program {
            Some(program) => divert_vm::evaluate(program, packet, event),
            None => Ok(false),
        }
    }
}

impl FromStr for Filter {
    type Err = Diagnostics;

    /// Compiles for the layer NETWORK in the default dialect.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        compile(text, Layer::Network)
    }
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Filter>();
    shared::<Diagnostics>();
};
