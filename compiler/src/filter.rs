//! Compiling, and what comes of it.

use core::fmt::Write;
use core::str::FromStr;

use divert_grammar::Span;
use divert_vm::bytecode::{EMPTY, cells_for};
use divert_vm::isa::limits::{MAX_INSNS, MAX_USER_INSNS};
use divert_vm::object::{self, Object};
use divert_vm::{Cell, EvalError, Event, Insn, Layer, Program};

use crate::codegen::{self, Code};
use crate::decompile::decompile;
use crate::diag::{self, Diagnostic, Diagnostics, Finding, FindingKind};
use crate::dialect::{Dialect, OptLevel};
use crate::flags::FilterFlags;
use crate::hir::Hir;
use crate::reference::{self, ReferenceError, code};
use crate::{lint, resolve};

/// Compiles a filter for a layer, in the default dialect.
///
/// Takes filter text or an object string.
///
/// # Errors
///
/// Everything that is wrong with the filter.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, Layer};
///
/// let filter = compile("outbound and tcp.DstPort == 443", Layer::Network)?;
/// assert_eq!(filter.object(), "@WinDiv_WY_YXWWLXX_1dWWDxAX");
///
/// let wrong = compile("outbound and tcp.DestPort == 443", Layer::Network).unwrap_err();
/// assert_eq!(wrong.first().unwrap().span.range(), 13..25);
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
pub fn compile(text: &str, layer: Layer) -> Result<Filter, Diagnostics> {
    Compiler::new().layer(layer).compile(text)
}

/// Options of a compilation.
///
/// # Examples
///
/// ```
/// use divert_compiler::{Compiler, Dialect, Layer};
///
/// let compiler = Compiler::new().layer(Layer::Flow).dialect(Dialect::WinDivert22);
/// assert!(compiler.compile("processId = 4").is_ok());
/// assert!(compiler.compile("not (tcp)").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[must_use]
pub struct Compiler {
    layer: Layer,
    dialect: Dialect,
    opt_level: OptLevel,
}

impl Compiler {
    /// The default: layer NETWORK, dialect `divert`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the layer the filter is for.
    pub const fn layer(mut self, layer: Layer) -> Self {
        self.layer = layer;
        self
    }

    /// Sets what filter text means.
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets how much to optimise. No level changes what a filter matches.
    pub const fn opt_level(mut self, level: OptLevel) -> Self {
        self.opt_level = level;
        self
    }

    /// Compiles filter text, or loads an object string.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the filter. In the `windivert-2.2`
    /// dialect also what the reference reports, see
    /// [`Diagnostics::reference_error`].
    pub fn compile(&self, text: &str) -> Result<Filter, Diagnostics> {
        if text.starts_with(object::MARK) {
            self.load(text)
        } else {
            self.compile_text(text)
        }
    }

    fn compile_text(&self, text: &str) -> Result<Filter, Diagnostics> {
        let refused = match self.dialect {
            Dialect::Divert => None,
            Dialect::WinDivert22 => reference::check(text, self.layer).err(),
        };
        let parse = divert_grammar::parse(text);
        let resolved = resolve::resolve(&parse, text, self.layer, self.dialect);
        let (hir, mut findings) = (resolved.hir, resolved.findings);
        if let Some(error) = refused {
            let generic = refusal(error, text);
            let errors = findings.iter().any(|finding| diag::is_error(&finding.kind));
            if !errors {
                findings.push(generic);
            }
            return Err(self.diagnostics(findings, text, Some(error)));
        }
        if findings.iter().any(|finding| diag::is_error(&finding.kind)) {
            return Err(self.diagnostics(findings, text, None));
        }
        let limit = match self.dialect {
            Dialect::Divert => MAX_INSNS,
            Dialect::WinDivert22 => MAX_USER_INSNS,
        };
        let count = match codegen::generate(&hir) {
            Ok(code) if code.insns.len() <= limit => {
                lint::lint(&hir, &code.insns, text, &mut findings);
                return Ok(self.filter(text, hir, code, findings));
            }
            Ok(code) => code.insns.len(),
            Err(codegen::TooLong(count)) => count,
        };
        findings.push(Finding {
            kind: FindingKind::TooManyInsns { count, limit },
            span: whole(text),
        });
        let error = match self.dialect {
            Dialect::Divert => None,
            Dialect::WinDivert22 => Some(ReferenceError::new(code::TOO_LONG, 0)),
        };
        Err(self.diagnostics(findings, text, error))
    }

    fn load(&self, text: &str) -> Result<Filter, Diagnostics> {
        let mut insns = vec![Insn::NEVER; MAX_USER_INSNS];
        match object::decode(text.as_bytes(), &mut insns) {
            Ok(len) => {
                insns.truncate(len);
                let spans = vec![whole(text); len];
                let code = Code { insns, spans };
                Ok(self.filter(text, Hir::default(), code, Vec::new()))
            }
            Err(error) => {
                let at = u32::try_from(error.at).unwrap_or(u32::MAX);
                let finding = Finding {
                    kind: FindingKind::BadObject(error.kind),
                    span: Span::new(at, at.saturating_add(1).min(whole(text).end)),
                };
                let error = ReferenceError::new(code::BAD_OBJECT, 0);
                Err(self.diagnostics(vec![finding], text, Some(error)))
            }
        }
    }

    fn diagnostics(
        &self,
        findings: Vec<Finding>,
        text: &str,
        error: Option<ReferenceError>,
    ) -> Diagnostics {
        let list = diag::describe_all(findings, text, self.layer, self.dialect);
        Diagnostics::new(list, text, error)
    }

    fn filter(&self, text: &str, hir: Hir, code: Code, findings: Vec<Finding>) -> Filter {
        let storage = vec![EMPTY; cells_for(code.insns.len())].into_boxed_slice();
        // Generated and decoded programs are well-formed by construction; were
        // one not, it would match nothing.
        let program = Program::load(&code.insns, self.layer, storage).ok();
        let warnings = diag::describe_all(findings, text, self.layer, self.dialect);
        Filter {
            source: text.into(),
            layer: self.layer,
            dialect: self.dialect,
            hir,
            insns: code.insns,
            spans: code.spans,
            program,
            warnings,
        }
    }
}

/// The span of the whole filter.
fn whole(text: &str) -> Span {
    Span::new(0, u32::try_from(text.len()).unwrap_or(u32::MAX))
}

/// The finding for a refusal of the reference that nothing else explains.
fn refusal(error: ReferenceError, text: &str) -> Finding {
    let at = error.position.min(whole(text).end);
    let kind = reference::explain(error, text);
    let span = match kind {
        FindingKind::WordTooLong { .. } => word_at(text, at),
        _ => Span::at(at),
    };
    Finding { kind, span }
}

fn word_at(text: &str, at: u32) -> Span {
    let mut spans = divert_grammar::tokens(text).map(|(_, span)| span);
    spans.find(|span| span.start == at).unwrap_or(Span::at(at))
}

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
    hir: Hir,
    insns: Vec<Insn>,
    spans: Vec<Span>,
    program: Option<Program<Box<[Cell]>>>,
    warnings: Vec<Diagnostic>,
}

impl Filter {
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

    /// The instructions, as the WinDivert 2.2 driver takes them.
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
        &self.insns
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
        &self.spans
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

    /// The instructions in their wire form, 24 bytes each.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Event, Layer};
    /// use divert_vm::bytecode::{cells_for, EMPTY};
    /// use divert_vm::{execute, Program};
    ///
    /// // Compile here, run where there is nothing but `divert_vm`.
    /// let bytes = compile("ip.TTL < 5", Layer::Network)?.to_bytes();
    /// let storage = [EMPTY; cells_for(1)];
    /// let program = Program::verify_bytes(&bytes, Layer::Network, storage)?;
    /// assert!(!execute(&program, [0].as_slice(), &Event::inbound()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.insns.iter().flat_map(Insn::encode).collect()
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
        let mut text = String::with_capacity(self.insns.len().saturating_mul(16));
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", Object(&self.insns));
        text
    }

    /// The program as filter text, as `WinDivertHelperFormatFilter` gives it.
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
        decompile(&self.insns, self.layer, &mut text).ok()?;
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
        FilterFlags::analyse(&self.insns, self.layer)
    }

    /// Whether the WinDivert 2.2 driver accepts the program.
    ///
    /// # Errors
    ///
    /// Why it does not; `WinDivertOpen` then fails with error 87.
    pub fn verify(&self) -> Result<(), divert_vm::VerifyError> {
        let storage = vec![EMPTY; cells_for(self.insns.len())];
        Program::verify(&self.insns, self.layer, storage).map(|_| ())
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
