//! Numbers with a sign, and comparing them.

use std::cmp::Ordering;

/// A sign and a magnitude. Minus zero is below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) negative: bool,
    pub(super) magnitude: u128,
}

impl Number {
    pub(super) const fn positive(magnitude: u128) -> Self {
        Self {
            negative: false,
            magnitude,
        }
    }

    pub(super) fn signed(value: i64) -> Self {
        Self {
            negative: value < 0,
            magnitude: value.unsigned_abs().into(),
        }
    }

    pub(super) fn without_negative_zero(self) -> Self {
        Self {
            negative: self.negative && self.magnitude != 0,
            ..self
        }
    }

    pub(super) fn low_32_bits(self) -> Self {
        Self {
            magnitude: self.magnitude & 0xFFFF_FFFF,
            ..self
        }
    }

    fn order(self, other: Self) -> Ordering {
        if self.negative != other.negative {
            return other.negative.cmp(&self.negative);
        }
        let by_magnitude = self.magnitude.cmp(&other.magnitude);
        if self.negative {
            by_magnitude.reverse()
        } else {
            by_magnitude
        }
    }
}

/// A field on the left, a constant on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::Different,
            Self::Different => Self::Equal,
            Self::Less => Self::AtLeast,
            Self::AtLeast => Self::Less,
            Self::AtMost => Self::More,
            Self::More => Self::AtMost,
        }
    }

    pub(super) fn holds(self, value: Number, constant: Number) -> bool {
        let order = value.order(constant);
        match self {
            Self::Equal => order.is_eq(),
            Self::Different => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// What is known from the ends of a range of values alone.
    pub(super) fn decided(self, (low, high): (Number, Number), constant: Number) -> Option<bool> {
        match self {
            Self::Equal | Self::Different => {
                let outside = constant.order(low).is_lt() || constant.order(high).is_gt();
                outside.then_some(self == Self::Different)
            }
            // The others are monotonous: what both ends say, all between say.
            _ => {
                let at_low = self.holds(low, constant);
                (at_low == self.holds(high, constant)).then_some(at_low)
            }
        }
    }
}
