//! `divertc diff`

use std::ffi::OsStr;
use std::io::Write;

use divert_compiler::equiv::{Comparison, Side, Witness, compare};
use divert_compiler::explain::{event_summary, packet_summary};
use divert_compiler::{Engine, Event, Filter};
use divert_vm::{Record, Value as Number};
use serde_json::{Map, Value, json};

use crate::args::{DiffArgs, Format};
use crate::cmd::compile::hex;
use crate::input;
use crate::{Failure, Outcome, report};

/// What the filters are called.
const NAMES: [&str; 2] = ["A", "B"];

pub(crate) fn run(args: &DiffArgs) -> Result<Outcome, Failure> {
    let files = args.files.iter().map(|path| (None, Some(path.as_path())));
    let words = args
        .filters
        .iter()
        .map(|word| (Some(word.as_os_str()), None));
    let sources: Vec<_> = files.chain(words).collect();
    let [a, b] = sources.as_slice() else {
        let count = sources.len();
        return Err(Failure::Usage(format!(
            "diff compares two filters, and {count} were given"
        )));
    };
    let is_stdin = |source: &(Option<&OsStr>, _)| source.0.is_some_and(|word| word == "-");
    if is_stdin(a) && is_stdin(b) {
        return Err(Failure::Usage("only one of the filters can be `-`".into()));
    }
    let mut filters = Vec::with_capacity(2);
    let mut is_wrong = false;
    // Both are read and reported, even if the first is wrong already.
    for ((argument, file), name) in [*a, *b].into_iter().zip(NAMES) {
        match input::read(argument, file)? {
            Ok(mut input) => {
                if file.is_none() {
                    input.name = name.into();
                }
                match report::compile_input(&input, &args.options, Engine::Divert, args.format)? {
                    Some(filter) => filters.push(filter),
                    None => is_wrong = true,
                }
            }
            Err(not) => {
                report::not_text(&not);
                is_wrong = true;
            }
        }
    }
    let ([a, b], false) = (filters.as_slice(), is_wrong) else {
        return Ok(Outcome::Wrong);
    };
    let outcome = compare(a, b).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut out = anstream::stdout();
    match args.format {
        Format::Human => writeln!(out, "{}", human(&outcome, [a, b]).trim_end())?,
        Format::Short => writeln!(out, "{}", short(&outcome, a))?,
        Format::Json => writeln!(out, "{}", record(&outcome))?,
    }
    Ok(of(&outcome))
}

/// How the program ends.
pub(crate) const fn of(outcome: &Comparison) -> Outcome {
    match outcome {
        Comparison::Equivalent => Outcome::Fine,
        Comparison::Different(_) => Outcome::Wrong,
        Comparison::Undecided(_) => Outcome::Undecided,
    }
}

const fn index(side: Side) -> usize {
    match side {
        Side::A => 0,
        Side::B => 1,
    }
}

fn thing(filter: &Filter) -> &'static str {
    if filter.layer().has_packets() {
        "packet"
    } else {
        "event"
    }
}

fn human(outcome: &Comparison, filters: [&Filter; 2]) -> String {
    let (thing, layer) = (thing(filters[0]), filters[0].layer());
    match outcome {
        Comparison::Equivalent => {
            format!(
                "equivalent: both match the same, which is proved for every {thing} at layer {layer}"
            )
        }
        Comparison::Undecided(open) => format!("undecided: {open}"),
        Comparison::Different(witness) => {
            let name = NAMES[index(witness.matches)];
            let mut text = format!("different: only {name} matches this {thing}\n");
            text += &scene(witness);
            for (filter, name) in filters.into_iter().zip(NAMES) {
                text += &format!("\n{name}: {}\n", one_line(filter.source()));
                text += &steps(filter, witness);
            }
            text
        }
    }
}

/// The packet and the event, a line each.
pub(crate) fn scene(witness: &Witness) -> String {
    let (packet, event) = (&witness.packet, &witness.event);
    let details = details(event);
    if event.layer.has_packets() {
        let (summary, packet) = (packet_summary(packet), hex(packet));
        let event = event_summary(event);
        format!("  {packet}\n  {summary}; {event}{details}\n")
    } else {
        format!("  {}{details}\n", event_summary(event))
    }
}

/// What the summary of an event leaves out, where it is not 0.
fn details(event: &Event) -> String {
    let mut details = vec![("timestamp", event.timestamp.into())];
    match &event.record {
        Record::Network(record) => {
            details.push(("ifIdx", i128::from(record.if_idx)));
            details.push(("subIfIdx", record.sub_if_idx.into()));
        }
        Record::Flow(record) => {
            details.push(("endpointId", record.endpoint_id.into()));
            details.push(("parentEndpointId", record.parent_endpoint_id.into()));
        }
        Record::Reflect(_) => {}
    }
    let said = details.into_iter().filter(|(_, value)| *value != 0);
    said.map(|(name, value)| format!(", {name} {value}"))
        .collect()
}

/// The steps of an evaluation, its first line left out: that is the packet.
fn steps(filter: &Filter, witness: &Witness) -> String {
    let trace = filter.trace(&witness.packet, &witness.event).to_string();
    let (_, steps) = trace.split_once('\n').unwrap_or(("", &trace));
    steps.to_owned() + "\n"
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn short(outcome: &Comparison, filter: &Filter) -> String {
    match outcome {
        Comparison::Equivalent => "equivalent".into(),
        Comparison::Undecided(open) => format!("undecided: {open}"),
        Comparison::Different(witness) => {
            let name = NAMES[index(witness.matches)];
            let thing = thing(filter);
            let scene = scene(witness);
            let scene: Vec<&str> = scene.lines().map(str::trim).collect();
            format!(
                "different: only {name} matches the {thing} {}",
                scene.join(" ")
            )
        }
    }
}

fn record(outcome: &Comparison) -> Value {
    let (name, reason, witness) = match outcome {
        Comparison::Equivalent => ("equivalent", Value::Null, None),
        Comparison::Undecided(open) => ("undecided", open.to_string().into(), None),
        Comparison::Different(witness) => ("different", Value::Null, Some(witness)),
    };
    let packet = witness.filter(|witness| witness.event.layer.has_packets());
    json!({
        "outcome": name,
        "packet": packet.map(|witness| hex(&witness.packet)),
        "event": witness.map(|witness| address(&witness.event)),
        "matches": witness.map(|witness| ["a", "b"][index(witness.matches)]),
        "reason": reason,
    })
}

/// The event, with the names that requests of `batch` have for its members.
fn address(event: &Event) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.into(), value);
    put("timestamp", event.timestamp.into());
    put("event", event.event.into());
    for (name, flag) in [
        ("outbound", event.outbound),
        ("loopback", event.loopback),
        ("impostor", event.impostor),
        ("ipv6", event.ipv6),
    ] {
        put(name, u8::from(flag).into());
    }
    match &event.record {
        Record::Network(record) => {
            put("ifidx", record.if_idx.into());
            put("subifidx", record.sub_if_idx.into());
        }
        Record::Flow(record) => {
            let words = |addr: u128| json!(Number::new(addr).words());
            put("endpointid", record.endpoint_id.into());
            put("parentendpointid", record.parent_endpoint_id.into());
            put("processid", record.process_id.into());
            put("localaddr", words(record.local_addr));
            put("remoteaddr", words(record.remote_addr));
            put("localport", record.local_port.into());
            put("remoteport", record.remote_port.into());
            put("protocol", record.protocol.into());
        }
        Record::Reflect(record) => {
            put("processid", record.process_id.into());
            put("reflect_layer", record.layer.into());
            put("priority", record.priority.into());
        }
    }
    members.into()
}
