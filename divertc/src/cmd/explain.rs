//! `divertc explain`

use std::io::Write;
use std::time::Duration;

use divert_compiler::diag::Code;
use divert_compiler::explain::{Trace, to_dot, to_html, to_svg};
use divert_compiler::{Engine, Event, Filter, Layer};

use crate::args::{ExplainArgs, ExplainFormat, Format};
use crate::capture::Capture;
use crate::cmd::run::event_of;
use crate::{Failure, Outcome, report};

pub(crate) fn run(args: &ExplainArgs) -> Result<Outcome, Failure> {
    let word = args
        .source
        .filter
        .as_deref()
        .and_then(|filter| filter.to_str());
    if let Some(word) = word.filter(|word| looks_like_code(word)) {
        return code(word);
    }
    let diagnostics = match args.format {
        ExplainFormat::Json => Format::Json,
        _ => Format::Human,
    };
    let Some((_, filter)) = report::compile(&args.source, Engine::WinDivert, diagnostics)? else {
        return Ok(Outcome::Wrong);
    };
    let trace = trace(args, &filter)?;
    let mut out = anstream::stdout();
    match args.format {
        ExplainFormat::Human => {
            writeln!(out, "{}", filter.explain())?;
            if let Some(trace) = &trace {
                writeln!(out, "\n{trace}")?;
            }
        }
        ExplainFormat::Json => {
            let mut json = serde_json::to_value(filter.explain()).map_err(std::io::Error::from)?;
            let trace = serde_json::to_value(&trace).map_err(std::io::Error::from)?;
            if let Some(object) = json.as_object_mut() {
                object.insert("trace".into(), trace);
            }
            writeln!(out, "{json}")?;
        }
        ExplainFormat::Dot => write!(out, "{}", to_dot(&filter))?,
        ExplainFormat::Svg => write!(out, "{}", to_svg(&filter))?,
        ExplainFormat::Html => write!(out, "{}", to_html(&filter, trace.as_ref()))?,
    }
    Ok(Outcome::Fine)
}

/// A letter and four digits: no filter looks like that.
fn looks_like_code(word: &str) -> bool {
    let Some(digits) = word.strip_prefix(['E', 'W', 'e', 'w']) else {
        return false;
    };
    digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn code(word: &str) -> Result<Outcome, Failure> {
    let Ok(code) = word.parse::<Code>() else {
        let near = near(&word.to_uppercase());
        let near = match near.as_slice() {
            [first, .., last] if near.len() > 20 => format!("{first} to {last}"),
            few => few.join(", "),
        };
        let message = format!("no diagnostic has the code {word}; the nearest are: {near}");
        return Err(Failure::Usage(message));
    };
    let mut out = anstream::stdout();
    writeln!(out, "{code} ({}): {}\n", code.severity(), code.title())?;
    writeln!(out, "{}", code.explanation().trim_end())?;
    if let Some(example) = code.example() {
        writeln!(out, "\nExample: {}", example.filter.escape_debug())?;
        if example.layer != Layer::Network {
            writeln!(out, "at layer {}", example.layer)?;
        }
    }
    Ok(Outcome::Fine)
}

/// The codes that share the longest beginning with a wrong one.
fn near(word: &str) -> Vec<&'static str> {
    let beginnings = (0..word.len()).rev().filter_map(|len| word.get(..len));
    let sharing = |beginning: &str| -> Vec<&'static str> {
        let codes = Code::ALL.iter().map(|code| code.as_str());
        codes.filter(|code| code.starts_with(beginning)).collect()
    };
    let mut found = beginnings.map(sharing);
    found.find(|near| !near.is_empty()).unwrap_or_default()
}

/// Follows the evaluation on the packet that was asked for, if one was.
fn trace(args: &ExplainArgs, filter: &Filter) -> Result<Option<Trace>, Failure> {
    let (packet, timestamp) = if let Some(hex) = &args.packet {
        (unhex(hex)?, Duration::ZERO)
    } else if let (Some(path), Some(number)) = (&args.capture, args.frame) {
        let mut last = 0;
        let mut found = None;
        for frame in Capture::open(path, indicatif::ProgressBar::hidden())? {
            let frame = frame?;
            last = frame.number;
            if last == number {
                found = Some(frame);
                break;
            }
        }
        let Some(frame) = found else {
            let path = path.display();
            return Err(Failure::Io(format!(
                "{path} has {last} frames, and no frame {number}"
            )));
        };
        let Some(packet) = frame.ip_packet() else {
            let path = path.display();
            return Err(Failure::Io(format!(
                "frame {number} of {path} has no IP packet"
            )));
        };
        (packet.to_vec(), frame.timestamp)
    } else {
        return Ok(None);
    };
    if !filter.layer().has_packets() {
        let layer = filter.layer();
        return Err(Failure::Usage(format!(
            "events at layer {layer} have no packet to follow"
        )));
    }
    let event = Event {
        layer: filter.layer(),
        ..event_of(&packet, timestamp, &args.direction)
    };
    Ok(Some(filter.trace(&packet, &event)))
}

/// Bytes in hexadecimal; white space and colons may separate them.
pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .collect();
    let wrong = || Failure::Usage("a packet is written in hexadecimal, two digits a byte".into());
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let pair = |at: usize| {
        digits
            .get(at..at + 2)
            .and_then(|p| u8::from_str_radix(p, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
    bytes.ok_or_else(wrong)
}
