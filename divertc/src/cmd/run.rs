//! `divertc run`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use divert_compiler::explain::packet_summary;
use divert_compiler::{Engine, Event, Filter};
use divert_vm::Field;
use divert_vm::packet::{Headers, IpVersion, Source, ipv4, ipv6};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{DirectionArgs, Format, RunArgs};
use crate::capture::{Capture, Frame};
use crate::input;
use crate::saved::Saved;
use crate::{Failure, Outcome, report};

/// Captures shorter than this are read before a bar could be seen.
const PROGRESS_FROM: u64 = 8 << 20;

pub(crate) fn run(args: &RunArgs) -> Result<Outcome, Failure> {
    let (argument, captures) =
        input::filter_and_captures(args.filter.as_deref(), args.file.as_deref(), &args.captures);
    if captures.is_empty() {
        let advice = "name at least one capture: divertc run FILTER CAPTURE…";
        return Err(Failure::Usage(advice.into()));
    }
    let input = match input::read(argument, args.file.as_deref())? {
        Ok(input) => input,
        Err(not) => {
            report::not_text(&not);
            return Ok(Outcome::Wrong);
        }
    };
    if !args.options.layer().has_packets() {
        let message = "captures hold packets, so the layer must be network or forward";
        return Err(Failure::Usage(message.into()));
    }
    let Some(filter) = report::compile_input(&input, &args.options, Engine::Divert, args.format)?
    else {
        return Ok(Outcome::Wrong);
    };
    if args.format != Format::Json {
        note_direction(&filter, &args.direction);
    }
    let write = args.write.as_deref();
    let saved = write.map(|path| Saved::create(path, &captures));
    let mut matcher = Matcher {
        args,
        filter: &filter,
        several: captures.len() > 1,
        matches: 0,
        out: output(),
        saved: saved.transpose()?,
    };
    let mut failure = None;
    for path in &captures {
        // One damaged capture does not hide what the others hold.
        match matcher.capture(path) {
            Err(error @ Failure::Capture(_)) => {
                matcher.out.flush()?;
                if let Some(earlier) = failure.replace(error) {
                    report::say(earlier);
                }
            }
            other => other?,
        }
    }
    matcher.finish()?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(Outcome::of(matcher.matches > 0))
}

struct Matcher<'a> {
    args: &'a RunArgs,
    filter: &'a Filter,
    several: bool,
    matches: u64,
    out: Box<dyn Write>,
    saved: Option<Saved<'a>>,
}

impl Matcher<'_> {
    fn capture(&mut self, path: &Path) -> Result<(), Failure> {
        let progress = progress(path);
        let result = self.frames(path, &progress);
        progress.finish_and_clear();
        result
    }

    fn frames(&mut self, path: &Path, progress: &ProgressBar) -> Result<(), Failure> {
        let mut first = None;
        for frame in Capture::open(path, progress.clone())? {
            let frame = frame?;
            let since = frame
                .timestamp
                .saturating_sub(*first.get_or_insert(frame.timestamp));
            let Some(packet) = frame.ip_packet() else {
                continue;
            };
            let event = Event {
                layer: self.filter.layer(),
                ..event_of(packet, frame.timestamp, &self.args.direction)
            };
            if self.filter.matches(packet, &event) {
                self.matches += 1;
                if let Some(saved) = &mut self.saved {
                    saved.write(&frame)?;
                }
                if !self.args.count {
                    progress.suspend(|| self.print(path, &frame, packet, &event, since))?;
                }
            }
        }
        Ok(())
    }

    fn print(
        &mut self,
        path: &Path,
        frame: &Frame,
        packet: &[u8],
        event: &Event,
        since: Duration,
    ) -> Result<(), Failure> {
        let out = &mut self.out;
        let direction = if event.outbound { "out" } else { "in" };
        let summary = packet_summary(packet);
        if self.args.format == Format::Json {
            let line = serde_json::json!({
                "capture": path.display().to_string(),
                "frame": frame.number,
                "seconds": since.as_secs_f64(),
                "outbound": event.outbound,
                "packet": summary,
            });
            writeln!(out, "{line}")?;
            return Ok(());
        }
        if self.several {
            write!(out, "{}: ", path.display())?;
        }
        let (number, seconds) = (frame.number, since.as_secs_f64());
        writeln!(out, "{number:>6} {seconds:>11.6} {direction:<3} {summary}")?;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if self.args.count {
            writeln!(self.out, "{}", self.matches)?;
        }
        self.out.flush()?;
        match &mut self.saved {
            Some(saved) => saved.finish(),
            None => Ok(()),
        }
    }
}

/// Standard output: a person sees every line at once, a program gets blocks.
fn output() -> Box<dyn Write> {
    let out = io::stdout().lock();
    if out.is_terminal() {
        Box::new(out)
    } else {
        Box::new(BufWriter::with_capacity(1 << 16, out))
    }
}

/// Says so if the verdict hangs on a direction that nobody has told.
pub(crate) fn note_direction(filter: &Filter, direction: &DirectionArgs) {
    if direction.is_open() && depends_on_direction(filter) {
        report::say(
            "captures do not say which way packets went, so all count as outbound; \
             see --local and --inbound",
        );
    }
}

/// Whether what the filter tests is known only with the direction.
fn depends_on_direction(filter: &Filter) -> bool {
    let fields = [
        Field::Inbound,
        Field::Outbound,
        Field::LocalAddr,
        Field::RemoteAddr,
        Field::LocalPort,
        Field::RemotePort,
    ];
    let tests = filter.instructions();
    tests.iter().any(|test| fields.contains(&test.field))
}

fn progress(path: &Path) -> ProgressBar {
    let len = path.metadata().map_or(0, |metadata| metadata.len());
    if len < PROGRESS_FROM || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{wide_bar} {bytes}/{total_bytes} {eta}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(len).with_style(style)
}

/// The circumstances of a captured packet, as far as a capture tells them.
///
/// The timestamp counts ticks of 100 ns, as the performance counter of
/// Windows does; interface numbers are 0.
pub(crate) fn event_of(packet: &[u8], timestamp: Duration, direction: &DirectionArgs) -> Event {
    let headers = Headers::parse(packet);
    let addresses = headers.and_then(|headers| match headers.version() {
        IpVersion::V4 => Some([
            IpAddr::from(packet.read::<4>(ipv4::SRC)?),
            IpAddr::from(packet.read::<4>(ipv4::DST)?),
        ]),
        IpVersion::V6 => Some([
            IpAddr::from(packet.read::<16>(ipv6::SRC)?),
            IpAddr::from(packet.read::<16>(ipv6::DST)?),
        ]),
    });
    let is_local = |addr: &IpAddr| direction.local.iter().any(|net| net.contains(addr));
    let outbound = if direction.local.is_empty() {
        !direction.inbound
    } else {
        addresses.is_some_and(|[source, _]| is_local(&source))
    };
    Event {
        timestamp: i64::try_from(timestamp.as_nanos() / 100).unwrap_or(i64::MAX),
        outbound,
        loopback: addresses.is_some_and(|both| both.iter().all(IpAddr::is_loopback)),
        ipv6: headers.is_some_and(|headers| headers.version() == IpVersion::V6),
        ..Event::outbound()
    }
}
