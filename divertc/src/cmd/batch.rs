//! `divertc batch`: requests and answers as JSON Lines.
//!
//! Names of requests and answers are those of the test vectors. A line that
//! cannot be understood gets an answer that says why, and the next is read.

mod packet;

use std::io::{self, BufRead, Write};

use divert_compiler::{Compiler, Diagnostics, Dialect, Event, Filter, Layer, OptLevel};
use divert_vm::addr;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cmd::compile::{Compiled, hex};
use crate::{Failure, Outcome};
use packet::Case;

pub(crate) fn run() -> Result<Outcome, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut input = io::stdin().lock();
    let mut batch = Batch::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let cannot = |error| Failure::Io(format!("cannot read standard input: {error}"));
        if input.read_until(b'\n', &mut line).map_err(cannot)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = batch
            .answer(&line)
            .unwrap_or_else(|Wrong(error)| json!({"ok": false, "error": error}));
        serde_json::to_writer(&mut out, &answer).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        // Whoever asks line by line waits for the answer.
        out.flush()?;
    }
    Ok(Outcome::Fine)
}

/// What is wrong with a request.
pub(crate) struct Wrong(pub(crate) String);

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Request {
    Compile {
        filter: String,
        #[serde(flatten)]
        options: Options,
    },
    Cases {
        cases: Vec<packet::CaseRecord>,
    },
    Eval {
        filter: String,
        #[serde(flatten)]
        options: Options,
        #[serde(default)]
        engine: Option<String>,
    },
    Parse {
        packet: String,
    },
    Checksum {
        packet: String,
        #[serde(default)]
        flags: u64,
    },
    Ttl {
        packet: String,
    },
    Hash {
        packet: String,
        seed: String,
    },
    Parse4 {
        s: String,
    },
    Parse6 {
        s: String,
    },
    Format4 {
        addr: u32,
    },
    Format6 {
        addr: [u32; 4],
    },
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    layer: u8,
    #[serde(default)]
    dialect: Option<String>,
    #[serde(default)]
    opt: Option<u8>,
}

impl Options {
    fn compiler(&self) -> Result<Compiler, Wrong> {
        let dialect = match &self.dialect {
            Some(name) => name.parse::<Dialect>().map_err(|e| Wrong(e.to_string()))?,
            None => Dialect::default(),
        };
        let level = match self.opt {
            None => OptLevel::of_dialect(dialect),
            Some(0) => OptLevel::O0,
            Some(1) => OptLevel::O1,
            Some(2) => OptLevel::O2,
            Some(_) => return Err(Wrong("opt is 0, 1 or 2".into())),
        };
        let compiler = Compiler::new().dialect(dialect).opt_level(level);
        Ok(compiler.layer(self.layer()?))
    }

    fn layer(&self) -> Result<Layer, Wrong> {
        Layer::from_u8(self.layer).ok_or_else(|| Wrong("a layer is 0 to 4".into()))
    }
}

#[derive(Default)]
struct Batch {
    cases: Vec<Case>,
}

impl Batch {
    fn answer(&mut self, line: &[u8]) -> Result<Value, Wrong> {
        let wrong = |error: serde_json::Error| Wrong(format!("not a request: {error}"));
        Ok(match serde_json::from_slice(line).map_err(wrong)? {
            Request::Compile { filter, options } => match options.compiler()?.compile(&filter) {
                Ok(filter) => to_value(&Compiled::new(&filter))?,
                Err(diagnostics) => refusal(&diagnostics)?,
            },
            Request::Cases { cases } => {
                let cases: Result<_, _> = cases.into_iter().map(Case::try_from).collect();
                self.cases = cases?;
                json!({"ok": true})
            }
            Request::Eval {
                filter,
                options,
                engine,
            } => {
                match engine.as_deref() {
                    None | Some("vm") => {}
                    Some(other) => {
                        let known = "this build has the engine vm only";
                        return Err(Wrong(format!("no engine {other:?}: {known}")));
                    }
                }
                let layer = options.layer()?;
                match options.compiler()?.compile(&filter) {
                    Ok(filter) => self.evaluate(&filter, layer),
                    Err(diagnostics) => refusal(&diagnostics)?,
                }
            }
            Request::Parse { packet } => packet::parse(&bytes(&packet)?),
            Request::Checksum { packet, flags } => packet::checksum(&bytes(&packet)?, flags),
            Request::Ttl { packet } => packet::ttl(&bytes(&packet)?),
            Request::Hash { packet, seed } => {
                let digits = seed.strip_prefix("0x").unwrap_or(&seed);
                let wrong = |_| Wrong("a seed is a hexadecimal number of up to 64 bits".into());
                let seed = u64::from_str_radix(digits, 16).map_err(wrong)?;
                let hash = divert_vm::packet_hash(&bytes(&packet)?, seed);
                json!({"ok": true, "hash": format!("{hash:#018x}")})
            }
            Request::Parse4 { s } => match addr::parse_v4(s.as_bytes()) {
                Some(addr) => json!({"ok": true, "addr": addr}),
                None => json!({"ok": false}),
            },
            Request::Parse6 { s } => match addr::parse_v6(s.as_bytes()) {
                Some(addr) => json!({"ok": true, "addr": divert_vm::Value::new(addr).words()}),
                None => json!({"ok": false}),
            },
            Request::Format4 { addr } => json!({"ok": true, "s": addr::V4(addr).to_string()}),
            Request::Format6 { addr } => {
                let value = divert_vm::Value::from_words(false, addr);
                json!({"ok": true, "s": addr::V6(value.magnitude).to_string()})
            }
        })
    }

    /// Bitmaps over the kept cases of the layer: matches, and refusals.
    fn evaluate(&self, filter: &Filter, layer: Layer) -> Value {
        let cases: Vec<&Case> = self
            .cases
            .iter()
            .filter(|c| c.event.layer == layer)
            .collect();
        let mut matches = vec![0_u8; cases.len().div_ceil(8)];
        let mut errors = matches.clone();
        for (at, case) in cases.into_iter().enumerate() {
            let (byte, bit) = (at >> 3, 1_u8 << (at & 7));
            match filter.evaluate(case.packet.as_deref(), &case.event) {
                Ok(true) => matches[byte] |= bit,
                Ok(false) => {}
                Err(_) => errors[byte] |= bit,
            }
        }
        json!({"ok": true, "m": hex(&matches), "e": hex(&errors)})
    }
}

/// The answer for a filter that does not compile.
fn refusal(diagnostics: &Diagnostics) -> Result<Value, Wrong> {
    let first = diagnostics.first();
    let (err, pos) = match (diagnostics.reference_error(), first) {
        (Some(error), _) => (error.code, error.position),
        (None, Some(first)) => (first.code.reference_code(), first.span.start),
        (None, None) => (10, 0),
    };
    let diagnostics = to_value(&diagnostics.iter().collect::<Vec<_>>())?;
    Ok(json!({"ok": false, "err": err, "pos": pos, "diagnostics": diagnostics}))
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, Wrong> {
    serde_json::to_value(value).map_err(|error| Wrong(error.to_string()))
}

fn bytes(hex: &str) -> Result<Vec<u8>, Wrong> {
    crate::cmd::explain::unhex(hex).map_err(|error| Wrong(error.to_string()))
}

/// An empty event of a layer.
fn event(layer: Layer) -> Event {
    Event::new(layer)
}
