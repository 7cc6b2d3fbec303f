//! Inputs on which the reference misbehaves: it is enough to return.

use divert_compiler::{Compiler, Dialect, Layer};
use divert_testkit::vectors;
use divert_vm::addr::parse_v6;
use divert_vm::checksum::{self, ChecksumFlags};

#[test]
fn what_crashes_the_reference_is_answered() {
    let rows = vectors::undefined();
    let cases = vectors::cases();
    let mut answered = 0;
    for row in &rows {
        match row.op.as_str() {
            "compile" => {
                let layer = Layer::from_u8(row.layer.unwrap()).unwrap();
                let text = row.filter.as_deref().unwrap();
                for dialect in Dialect::ALL {
                    let result = Compiler::new().layer(layer).dialect(dialect).compile(text);
                    let error = result.expect_err(text);
                    assert!(
                        error.first().is_some_and(|d| !d.message.is_empty()),
                        "{text}"
                    );
                }
            }
            "parse6" => assert_eq!(parse_v6(row.s.as_deref().unwrap().as_bytes()), None),
            "checksum" => {
                let id = row.c.as_deref().unwrap();
                let case = cases.iter().find(|case| case.id == id).unwrap();
                let mut packet = case.packet.clone().unwrap();
                let flags = ChecksumFlags::from_bits(row.flags.unwrap());
                checksum::update(&mut packet, None, flags);
                assert_eq!(packet.len(), case.packet.as_ref().unwrap().len());
            }
            op => panic!("unknown operation {op}"),
        }
        answered += 1;
    }
    println!("{answered} inputs answered");
    assert_eq!((answered, rows.len()), (23, 23));
}
