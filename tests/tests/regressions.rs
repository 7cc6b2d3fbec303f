//! Inputs that a fuzzer found once: none may fail again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use divert_testkit::checks;

#[test]
fn what_a_fuzzer_found_once_stays_fixed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("fuzz/regressions");
    let mut replayed = 0;
    for (target, check) in checks::ALL {
        let files = fs::read_dir(dir.join(target)).unwrap_or_else(|e| panic!("{target}: {e}"));
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{target} has no input");
        for path in paths {
            println!("{}", path.display());
            check(&fs::read(path).unwrap());
            replayed += 1;
        }
    }
    println!("{replayed} inputs replayed");
    assert!(replayed >= checks::ALL.len());
}

#[test]
fn every_fuzz_target_is_replayed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("fuzz");
    let files = fs::read_dir(fuzz.join("fuzz_targets")).unwrap();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let targets: BTreeSet<String> = files.map(|file| name(&file.unwrap().path())).collect();
    let replayed: BTreeSet<String> = checks::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(targets, replayed);
}

#[test]
fn the_dictionary_has_every_field() {
    let dictionary = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/filter.dict");
    let dictionary = fs::read_to_string(dictionary).unwrap();
    let words: BTreeSet<&str> = dictionary.lines().collect();
    for field in divert_vm::Field::ALL {
        let word = format!("\"{}\"", field.name());
        assert!(words.contains(word.as_str()), "run the example seed-corpus");
    }
}
