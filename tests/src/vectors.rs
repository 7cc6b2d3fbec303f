//! Typed readers of the recorded answers in `vectors/`, `corpus/`, `bench/`.

use std::collections::{BTreeMap, HashMap};

use divert_vm::{Event, FlowRecord, Layer, NetworkRecord, Record, ReflectRecord};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A packet and an event to evaluate filters on.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name in the files.
    pub id: String,
    /// What is special about it.
    pub tag: String,
    /// The packet; `None` for a NULL pointer.
    pub packet: Option<Vec<u8>>,
    /// The event, which also says the layer.
    pub event: Event,
    /// Whether any filter can be evaluated on it.
    pub valid: bool,
}

/// A filter, and what became of it.
#[derive(Clone, Debug)]
pub struct FilterRow {
    /// Its name in the files.
    pub id: String,
    /// The layer it was compiled for.
    pub layer: Layer,
    /// A label for the family of inputs.
    pub family: String,
    /// Text, or an object string.
    pub filter: String,
    /// The answer of the reference.
    pub outcome: Result<Compiled, Refused>,
}

/// What the reference made of a filter.
#[derive(Clone, Debug, Deserialize)]
pub struct Compiled {
    /// The number of instructions.
    pub n: usize,
    /// The object string.
    pub object: String,
    /// The object formatted; `None` if that fails.
    pub format: Option<String>,
    /// The text formatted, where that gives something else.
    pub format_text: Option<String>,
    /// The analysis word for the driver.
    pub flags: u64,
    /// 1 if the driver accepts the program.
    pub drv: u8,
}

/// How the reference refused a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Refused {
    /// The number of its message.
    pub err: u8,
    /// The byte position; `None` where it is not determined.
    pub pos: Option<u32>,
}

/// An instruction as numbers:
/// field, test, sign, four words, success, failure.
pub type RawInsn = [u32; 9];

/// Which cases of its layer a filter matches.
#[derive(Clone, Debug)]
pub struct EvalRow {
    /// The filter's id.
    pub filter: String,
    /// The cases it matches.
    pub matches: Bitmap,
    /// The valid cases on which it cannot be evaluated.
    pub refused: Bitmap,
}

/// A set of case numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap(Vec<u8>);

impl Bitmap {
    /// Whether the bit is set; bits beyond the end are not.
    #[must_use]
    pub fn get(&self, bit: usize) -> bool {
        self.0
            .get(bit / 8)
            .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }

    /// The number of bits that are set.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }
}

/// A call of a helper with an output buffer.
#[derive(Clone, Debug, Deserialize)]
pub struct BufferRow {
    /// `compile` or `format`.
    pub op: String,
    /// The filter.
    pub filter: String,
    #[serde(deserialize_with = "layer_number")]
    /// The layer.
    pub layer: Layer,
    /// The size of the buffer; `None` for a NULL pointer.
    pub buflen: Option<usize>,
    /// Whether the call succeeds.
    pub ok: bool,
    /// The number of the message, if it is to be compared.
    pub err: Option<u8>,
    /// The position, if there is one.
    pub pos: Option<u32>,
    /// What `GetLastError` says, if it is to be compared.
    pub last_error: Option<u32>,
    /// The buffer afterwards, in hex.
    pub buf: Option<String>,
}

/// An input on which the reference misbehaves.
#[derive(Clone, Debug, Deserialize)]
pub struct UndefinedRow {
    /// Which helper it is for.
    pub op: String,
    /// For `compile`: the filter.
    pub filter: Option<String>,
    /// For `compile`: the layer.
    pub layer: Option<u8>,
    /// For `parse6`: the text.
    pub s: Option<String>,
    /// For `checksum`: the case.
    pub c: Option<String>,
    /// For `checksum`: its flags.
    pub flags: Option<u64>,
    /// What the reference does.
    pub why: String,
}

/// A filter that a public project uses.
#[derive(Clone, Debug, Deserialize)]
pub struct WildFilter {
    /// The text.
    pub filter: String,
    #[serde(deserialize_with = "layer_name")]
    /// The layer it is meant for.
    pub layer: Layer,
    /// Whether the reference accepts it.
    pub ok: bool,
    /// The message of the reference if it does not.
    pub err: Option<String>,
    /// The position that goes with the message.
    pub pos: Option<u32>,
}

/// The filters and packets of the benchmark.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// The filters, and how many packets each matches.
    pub filters: Vec<(String, usize)>,
    /// The packets and their events.
    pub packets: Vec<(Vec<u8>, Event)>,
}

/// A filter of the benchmark.
#[derive(Clone, Debug, Deserialize)]
pub struct BenchFilter {
    /// Its name in the files.
    pub name: String,
    /// The text.
    pub filter: String,
    /// How many of the packets it matches.
    pub matches: usize,
    /// The same predicate for libpcap, which cannot express every filter.
    pub pcap: Option<String>,
}

/// What the reference and libpcap cost on the benchmark.
#[derive(Clone, Debug, Deserialize)]
pub struct Baseline {
    /// By the filter's name.
    pub filters: BTreeMap<String, Cost>,
}

/// What a filter costs for a packet, on the machine of the recording.
#[derive(Clone, Debug, Deserialize)]
pub struct Cost {
    /// The reference: nanoseconds.
    pub ref_ns: f64,
    /// The reference: instructions of the processor.
    pub ref_instr: f64,
    /// libpcap: nanoseconds.
    pub pcap_ns: Option<f64>,
    /// libpcap: instructions of the processor.
    pub pcap_instr: Option<f64>,
    /// Machine code written by hand: instructions of the processor.
    pub native_instr: Option<f64>,
}

/// Every case, in the order of the file.
#[must_use]
pub fn cases() -> Vec<Case> {
    let rows: Vec<CaseRow> = rows("vectors/cases.jsonl");
    let case = |row: CaseRow| Case {
        event: row.addr.event(layer(row.layer)),
        packet: row.packet.as_deref().map(unhex),
        id: row.id,
        tag: row.tag,
        valid: row.valid,
    };
    rows.into_iter().map(case).collect()
}

/// The cases that belong to a layer; bitmaps number them from 0.
#[must_use]
pub fn cases_by_layer() -> [Vec<Case>; 5] {
    let mut by_layer: [Vec<Case>; 5] = Default::default();
    for case in cases() {
        by_layer[usize::from(case.event.layer.as_u8())].push(case);
    }
    by_layer
}

/// Every filter.
#[must_use]
pub fn filters() -> Vec<FilterRow> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Outcome {
        Compiled(Compiled),
        Refused(Refused),
    }
    #[derive(Deserialize)]
    struct Row {
        id: String,
        #[serde(deserialize_with = "layer_number")]
        layer: Layer,
        cat: String,
        filter: String,
        #[serde(flatten)]
        outcome: Outcome,
    }
    let row = |row: Row| FilterRow {
        id: row.id,
        layer: row.layer,
        family: row.cat,
        filter: row.filter,
        outcome: match row.outcome {
            Outcome::Compiled(compiled) => Ok(compiled),
            Outcome::Refused(refused) => Err(refused),
        },
    };
    rows("vectors/filters.jsonl").into_iter().map(row).collect()
}

/// The instructions of most filters, by id.
#[must_use]
pub fn programs() -> HashMap<String, Vec<RawInsn>> {
    #[derive(Deserialize)]
    struct Row {
        id: String,
        insns: Vec<RawInsn>,
    }
    let pair = |row: Row| (row.id, row.insns);
    rows("vectors/programs.jsonl")
        .into_iter()
        .map(pair)
        .collect()
}

/// The verdicts of every filter that compiles.
#[must_use]
pub fn evals() -> Vec<EvalRow> {
    #[derive(Deserialize)]
    struct Row {
        f: String,
        m: String,
        e: Option<String>,
    }
    let row = |row: Row| EvalRow {
        filter: row.f,
        matches: Bitmap(unhex(&row.m)),
        refused: Bitmap(row.e.as_deref().map(unhex).unwrap_or_default()),
    };
    rows("vectors/eval.jsonl").into_iter().map(row).collect()
}

/// The calls with short buffers.
#[must_use]
pub fn buffers() -> Vec<BufferRow> {
    rows("vectors/buffers.jsonl")
}

/// The inputs without a defined result.
#[must_use]
pub fn undefined() -> Vec<UndefinedRow> {
    rows("vectors/undefined.jsonl")
}

/// The filters of public projects.
#[must_use]
pub fn wild_filters() -> Vec<WildFilter> {
    rows("corpus/wild-filters.jsonl")
}

/// The benchmark's filters and packets.
#[must_use]
pub fn workload() -> Workload {
    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Row {
        Filter { filter: String, matches: usize },
        Packet { packet: String, addr: Addr },
    }
    let mut workload = Workload::default();
    for row in rows("bench/workload.jsonl") {
        match row {
            Row::Filter { filter, matches } => workload.filters.push((filter, matches)),
            Row::Packet { packet, addr } => {
                let event = addr.event(Layer::Network);
                workload.packets.push((unhex(&packet), event));
            }
        }
    }
    workload
}

/// The benchmark's filters with all that is recorded about them.
#[must_use]
pub fn bench_filters() -> Vec<BenchFilter> {
    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Row {
        Filter(BenchFilter),
        Packet {},
    }
    let rows = rows("bench/workload.jsonl").into_iter();
    rows.filter_map(|row| match row {
        Row::Filter(filter) => Some(filter),
        Row::Packet {} => None,
    })
    .collect()
}

/// What others cost on the benchmark.
///
/// # Panics
///
/// If the file cannot be read.
#[must_use]
pub fn baseline() -> Baseline {
    let path = format!("{}/bench/baseline.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Bytes written as pairs of hexadecimal digits.
///
/// # Panics
///
/// If `text` is anything else.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "odd number of digits: {text}");
    let byte = |pair: &[u8; 2]| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    pairs.iter().map(byte).collect()
}

#[derive(Deserialize)]
struct CaseRow {
    id: String,
    layer: u8,
    tag: String,
    packet: Option<String>,
    addr: Addr,
    valid: bool,
}

/// An address record; what is left out is 0.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Addr {
    timestamp: i64,
    event: u8,
    sniffed: u8,
    outbound: u8,
    loopback: u8,
    impostor: u8,
    ipv6: u8,
    ifidx: u32,
    subifidx: u32,
    endpointid: u64,
    parentendpointid: u64,
    processid: u32,
    localaddr: [u32; 4],
    remoteaddr: [u32; 4],
    localport: u16,
    remoteport: u16,
    protocol: u8,
    reflect_timestamp: i64,
    reflect_layer: u32,
    reflect_flags: u64,
    priority: i16,
}

impl Addr {
    fn event(&self, layer: Layer) -> Event {
        let address = |words: [u32; 4]| {
            let words = words.into_iter().rev();
            words.fold(0, |address, word| address << 32 | u128::from(word))
        };
        let record = match layer {
            Layer::Network | Layer::NetworkForward => Record::Network(NetworkRecord {
                if_idx: self.ifidx,
                sub_if_idx: self.subifidx,
            }),
            Layer::Flow | Layer::Socket => Record::Flow(FlowRecord {
                endpoint_id: self.endpointid,
                parent_endpoint_id: self.parentendpointid,
                process_id: self.processid,
                local_addr: address(self.localaddr),
                remote_addr: address(self.remoteaddr),
                local_port: self.localport,
                remote_port: self.remoteport,
                protocol: self.protocol,
            }),
            Layer::Reflect => Record::Reflect(ReflectRecord {
                timestamp: self.reflect_timestamp,
                process_id: self.processid,
                layer: self.reflect_layer,
                flags: self.reflect_flags,
                priority: self.priority,
            }),
        };
        Event {
            timestamp: self.timestamp,
            event: self.event,
            sniffed: self.sniffed != 0,
            outbound: self.outbound != 0,
            loopback: self.loopback != 0,
            impostor: self.impostor != 0,
            ipv6: self.ipv6 != 0,
            record,
            ..Event::new(layer)
        }
    }
}

fn rows<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let row = |(at, line)| {
        let row = serde_json::from_str(line);
        row.unwrap_or_else(|error| panic!("{path}:{}: {error}", at + 1))
    };
    text.lines().enumerate().map(row).collect()
}

fn layer(number: u8) -> Layer {
    Layer::from_u8(number).unwrap_or_else(|| panic!("there is no layer {number}"))
}

fn layer_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Layer, D::Error> {
    u8::deserialize(from).map(layer)
}

fn layer_name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Layer, D::Error> {
    let name = String::deserialize(from)?;
    let found = Layer::ALL.into_iter().find(|layer| layer.name() == name);
    found.ok_or_else(|| serde::de::Error::custom(format!("no layer {name}")))
}
