//! Writes seeds for the fuzz targets, and their dictionary, to `fuzz/`.
//!
//! `cargo run -p divert-testkit --example seed-corpus`

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use divert_testkit::generators::{self, Source};
use divert_testkit::vectors;
use divert_vm::{Field, Layer, Program, bytecode};

/// Most seeds a target gets.
const MOST: usize = 3_000;

fn main() -> io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("fuzz");
    let filters = vectors::filters();
    let wild = vectors::wild_filters();
    let texts: BTreeSet<&str> = filters.iter().map(|row| row.filter.as_str()).collect();
    let (objects, texts): (Vec<&str>, Vec<&str>) =
        texts.into_iter().partition(|text| text.starts_with('@'));
    let texts = spread(&texts).chain(wild.iter().map(|row| row.filter.as_str()));
    let texts: Vec<&[u8]> = texts.map(str::as_bytes).collect();
    let compiled: Vec<&str> = filters
        .iter()
        .filter_map(|row| Some(row.outcome.as_ref().ok()?.object.as_str()))
        .collect();
    let objects: Vec<&[u8]> = objects
        .into_iter()
        .chain(spread(&compiled))
        .map(str::as_bytes)
        .collect();
    let cases = vectors::cases();
    let packets: Vec<&[u8]> = cases
        .iter()
        .filter_map(|case| case.packet.as_deref())
        .collect();
    let choices: Vec<Vec<u8>> = (0..500)
        .map(|seed| generators::random_bytes(seed, 400))
        .collect();
    let choices: Vec<&[u8]> = choices.iter().map(Vec::as_slice).collect();

    write(&fuzz, "parse", &texts)?;
    write(&fuzz, "compile", &[&texts[..], &objects[..100]].concat())?;
    write(&fuzz, "object", &objects)?;
    write(&fuzz, "execute", &choices)?;
    write(&fuzz, "packet", &packets)?;
    write(&fuzz, "differential", &choices)?;
    write(&fuzz, "passes", &choices)?;
    write(&fuzz, "diff", &choices)?;
    let images: Vec<Vec<u8>> = images(&choices).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    write(&fuzz, "verify", &images)?;
    let path = fuzz.join("filter.dict");
    fs::write(&path, dictionary())?;
    println!("{}", path.display());
    Ok(())
}

/// Bytecode that is accepted.
fn images(choices: &[&[u8]]) -> impl Iterator<Item = Vec<u8>> {
    let cells = choices.iter().map(|choices| {
        let mut source = Source::new(choices);
        generators::image(&mut source)
    });
    let cells = cells.filter(|cells| Program::from_cells(cells.as_slice()).is_ok());
    cells.map(|cells| cells.iter().flat_map(bytecode::to_bytes).collect())
}

/// At most [`MOST`] of the items, from all over the list.
fn spread<'a>(items: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    items
        .iter()
        .copied()
        .step_by(items.len().div_ceil(MOST).max(1))
}

fn write(fuzz: &Path, target: &str, seeds: &[&[u8]]) -> io::Result<()> {
    let dir: PathBuf = fuzz.join("corpus").join(target);
    fs::create_dir_all(&dir)?;
    for (at, seed) in seeds.iter().enumerate() {
        fs::write(dir.join(format!("seed-{at:05}")), seed)?;
    }
    println!("{:5} {}", seeds.len(), dir.display());
    Ok(())
}

/// The words of the filter language, one a line as libFuzzer wants them.
fn dictionary() -> String {
    let fields = Field::ALL.iter().map(|field| field.name());
    let layers = Layer::ALL.iter().map(|layer| layer.name());
    let events = Layer::ALL
        .iter()
        .flat_map(|layer| layer.events())
        .map(|(name, _)| *name);
    let protocols = [
        "TCP", "UDP", "ICMP", "ICMPV6", "TRUE", "FALSE", "true", "false",
    ];
    let words = [
        "and", "or", "not", "&&", "||", "!=", "<=", ">=", "==", "in", "0x", "::", "@WinDiv_",
    ];
    let numbers = [
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "[0b]",
    ];
    let all = fields
        .chain(layers)
        .chain(events)
        .chain(protocols)
        .chain(words)
        .chain(numbers);
    let all: BTreeSet<&str> = all.collect();
    all.into_iter()
        .map(|word| format!("\"{word}\"\n"))
        .collect()
}
