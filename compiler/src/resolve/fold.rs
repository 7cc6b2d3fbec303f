//! Tests whose outcome the range of the field decides, and tests that mean
//! something else on the stock driver than they say.
//!
//! Soundness: a test on an absent field is false whatever the comparison. So
//! a comparison that no value passes is `false`, and one that every value
//! passes is "the header is present". The reference replaces the first by
//! "the header is absent" (spec: filter bytecode, section 4), and so does the
//! `windivert-2.2` dialect.

use divert_grammar::Span;
use divert_vm::{Field, FieldType, Interval, Layer, Op, Value};

use super::Resolver;
use crate::diag::FindingKind;
use crate::dialect::Dialect;
use crate::hir::{HirId, IntervalSet, Node, Test};

/// What the range of a field says of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folded {
    Never,
    Always,
    Open,
}

/// Whether `value op constant`, sign and magnitude.
pub(super) fn compare(op: Op, value: Value, constant: Value) -> bool {
    match op {
        Op::Eq => value == constant,
        Op::Ne => value != constant,
        Op::Lt => value < constant,
        Op::Le => value <= constant,
        Op::Gt => value > constant,
        Op::Ge => value >= constant,
    }
}

/// The rule of spec: filter bytecode, section 4.1, for a range that is not a
/// single value.
fn fold_range(op: Op, c: Value, (low, high): (Value, Value)) -> Folded {
    let (never, always) = match op {
        Op::Eq => (c < low || c > high, false),
        Op::Ne => (false, c < low || c > high),
        Op::Lt => (c <= low, c > high),
        Op::Le => (c < low, c >= high),
        Op::Gt => (c >= high, c < low),
        Op::Ge => (c > high, c <= low),
    };
    match (never, always) {
        (true, _) => Folded::Never,
        (_, true) => Folded::Always,
        _ => Folded::Open,
    }
}

/// The values that `field` can really have at `layer`.
fn true_range(field: Field, layer: Layer) -> (Value, Value) {
    let ty = field.field_type();
    if let (FieldType::EventNumber, [(_, first), rest @ ..]) = (ty, layer.events()) {
        let last = rest.last().map_or(*first, |(_, last)| *last);
        return (Value::new((*first).into()), Value::new(last.into()));
    }
    ty.range()
}

impl Resolver<'_> {
    /// The node for `field op constant`.
    pub(super) fn fold(
        &mut self,
        field: Field,
        offset: i32,
        op: Op,
        constant: Value,
        span: Span,
    ) -> HirId {
        let in_reference = field
            .folding_range()
            .map_or(Folded::Open, |range| fold_range(op, constant, range));
        let value = if constant.is_negative_zero() {
            Value::new(0)
        } else {
            constant
        };
        let in_truth = fold_range(op, value, true_range(field, self.layer));
        self.note_folding(field, constant, (in_reference, in_truth), span);
        match self.dialect {
            Dialect::WinDivert22 => {
                let node = match in_reference {
                    Folded::Never => guard(field, false),
                    Folded::Always => guard(field, true),
                    Folded::Open => {
                        self.note_driver_quirk(field, op, constant, span);
                        Node::Test(Test::compare(field, offset, op, constant))
                    }
                };
                self.hir.push(node, span)
            }
            Dialect::Divert => match in_truth {
                Folded::Never => self.hir.push(Node::Const(false), span),
                Folded::Always if field.field_type().is_data() => {
                    let inside = Test::compare(field, offset, Op::Ge, Value::new(0));
                    self.hir.push(Node::Test(inside), span)
                }
                Folded::Always => self.hir.push(guard(field, true), span),
                Folded::Open => {
                    self.note_driver_quirk(field, op, value, span);
                    self.compensate(Test::compare(field, offset, op, value), span)
                }
            },
        }
    }

    /// Tells what the range decided, and where the dialects differ by it.
    fn note_folding(
        &mut self,
        field: Field,
        constant: Value,
        (in_reference, in_truth): (Folded, Folded),
        span: Span,
    ) {
        if constant.is_negative_zero() {
            self.find(FindingKind::NegativeZero, span);
        }
        match in_truth {
            Folded::Never => self.find(FindingKind::NeverInRange { field }, span),
            Folded::Always if field.field_type().is_data() => {
                self.find(FindingKind::DataAlwaysInRange { field }, span);
            }
            Folded::Always => self.find(FindingKind::AlwaysInRange { field }, span),
            Folded::Open => {}
        }
        if in_reference != Folded::Open {
            return;
        }
        let (low, high) = field.driver_range();
        let narrow = !field.field_type().is_wide();
        let in_range = match field.field_type() {
            FieldType::EventNumber => {
                in_truth == Folded::Open || {
                    let (first, last) = true_range(field, self.layer);
                    first <= constant && constant <= last
                }
            }
            _ => low <= constant && constant <= high,
        };
        if narrow && constant.magnitude > u128::from(u32::MAX) {
            self.find(FindingKind::WideConstant { field }, span);
        } else if !in_range {
            self.find(FindingKind::DriverRefuses, span);
        }
    }

    /// Tells where the stock driver computes something else than a test says.
    fn note_driver_quirk(&mut self, field: Field, op: Op, constant: Value, span: Span) {
        match (field, self.layer) {
            (Field::Ip | Field::Ipv6, Layer::Flow | Layer::Socket) => {
                self.find(FindingKind::IpAtFlow(field), span);
            }
            (Field::Ipv6FlowLabel, _) if !is_swap_invariant(op, constant) => {
                self.find(FindingKind::FlowLabel, span);
            }
            _ => {}
        }
    }

    /// Says a test so that the stock driver computes what is meant.
    fn compensate(&mut self, test: Test, span: Span) -> HirId {
        match (test.field, self.layer) {
            (field @ (Field::Ip | Field::Ipv6), Layer::Flow | Layer::Socket) => {
                let is_v4 = (field == Field::Ip) == test.values.contains(1);
                self.hir.push(Node::Test(local_is_v4(is_v4)), span)
            }
            (Field::Ipv6FlowLabel, _) => self.flow_label(test, span),
            _ => self.hir.push(Node::Test(test), span),
        }
    }

    /// The stock interpreter compares a byte-swapped label. One constant can
    /// be swapped, too; a range becomes tests on the bytes of the header.
    fn flow_label(&mut self, test: Test, span: Span) -> HirId {
        const MAX: u128 = 0xF_FFFF;
        let domain = (0, MAX);
        if let Some((op @ (Op::Eq | Op::Ne), constant)) = test.written {
            let swapped = swap_flow_label(constant.magnitude);
            if swapped <= MAX {
                let swapped = Test::compare(test.field, 0, op, Value::new(swapped));
                return self.hir.push(Node::Test(swapped), span);
            }
        }
        // The label is the low nibble of byte 1, and bytes 2 and 3.
        let mut rows: Vec<(IntervalSet, IntervalSet)> = Vec::new();
        for high in 0..16_u128 {
            let base = high << 16;
            let row = test
                .values
                .intersect(&IntervalSet::range(base, base | 0xFFFF));
            let low_half = row.shifted_down(base);
            let bytes = (0..16).fold(IntervalSet::default(), |bytes, class: u128| {
                let byte = class << 4 | high;
                bytes.union(&IntervalSet::range(byte, byte))
            });
            match rows.last_mut() {
                Some((last, all)) if *last == low_half => *all = all.union(&bytes),
                _ => rows.push((low_half, bytes)),
            }
        }
        let mut ways = Vec::new();
        for (low_half, bytes) in rows
            .into_iter()
            .filter(|(low_half, _)| !low_half.is_empty())
        {
            let byte_1 = Test::of_set(Field::Packet, 1, bytes);
            let byte_2 = Test::of_set(Field::Packet16, 2, low_half);
            let tests = [byte_1, byte_2].map(|test| {
                let covers = test.values.covers(Interval::domain(test.field));
                let node = if covers {
                    Node::Const(true)
                } else {
                    Node::Test(test)
                };
                self.hir.push(node, span)
            });
            let list = self.hir.list(tests);
            ways.push(self.hir.push(Node::And(list), span));
        }
        debug_assert!(!ways.is_empty() && !test.values.covers(domain));
        let ways = self.hir.list(ways);
        let ways = self.hir.push(Node::Or(ways), span);
        let present = self.hir.push(guard(test.field, true), span);
        let list = self.hir.list([present, ways]);
        self.hir.push(Node::And(list), span)
    }
}

/// "The header of `field` is present", or absent; a constant without one.
fn guard(field: Field, present: bool) -> Node {
    match field.presence().field() {
        Some(header) => Node::Test(Test::present(header, present.into())),
        None => Node::Const(present),
    }
}

/// `localAddr` in, or outside, `::ffff:0.0.0.0/96`.
fn local_is_v4(is_v4: bool) -> Test {
    let (low, high) = Interval::domain(Field::IpSrcAddr);
    let v4 = IntervalSet::range(low, high);
    let values = if is_v4 {
        v4
    } else {
        v4.complement(Interval::domain(Field::LocalAddr))
    };
    Test::of_set(Field::LocalAddr, 0, values)
}

/// Whether a test of the flow label means the same on the swapped label.
const fn is_swap_invariant(op: Op, constant: Value) -> bool {
    let same = swap_flow_label(constant.magnitude) == constant.magnitude;
    same && matches!(op, Op::Eq | Op::Ne)
}

/// The value that the stock interpreter sees for a flow label.
const fn swap_flow_label(label: u128) -> u128 {
    (label & 0xFFFF) << 16 | label >> 16 << 8
}
