//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use divert_compiler::{Compiler, Dialect, Layer, OptLevel};
use ipnet::IpNet;

/// Check, compile, explain and run WinDivert packet filters.
///
/// Exit codes: 0 fine (run: something matched), 1 the filter is wrong (run:
/// nothing matched; diff: the filters differ), 2 wrong usage, 3 a file cannot
/// be read or written, 4 undecided (diff and compile --verify).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colours; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether a filter is right, and what is strange about it
    Check(CheckArgs),
    /// Compile a filter
    Compile(CompileArgs),
    /// Say what a filter means, or what a diagnostic code means
    Explain(ExplainArgs),
    /// Print the packets of captures that a filter matches
    ///
    /// Captures do not say which way packets went. All count as outbound,
    /// unless --inbound is given, or --local names the addresses of the host
    /// that captured: packets from there are then outbound, all others inbound.
    ///
    /// `timestamp` is the time of capture in units of 100 ns since 1970,
    /// `loopback` is 1 if both addresses are loopback addresses, and `ifIdx`,
    /// `subIfIdx` and `impostor` are 0. Frames without an IP packet match
    /// nothing. Packets that were cut when captured are judged by what is left.
    Run(RunArgs),
    /// Say how long a filter takes for a packet
    ///
    /// The packets are taken in a random order that is the same in every run:
    /// a processor learns a short order that repeats, and then shows times
    /// that no real traffic has. One pass is 65,536 picks.
    ///
    /// Times are CPU time of the thread, which others on the machine disturb
    /// little; on Windows, where that clock is too coarse, elapsed time.
    Bench(BenchArgs),
    /// Say whether two filters match the same
    ///
    /// If they do, that is proved for every packet or event of the layer. If
    /// not, a packet is printed that only one of them matches, and why each
    /// decides as it does.
    ///
    /// Exit codes: 0 equivalent, 1 different or one of the filters is wrong,
    /// 2 wrong usage, 3 a file cannot be read, 4 undecided: no proof was found
    /// and no packet, which is then said.
    Diff(DiffArgs),
    /// Print a filter in its normal form
    Fmt(FmtArgs),
    /// Print the instructions of a filter or object string
    Disasm(DisasmArgs),
    /// List the fields that filters can test
    Fields(FieldsArgs),
    /// Answer requests, one JSON object a line, on standard input
    Batch,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of divertc, or of one of its commands
    Man {
        /// The command
        command: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

impl ColorWhen {
    /// Makes this the choice of every later print.
    pub(crate) fn write_global(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Where the filter comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// The filter, an object string, or `-` to read from standard input
    #[arg(required_unless_present = "file")]
    pub(crate) filter: Option<OsString>,

    /// Read the filter from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "filter")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) options: Options,
}

/// How to read a filter.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The layer the filter is for
    #[arg(short, long, value_enum, default_value_t = LayerName::Network)]
    pub(crate) layer: LayerName,

    /// What the text means: as documented, or as WinDivert 2.2 takes it
    #[arg(long, value_enum, default_value_t = DialectName::Divert)]
    pub(crate) dialect: DialectName,

    /// How much to optimise: 0 test by test as written, 1 never more
    /// instructions than that, 2 also more where far fewer are executed.
    /// The default is 2, and 0 in the dialect windivert-2.2
    #[arg(short = 'O', value_name = "LEVEL", value_parser = ["0", "1", "2"])]
    pub(crate) opt_level: Option<String>,
}

impl Options {
    pub(crate) fn layer(&self) -> Layer {
        self.layer.layer()
    }

    pub(crate) fn compiler(&self) -> Compiler {
        let compiler = Compiler::new()
            .layer(self.layer())
            .dialect(self.dialect.dialect());
        match self.opt_level.as_deref() {
            None => compiler,
            Some("0") => compiler.opt_level(OptLevel::O0),
            Some("1") => compiler.opt_level(OptLevel::O1),
            Some(_) => compiler.opt_level(OptLevel::O2),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayerName {
    Network,
    Forward,
    Flow,
    Socket,
    Reflect,
}

impl LayerName {
    pub(crate) const fn layer(self) -> Layer {
        match self {
            Self::Network => Layer::Network,
            Self::Forward => Layer::NetworkForward,
            Self::Flow => Layer::Flow,
            Self::Socket => Layer::Socket,
            Self::Reflect => Layer::Reflect,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectName {
    Divert,
    #[value(name = "windivert-2.2")]
    WinDivert22,
}

impl DialectName {
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::Divert => Dialect::Divert,
            Self::WinDivert22 => Dialect::WinDivert22,
        }
    }
}

/// How diagnostics are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Short,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Human,
    Short,
    Json,
    Sarif,
    Github,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// How to print what is found
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,

    /// Take every line of the input for a filter of its own; skip blank lines
    #[arg(long)]
    pub(crate) each: bool,

    /// `-D warnings`: a warning makes the filter wrong
    #[arg(short = 'D', value_name = "LINT", value_parser = ["warnings"])]
    pub(crate) deny: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// The object string, for `WinDivertOpen`
    Object,
    /// A program for the virtual machine of divert; filters of any length
    Bytecode,
    /// The instructions as the stock driver takes them, 24 bytes each
    Insns,
    /// One instruction a line
    Asm,
    /// The bytes of the instructions in hexadecimal
    Hex,
    /// A C source file
    C,
    /// All there is to say, as JSON
    Json,
    /// A graph for Graphviz
    Dot,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompileArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// What to make
    #[arg(long, value_enum, default_value_t = Emit::Object)]
    pub(crate) emit: Emit,

    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Tell on standard error how long each stage takes
    #[arg(long)]
    pub(crate) timings: bool,

    /// Prove that what is made matches what the text says; make nothing if
    /// that fails (exit code 1 with a packet that tells, 4 undecided)
    #[arg(long)]
    pub(crate) verify: bool,

    /// How to print diagnostics
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    Human,
    Json,
    Dot,
    Svg,
    Html,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Follow the evaluation on this packet, in hexadecimal from its IP header
    #[arg(long, value_name = "HEX", conflicts_with = "capture")]
    pub(crate) packet: Option<String>,

    /// Follow the evaluation on a frame of this capture
    #[arg(long, value_name = "FILE", requires = "frame")]
    pub(crate) capture: Option<PathBuf>,

    /// The number of the frame, from 1
    #[arg(long, value_name = "N", requires = "capture")]
    pub(crate) frame: Option<u64>,

    #[command(flatten)]
    pub(crate) direction: DirectionArgs,

    /// How to print the explanation
    #[arg(long, value_enum, default_value_t = ExplainFormat::Human)]
    pub(crate) format: ExplainFormat,
}

/// Which way packets go; captures do not say.
#[derive(Debug, clap::Args)]
pub(crate) struct DirectionArgs {
    /// Addresses of this host: packets from them are outbound, others inbound
    #[arg(long, value_name = "ADDR|CIDR", value_parser = network)]
    pub(crate) local: Vec<IpNet>,

    /// Take every packet for outbound (the default)
    #[arg(long, conflicts_with_all = ["inbound", "local"])]
    pub(crate) outbound: bool,

    /// Take every packet for inbound
    #[arg(long, conflicts_with = "local")]
    pub(crate) inbound: bool,
}

impl DirectionArgs {
    /// Whether nothing says which way packets go.
    pub(crate) const fn is_open(&self) -> bool {
        self.local.is_empty() && !self.outbound && !self.inbound
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>();
    let net = net.or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    net.map_err(|_| "write an address such as 10.0.0.1, or a network such as 10.0.0.0/8".into())
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The filter, or an object string
    #[arg(required_unless_present = "file")]
    pub(crate) filter: Option<OsString>,

    /// The captures, pcap or pcapng
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,

    /// Read the filter from a file; all arguments are then captures
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) options: Options,

    /// Write the matching frames to a pcap file, which is empty if none match
    #[arg(short, value_name = "OUT.pcap")]
    pub(crate) write: Option<PathBuf>,

    /// Print only how many match
    #[arg(long)]
    pub(crate) count: bool,

    #[command(flatten)]
    pub(crate) direction: DirectionArgs,

    /// How to print diagnostics; json also prints matches as JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// What decides whether a packet matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// What `divertc run` uses
    Vm,
    /// The object's instructions one by one, as the WinDivert 2.2 driver does
    Object,
    /// The test oracle; not part of divertc
    Oracle,
    /// Machine code; not part of this divertc
    Native,
}

impl Engine {
    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Object => "object",
            Self::Oracle => "oracle",
            Self::Native => "native",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchFormat {
    Human,
    Json,
}

impl From<BenchFormat> for Format {
    fn from(format: BenchFormat) -> Self {
        match format {
            BenchFormat::Human => Self::Human,
            BenchFormat::Json => Self::Json,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// The filter, or an object string
    #[arg(required_unless_present = "file")]
    pub(crate) filter: Option<OsString>,

    /// The captures, pcap or pcapng
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,

    /// Take packets and events from JSON Lines, as in tests/bench/workload.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) workload: Option<PathBuf>,

    /// Read the filter from a file; all arguments are then captures
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) options: Options,

    #[command(flatten)]
    pub(crate) direction: DirectionArgs,

    /// What to time
    #[arg(long, value_enum, default_value_t = Engine::Vm)]
    pub(crate) engine: Engine,

    /// How many runs of some milliseconds to time
    #[arg(long, value_name = "N", default_value_t = 11,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) iterations: u32,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = BenchFormat::Human)]
    pub(crate) format: BenchFormat,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The filters, as text or object strings; one can be `-`, for standard
    /// input
    #[arg(value_name = "FILTER", num_args = 0..=2)]
    pub(crate) filters: Vec<OsString>,

    /// Read a filter from a file; may be given twice. Filters of files come
    /// before those that are arguments
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) options: Options,

    /// How to print the outcome, and diagnostics
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FmtArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Print nothing; exit with 1 if the text is not in its normal form
    #[arg(long)]
    pub(crate) check: bool,

    /// How to print diagnostics
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DisasmArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// How to print diagnostics
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FieldsFormat {
    Human,
    Json,
    Markdown,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FieldsArgs {
    /// Only fields that exist at this layer
    #[arg(short, long, value_enum, action = ArgAction::Set)]
    pub(crate) layer: Option<LayerName>,

    /// How to print them
    #[arg(long, value_enum, default_value_t = FieldsFormat::Human)]
    pub(crate) format: FieldsFormat,
}
