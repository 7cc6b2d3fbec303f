//! Graphs and filters in files, each with what shall become of it.
//!
//! The first line says what is done, `---` separates input and result:
//!
//! | header | input | result |
//! |---|---|---|
//! | `test opt:<pass>` | graph | graph after the pass |
//! | `test opt:all` | graph | graph after all passes, until nothing changes |
//! | `test build` | `layer <name>`, filter | graph as written |
//! | `test object -O1` | `layer <name>`, filter or object | instructions |
//! | `test verify` | graph | the rules it breaks |
//!
//! `UPDATE_FILETESTS=1 cargo test -p divert-testkit --test filetests` writes
//! the results as they are.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use divert_compiler::graph::Graph;
use divert_compiler::opt::PASSES;
use divert_compiler::{Compiler, Layer, OptLevel};
use divert_vm::{Insn, Target};

/// Most lines of a file.
const MAX_LINES: usize = 40;

/// Most rounds of all passes.
const MAX_ROUNDS: usize = 8;

fn graph(text: &str) -> Result<Graph, String> {
    let graph: Graph = text.parse().map_err(|error| format!("{error}"))?;
    // Unreachable nodes are not printed, and take their numbers with them.
    let is_whole = graph.to_string().lines().count() == graph.len() + 1;
    if is_whole && graph.verify().is_empty() {
        let printed = graph.to_string();
        let again: Graph = printed.parse().map_err(|error| format!("again: {error}"))?;
        if again.to_string() != printed {
            return Err(format!("printed as\n{printed}reads as\n{again}"));
        }
    }
    Ok(graph)
}

fn optimised(text: &str, pass: &str) -> Result<String, String> {
    let mut graph = graph(text)?;
    if !graph.verify().is_empty() {
        return Err(format!("breaks rules: {:?}", graph.verify()));
    }
    if pass != "all" {
        let pass = PASSES.iter().find(|known| known.name == pass);
        (pass.ok_or("no such pass")?.run)(&mut graph);
    }
    for _ in 0..MAX_ROUNDS {
        let before = graph.to_string();
        for other in PASSES.iter().filter(|_| pass == "all") {
            (other.run)(&mut graph);
        }
        if graph.to_string() == before {
            break;
        }
    }
    if !graph.verify().is_empty() {
        return Err(format!("now breaks rules: {:?}", graph.verify()));
    }
    Ok(graph.to_string())
}

fn verified(text: &str) -> Result<String, String> {
    let broken = graph(text)?.verify();
    let rules = broken
        .iter()
        .map(|broken| format!("G{} at {}\n", broken.rule, broken.at));
    Ok(match broken.is_empty() {
        true => "well-formed\n".to_owned(),
        false => rules.collect(),
    })
}

/// A compiler for the layer of the first line, and the text after it.
fn filter(text: &str) -> Result<(Compiler, &str), String> {
    let (first, rest) = text.split_once('\n').ok_or("no layer")?;
    let name = first.strip_prefix("layer ").ok_or("no layer")?;
    let layer = Layer::ALL.into_iter().find(|layer| layer.slug() == name);
    Ok((Compiler::new().layer(layer.ok_or("no layer")?), rest.trim()))
}

fn built(text: &str) -> Result<String, String> {
    let (compiler, text) = filter(text)?;
    let filter = compiler.opt_level(OptLevel::O0).compile(text);
    let filter = filter.map_err(|error| error.to_string())?;
    Ok(Graph::of_hir(filter.hir(), filter.layer()).to_string())
}

fn disassembled(text: &str, level: OptLevel) -> Result<String, String> {
    let (compiler, text) = filter(text)?;
    let filter = compiler.opt_level(level).compile(text);
    let filter = filter.map_err(|error| error.to_string())?;
    let mut out = String::new();
    for (at, insn) in filter.instructions().iter().enumerate() {
        let _ = writeln!(out, "{at}: {}", disassemble(insn));
    }
    Ok(out)
}

fn disassemble(insn: &Insn) -> String {
    let place = |target: Target| match target.index() {
        Some(at) => at.to_string(),
        None if target == Target::ACCEPT => "accept".to_owned(),
        None => "reject".to_owned(),
    };
    let index = match insn.field.field_type().is_data() {
        true => format!("[{}]", insn.offset()),
        false => String::new(),
    };
    let constant = insn.constant();
    let sign = if constant.negative { "-" } else { "" };
    let number = match constant.magnitude {
        small if small <= u32::MAX.into() => small.to_string(),
        large => format!("{large:#x}"),
    };
    format!(
        "{}{index} {} {sign}{number} ? {} : {}",
        insn.field.name(),
        insn.op.symbol(),
        place(insn.success),
        place(insn.failure)
    )
}

fn result(header: &str, input: &str) -> Result<String, String> {
    match header.strip_prefix("test ").ok_or("no header")? {
        "build" => built(input),
        "verify" => verified(input),
        "object -O0" => disassembled(input, OptLevel::O0),
        "object -O1" => disassembled(input, OptLevel::O1),
        "object -O2" => disassembled(input, OptLevel::O2),
        other => optimised(input, other.strip_prefix("opt:").ok_or("no such test")?),
    }
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests");
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let dirs = entries(&root).into_iter().filter(|path| path.is_dir());
    let mut files: Vec<PathBuf> = dirs.flat_map(|dir| entries(&dir)).collect();
    files.sort();
    files
}

/// Lines of both, those that differ with a sign.
fn diff(expect: &str, got: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expect.lines().collect(), got.lines().collect());
    let mut out = String::new();
    for at in 0..old.len().max(new.len()) {
        match (old.get(at), new.get(at)) {
            (Some(a), Some(b)) if a == b => out += &format!("    {a}\n"),
            (a, b) => {
                out += &a.map(|a| format!("  - {a}\n")).unwrap_or_default();
                out += &b.map(|b| format!("  + {b}\n")).unwrap_or_default();
            }
        }
    }
    out
}

#[test]
fn every_file_gives_what_it_says() {
    let update = std::env::var_os("UPDATE_FILETESTS").is_some();
    let files = files();
    let mut failures = String::new();
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        let name = path.display();
        let (head, expect) = text.split_once("---\n").unwrap_or((&text, ""));
        let (header, input) = head.split_once('\n').expect("a header");
        let comment = |line: &&str| line.starts_with(';');
        let lines: Vec<&str> = input.lines().skip_while(comment).collect();
        let got = result(header, &lines.join("\n"));
        let got = got.unwrap_or_else(|error| format!("error: {}\n", error.trim_end()));
        assert!(text.lines().count() <= MAX_LINES, "{name} is too long");
        if got == expect {
            continue;
        }
        if update {
            fs::write(path, format!("{head}---\n{got}")).unwrap();
        } else {
            failures += &format!("{name}\n{}", diff(expect, &got));
        }
    }
    println!("{} files", files.len());
    assert!(failures.is_empty(), "\n{failures}");
    assert!(files.len() >= 45);
}

/// What is in a folder is about that pass.
#[test]
fn every_file_lies_where_it_belongs() {
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let folder = path.parent().unwrap().file_name().unwrap();
        let folder = folder.to_string_lossy().into_owned();
        let header = text.lines().next().unwrap();
        let about = header.strip_prefix("test ").unwrap().replace("opt:", "");
        let about = about.split(' ').next().unwrap();
        assert_eq!(about, folder, "{}", path.display());
        let explained = text
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("; "));
        assert!(explained, "{} says not what it shows", path.display());
    }
}
