//! The command line: bad input, exit codes, forms of output, transcripts.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn divertc(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
    command
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("divertc runs")
}

fn capture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures/http-get-v4.pcap");
    path.to_str().unwrap().to_owned()
}

/// Checks the exit code, and that standard error says these words.
#[track_caller]
fn check(args: &[&str], code: i32, words: &[&str]) {
    let output = divertc(args);
    let stderr = String::from_utf8(output.stderr).expect("messages are text");
    let shown: Vec<String> = args.iter().map(|a| a.chars().take(60).collect()).collect();
    assert_eq!(output.status.code(), Some(code), "{shown:?}: {stderr:.500}");
    for word in words {
        assert!(
            stderr.contains(word),
            "{shown:?} does not say {word:?}: {stderr:.500}"
        );
    }
    assert!(stderr.len() < 20_000, "{shown:?} says too much");
    let raw = stderr
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(raw, None, "{shown:?} lets a control character through");
}

/// Every command that takes a filter.
const WITH_FILTER: [&str; 5] = ["check", "compile", "explain", "fmt", "disasm"];

#[test]
fn a_wrong_filter_is_exit_code_1_in_every_command() {
    let parens = "(".repeat(10_000) + "tcp" + &")".repeat(10_000);
    for command in WITH_FILTER {
        check(&[command, "tcp AND udp"], 1, &["E0105", "`and`"]);
        check(&[command, ""], 1, &["E0306"]);
        check(&[command, &parens], 1, &["E0502", "1000"]);
        check(&[command, "@WinDiv_W"], 1, &["E0601"]);
        check(&[command, "@"], 1, &["E0601"]);
    }
    check(&["run", "tcp AND udp", &capture()], 1, &["E0105"]);
    check(
        &["check", "--layer", "forward", "loopback"],
        1,
        &["E0203", "NETWORK"],
    );
}

#[test]
fn a_megabyte_of_filter_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("filter");
    let file = path.to_str().unwrap();
    let long = "tcp or ".repeat(150_000) + "udp";
    for (text, code) in [(long.as_str(), "E0501"), (&long[..999_997], "E0503")] {
        let text = text.trim_end_matches(" or ").trim_end_matches(" o");
        std::fs::write(&path, text).unwrap();
        for command in WITH_FILTER {
            check(&[command, "-f", file], 1, &[code, "limit"]);
        }
        check(&["run", "-f", file, &capture()], 1, &[code]);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("filter");
    let file = path.to_str().unwrap();
    std::fs::write(&path, b"tcp and \xff").unwrap();
    for command in WITH_FILTER {
        check(&[command, "-f", file], 1, &["UTF-8", "byte 8"]);
    }
    std::fs::write(&path, b"tcp\0 and udp").unwrap();
    for command in WITH_FILTER {
        check(&[command, "-f", file], 1, &["E0104", "NUL"]);
    }
    check(&["check", "tcp \u{1b}[31m"], 1, &["E0101"]);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_refused_in_words() {
    use std::os::unix::ffi::OsStrExt;
    let argument = std::ffi::OsStr::from_bytes(b"tcp \xff");
    let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
    let output = command.arg("check").arg(argument).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("UTF-8"));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    check(&[], 2, &["Usage"]);
    check(&["chekc", "tcp"], 2, &["check"]);
    check(&["check"], 2, &["FILTER"]);
    check(
        &["check", "tcp", "--layer", "netwrok"],
        2,
        &["network", "forward"],
    );
    check(&["check", "tcp", "--dialect", "2.2"], 2, &["windivert-2.2"]);
    check(&["check", "tcp", "-O", "3"], 2, &["0, 1, 2"]);
    check(&["check", "tcp", "--format", "xml"], 2, &["sarif"]);
    check(&["run", "tcp"], 2, &["capture"]);
    check(
        &["run", "--layer", "flow", "tcp", &capture()],
        2,
        &["network"],
    );
    check(
        &["run", "tcp", "--local", "10.0.0", &capture()],
        2,
        &["10.0.0.0/8"],
    );
    check(&["explain", "tcp", "--packet", "4g"], 2, &["hexadecimal"]);
    check(&["explain", "tcp", "--capture", "x"], 2, &["--frame"]);
    check(&["explain", "E0299"], 2, &["E0203"]);
    check(&["completions", "dos"], 2, &["bash"]);
}

#[test]
fn files_that_cannot_be_read_are_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let missing = dir.path().join("missing");
    let missing = missing.to_str().unwrap();
    for command in WITH_FILTER {
        check(&[command, "-f", missing], 3, &["cannot read", "missing"]);
    }
    check(&["run", "tcp", missing], 3, &["cannot open", "missing"]);
    check(&["run", "tcp", folder], 3, &[folder]);
    check(
        &["explain", "tcp", "--capture", missing, "--frame", "1"],
        3,
        &["missing"],
    );
    check(
        &["explain", "tcp", "--capture", &capture(), "--frame", "99"],
        3,
        &["14 frames"],
    );
    check(&["compile", "tcp", "-o", folder], 3, &["cannot write"]);
    let not_a_capture = dir.path().join("text");
    let path = not_a_capture.to_str().unwrap();
    for text in ["", "abc", "This is no capture at all."] {
        std::fs::write(&not_a_capture, text).unwrap();
        check(&["run", "tcp", path], 3, &["not a capture"]);
    }
    // The captures that can be read are, whatever the others are.
    let output = divertc(&["run", "--count", "tcp", path, &capture()]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"14\n");
}

#[test]
fn every_form_of_output_is_what_it_says() {
    let out = |args: &[&str]| {
        let output = divertc(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let emit = |form| out(&["compile", "--emit", form, "tcp.DstPort = 443 or udp"]);
    assert_eq!(emit("object"), "@WinDiv_WY_1dWWDxALX_fXWWAX\n");
    assert_eq!(emit("hex").trim().len(), 2 * 2 * 24);
    assert_eq!(emit("asm").lines().count(), 2);
    assert!(emit("c").contains("static const unsigned char filter[]"));
    assert!(emit("dot").starts_with("digraph"));
    let json: serde_json::Value = serde_json::from_str(&emit("json")).unwrap();
    assert_eq!(json["n"], 2);
    assert_eq!(
        divertc(&["compile", "--emit", "bytecode", "tcp"])
            .stdout
            .len(),
        24
    );

    for level in ["-O0", "-O1", "-O2"] {
        assert_eq!(out(&["compile", level, "tcp"]), "@WinDiv_WX_eXWWAX\n");
    }
    assert_eq!(out(&["compile", "-O", "1", "tcp"]), "@WinDiv_WX_eXWWAX\n");

    let explain = |form| out(&["explain", "--format", form, "tcp.DstPort = 443 or udp"]);
    assert!(explain("svg").starts_with("<svg"));
    assert!(
        explain("html")
            .to_lowercase()
            .starts_with("<!doctype html>")
    );
    assert!(explain("dot").starts_with("digraph"));
    let json: serde_json::Value = serde_json::from_str(&explain("json")).unwrap();
    assert_eq!(json["instruction_count"], 2);
    let traced = out(&["explain", "tcp", "--capture", &capture(), "--frame", "1"]);
    assert!(traced.contains("141.142.228.5"), "{traced}");

    assert_eq!(
        out(&["fmt", "tcp&&( udp||!icmp )"]),
        "tcp and (udp or not icmp)\n"
    );
    assert_eq!(out(&["fmt", "@WinDiv_WX_eXWWAX"]), "tcp\n");
    assert_eq!(
        out(&["disasm", "@WinDiv_WX_eXWWAX"]),
        "  0  tcp  ? accept : reject\n"
    );
    assert_eq!(out(&["fields", "--format", "json"]).lines().count(), 86);
    assert!(out(&["fields", "--layer", "reflect"]).lines().count() < 10);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(out(&["completions", shell]).contains("divertc"));
    }
    assert!(out(&["man"]).contains(".TH divertc"));
    assert!(out(&["explain", "e0203"]).starts_with("E0203 (error)"));
}

#[test]
fn diagnostics_have_forms_for_programs() {
    let err = |args: &[&str]| String::from_utf8(divertc(args).stderr).unwrap();
    let check = |form| err(&["check", "--format", form, "tcp and\nudpp"]);
    assert_eq!(
        check("short"),
        "filter:2:1: error[E0201]: no field is called `udpp`\n"
    );
    assert!(check("github").starts_with("::error file=filter,line=2,endLine=2,col=1,endColumn=5"));
    let json: serde_json::Value = serde_json::from_str(&check("json")).unwrap();
    assert_eq!(json["code"], "E0201");
    let sarif: serde_json::Value = serde_json::from_str(&check("sarif")).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], "E0201");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), divert_compiler::diag::Code::ALL.len());
}

#[test]
fn warnings_fail_a_check_only_if_asked_to() {
    let code = |args: &[&str]| divertc(args).status.code();
    assert_eq!(code(&["check", "tcp.DstPort = 65536"]), Some(0));
    assert_eq!(
        code(&["check", "-D", "warnings", "tcp.DstPort = 65536"]),
        Some(1)
    );
    assert_eq!(
        code(&["check", "-D", "warnings", "tcp.DstPort = 65535"]),
        Some(0)
    );
    assert_eq!(code(&["fmt", "--check", "tcp and udp"]), Some(0));
    assert_eq!(code(&["fmt", "--check", "tcp && udp"]), Some(1));
}

#[test]
fn colours_come_only_when_asked_for() {
    let colored = |args: &[&str]| divertc(args).stderr.contains(&0x1B);
    assert!(!colored(&["check", "tcpp"]));
    assert!(colored(&["check", "tcpp", "--color", "always"]));
    assert!(!colored(&["check", "tcpp", "--color", "never"]));
}

#[test]
fn transcripts_in_the_readme_are_true() {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    let cases = trycmd::TestCases::new();
    cases.case("README.md");
}
