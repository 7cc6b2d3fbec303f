//! Laws that hold for every input a generator can make.

use divert_compiler::diag::Code;
use divert_compiler::{Compiler, Diagnostic, Dialect, Filter, Layer, OptLevel};
use divert_testkit::checks;
use divert_testkit::generators::{
    Source, filter_text, insn, layer, object_text, packet, program, scene,
};
use divert_vm::bytecode::{EMPTY, cells_for};
use divert_vm::isa::limits::{INSN_LEN, MAX_INSNS, MAX_USER_INSNS};
use divert_vm::object::{self, Object};
use divert_vm::{Insn, Program, execute, trace};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Choices for a generator.
fn choices(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

fn compile(text: &str, layer: Layer, dialect: Dialect) -> Option<Filter> {
    Compiler::new()
        .layer(layer)
        .dialect(dialect)
        .compile(text)
        .ok()
}

/// A filter that compiles, and what is left to choose scenes with.
fn filter<'a>(bytes: &'a [u8], dialect: Dialect) -> Option<(Filter, Source<'a>)> {
    let mut source = Source::new(bytes);
    let layer = layer(&mut source);
    let text = filter_text(&mut source, layer, dialect);
    Some((compile(&text, layer, dialect)?, source))
}

fn same_verdicts(a: &Filter, b: &Filter, source: &mut Source<'_>) -> Result<(), TestCaseError> {
    for _ in 0..6 {
        let (packet, event) = scene(source, a.layer());
        let verdicts = [a, b].map(|filter| filter.evaluate(packet.as_deref(), &event));
        let what = format!(
            "{} and {} on {event:?}, {packet:02x?}",
            a.source(),
            b.source()
        );
        prop_assert_eq!(verdicts[0], verdicts[1], "{}", what);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        // Looking for something new is what the fuzz targets are for.
        rng_seed: RngSeed::Fixed(20_220_402),
        ..Default::default()
    })]

    #[test]
    fn law_what_is_printed_parses_to_the_same_tree(bytes in choices(400)) {
        let mut source = Source::new(&bytes);
        for dialect in Dialect::ALL {
            let layer = layer(&mut source);
            checks::parse(filter_text(&mut source, layer, dialect).as_bytes());
        }
    }

    #[test]
    fn law_any_text_parses(text in "[a-z .()&|!?:<>=0-9\\[\\]{},/é-]{0,80}") {
        checks::parse(text.as_bytes());
        checks::compile(text.as_bytes());
    }

    #[test]
    fn law_every_filter_passes_every_check(bytes in choices(300)) {
        let mut source = Source::new(&bytes);
        let layer = layer(&mut source);
        checks::compile(filter_text(&mut source, layer, Dialect::Divert).as_bytes());
    }

    #[test]
    fn law_an_object_reads_as_it_was_written(bytes in choices(600)) {
        let mut source = Source::new(&bytes);
        let layer = layer(&mut source);
        let insns = program(&mut source, layer);
        let text = Object(&insns).to_string();
        let mut read = vec![Insn::NEVER; MAX_USER_INSNS];
        match object::decode(text.as_bytes(), &mut read) {
            Ok(len) => {
                prop_assert_eq!(len, insns.len());
                prop_assert_eq!(Object(&read[..len]).to_string(), text);
                // Only constants that the field has no room for are cut.
                let fits = Program::verify(&insns, layer, vec![EMPTY; cells_for(len)]).is_ok();
                prop_assert!(!fits || read[..len] == insns);
            }
            Err(error) => prop_assert!(insns.len() > MAX_INSNS, "{text}: {error}"),
        }
        checks::object(object_text(&mut source, layer).as_bytes());
    }

    #[test]
    fn law_an_instruction_decodes_as_it_was_encoded(bytes in choices(40), raw in any::<[u8; INSN_LEN]>()) {
        let mut source = Source::new(&bytes);
        let layer = layer(&mut source);
        let insn = insn(&mut source, layer, 3, 200);
        prop_assert_eq!(Insn::decode(&insn.encode()), Ok(insn));
        if let Ok(insn) = Insn::decode(&raw) {
            let mut reserved_cleared = raw;
            reserved_cleared[6] &= 1;
            reserved_cleared[7] = 0;
            prop_assert_eq!(insn.encode(), reserved_cleared);
        }
    }

    #[test]
    fn law_whatever_is_compiled_loads(bytes in choices(300)) {
        for dialect in Dialect::ALL {
            let Some((filter, _)) = filter(&bytes, dialect) else { continue };
            let count = filter.instructions().len();
            let storage = vec![EMPTY; cells_for(count)];
            prop_assert!(filter.program().is_some(), "{}", filter.source());
            prop_assert!(Program::load(filter.instructions(), filter.layer(), storage.clone()).is_ok());
            let verified = Program::verify_bytes(&filter.to_bytes(), filter.layer(), storage);
            prop_assert_eq!(verified.is_ok(), filter.driver_accepts());
            prop_assert!(verified.is_ok() || dialect == Dialect::WinDivert22, "{}", filter.source());
        }
    }

    #[test]
    fn law_execution_ends_within_as_many_steps_as_instructions(bytes in choices(600)) {
        let mut source = Source::new(&bytes);
        let layer = layer(&mut source);
        let (packet, event) = scene(&mut source, layer);
        let insns = program(&mut source, layer);
        let program = Program::load(&insns, layer, vec![EMPTY; cells_for(insns.len())]).unwrap();
        let mut last = None;
        let mut steps = 0;
        let packet = packet.unwrap_or_default();
        let verdict = trace(&insns, layer, packet.as_slice(), &event, |step| {
            assert!(last.is_none_or(|last| last < step.at), "steps lead forward");
            last = Some(step.at);
            steps += 1;
        });
        prop_assert!(steps <= insns.len());
        prop_assert_eq!(execute(&program, packet.as_slice(), &event), verdict);
        checks::execute(&bytes);
    }

    #[test]
    fn law_an_object_means_what_its_text_means(bytes in choices(500)) {
        for dialect in Dialect::ALL {
            let Some((filter, mut source)) = filter(&bytes, dialect) else { continue };
            let compiler = Compiler::new().layer(filter.layer()).dialect(dialect);
            let object = compiler.opt_level(OptLevel::O0).compile(&filter.object()).unwrap();
            prop_assert_eq!(object.object(), filter.object());
            prop_assert_eq!(object.flags().bits(), filter.flags().bits());
            prop_assert_eq!(object.driver_accepts(), filter.driver_accepts() || accepts_cut(&filter, &object));
            same_verdicts(&filter, &object, &mut source)?;
        }
    }

    #[test]
    fn law_a_decompiled_filter_means_the_same(bytes in choices(500)) {
        for dialect in Dialect::ALL {
            let Some((filter, mut source)) = filter(&bytes, dialect) else { continue };
            // Of other constants the text has less than the program. And the
            // test that data is there, `packet[9] >= 0`, is one that the
            // reference executes but, given as text, takes for always true.
            let tests_presence = |warning: &Diagnostic| warning.code == Code::DataAlwaysInRange;
            let folds = dialect == Dialect::Divert && filter.warnings().iter().any(tests_presence);
            if !filter.driver_accepts() || folds {
                continue;
            }
            let text = filter.to_text().unwrap();
            let Some(again) = compile(&text, filter.layer(), Dialect::WinDivert22) else {
                prop_assert!(is_unreadable(&text), "{} decompiled to {}", filter.source(), text);
                continue;
            };
            same_verdicts(&filter, &again, &mut source)?;
        }
    }

    #[test]
    fn law_every_pass_keeps_the_meaning_of_any_graph(bytes in choices(400)) {
        checks::passes(&bytes);
    }

    #[test]
    fn law_comparing_two_filters_is_never_wrong(bytes in choices(400)) {
        checks::diff(&bytes);
    }

    #[test]
    fn law_packets_pass_every_check(bytes in choices(200)) {
        checks::packet(&packet(&mut Source::new(&bytes)));
        checks::packet(&bytes);
    }
}

/// Whether the reference prints a text that it does not read: an address
/// directly before the colon of a ternary, which makes one word of both.
fn is_unreadable(text: &str) -> bool {
    let mut words = text.split(' ').filter(|word| word.ends_with(':'));
    words.any(|word| word.ends_with(":::") || word.len() > 39)
}

/// Whether the driver takes the object because the words that it objects to
/// are not part of the object.
fn accepts_cut(filter: &Filter, object: &Filter) -> bool {
    let pairs = filter.instructions().iter().zip(object.instructions());
    object.driver_accepts() && pairs.into_iter().any(|(a, b)| a.args != b.args)
}
