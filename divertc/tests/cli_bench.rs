//! `divertc bench`: what it counts, the form of its answer, wrong input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn tests(path: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    folder.join(path).to_str().unwrap().to_owned()
}

fn workload() -> String {
    tests("bench/workload.jsonl")
}

fn bench(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
    command.args(["bench", "--iterations", "1"]).args(args);
    command.output().unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = bench(&[args, &["--format", "json"]].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn check(args: &[&str], code: i32, words: &[&str]) {
    let output = bench(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "no {word:?} in {stderr:?}");
    }
    assert!(output.stdout.is_empty(), "{args:?}");
}

/// A file of that content; the folder goes when the test ends.
fn file(folder: &tempfile::TempDir, text: &str) -> String {
    let path: PathBuf = folder.path().join("workload");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn matches_are_those_of_the_workload() {
    let text = std::fs::read_to_string(workload()).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let chosen = ["true", "web", "dpi", "random", "f6", "f7"];
    let filters = lines.filter(|line| chosen.iter().any(|name| line["name"] == *name));
    let mut count = 0;
    for line in filters {
        count += 1;
        let filter = line["filter"].as_str().unwrap();
        for (engine, level) in [("vm", "-O2"), ("vm", "-O0"), ("object", "-O2")] {
            let args = [filter, "--workload", &workload(), "--engine", engine, level];
            let answer = json(&args);
            let told = ["matches", "packets", "filter", "engine", "iterations"];
            let told = told.map(|key| answer[key].clone());
            let expect = [
                line["matches"].clone(),
                2048.into(),
                filter.into(),
                engine.into(),
                1.into(),
            ];
            assert_eq!(told, expect, "{level}");
        }
    }
    assert_eq!(count, chosen.len());
}

#[test]
fn answer_has_exactly_the_promised_members() {
    let answer = json(&["udp", &tests("captures/dns-v4.pcap")]);
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    let mut promised = [
        "filter",
        "engine",
        "packets",
        "matches",
        "ns_per_packet",
        "ns_min",
        "iterations",
    ];
    promised.sort_unstable();
    assert_eq!(keys, promised);
    let [ns, min] = ["ns_per_packet", "ns_min"].map(|key| answer[key].as_f64().unwrap());
    assert!(0.0 < min && min <= ns && ns < 1e6, "{answer}");
}

#[test]
fn captures_count_as_in_run() {
    let capture = tests("captures/http-get-v4.pcap");
    let matches = |args: &[&str]| json(&[args, &[&capture]].concat())["matches"].clone();
    assert_eq!(matches(&["tcp.Syn or tcp.Fin"]), 4);
    assert_eq!(matches(&["outbound"]), 14);
    assert_eq!(matches(&["inbound", "--inbound"]), 14);
    assert_eq!(matches(&["outbound", "--local", "141.142.228.5"]), 7);

    let folder = tempfile::tempdir().unwrap();
    let filter = file(&folder, "tcp.Syn or tcp.Fin\n");
    assert_eq!(matches(&["-f", &filter]), 4);
    let twice = json(&["-f", &filter, &capture, &capture]);
    assert_eq!([&twice["packets"], &twice["matches"]], [28, 8]);
}

#[test]
fn people_get_a_sentence() {
    let output = bench(&["tcp", &tests("captures/http-get-v4.pcap")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("vm: "), "{text}");
    assert!(text.ends_with("14 of 14 packets match\n"), "{text}");
}

#[test]
fn events_of_every_layer_can_be_timed() {
    let cases = tests("vectors/cases.jsonl");
    let args = ["--layer", "flow", "outbound", "--workload", &cases];
    let answer = json(&args);
    assert!(answer["packets"].as_u64() > Some(1), "{answer}");
    assert!(answer["matches"].as_u64() > Some(0), "{answer}");
    check(
        &[
            "--layer",
            "flow",
            "tcp",
            &tests("captures/http-get-v4.pcap"),
        ],
        2,
        &["network"],
    );
}

#[test]
fn engines_that_are_elsewhere_are_refused_in_words() {
    let with = |engine, words: &[&str]| {
        let args = ["tcp", "--workload", &workload(), "--engine", engine];
        check(&args, 2, words);
    };
    with("oracle", &["tests", "not part of divertc"]);
    with("native", &["not built into this divertc"]);
    with("jit", &["vm, object, oracle, native"]);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let workload = workload();
    check(&["tcp"], 2, &["CAPTURE", "--workload"]);
    check(
        &["tcp", "x.pcap", "--workload", &workload],
        2,
        &["captures"],
    );
    check(&["--workload", &workload], 2, &["FILTER"]);
    for iterations in ["0", "-1", "x"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
        command.args(["bench", "tcp", "--workload", &workload]);
        let status = command.args(["--iterations", iterations]).output().unwrap();
        assert_eq!(status.status.code(), Some(2), "{iterations}");
    }
}

#[test]
fn a_wrong_filter_is_exit_code_1() {
    check(&["tcp AND udp", "--workload", &workload()], 1, &["E0105"]);
}

#[test]
fn a_bad_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = r#"{"kind":"packet","packet":"45","addr":{"outbound":1}}"#;
    for (bad, word) in [
        ("{", "EOF"),
        (r#"{"kind":"packet","packet":"4g"}"#, "hexadecimal"),
        (r#"{"kind":"packet","packet":"453"}"#, "two digits"),
        (r#"{"kind":"packet","packet":7}"#, "string"),
        (r#"{"kind":"packet"}"#, "`packet`"),
        (r#"{"kind":"event","packet":"45"}"#, "event"),
        (r#"{"layer":9,"packet":"45"}"#, "0 to 4"),
        (r#"{"packet":"45","addr":{"outbound":-1}}"#, "-1"),
    ] {
        let path = file(&folder, &format!("{good}\n\n{bad}\n{good}\n"));
        let args = ["tcp", "--workload", &path];
        check(&args, 3, &["workload, line 3: ", word]);
    }
    let path = file(&folder, &format!("{good}\n"));
    assert_eq!(json(&["outbound", "--workload", &path])["matches"], 1);
    let path = file(&folder, r#"{"kind":"filter","filter":"tcp","layer":0}"#);
    check(&["tcp", "--workload", &path], 3, &["no packet for layer"]);
    check(
        &["tcp", "--workload", "missing"],
        3,
        &["cannot read missing"],
    );
    check(&["tcp", "missing"], 3, &["cannot open", "missing"]);
}

#[test]
fn help_says_which_clock_is_read() {
    let output = bench(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("CPU time of the thread"), "{help}");
}
