//! `divertc diff` and `compile --verify`: outcomes and exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn divertc(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_divertc"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("divertc runs");
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Checks the exit code; gives what was printed.
#[track_caller]
fn check(args: &[&str], code: i32) -> (String, String) {
    let output = divertc(args, "tcp");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "{args:?}: {stdout}{stderr}"
    );
    (stdout, stderr)
}

#[test]
fn equivalent_filters_are_exit_code_0_and_proved() {
    let (stdout, stderr) = check(&["diff", "not (tcp or udp)", "not udp and not tcp"], 0);
    assert!(stdout.contains("proved"), "{stdout}");
    assert_eq!(stderr, "");
    check(&["diff", "tcp", "@WinDiv_WX_eXWWAX"], 0);
    check(&["diff", "-", "tcp"], 0);
    let (stdout, _) = check(&["diff", "--format", "json", "tcp", "tcp"], 0);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["outcome"], "equivalent");
    assert!(json["packet"].is_null() && json["matches"].is_null());
}

#[test]
fn different_filters_are_exit_code_1_and_a_packet() {
    let (a, b) = ("tcp.DstPort = 80", "tcp.DstPort = 81");
    let (stdout, _) = check(&["diff", a, b], 1);
    for words in [
        "only A matches",
        "\nA: tcp.DstPort = 80",
        "\nmatch\n",
        "\nno match",
    ] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    let (stdout, _) = check(&["diff", "--format", "json", b, a], 1);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let side = json["matches"].as_str().unwrap();
    let packet = json["packet"].as_str().unwrap();
    let matching = if side == "a" { b } else { a };
    let (stdout, _) = check(&["explain", matching, "--packet", packet], 0);
    assert!(stdout.ends_with("\nmatch\n"), "{stdout}");
    check(&["diff", "--format", "short", a, b], 1);
}

#[test]
fn events_are_told_apart_as_well() {
    let args = [
        "diff",
        "--layer",
        "flow",
        "--format",
        "json",
        "processId = 4",
        "processId = 5",
    ];
    let (stdout, _) = check(&args, 1);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert!(json["packet"].is_null());
    let process = json["event"]["processid"].as_u64().unwrap();
    assert_eq!(process, if json["matches"] == "a" { 4 } else { 5 });
}

#[test]
fn wrong_filters_usage_and_files_have_their_exit_codes() {
    let (_, stderr) = check(&["diff", "tcp AND udp", "tcp."], 1);
    assert!(
        stderr.contains("E0105") && stderr.contains("[ B:1"),
        "{stderr}"
    );
    check(&["diff", "tcp"], 2);
    check(&["diff", "tcp", "udp", "ip"], 2);
    check(&["diff", "-", "-"], 2);
    check(&["diff", "-f", "/no/such/file", "tcp"], 3);
}

#[test]
fn filters_can_be_files() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| dir.path().join(name));
    for (path, text) in paths.iter().zip(["tcp\n", "udp\n"]) {
        std::fs::write(path, text).unwrap();
    }
    let [a, b] = paths.each_ref().map(|path| path.to_str().unwrap());
    check(&["diff", "-f", a, "-f", a], 0);
    check(&["diff", "-f", a, "-f", b], 1);
    check(&["diff", "-f", b, "udp"], 0);
    check(&["diff", "-f", a, "-f", b, "tcp"], 2);
}

#[test]
fn what_cannot_be_decided_is_exit_code_4() {
    let (stdout, _) = check(&["diff", "random32 = 7", "false"], 4);
    assert!(stdout.contains("undecided: "), "{stdout}");
    let args = ["diff", "--format", "json", "random32 = 7", "false"];
    let (stdout, _) = check(&args, 4);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["outcome"], "undecided");
    assert!(json["reason"].is_string());
}

#[test]
fn verified_programs_are_proved() {
    let filter = "tcp.DstPort = 80 or tcp.DstPort = 81 or udp";
    let (plain, _) = check(&["compile", filter], 0);
    let (stdout, stderr) = check(&["compile", "--verify", filter], 0);
    assert_eq!(stdout, plain);
    assert!(stderr.contains("proved"), "{stderr}");
    check(&["compile", "--verify", "-O0", filter], 0);
    check(&["compile", "--verify", plain.trim()], 0);
}

#[test]
fn check_tells_of_clauses_that_do_nothing() {
    let (_, stderr) = check(&["check", "tcp.DstPort > 1023 and tcp.DstPort > 8000"], 0);
    assert!(stderr.contains("W2009"), "{stderr}");
    let dead = "tcp.DstPort = 80 and (udp.DstPort = 53 or outbound)";
    let (_, stderr) = check(&["check", "-D", "warnings", dead], 1);
    assert!(stderr.contains("W2008"), "{stderr}");
    let (_, stderr) = check(&["check", "tcp and tcp.DstPort == 80"], 0);
    assert_eq!(stderr, "");
}
