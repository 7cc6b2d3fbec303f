use core::cmp::Ordering;

/// A constant of a filter: a sign and a 128-bit magnitude.
///
/// Negative zero exists, is below every non-negative value, and equals only
/// itself (spec: filter language, section 2.4). `Ord` is that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Value {
    /// Whether a minus sign was written.
    pub negative: bool,
    /// The number without its sign.
    pub magnitude: u128,
}

impl Value {
    /// A non-negative constant.
    pub const fn new(magnitude: u128) -> Self {
        Self {
            negative: false,
            magnitude,
        }
    }

    /// A constant with a minus sign.
    pub const fn negated(magnitude: u128) -> Self {
        Self {
            negative: true,
            magnitude,
        }
    }

    /// Whether this is `-0`.
    pub const fn is_negative_zero(self) -> bool {
        self.negative && self.magnitude == 0
    }

    /// The four 32-bit words of the magnitude, least significant first.
    #[allow(clippy::as_conversions, clippy::cast_possible_truncation)]
    pub const fn words(self) -> [u32; 4] {
        let m = self.magnitude;
        [
            m as u32,
            (m >> 32) as u32,
            (m >> 64) as u32,
            (m >> 96) as u32,
        ]
    }

    /// The value whose magnitude has these words, least significant first.
    #[allow(clippy::as_conversions)]
    pub const fn from_words(negative: bool, words: [u32; 4]) -> Self {
        let [a, b, c, d] = words;
        let magnitude = a as u128 | (b as u128) << 32 | (c as u128) << 64 | (d as u128) << 96;
        Self {
            negative,
            magnitude,
        }
    }
}

impl From<u128> for Value {
    fn from(magnitude: u128) -> Self {
        Self::new(magnitude)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self {
            negative: value < 0,
            magnitude: u128::from(value.unsigned_abs()),
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude.cmp(&other.magnitude),
            (true, true) => other.magnitude.cmp(&self.magnitude),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
