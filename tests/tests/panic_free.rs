//! The object code of the virtual machine: no panics, little stack.
//!
//! Builds `tests/probe` at several optimisation levels and reads the archives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};

/// Builds the probe; gives the archives of the VM and of the probe.
fn build(opt_level: &str, features: &[&str], rustflags: &str) -> [PathBuf; 2] {
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("probe");
    let name = format!("probe-{opt_level}-{}-{}", features.len(), rustflags.len());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--offline"])
        .args(features.iter().flat_map(|feature| ["--features", feature]))
        .current_dir(&probe)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
        .env("RUSTFLAGS", rustflags)
        // Only to print stack sizes; it changes no code.
        .env("RUSTC_BOOTSTRAP", "1")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the probe does not build");
    let release = target.join("release");
    let vm = std::fs::read_dir(release.join("deps")).unwrap();
    let vm = vm.map(|entry| entry.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libdivert_vm") && name.ends_with(".rlib")
    });
    [vm.expect("the VM's archive"), release.join("libprobe.rlib")]
}

/// Calls `visit` with every object file of an archive.
fn objects(archive: &Path, mut visit: impl FnMut(object::File<'_>)) {
    let data = std::fs::read(archive).unwrap();
    let members = ArchiveFile::parse(data.as_slice()).unwrap();
    for member in members.members() {
        if let Ok(file) = object::File::parse(member.unwrap().data(data.as_slice()).unwrap()) {
            visit(file);
        }
    }
}

/// Symbols that lead to a panic.
fn panics(archives: &[PathBuf]) -> (BTreeSet<String>, usize) {
    let marks = [
        "panic",
        "unwrap_failed",
        "expect_failed",
        "index_fail",
        "_fail_rt",
        "bounds_check",
    ];
    let (mut found, mut symbols) = (BTreeSet::new(), 0);
    for archive in archives {
        objects(archive, |file| {
            for symbol in file.symbols() {
                symbols += 1;
                let name = symbol.name().unwrap_or_default();
                if symbol.is_undefined() && marks.iter().any(|mark| name.contains(mark)) {
                    found.insert(name.to_owned());
                }
            }
        });
    }
    (found, symbols)
}

#[test]
fn vm_has_no_panic_symbols() {
    for opt_level in ["1", "2", "3", "s"] {
        let (found, symbols) = panics(&build(opt_level, &[], ""));
        println!(
            "opt-level {opt_level}: {symbols} symbols, {} panic symbols",
            found.len()
        );
        assert!(symbols > 20);
        assert!(found.is_empty(), "opt-level {opt_level}: {found:?}");
    }
}

#[test]
fn a_panic_would_be_seen() {
    let (found, _) = panics(&build("3", &["panics"], ""));
    assert!(
        found.iter().any(|name| name.contains("panic_bounds_check")),
        "{found:?}"
    );
}

/// Bytes of stack of every function, by its mangled name.
fn stack_sizes(archives: &[PathBuf]) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for archive in archives {
        objects(archive, |file| {
            let sections = file.sections().filter(|s| s.name() == Ok(".stack_sizes"));
            for section in sections {
                let data = section.data().unwrap();
                for (at, relocation) in section.relocations() {
                    let name = match relocation.target() {
                        RelocationTarget::Symbol(index) => {
                            let symbol = file.symbol_by_index(index).unwrap();
                            match symbol.section_index().filter(|_| symbol.name() == Ok("")) {
                                Some(index) => {
                                    let section = file.section_by_index(index).unwrap();
                                    section.name().unwrap().to_owned()
                                }
                                None => symbol.name().unwrap().to_owned(),
                            }
                        }
                        target => format!("{target:?}"),
                    };
                    // An address of eight bytes, then a ULEB128 number.
                    let bytes = &data[usize::try_from(at).unwrap() + 8..];
                    let mut size = 0;
                    for (shift, byte) in (0..).step_by(7).zip(bytes) {
                        size |= u64::from(byte & 0x7F) << shift;
                        if byte & 0x80 == 0 {
                            break;
                        }
                    }
                    sizes.insert(name, size);
                }
            }
        });
    }
    sizes
}

/// Nothing recurses, so each function is on the stack at most once, and the
/// sum over all functions of the modules involved is an upper bound.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn stack_use_is_bounded() {
    let sizes = stack_sizes(&build("3", &[], "-Zemit-stack-sizes"));
    let bound = |what: &str, modules: &[&str]| -> u64 {
        let involved = |name: &str| modules.iter().any(|module| name.contains(module));
        let sizes: Vec<_> = sizes.iter().filter(|(name, _)| involved(name)).collect();
        assert!(!sizes.is_empty(), "no function of {what}");
        let sum = sizes.iter().map(|(_, size)| **size).sum();
        println!(
            "{what}: at most {sum} bytes of stack in {} functions",
            sizes.len()
        );
        sum
    };
    let execute = [
        "probe7execute",
        "probe13execute_batch",
        "4exec",
        "4load",
        "6locate",
        "6packet",
        "4hash",
    ];
    let verify = [
        "probe6verify",
        "probe6decode",
        "probe10from_cells",
        "7program",
        "8bytecode",
        "3isa",
    ];
    // Most functions are there twice: for slices, and for the references to
    // slices of a batch.
    assert!(bound("execute", &execute) <= 3072);
    assert!(bound("verify", &verify) <= 4096);
}
