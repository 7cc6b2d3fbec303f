//! From text or object string to a filter, stage by stage.

use divert_grammar::Span;
use divert_vm::isa::limits::{MAX_INSNS, MAX_USER_INSNS};
use divert_vm::object::{self};
use divert_vm::{Insn, Layer};

use crate::codegen::{self, Code, TooLong};
use crate::diag::{self, Diagnostics, Finding, FindingKind};
use crate::dialect::{Dialect, Engine, OptLevel};
use crate::filter::Filter;
use crate::flags::outcomes;
use crate::graph::Graph;
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
    opt_level: Option<OptLevel>,
    engine: Engine,
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
    ///
    /// The default is [`OptLevel::of_dialect`].
    pub const fn opt_level(mut self, level: OptLevel) -> Self {
        self.opt_level = Some(level);
        self
    }

    /// Sets what the filter is to run on; the default is the stock driver as
    /// well as divert.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{Compiler, Engine};
    ///
    /// let ports: Vec<String> = (0..300).map(|n| format!("tcp.DstPort = {}", n * 7)).collect();
    /// let text = ports.join(" or ");
    /// assert!(Compiler::new().compile(&text).is_err(), "300 instructions, the limit is 255");
    /// let filter = Compiler::new().engine(Engine::Divert).compile(&text)?;
    /// assert!(filter.instructions().is_empty());
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    pub const fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
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
        self.compile_observed(text, &mut |_| {})
    }

    /// Like [`Compiler::compile`], and tells when each stage is done.
    ///
    /// # Errors
    ///
    /// As for [`Compiler::compile`].
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{Compiler, Stage};
    ///
    /// let mut stages = Vec::new();
    /// Compiler::new().compile_observed("tcp", &mut |stage| stages.push(stage))?;
    /// assert_eq!(stages, Stage::ALL);
    /// # Ok::<(), divert_compiler::Diagnostics>(())
    /// ```
    pub fn compile_observed(
        &self,
        text: &str,
        done: &mut dyn FnMut(Stage),
    ) -> Result<Filter, Diagnostics> {
        if text.starts_with(object::MARK) {
            self.load(text, done)
        } else {
            self.compile_text(text, done)
        }
    }

    fn compile_text(&self, text: &str, done: &mut dyn FnMut(Stage)) -> Result<Filter, Diagnostics> {
        let refused = match self.dialect {
            Dialect::Divert => None,
            Dialect::WinDivert22 => reference::check(text, self.layer).err(),
        };
        let parse = divert_grammar::parse(text);
        done(Stage::Parse);
        let resolved = resolve::resolve(&parse, text, self.layer, self.dialect);
        done(Stage::Resolve);
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
        let mut filter = self.filter(text, hir, done);
        if let Some(kind) = self.too_long(&filter) {
            let span = whole(text);
            findings.push(Finding { kind, span });
            let error = match self.dialect {
                Dialect::Divert => None,
                Dialect::WinDivert22 => Some(ReferenceError::new(code::TOO_LONG, 0)),
            };
            return Err(self.diagnostics(findings, text, error));
        }
        let verdict = match &filter.graph {
            Some(graph) => graph.root().verdict(),
            None => constant(&filter.written().insns),
        };
        lint::lint(&filter.hir, verdict, text, &mut findings);
        filter.warnings = diag::describe_all(findings, text, self.layer, self.dialect);
        Ok(filter)
    }

    fn level(&self) -> OptLevel {
        let default = OptLevel::of_dialect(self.dialect);
        self.opt_level.unwrap_or(default)
    }

    /// Whether a filter takes more instructions than it may.
    fn too_long(&self, filter: &Filter) -> Option<FindingKind> {
        let is_bound = self.dialect == Dialect::WinDivert22 || self.engine == Engine::WinDivert;
        if !is_bound || codegen::naive::most(&filter.hir) <= MAX_INSNS {
            return None;
        }
        let Err(TooLong(count)) = filter.naive() else {
            return None;
        };
        let optimised = match self.dialect {
            Dialect::WinDivert22 => None,
            Dialect::Divert if !filter.instructions().is_empty() => return None,
            Dialect::Divert => filter.graph.as_ref().map(codegen::object::fewest),
        };
        Some(FindingKind::TooManyInsns { count, optimised })
    }

    /// A filter with this typed form, and without warnings.
    fn filter(&self, text: &str, hir: Hir, done: &mut dyn FnMut(Stage)) -> Filter {
        let mut filter = self.empty(text);
        if self.level() != OptLevel::O0 || self.engine == Engine::Divert {
            let graph = Graph::of_hir(&hir, self.layer);
            done(Stage::Build);
            filter.optimise(graph, done);
        }
        filter.hir = hir;
        filter.execute_instructions();
        filter
    }

    fn empty(&self, text: &str) -> Filter {
        Filter::new(text, self.layer, self.dialect, self.level())
    }

    fn load(&self, text: &str, done: &mut dyn FnMut(Stage)) -> Result<Filter, Diagnostics> {
        let mut insns = vec![Insn::NEVER; MAX_USER_INSNS];
        match object::decode(text.as_bytes(), &mut insns) {
            Ok(len) => {
                insns.truncate(len);
                let spans = vec![whole(text); len];
                let code = Code { insns, spans };
                let mut filter = self.empty(text);
                if self.level() != OptLevel::O0
                    && let Some(graph) = Graph::of_insns(&code.insns, self.layer)
                {
                    done(Stage::Build);
                    filter.optimise(graph, done);
                }
                filter.loaded = Some(code);
                filter.execute_instructions();
                Ok(filter)
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
}

/// The verdict of a program that has only one, as far as its jumps tell.
fn constant(insns: &[Insn]) -> Option<bool> {
    match outcomes(insns) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// A stage of a compilation, for [`Compiler::compile_observed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Text became a syntax tree.
    Parse,
    /// Names and constants were resolved, and the tree was typed.
    Resolve,
    /// The decision graph was built.
    Build,
    /// The passes of the optimiser ran.
    Optimise,
    /// The bytecode was generated.
    Emit,
    /// The bytecode was verified: the program can run.
    Verify,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Parse,
        Self::Resolve,
        Self::Build,
        Self::Optimise,
        Self::Emit,
        Self::Verify,
    ];

    /// The name of the stage, one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Resolve => "resolve",
            Self::Build => "build",
            Self::Optimise => "optimise",
            Self::Emit => "emit",
            Self::Verify => "verify",
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
