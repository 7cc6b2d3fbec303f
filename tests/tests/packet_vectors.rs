//! The packet and address helpers against the reference's recorded answers.

use std::collections::HashMap;
use std::fmt::{Display, Write};

use divert_vm::addr::{V4, V6, parse_v4, parse_v6, swap_v6};
use divert_vm::checksum::{self, ChecksumFlags};
use divert_vm::packet::{Headers, IpVersion, Source, Transport};
use divert_vm::{Event, TextBuffer, decrement_ttl, header_hash, packet_hash};
use serde_json::{Value, json};

/// Every line of a file of vectors.
fn rows(name: &str) -> Vec<Value> {
    let path = format!("{}/vectors/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{path}: {error}")))
        .collect()
}

/// The packets of the cases that have one, by the name of the case.
fn packets() -> HashMap<String, Vec<u8>> {
    rows("cases")
        .iter()
        .filter_map(|row| {
            Some((
                row["id"].as_str()?.to_owned(),
                unhex(row["packet"].as_str()?),
            ))
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        panic!("odd number of digits: {text}");
    };
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    pairs
        .iter()
        .map(|[high, low]| digit(*high) << 4 | digit(*low))
        .collect()
}

/// Runs `check` on every row, and reports how many there were.
///
/// The number of rows is fixed, for a test of no rows would pass.
#[track_caller]
fn check_all(name: &str, rows: &[Value], expect: usize, check: impl Fn(&Value)) {
    rows.iter().for_each(check);
    println!("{name}: {} rows agree", rows.len());
    assert_eq!(rows.len(), expect, "{name}: number of rows");
}

/// An offset as the vectors write it: -1 for none.
fn offset(offset: Option<usize>) -> i64 {
    offset.map_or(-1, |offset| i64::try_from(offset).unwrap())
}

fn transport_offset(headers: &Headers, transport: Transport) -> i64 {
    offset(
        headers
            .transport_offset()
            .filter(|_| headers.transport() == transport),
    )
}

fn ip_offset(headers: &Headers, version: IpVersion) -> i64 {
    offset((headers.version() == version).then_some(0))
}

fn payload(headers: &Headers) -> i64 {
    offset((headers.payload_len() != 0).then_some(headers.payload_offset()))
}

fn internal_view(headers: &Headers) -> Value {
    json!({
        "hdrlen": headers.header_len(),
        "paylen": headers.payload_len(),
        "proto": headers.protocol(),
        "fragment": u8::from(headers.is_fragment()),
        "mf": u8::from(headers.more_fragments()),
        "fragoff": headers.fragment_offset(),
        "trunc": u8::from(headers.is_truncated()),
        "ext": u8::from(headers.is_extended()),
        "ip": ip_offset(headers, IpVersion::V4),
        "ip6": ip_offset(headers, IpVersion::V6),
        "icmp": transport_offset(headers, Transport::Icmp),
        "icmp6": transport_offset(headers, Transport::Icmpv6),
        "tcp": transport_offset(headers, Transport::Tcp),
        "udp": transport_offset(headers, Transport::Udp),
        "pay": payload(headers),
    })
}

fn public_view(headers: &Headers, len: usize) -> Value {
    let next = headers.is_extended().then_some(headers.total_len());
    json!({
        "ip": ip_offset(headers, IpVersion::V4),
        "ip6": ip_offset(headers, IpVersion::V6),
        "proto": headers.protocol(),
        "icmp": transport_offset(headers, Transport::Icmp),
        "icmp6": transport_offset(headers, Transport::Icmpv6),
        "tcp": transport_offset(headers, Transport::Tcp),
        "udp": transport_offset(headers, Transport::Udp),
        "data": payload(headers),
        "datalen": headers.payload_len(),
        "next": offset(next),
        "nextlen": next.map_or(0, |next| len - next),
    })
}

#[test]
fn packets_are_parsed_as_the_reference_does() {
    let packets = packets();
    check_all("parse", &rows("parse"), 161, |row| {
        let packet = packets[row["c"].as_str().unwrap()].as_slice();
        let internal = Headers::parse(packet).as_ref().map(internal_view);
        assert_eq!(internal.unwrap_or_default(), row["ex"], "{}", row["c"]);
        let public = Headers::parse_whole(packet).map(|h| public_view(&h, packet.len()));
        assert_eq!(public.unwrap_or_default(), row["api"], "{}", row["c"]);
    });
}

#[test]
fn packets_are_hashed_as_the_reference_does() {
    let number = |value: &Value| {
        let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
        u64::from_str_radix(digits, 16).unwrap()
    };
    let packets = packets();
    check_all("hash", &rows("hash"), 644, |row| {
        let packet = &packets[row["c"].as_str().unwrap()];
        let hash = packet_hash(packet, number(&row["seed"]));
        assert_eq!(hash, number(&row["hash"]), "{row}");
    });
}

/// `packet` with the changes that a row lists.
fn patched(packet: &[u8], row: &Value) -> Vec<u8> {
    let mut packet = packet.to_vec();
    for patch in row["patch"].as_array().unwrap() {
        let at = usize::try_from(patch[0].as_u64().unwrap()).unwrap();
        let bytes = unhex(patch[1].as_str().unwrap());
        packet[at..][..bytes.len()].copy_from_slice(&bytes);
    }
    packet
}

#[test]
fn checksums_are_those_of_the_reference() {
    let packets = packets();
    check_all("checksum", &rows("checksum"), 1283, |row| {
        let packet = &packets[row["c"].as_str().unwrap()];
        let flags = ChecksumFlags::from_bits(row["flags"].as_u64().unwrap());

        let mut updated = packet.clone();
        let mut event = Event::default();
        let ret = checksum::update(&mut updated, Some(&mut event), flags);
        assert_eq!(updated, patched(packet, row), "{row}");
        assert_eq!(json!(u8::from(ret)), row["ret"], "{row}");
        let marks = [event.ip_checksum, event.tcp_checksum, event.udp_checksum];
        assert_eq!(json!(marks.map(u8::from)), row["addr"], "{row}");

        let mut without_event = packet.clone();
        assert_eq!(checksum::update(&mut without_event, None, flags), ret);
        assert_eq!(without_event, updated, "{row}");
    });
}

#[test]
fn hops_are_counted_down_as_the_reference_does() {
    let packets = packets();
    check_all("ttl", &rows("ttl"), 161, |row| {
        let packet = &packets[row["c"].as_str().unwrap()];
        let mut changed = packet.clone();
        let ret = decrement_ttl(&mut changed);
        assert_eq!(changed, patched(packet, row), "{row}");
        assert_eq!(json!(u8::from(ret)), row["ret"], "{row}");
    });
}

/// An IPv6 address as the vectors write it: least significant word first.
fn from_words(words: &Value) -> u128 {
    let words = words.as_array().unwrap();
    assert_eq!(words.len(), 4);
    words.iter().rev().fold(0, |addr, word| {
        addr << 32 | u128::from(word.as_u64().unwrap())
    })
}

fn v4(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn check_format(row: &Value, addr: impl Display) {
    const UNTOUCHED: u8 = 0xCC;
    let size = usize::try_from(row["buflen"].as_u64().unwrap()).unwrap();
    let mut bytes = vec![UNTOUCHED; size];
    let mut text = TextBuffer::new(&mut bytes);
    write!(text, "{addr}").unwrap();
    let ok = text.finish();
    assert_eq!(json!(ok), row["ok"], "{row}");
    assert_eq!(json!(if ok { 0 } else { 122 }), row["last_error"], "{row}");
    if let Some(expect) = row["s"].as_str() {
        let end = bytes.iter().position(|b| *b == 0).unwrap();
        assert_eq!(&bytes[..end], expect.as_bytes(), "{row}");
        assert!(bytes[end + 1..].iter().all(|b| *b == UNTOUCHED), "{row}");
        assert_eq!(addr.to_string(), expect, "{row}");
    } else {
        assert_eq!(bytes, unhex(row["buf"].as_str().unwrap()), "{row}");
    }
}

#[test]
fn addresses_are_those_of_the_reference() {
    let (mut by_op, rows) = (HashMap::<String, Vec<Value>>::new(), rows("addr"));
    assert_eq!(rows.len(), 1051);
    for row in rows {
        by_op
            .entry(row["op"].as_str().unwrap().to_owned())
            .or_default()
            .push(row);
    }
    check_all("parse4", &by_op["parse4"], 116, |row| {
        let expect = row["ok"].as_bool().unwrap().then(|| v4(&row["addr"]));
        assert_eq!(
            parse_v4(row["s"].as_str().unwrap().as_bytes()),
            expect,
            "{row}"
        );
    });
    check_all("parse6", &by_op["parse6"], 349, |row| {
        let expect = row["ok"]
            .as_bool()
            .unwrap()
            .then(|| from_words(&row["addr"]));
        assert_eq!(
            parse_v6(row["s"].as_str().unwrap().as_bytes()),
            expect,
            "{row}"
        );
    });
    check_all("format4", &by_op["format4"], 117, |row| {
        check_format(row, V4(v4(&row["addr"])));
    });
    check_all("format6", &by_op["format6"], 446, |row| {
        check_format(row, V6(from_words(&row["addr"])));
    });
    check_all("swap6", &by_op["swap6"], 23, |row| {
        let addr = from_words(&row["addr"]);
        assert_eq!(swap_v6(addr), from_words(&row["out"]), "{row}");
        assert_eq!(swap_v6(swap_v6(addr)), addr, "{row}");
    });
}

/// Here the reference reads past its memory; it must at least be survived.
#[test]
fn helper_inputs_undefined_in_the_reference_are_survived() {
    let packets = packets();
    let mut rows = rows("undefined");
    rows.retain(|row| row["op"] == "checksum" || row["op"] == "parse6");
    check_all("undefined", &rows, 6, |row| {
        if row["op"] == "parse6" {
            assert_eq!(
                parse_v6(row["s"].as_str().unwrap().as_bytes()),
                None,
                "{row}"
            );
            return;
        }
        let packet = &packets[row["c"].as_str().unwrap()];
        let flags = ChecksumFlags::from_bits(row["flags"].as_u64().unwrap());
        let mut updated = packet.clone();
        assert!(checksum::update(&mut updated, None, flags), "{row}");
        let changed: Vec<usize> = (0..packet.len())
            .filter(|at| packet[*at] != updated[*at])
            .collect();
        // The two bytes of the TCP checksum, and perhaps those of IPv4's.
        assert!(
            changed.iter().all(|at| [10, 11, 36, 37].contains(at)),
            "{row}: {changed:?}"
        );
    });
}

/// Every packet, and every beginning of it.
fn beginnings() -> Vec<Vec<u8>> {
    let mut packets: Vec<_> = packets().into_values().collect();
    packets.sort();
    packets.dedup();
    assert!(packets.len() > 100, "{} packets", packets.len());
    packets
        .iter()
        .flat_map(|packet| (0..=packet.len()).map(|len| packet[..len].to_vec()))
        .collect()
}

#[test]
fn helpers_survive_every_packet_cut_at_every_length() {
    for packet in beginnings() {
        let len = packet.len();
        if let Some(headers) = Headers::parse(packet.as_slice()) {
            let end = headers.payload_offset() + headers.payload_len();
            assert_eq!(end, headers.total_len().min(len));
            assert!(headers.ip_header_len() <= headers.payload_offset());
            assert_eq!(headers.is_truncated(), headers.total_len() > len);
            header_hash(packet.as_slice(), &headers, 7);
        }
        packet_hash(&packet, 7);
        checksum::update(&mut packet.clone(), None, ChecksumFlags::default());
        decrement_ttl(&mut packet.clone());
    }
}

#[test]
fn headers_of_another_packet_do_no_harm() {
    let all = beginnings();
    let headers: Vec<_> = all
        .iter()
        .filter_map(|p| Headers::parse(p.as_slice()))
        .collect();
    for packet in all.iter().step_by(97) {
        for headers in headers.iter().step_by(31) {
            header_hash(packet.as_slice(), headers, 7);
        }
    }
}

/// A packet in two buffers, as a driver may get it.
struct Chain<'a>(&'a [u8], &'a [u8]);

impl Source for Chain<'_> {
    fn len(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for (at, byte) in (at..).zip(&mut bytes) {
            *byte = match at.checked_sub(self.0.len()) {
                None => self.0[at],
                Some(at) => *self.1.get(at)?,
            };
        }
        Some(bytes)
    }
}

#[test]
fn packet_in_two_buffers_parses_and_hashes_as_in_one() {
    for packet in packets().values() {
        let whole = Headers::parse(packet.as_slice());
        for middle in 0..=packet.len().min(128) {
            let (first, second) = packet.split_at(middle);
            let chain = Chain(first, second);
            assert_eq!(Headers::parse(&chain), whole);
            if let Some(headers) = whole {
                let hash = header_hash(packet.as_slice(), &headers, 7);
                assert_eq!(header_hash(&chain, &headers, 7), hash);
            }
        }
    }
}
