//! Plain words for tests, made from the field table.
//!
//! Nothing here knows single fields: subject, verb and unit come from the
//! line of documentation that every field has, the rest from its type. A new
//! row of the table needs no new words.

use divert_vm::addr::{V4, V6};
use divert_vm::isa::limits::MIN_PACKET_LEN;
use divert_vm::{Field, FieldType, Interval, Layer, Op, Presence, Value};

use crate::decompile::constant_text;
use crate::hir::{IntervalSet, Test};

/// Most values and ranges of a set that are written out.
const MAX_ITEMS: usize = 12;

/// What a test says, as a clause of a sentence: "the ICMP type is 8".
pub(super) fn of_test(test: &Test, layer: Layer) -> String {
    let domain = Interval::domain(test.field);
    let ty = test.field.field_type();
    // A swapped flow label may be out of range, and yet be what is meant.
    let in_range = !matches!(ty, FieldType::U20);
    if in_range && test.values.is_empty() {
        return format!("no value of {} passes", test.field.name());
    }
    let always = in_range && test.values.covers(domain);
    match ty {
        FieldType::Zero => "this always holds".to_owned(),
        FieldType::Bool if always => presence_of(test, layer),
        FieldType::Bool => flag(test.field, test.values.contains(1), layer),
        _ if always => presence_of(test, layer),
        _ => {
            let Subject { noun, verb, unit } = Subject::of(test);
            let predicate = predicate(test, layer);
            format!("{noun} {verb} {predicate}{unit}")
        }
    }
}

/// The packets on which the test is false because there is nothing to test.
pub(super) fn absence(test: &Test) -> Option<String> {
    let header = header_name(test.field.presence());
    let data = match test.field.field_type().data_width() {
        Some(width) if header.is_none() => !is_in_every_packet(test.offset, width),
        width => width.is_some(),
    };
    match (header, data) {
        (Some(header), false) => Some(format!("packets without {} header", article(header))),
        (Some(header), true) => Some(format!(
            "packets without {} header or with too short a payload",
            article(header)
        )),
        (None, true) => Some("packets that are too short".to_owned()),
        (None, false) => None,
    }
}

/// Whether even the shortest packet has these bytes.
fn is_in_every_packet(offset: i32, width: u32) -> bool {
    let distance = offset.unsigned_abs();
    let end = if offset < 0 {
        distance
    } else {
        distance.saturating_add(width)
    };
    end <= MIN_PACKET_LEN
}

/// "TCP", for the header that a field needs.
pub(super) fn header_name(presence: Presence) -> Option<&'static str> {
    let (_, name) = header_of(presence.field()?.doc())?;
    Some(name)
}

/// "a TCP", "an ICMP": the name with its article.
pub(super) fn article(header: &str) -> String {
    let docs = Presence::HEADERS.into_iter().filter_map(Presence::field);
    let mut found = docs.filter_map(|field| header_of(field.doc()));
    let article = found.find(|(_, name)| *name == header);
    article.map_or_else(
        || header.to_owned(),
        |(article, name)| format!("{article} {name}"),
    )
}

/// Article and name of the header in "1 if there is a TCP header".
fn header_of(doc: &'static str) -> Option<(&'static str, &'static str)> {
    let phrase = doc.strip_prefix("1 if there is ")?;
    phrase.strip_suffix(" header")?.split_once(' ')
}

/// A test that holds wherever the field is present.
fn presence_of(test: &Test, layer: Layer) -> String {
    if test.field.field_type().is_data() {
        let Subject { noun, verb, .. } = Subject::of(test);
        let verb = if verb == "are" { "exist" } else { "exists" };
        return format!("{noun} {verb}");
    }
    match test.field.presence().field() {
        Some(header) => flag(header, true, layer),
        None => "this always holds".to_owned(),
    }
}

/// A field that is 0 or 1.
fn flag(field: Field, set: bool, layer: Layer) -> String {
    if let Some((article, header)) = header_of(field.doc()) {
        return match (layer.has_packets(), set) {
            (true, true) => format!("the packet has {article} {header} header"),
            (true, false) => format!("the packet has no {header} header"),
            (false, true) => format!("the traffic is {header}"),
            (false, false) => format!("the traffic is not {header}"),
        };
    }
    let Some(sentence) = field.doc().strip_prefix("1 if ") else {
        let (noun, not) = (noun_phrase(field), if set { "" } else { " not" });
        return format!("{noun} is{not} set");
    };
    let sentence = match sentence.strip_prefix("the event ") {
        Some(rest) if layer.has_packets() => format!("the packet {rest}"),
        _ => sentence.to_owned(),
    };
    match (set, sentence.split_once(" is not ")) {
        // "inbound" is documented as "not outbound".
        (_, Some((subject, _))) => {
            let is = if set { "is" } else { "is not" };
            format!("{subject} {is} {}", field.name())
        }
        (true, None) => sentence,
        (false, None) => match sentence.strip_prefix("another ") {
            Some(rest) => format!("no other {rest}"),
            None => sentence.replacen(" is ", " is not ", 1),
        },
    }
}

/// "the TCP destination port", from the line of documentation.
fn noun_phrase(field: Field) -> String {
    let phrase = field.doc().split([',', ';']).next().unwrap_or_default();
    if let Some(rest) = phrase.strip_prefix("Bytes after ") {
        return format!("the number of bytes after {rest}");
    }
    let mut chars = phrase.chars();
    let (first, second) = (chars.next(), chars.next());
    let phrase = match (first, second) {
        // An ordinary word, not an acronym.
        (Some(first), Some(second)) if second.is_lowercase() => {
            let rest = phrase.get(first.len_utf8()..).unwrap_or_default();
            format!("{}{rest}", first.to_lowercase())
        }
        _ => phrase.to_owned(),
    };
    let has_article = phrase.starts_with("the ") || phrase.starts_with(|c: char| c.is_numeric());
    if has_article {
        phrase
    } else {
        format!("the {phrase}")
    }
}

/// What a sentence about a field begins and ends with.
struct Subject {
    noun: String,
    verb: &'static str,
    unit: &'static str,
}

impl Subject {
    fn of(test: &Test) -> Self {
        let field = test.field;
        let unit = "";
        if let Some(width) = field.field_type().data_width() {
            let whole = noun_phrase(field);
            let whole = whole
                .split_once(" of ")
                .map_or("the data", |(_, base)| base);
            let noun = data_noun(test.offset, width, whole);
            let verb = if width == 1 { "is" } else { "are" };
            return Self { noun, verb, unit };
        }
        let (noun, verb) = match field.field_type() {
            FieldType::EventNumber => ("the event".to_owned(), "is"),
            _ => {
                let noun = noun_phrase(field);
                let plural = noun.contains(" bits ");
                (noun, if plural { "are" } else { "is" })
            }
        };
        match noun.strip_suffix(" in bytes") {
            Some(noun) => Self {
                noun: noun.to_owned(),
                verb,
                unit: " bytes",
            },
            None => Self { noun, verb, unit },
        }
    }
}

/// "byte 3 of the packet", "the last 2 bytes of the TCP payload".
fn data_noun(offset: i32, width: u32, whole: &str) -> String {
    let distance = offset.unsigned_abs();
    let last = distance.saturating_add(width.saturating_sub(1));
    match (offset < 0, width) {
        (false, 1) => format!("byte {distance} of {whole}"),
        (false, 2) => format!("bytes {distance} and {last} of {whole}"),
        (false, _) => format!("bytes {distance} to {last} of {whole}"),
        (true, 1) if distance == 1 => format!("the last byte of {whole}"),
        (true, 1) => format!("the byte {distance} before the end of {whole}"),
        (true, _) if distance == width => format!("the last {width} bytes of {whole}"),
        (true, _) => format!("the {width} bytes from {distance} before the end of {whole}"),
    }
}

/// What follows the verb: "443", "not 443", "at most 5", "one of 1 and 3".
fn predicate(test: &Test, layer: Layer) -> String {
    if let Some((op, constant)) = test.written
        && is_plain(test.field, constant)
    {
        let ordinal = Interval::ordinal_of(test.field, constant);
        let value = value_text(test.field, ordinal, layer);
        return match op {
            Op::Eq => value,
            Op::Ne => format!("not {value}"),
            Op::Lt => format!("below {value}"),
            Op::Le => format!("at most {value}"),
            Op::Gt => format!("above {value}"),
            Op::Ge => format!("at least {value}"),
        };
    }
    set_text(test.field, &test.values, layer)
}

/// Whether the constant means what it looks like.
fn is_plain(field: Field, constant: Value) -> bool {
    let ty = field.field_type();
    let fits = ty.is_wide() || constant.magnitude <= u128::from(u32::MAX);
    let signed = ty.is_signed() && !constant.is_negative_zero();
    fits && (!constant.negative || signed)
}

fn set_text(field: Field, values: &IntervalSet, layer: Layer) -> String {
    let domain = Interval::domain(field);
    if let Some(kind) = address_kind(field, values) {
        return kind.to_owned();
    }
    let others = values.complement(domain);
    let single = |(low, high): &(u128, u128)| low == high;
    if values.ranges().len() > others.ranges().len() && others.ranges().iter().all(single) {
        let items = items(field, &others, layer);
        return match items.as_slice() {
            [only] => format!("not {only}"),
            [one, other] => format!("neither {one} nor {other}"),
            _ => format!("none of {}", list(&items, "and")),
        };
    }
    let items = items(field, values, layer);
    match items.as_slice() {
        [_, _, _, ..] if values.ranges().iter().all(single) => {
            format!("one of {}", list(&items, "and"))
        }
        _ => list(&items, "or"),
    }
}

fn items(field: Field, values: &IntervalSet, layer: Layer) -> Vec<String> {
    let ranges = values.ranges();
    let text = |(low, high): &(u128, u128)| range_text(field, *low, *high, layer);
    let mut items: Vec<String> = ranges.iter().take(MAX_ITEMS).map(text).collect();
    if ranges.len() > MAX_ITEMS {
        let more = ranges.len().saturating_sub(MAX_ITEMS);
        items.push(format!("{more} more"));
    }
    items
}

fn range_text(field: Field, low: u128, high: u128, layer: Layer) -> String {
    let (first, last) = Interval::domain(field);
    let value = |ordinal| value_text(field, ordinal, layer);
    if low == high {
        return value(low);
    }
    if let Some(prefix) = prefix_text(field, low, high) {
        return format!("in {prefix}");
    }
    if low == first {
        format!("at most {}", value(high))
    } else if high == last {
        format!("at least {}", value(low))
    } else {
        format!("from {} to {}", value(low), value(high))
    }
}

/// "a, b and c"
pub(super) fn list(items: &[String], conjunction: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// All of IPv4 or nothing of it, in a field of either version.
fn address_kind(field: Field, values: &IntervalSet) -> Option<&'static str> {
    if !matches!(field.field_type(), FieldType::IpAddr) {
        return None;
    }
    let v4 = IntervalSet::range(V4_FIRST, V4_LAST);
    if *values == v4 {
        Some("an IPv4 address")
    } else if *values == v4.complement(Interval::domain(field)) {
        Some("not an IPv4 address")
    } else {
        None
    }
}

const V4_FIRST: u128 = 0xFFFF_0000_0000;
const V4_LAST: u128 = 0xFFFF_FFFF_FFFF;

/// `10.0.0.0/8`, if a range of addresses is a block.
fn prefix_text(field: Field, low: u128, high: u128) -> Option<String> {
    if !field.field_type().is_address() {
        return None;
    }
    let host = low ^ high;
    let is_block = host & host.wrapping_add(1) == 0 && low & host == 0;
    if !is_block {
        return None;
    }
    let bits = host.count_ones();
    let is_v4 = (V4_FIRST..=V4_LAST).contains(&low) && bits <= 32;
    Some(if is_v4 {
        let [.., a, b, c, d] = low.to_be_bytes();
        let addr = V4(u32::from_be_bytes([a, b, c, d]));
        format!("{addr}/{}", 32_u32.saturating_sub(bits))
    } else {
        format!("{}/{}", V6(low), 128_u32.saturating_sub(bits))
    })
}

/// A value as prose has it: as in a filter, protocols with their name.
pub(super) fn value_text(field: Field, ordinal: u128, layer: Layer) -> String {
    let text = constant_text(field, Interval::value_of(field, ordinal), layer);
    let is_protocol = field.doc().contains("protocol number");
    let is_protocol = is_protocol || field.doc().contains("next-header number");
    let name = match ordinal {
        1 => "ICMP",
        6 => "TCP",
        17 => "UDP",
        58 => "ICMPv6",
        _ => return text,
    };
    if is_protocol {
        format!("{text} ({name})")
    } else {
        text
    }
}
