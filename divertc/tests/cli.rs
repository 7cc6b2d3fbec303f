//! The command line: bad input, exit codes, forms of output, transcripts.

use std::io::Write;
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
    for command in ["run", "bench"] {
        check(&[command, "tcp AND udp", &capture()], 1, &["E0105"]);
    }
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
    std::fs::write(&path, "tcp or ".repeat(150_000) + "udp").unwrap();
    for command in WITH_FILTER {
        check(&[command, "-f", file], 1, &["E0501", "limit"]);
    }
    check(&["run", "-f", file, &capture()], 1, &["E0501"]);

    // One that is not too long as text, but as instructions.
    let tests = (0..40_000).map(|n| format!("tcp.SeqNum = {}", n * 3));
    std::fs::write(&path, tests.collect::<Vec<_>>().join(" or ")).unwrap();
    for command in ["check", "compile", "explain", "disasm"] {
        let (naive, optimised) = ("40000 instructions", "40000 when optimised");
        check(
            &[command, "-f", file],
            1,
            &["E0503", naive, optimised, "limit is 255"],
        );
    }
    // What needs no instructions has no such limit.
    check(&["run", "-f", file, &capture(), "--count"], 1, &[]);
    check(&["fmt", "-f", file], 0, &[]);
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
    check(&["explain", "E0299"], 2, &["E0201, E0202"]);
    check(&["explain", "W1999"], 2, &["W1001, W1002"]);
    check(&["explain", "e9999"], 2, &["E0101 to E0602"]);
    check(&["fields", "--layer", "transport"], 2, &["reflect"]);
    check(&["compile", "tcp", "--emit", "elf"], 2, &["bytecode"]);
    check(&["disasm"], 2, &["FILTER"]);
    check(&["fmt", "tcp", "-f", "x"], 2, &["--file"]);
    check(&["batch", "tcp"], 2, &["tcp"]);
    check(&["completions", "dos"], 2, &["bash"]);
    check(&["man", "runn"], 2, &["check, compile"]);
    check(&["check", "--foramt", "json", "tcp"], 2, &["--format"]);
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
    let bytes = |form| divertc(&["compile", "--emit", form, "tcp.Syn"]).stdout;
    assert_eq!(bytes("insns").len(), 24);
    let cells = [divert_vm::bytecode::EMPTY; 5];
    assert!(divert_vm::Program::decode(&bytes("bytecode"), cells).is_ok());

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
fn every_command_has_a_page_in_the_manual() {
    for command in WITH_FILTER {
        let page = divertc(&["man", command]).stdout;
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(&format!(".TH divertc-{command}")), "{page}");
        assert!(page.contains("dialect"), "{page}");
    }
}

#[test]
fn all_ways_to_give_an_optimisation_level_are_taken() {
    for level in ["-O0", "-O1", "-O2"] {
        check(&["compile", level, "tcp"], 0, &[]);
        check(&["compile", "-O", &level[2..], "tcp"], 0, &[]);
    }
}

#[test]
fn a_filter_may_come_from_a_file_or_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("filter");
    let file = path.to_str().unwrap();
    // As editors of Windows save it.
    std::fs::write(&path, "\u{FEFF}tcp\r\nand udp\r\n").unwrap();
    check(&["check", "-f", file], 0, &[]);
    check(&["fmt", "--check", "-f", file], 1, &[]);
    std::fs::write(&path, b"\xff\xfet\0c\0p\0").unwrap();
    check(&["check", "-f", file], 1, &["UTF-16", "save it as UTF-8"]);
    std::fs::write(&path, "").unwrap();
    check(&["check", "-f", file], 1, &["E0306"]);

    let output = with_input(&["compile", "-"], b"tcp\n");
    assert_eq!(output.stdout, b"@WinDiv_WX_eXWWAX\n");
    let output = with_input(&["run", "--count", "-", &capture()], b"tcp\n");
    assert_eq!(output.stdout, b"14\n");
    let output = with_input(&["check", "-"], b"tcp \xff");
    assert_eq!(output.status.code(), Some(1));
}

fn with_input(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
    let piped = command.args(args).stdin(Stdio::piped());
    let piped = piped.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn each_line_is_checked_at_its_place_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("filters");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "tcp\r\n\nudp and udpp\nip.TTL < 300\n").unwrap();
    let each = |form| divertc(&["check", "--each", "-f", file, "--format", form]);
    let err = |form| String::from_utf8(each(form).stderr).unwrap();

    let human = each("human");
    assert_eq!(human.status.code(), Some(1));
    let fine = "line 1: ok: 1 instruction of 255, layer NETWORK\n\
                line 4: ok: 1 instruction of 255, layer NETWORK\n";
    assert_eq!(String::from_utf8(human.stdout).unwrap(), fine);
    assert!(err("human").contains("filters:3:9 ]"), "{}", err("human"));
    assert!(err("short").contains("filters:3:9: error[E0201]"));
    assert!(err("short").contains("filters:4:1: warning["));
    assert!(err("github").contains("line=3,endLine=3,col=9,endColumn=13"));

    let json: serde_json::Value =
        serde_json::from_str(err("json").lines().next().unwrap()).unwrap();
    assert_eq!((&json["line"], &json["column"]), (&3.into(), &9.into()));
    assert_eq!(json["span"], serde_json::json!([14, 18]));
    // One log, however many filters there are.
    let log: serde_json::Value = serde_json::from_str(&err("sarif")).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let line = |result: &serde_json::Value| {
        result["locations"][0]["physicalLocation"]["region"]["startLine"].clone()
    };
    assert_eq!(line(&results[0]), 3);
    assert_eq!(line(results.last().unwrap()), 4);
}

#[test]
fn a_broken_pipe_is_no_error_and_changes_no_verdict() {
    // The reader is gone before anything can be written.
    let run = |args: &[&str], input: &[u8]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
        let piped = command.args(args).stdin(Stdio::piped());
        let piped = piped.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(run(&["explain", "-"], b"tcp"), Some(0));
    assert_eq!(run(&["run", "-", &capture()], b"tcp"), Some(0));
    assert_eq!(run(&["batch"], b"{}\n"), Some(0));
    assert_eq!(run(&["check", "-"], b"tcpp"), Some(1));
    assert_eq!(run(&["run", "-", "missing"], b"tcp"), Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_exit_code_3_but_not_where_messages_go() {
    let full = || std::fs::File::create("/dev/full").unwrap();
    let out = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
        let output = command.args(args).stdout(full()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("cannot write"), "{args:?}: {stderr}");
        output.status.code()
    };
    let capture = capture();
    assert_eq!(out(&["compile", "tcp"]), Some(3));
    assert_eq!(out(&["explain", "tcp"]), Some(3));
    assert_eq!(out(&["fields"]), Some(3));
    assert_eq!(out(&["man"]), Some(3));
    assert_eq!(out(&["run", "tcp", &capture]), Some(3));
    check(&["compile", "tcp", "-o", "/dev/full"], 3, &["cannot write"]);
    check(
        &["run", "tcp", &capture, "-w", "/dev/full"],
        3,
        &["cannot write"],
    );

    let err = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
        command
            .args(args)
            .stderr(full())
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(err(&["check", "tcpp"]), Some(1));
    assert_eq!(err(&["check", "tcp.DstPort = 65536"]), Some(0));
    assert_eq!(err(&["check", "-f", "missing"]), Some(3));
}

#[test]
fn formatting_never_changes_what_a_filter_means() {
    // WinDivert 2.2 would refuse the longest number with the colon after it.
    let filter = "(tcp? localAddr = 123456789012345678901234567890123456789 : udp)";
    let args = ["fmt", "--dialect", "windivert-2.2", filter];
    assert_eq!(divertc(&args).stdout, format!("{filter}\n").as_bytes());
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
    let with = |variables: &[&str], args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command.envs(variables.iter().map(|name| (name, "1")));
        command.args(args).output().unwrap().stderr.contains(&0x1B)
    };
    assert!(with(&["CLICOLOR_FORCE"], &["check", "tcpp"]));
    assert!(!with(&["NO_COLOR"], &["check", "tcpp"]));
    assert!(!with(&["NO_COLOR", "CLICOLOR_FORCE"], &["check", "tcpp"]));
    assert!(with(&["NO_COLOR"], &["check", "tcpp", "--color", "always"]));
    // Forms for programs have none at all.
    for form in ["short", "json", "sarif", "github"] {
        let args = ["check", "tcpp", "--color", "always", "--format", form];
        assert!(!with(&[], &args), "{form}");
    }
}

#[test]
fn transcripts_in_the_readme_are_true() {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    let cases = trycmd::TestCases::new();
    cases.case("README.md");
}
