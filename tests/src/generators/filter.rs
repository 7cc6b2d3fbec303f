//! Filter texts: mostly valid, now and then just beside.

use std::fmt::Write;

use divert_compiler::Dialect;
use divert_vm::{Field, Layer};

use super::constant::magnitude;
use super::{Source, mutated};

/// A filter for a layer, in the syntax of a dialect.
///
/// Most are accepted; a few have a field of another layer, a constant that
/// is no constant, or damaged text.
pub fn filter_text(source: &mut Source<'_>, layer: Layer, dialect: Dialect) -> String {
    let mut writer = Writer {
        source,
        layer,
        dialect,
        out: String::new(),
    };
    let depth = writer.source.below(4);
    writer.expr(depth, true);
    let text = writer.out;
    if source.one_in(24) {
        mutated(source, &text)
    } else {
        text
    }
}

struct Writer<'s, 'b> {
    source: &'s mut Source<'b>,
    layer: Layer,
    dialect: Dialect,
    out: String,
}

impl Writer<'_, '_> {
    /// Anything; `free` where a ternary needs no parentheses.
    fn expr(&mut self, depth: usize, free: bool) {
        if depth == 0 {
            return self.operand(0);
        }
        let extended = self.dialect == Dialect::Divert;
        match self.source.below(6) {
            0 | 1 => self.chain(depth, &[" and ", " && ", " and ", "&&"]),
            2 | 3 => self.chain(depth, &[" or ", " || ", " or ", "||"]),
            4 if free && extended => self.ternary(depth - 1),
            4 => {
                self.out.push('(');
                self.ternary(depth - 1);
                self.out.push(')');
            }
            _ => self.operand(depth),
        }
    }

    fn chain(&mut self, depth: usize, between: &[&str]) {
        let more = 1 + self.source.below(3);
        self.operand(depth - 1);
        for _ in 0..more {
            let word = self.source.pick(between);
            self.out.push_str(word);
            // Without parentheses, so that precedence matters.
            if self.source.one_in(4) {
                self.mixed(depth - 1)
            } else {
                self.operand(depth - 1)
            }
        }
    }

    fn mixed(&mut self, depth: usize) {
        self.operand(depth);
        let word = self.source.pick(&[" and ", " or "]);
        self.out.push_str(word);
        self.operand(depth);
    }

    fn ternary(&mut self, depth: usize) {
        self.expr(depth, false);
        self.out.push_str("? ");
        self.expr(depth, false);
        self.out.push_str(" : ");
        self.expr(depth, false);
    }

    fn operand(&mut self, depth: usize) {
        let nots = [0, 0, 0, 0, 0, 1, 1, 2][self.source.below(8)];
        let group = depth > 0 && self.source.below(3) > 0;
        if self.dialect == Dialect::Divert || !group {
            for _ in 0..nots {
                let word = self.source.pick(&["not ", "!", "not\t"]);
                self.out.push_str(word);
            }
        }
        if group {
            self.out.push('(');
            self.expr(depth - 1, true);
            self.out.push(')');
        } else {
            self.test();
        }
    }

    fn test(&mut self) {
        if self.source.one_in(24) {
            let word = self
                .source
                .pick(&["true", "false", "zero", "true = 1", "false >= 0"]);
            self.out.push_str(word);
            return;
        }
        let field = self.field();
        self.out.push_str(field.name());
        if let Some(width) = field.field_type().data_width() {
            self.index(width);
        }
        if self.source.one_in(4) {
            return;
        }
        let op = self.source.pick(&[
            " = ", " == ", "=", " != ", " < ", " <= ", " > ", " >= ", "<", ">=",
        ]);
        self.out.push_str(op);
        self.constant(field);
        if self.source.one_in(64) {
            self.out.push_str(" b ");
        }
    }

    fn field(&mut self) -> Field {
        let at_layer = |field: &Field| field.layers().contains(self.layer);
        let fields: Vec<Field> = Field::ALL.into_iter().filter(at_layer).collect();
        if self.source.one_in(96) {
            return self.source.pick(&Field::ALL);
        }
        self.source.pick(&fields)
    }

    fn index(&mut self, width: u32) {
        let far = self.source.one_in(12);
        let number = if far {
            self.source
                .pick(&[65535_u32, 65534, 65532, 32767, 16383, 1000, 65575, 70000])
        } else {
            self.source.below(44) as u32
        };
        let sign = if self.source.one_in(4) { "-" } else { "" };
        let _ = write!(self.out, "[{sign}{number}");
        match self.source.below(8) {
            0 | 1 => self.out.push('b'),
            2 if width > 1 && self.source.one_in(3) => self.out.push_str(" b"),
            _ => {}
        }
        self.out.push(']');
    }

    fn constant(&mut self, field: Field) {
        let value = magnitude(self.source, field, self.layer);
        let address = field.name().ends_with("Addr") || field == Field::LocalAddr;
        if self.source.one_in(16) {
            self.out.push('-');
        }
        let [.., b1, b2, b3, b4] = value.to_be_bytes();
        let _ = match self.source.below(12) {
            0 => write!(self.out, "0x{value:x}"),
            1 => write!(self.out, "{value:#X}").map(|()| self.out = self.out.replace("0X", "0x")),
            2 if self.source.one_in(4) => {
                let word = self
                    .source
                    .pick(&["TCP", "UDP", "TRUE", "FLOW", "PACKET", "CLOSE", "ICMPV6"]);
                self.out.write_str(word)
            }
            3..=8 if address && value >> 32 == 0xFFFF => write!(self.out, "{b1}.{b2}.{b3}.{b4}"),
            3..=8 if address => self.v6(value),
            9 if self.source.one_in(6) => {
                let word = self.source.pick(&[
                    "1:2:3:4:5:6:7:8:zz",
                    "::ffff:10.0.0.1",
                    "0:10.0.0.1",
                    "4294967306.0.0.1",
                    "0x",
                    "007",
                    "::1:2:3:4:5:6:7:8",
                ]);
                self.out.write_str(word)
            }
            _ => write!(self.out, "{value}"),
        };
    }

    fn v6(&mut self, value: u128) -> std::fmt::Result {
        write!(self.out, "{}", std::net::Ipv6Addr::from_bits(value))
    }
}
