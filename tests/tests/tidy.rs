//! Rules about the source itself.

use std::fs;
use std::path::{Path, PathBuf};

use divert_vm::Field;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All files below `dir` with this extension, build products left out.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != "corpus" && !name.starts_with('.') {
                    dirs.push(path);
                }
            } else if name.ends_with(extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let root = root();
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        (name, fs::read_to_string(&path).unwrap())
    };
    files(&root, ".rs").into_iter().map(read).collect()
}

#[test]
fn no_source_file_is_too_long() {
    let sources = sources();
    println!("{} source files", sources.len());
    assert!(sources.len() > 50);
    for (name, text) in sources {
        let lines = text.lines().count();
        assert!(lines <= 800, "{name} has {lines} lines");
    }
}

/// A field is named in the table, where its value is loaded, and in the few
/// places that are about that one field.
#[test]
fn fields_are_named_in_few_places() {
    let about_single_fields = [
        // What the stock driver computes otherwise than documented.
        "compiler/src/resolve/fold.rs",
        // Direction and IP version decide what a driver hooks.
        "compiler/src/flags.rs",
        "compiler/src/lint.rs",
        "compiler/src/resolve/mod.rs",
        "compiler/src/resolve/operand.rs",
    ];
    let library = sources().into_iter().filter(|(name, _)| {
        // Tests in a file of their own are no library.
        if name.starts_with("vm/src/") && name.ends_with("/tests.rs") {
            return false;
        }
        let krate = ["vm/src/", "compiler/src/", "grammar/src/"];
        krate.iter().any(|k| name.starts_with(k))
    });
    for (name, text) in library {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code: String = code.collect();
        let named = Field::ALL
            .iter()
            .filter(|f| code.contains(&format!("Field::{f:?}")));
        let named = named.count();
        let allowed = match name.as_str() {
            "vm/src/isa/field.rs" | "vm/src/load.rs" => Field::ALL.len(),
            // Loading the other way round: which packet has these values, and
            // which fields depend on each other.
            "compiler/src/equiv/solve.rs" | "compiler/src/equiv/event.rs" => 40,
            "compiler/src/graph/theory.rs" => 40,
            name if name.starts_with("compiler/src/equiv/") => 30,
            name if about_single_fields.contains(&name) => 9,
            "compiler/src/expr.rs" => 2,
            name if name.starts_with("compiler/src/explain/") => 9,
            name if name.starts_with("compiler/src/diag/") => 9,
            "vm/src/program.rs" | "vm/src/isa/insn.rs" => 1,
            _ => 0,
        };
        assert!(named <= allowed, "{name} names {named} fields");
    }
}

#[test]
fn dependencies_point_one_way_only() {
    let manifest = |krate: &str| fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap();
    let dependencies = |krate: &str| {
        let text = manifest(krate);
        let section = text.split("\n[dependencies]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap().to_owned();
        let ours = [
            "divert-grammar",
            "divert-vm",
            "divert-compiler",
            "divert-testkit",
        ];
        ours.into_iter()
            .filter(|name| section.contains(name))
            .collect::<Vec<_>>()
    };
    assert!(
        !manifest("vm").contains("\n[dependencies]"),
        "vm depends on nothing"
    );
    assert!(dependencies("grammar").is_empty());
    assert_eq!(dependencies("compiler"), ["divert-grammar", "divert-vm"]);
    assert!(!dependencies("divertc").contains(&"divert-testkit"));
}

#[test]
fn the_readme_has_the_field_table() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut table = String::from("| field | layers | needs | meaning |\n|---|---|---|---|\n");
    for field in Field::ALL {
        let layers: Vec<&str> = field.layers().iter().map(|l| l.slug()).collect();
        let needs = field.presence().field().map_or("", Field::name);
        let index = if field.field_type().is_data() {
            "[i]"
        } else {
            ""
        };
        table += &format!(
            "| `{}{index}` | {} | {} | {} |\n",
            field.name(),
            if layers.len() == 5 {
                "all".to_owned()
            } else {
                layers.join(", ")
            },
            needs,
            field.doc()
        );
    }
    assert!(
        readme.contains(&table),
        "the field table should be:\n\n{table}"
    );
}

#[test]
fn every_crate_states_the_same_rust_version() {
    for krate in ["vm", "grammar", "compiler", "divertc", "tests"] {
        let manifest = fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("rust-version.workspace = true"),
            "{krate}"
        );
    }
}
