//! What a test asks of a field's value: membership in one interval.
//!
//! Values are ordered as *ordinals*: unsigned fields as they are, signed
//! fields shifted by 2^127, so that one unsigned comparison serves both.

use super::{Field, Op, Value};

/// The ordinal of zero in a signed field.
const SIGNED_ZERO: u128 = 1 << 127;

/// The values for which a test holds: inside, or outside, `low..=high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Smallest ordinal of the interval.
    pub low: u128,
    /// Largest ordinal of the interval.
    pub high: u128,
    /// Whether the test asks for the values outside instead.
    pub outside: bool,
}

impl Interval {
    /// Every value.
    pub const ALL: Self = Self::within(0, u128::MAX);

    /// No value at all.
    pub const NONE: Self = Self::ALL.complement();

    /// The values of `low..=high`.
    pub const fn within(low: u128, high: u128) -> Self {
        Self {
            low,
            high,
            outside: false,
        }
    }

    /// The values that this interval leaves out.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self {
            low: self.low,
            high: self.high,
            outside: !self.outside,
        }
    }

    /// Whether a value with this ordinal passes the test.
    #[inline]
    pub const fn contains(self, ordinal: u128) -> bool {
        (self.low <= ordinal && ordinal <= self.high) != self.outside
    }

    /// The values of `field` for which `field op constant` holds, as the
    /// stock interpreter compares them (spec: filter bytecode, section 8.1).
    ///
    /// Fields of up to 32 bits look at the low 32 bits of the constant only.
    /// An unsigned value is above every negative constant, `-0` included.
    pub fn of_test(field: Field, op: Op, constant: Value) -> Self {
        let negated = matches!(op, Op::Ne | Op::Gt | Op::Ge);
        let positive = if negated { op.negate() } else { op };
        let interval = match (ordinal_of_constant(field, constant), positive) {
            (Place::At(c), Op::Eq) => Self::within(c, c),
            (Place::At(c) | Place::JustBelow(c), Op::Lt) => Self::below(c),
            (Place::At(c), _) => Self::within(0, c),
            (Place::JustBelow(_), Op::Eq) => Self::NONE,
            (Place::JustBelow(c), _) => Self::below(c),
        };
        if negated {
            interval.complement()
        } else {
            interval
        }
    }

    /// The smallest and largest ordinal that `field` can take.
    pub fn domain(field: Field) -> (u128, u128) {
        let (low, high) = field.field_type().range();
        (Self::ordinal_of(field, low), Self::ordinal_of(field, high))
    }

    /// The ordinal of a constant in the range of `field`.
    pub fn ordinal_of(field: Field, constant: Value) -> u128 {
        match ordinal_of_constant(field, constant) {
            Place::At(ordinal) | Place::JustBelow(ordinal) => ordinal,
        }
    }

    /// The value of `field` that has this ordinal.
    pub const fn value_of(field: Field, ordinal: u128) -> Value {
        if !field.field_type().is_signed() {
            return Value::new(ordinal);
        }
        match ordinal.checked_sub(SIGNED_ZERO) {
            Some(magnitude) => Value::new(magnitude),
            None => Value::negated(SIGNED_ZERO.abs_diff(ordinal)),
        }
    }

    const fn below(ordinal: u128) -> Self {
        match ordinal.checked_sub(1) {
            Some(high) => Self::within(0, high),
            None => Self::NONE,
        }
    }
}

/// The ordinal of a field value.
#[inline]
pub(crate) fn ordinal_of_signed(value: i64) -> u128 {
    SIGNED_ZERO.wrapping_add_signed(i128::from(value))
}

/// Where a constant stands among the ordinals of a field.
enum Place {
    At(u128),
    /// Between this ordinal and the one before it.
    JustBelow(u128),
}

fn ordinal_of_constant(field: Field, constant: Value) -> Place {
    let ty = field.field_type();
    let magnitude = if ty.is_wide() {
        constant.magnitude
    } else {
        constant.magnitude & u128::from(u32::MAX)
    };
    match (ty.is_signed(), constant.negative) {
        (false, false) => Place::At(magnitude),
        (false, true) => Place::JustBelow(0),
        (true, false) => Place::At(SIGNED_ZERO.saturating_add(magnitude)),
        (true, true) if magnitude == 0 => Place::JustBelow(SIGNED_ZERO),
        (true, true) => Place::At(SIGNED_ZERO.saturating_sub(magnitude)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: Field, op: Op, constant: Value, value: u128, expect: bool) {
        assert_eq!(
            Interval::of_test(field, op, constant).contains(value),
            expect
        );
    }

    #[test]
    fn unsigned_values_are_above_every_negative_constant() {
        let minus_zero = Value::negated(0);
        for (op, expect) in [(Op::Eq, false), (Op::Ne, true), (Op::Lt, false)] {
            check(Field::TcpSeqNum, op, minus_zero, 0, expect);
        }
        for (op, expect) in [(Op::Le, false), (Op::Gt, true), (Op::Ge, true)] {
            check(Field::TcpSeqNum, op, minus_zero, 0, expect);
        }
    }

    #[test]
    fn narrow_fields_compare_the_low_word_only() {
        check(Field::TcpSeqNum, Op::Eq, Value::new(1 << 32 | 7), 7, true);
        check(Field::EndpointId, Op::Eq, Value::new(1 << 32 | 7), 7, false);
    }

    #[test]
    fn signed_zero_is_above_minus_zero_and_minus_one_is_below() {
        let minus_zero = Value::negated(0);
        let [below, zero] = [ordinal_of_signed(-1), ordinal_of_signed(0)];
        for op in [Op::Lt, Op::Le] {
            check(Field::Timestamp, op, minus_zero, below, true);
            check(Field::Timestamp, op, minus_zero, zero, false);
        }
        for op in [Op::Gt, Op::Ge] {
            check(Field::Timestamp, op, minus_zero, below, false);
            check(Field::Timestamp, op, minus_zero, zero, true);
        }
        check(Field::Timestamp, Op::Eq, minus_zero, zero, false);
        check(
            Field::Timestamp,
            Op::Eq,
            Value::from(-5_i64),
            ordinal_of_signed(-5),
            true,
        );
    }
}
