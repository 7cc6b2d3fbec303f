//! `divertc batch` answers all recorded vectors as the reference does.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn rows(name: &str) -> Vec<Value> {
    let path = format!(
        "{}/../tests/vectors/{name}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(Path::new(&path)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Sends requests, each a line, and gives the answers.
fn batch(requests: impl IntoIterator<Item = Vec<u8>>) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_divertc"))
        .arg("batch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let requests: Vec<Vec<u8>> = requests.into_iter().collect();
    let writer = std::thread::spawn(move || {
        for request in requests {
            stdin.write_all(&request).unwrap();
            stdin.write_all(b"\n").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn send(requests: &[Value]) -> Vec<Value> {
    let answers = batch(
        requests
            .iter()
            .map(|request| request.to_string().into_bytes()),
    );
    assert_eq!(answers.len(), requests.len(), "one answer a request");
    answers
}

#[test]
fn compile_answers_every_vector() {
    let rows = rows("filters");
    let programs: HashMap<String, Value> = rows_by_id("programs", "insns");
    let request = |row: &Value| {
        json!({"op": "compile", "filter": row["filter"], "layer": row["layer"],
               "dialect": "windivert-2.2", "opt": 0})
    };
    let answers = send(&rows.iter().map(request).collect::<Vec<_>>());
    for (row, answer) in rows.iter().zip(&answers) {
        let keys: &[&str] = if row.get("err").is_some() {
            assert_eq!(answer["ok"], false, "{row}");
            assert!(
                !answer["diagnostics"].as_array().unwrap().is_empty(),
                "{row}"
            );
            &["err", "pos"]
        } else {
            assert_eq!(answer["ok"], true, "{row}");
            &["n", "object", "flags", "drv"]
        };
        for key in keys {
            if !row[*key].is_null() {
                assert_eq!(answer[*key], row[*key], "{key} of {row}");
            }
        }
        if let Some(insns) = programs.get(row["id"].as_str().unwrap()) {
            assert_eq!(answer["insns"], *insns, "{row}");
        }
        let format = row.get("format_text").or(row.get("format"));
        if let Some(format) = format {
            assert_eq!(answer["format"], *format, "{row}");
        }
    }
    println!("{} compile requests answered as recorded", rows.len());
    assert_eq!(rows.len(), 12_242);
}

fn rows_by_id(name: &str, key: &str) -> HashMap<String, Value> {
    let pair = |row: Value| (row["id"].as_str().unwrap().to_owned(), row[key].clone());
    rows(name).into_iter().map(pair).collect()
}

#[test]
fn eval_answers_every_vector() {
    let filters: HashMap<String, Value> = rows("filters")
        .into_iter()
        .map(|row| (row["id"].as_str().unwrap().to_owned(), row))
        .collect();
    let (rows, cases) = (rows("eval"), rows("cases"));
    let mut requests = vec![json!({"op": "cases", "cases": cases})];
    requests.extend(rows.iter().map(|row| {
        let filter = &filters[row["f"].as_str().unwrap()];
        json!({"op": "eval", "filter": filter["filter"], "layer": filter["layer"],
               "dialect": "windivert-2.2", "opt": 2, "engine": "vm"})
    }));
    let answers = send(&requests);
    assert_eq!(answers[0], json!({"ok": true}));
    // Cases that are not valid refuse every filter; the vectors leave that out.
    let invalid = |layer: &Value| -> Vec<usize> {
        let of_layer = cases.iter().filter(|case| case["layer"] == *layer);
        of_layer
            .enumerate()
            .filter(|(_, c)| c["valid"] == false)
            .map(|(k, _)| k)
            .collect()
    };
    for (row, answer) in rows.iter().zip(&answers[1..]) {
        assert_eq!(answer["m"], row["m"], "{row}");
        let mut refused = vec![0_u8; answer["e"].as_str().unwrap().len() / 2];
        for k in invalid(&filters[row["f"].as_str().unwrap()]["layer"]) {
            refused[k >> 3] |= 1 << (k & 7);
        }
        let recorded = row.get("e").and_then(Value::as_str).unwrap_or_default();
        for (byte, pair) in refused.iter_mut().zip(recorded.as_bytes().chunks(2)) {
            *byte |= u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        let refused: String = refused.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(answer["e"], refused, "{row}");
    }
    println!("{} eval requests answered as recorded", rows.len());
    assert_eq!(rows.len(), 9_013);
}

#[test]
fn packet_helpers_answer_every_vector() {
    let packets = rows_by_id("cases", "packet");
    let packet = |row: &Value| packets[row["c"].as_str().unwrap()].clone();
    let mut total = 0;
    let mut check = |op: &str, name: &str, keys: &[&str]| {
        let rows: Vec<Value> = rows(name)
            .into_iter()
            .filter(|row| packet(row).is_string())
            .collect();
        let request = |row: &Value| {
            let mut request = json!({"op": op, "packet": packet(row)});
            for key in ["flags", "seed"] {
                if let Some(value) = row.get(key) {
                    request[key] = value.clone();
                }
            }
            request
        };
        let answers = send(&rows.iter().map(request).collect::<Vec<_>>());
        for (row, answer) in rows.iter().zip(&answers) {
            for key in keys {
                assert_eq!(answer[*key], row[*key], "{key} of {row}");
            }
        }
        println!("{} {op} requests answered as recorded", rows.len());
        total += rows.len();
    };
    check("parse", "parse", &["ex", "api"]);
    check("checksum", "checksum", &["ret", "patch", "addr"]);
    check("ttl", "ttl", &["ret", "patch"]);
    check("hash", "hash", &["hash"]);
    assert!(total > 2_000, "{total}");
}

#[test]
fn address_helpers_answer_every_vector() {
    let wanted = |row: &Value| {
        let op = row["op"].as_str().unwrap();
        op.starts_with("parse") || op.starts_with("format") && row["buflen"] == 64
    };
    let rows: Vec<Value> = rows("addr").into_iter().filter(wanted).collect();
    let answers = send(&rows);
    for (row, answer) in rows.iter().zip(&answers) {
        assert_eq!(answer["ok"], row["ok"], "{row}");
        for key in ["addr", "s"] {
            let is_answer = (key == "addr") == row["op"].as_str().unwrap().starts_with("parse");
            if is_answer && row["ok"] == true {
                assert_eq!(answer[key], row[key], "{row}");
            }
        }
    }
    println!("{} address requests answered as recorded", rows.len());
    assert!(rows.len() > 500);
}

#[test]
fn a_bad_line_gets_an_answer_and_the_next_is_read() {
    let lines: [&[u8]; 9] = [
        b"not json",
        b"{\"op\":\"nothing\"}",
        b"{\"op\":\"compile\"}",
        b"\xff\xfe",
        b"{\"op\":\"compile\",\"filter\":\"tcp\",\"layer\":9}",
        b"{\"op\":\"eval\",\"filter\":\"tcp\",\"engine\":\"native\"}",
        b"{\"op\":\"ttl\",\"packet\":\"4\"}",
        b"{\"op\":\"hash\",\"packet\":\"45\",\"seed\":\"0xg\"}",
        b"{\"op\":\"compile\",\"filter\":\"tcp\"}",
    ];
    let answers = batch(lines.map(<[u8]>::to_vec));
    assert_eq!(answers.len(), lines.len());
    for answer in &answers[..8] {
        assert_eq!(answer["ok"], false, "{answer}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
    assert_eq!(answers[8]["object"], "@WinDiv_WX_eXWWAX");
}

#[test]
fn anything_at_all_on_a_line_gets_an_answer() {
    let long = format!(
        r#"{{"op":"compile","filter":"{}"}}"#,
        "tcp or ".repeat(150_000)
    );
    let lines = [
        "[".repeat(100_000).into_bytes(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{\"op\":1}".to_vec(),
        b"\0".to_vec(),
        long.into_bytes(),
        br#"{"op":"compile","filter":"tcp \u0000"}"#.to_vec(),
        br#"{"op":"compile","filter":"tcp","layer":-1}"#.to_vec(),
        br#"{"op":"compile","filter":"tcp","layer":4294967296}"#.to_vec(),
        br#"{"op":"compile","filter":"tcp","dialect":"2.2"}"#.to_vec(),
        br#"{"op":"compile","filter":"tcp","opt":3}"#.to_vec(),
        br#"{"op":"cases","cases":[{"layer":0}, 5]}"#.to_vec(),
        br#"{"op":"cases","cases":[{"layer":0,"packet":"zz"}]}"#.to_vec(),
        br#"{"op":"eval","filter":"tcp and"}"#.to_vec(),
        br#"{"op":"eval","filter":"tcp","engine":"oracle"}"#.to_vec(),
        br#"{"op":"parse","packet":""}"#.to_vec(),
        br#"{"op":"format4","addr":4294967296}"#.to_vec(),
        br#"{"op":"format6","addr":[1,2,3]}"#.to_vec(),
        br#"{"op":"checksum","packet":"45","flags":-1}"#.to_vec(),
    ];
    let answers = batch(lines.clone());
    assert_eq!(answers.len(), lines.len());
    for (line, answer) in lines.iter().zip(&answers) {
        let line = String::from_utf8_lossy(line);
        assert_eq!(answer["ok"], false, "{line:.80}: {answer}");
        let says_why = answer["error"].is_string() || answer["diagnostics"].is_array();
        assert!(says_why || answer["ex"].is_null(), "{line:.80}: {answer}");
    }
}

#[test]
fn a_filter_may_be_an_object_string() {
    let requests = [
        json!({"op": "cases", "cases": [{"layer": 0, "packet": null}]}),
        json!({"op": "compile", "filter": "@WinDiv_WX_eXWWAX", "layer": 0}),
        json!({"op": "eval", "filter": "@WinDiv_WX_eXWWAX", "layer": 0, "opt": 1}),
    ];
    let answers = send(&requests);
    assert_eq!(answers[1]["format"], "tcp");
    // At NETWORK a packet is needed.
    assert_eq!(answers[2], json!({"ok": true, "m": "00", "e": "01"}));
}

#[test]
fn integers_are_exact() {
    let filter = "endpointId = 18446744073709551615 or timestamp = -9223372036854775808";
    let answers = send(&[json!({"op": "compile", "filter": filter, "layer": 2})]);
    assert_eq!(answers[0]["insns"][0][3], u32::MAX);
    let case = json!({"layer": 2, "packet": null,
        "addr": {"endpointid": u64::MAX, "timestamp": i64::MIN}});
    let requests = [
        json!({"op": "cases", "cases": [case]}),
        json!({"op": "eval", "filter": "endpointId = 18446744073709551615", "layer": 2}),
        json!({"op": "eval", "filter": "timestamp = -9223372036854775808", "layer": 2}),
    ];
    let answers = send(&requests);
    assert_eq!(answers[1]["m"], "01");
    assert_eq!(answers[2]["m"], "01");
}
