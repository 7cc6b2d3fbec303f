use divert_vm::Interval;

/// A set of field values: sorted, disjoint, non-adjacent ranges of ordinals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IntervalSet {
    ranges: Ranges,
}

/// Nearly every set is one range, which needs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Ranges {
    AtMostOne(Option<(u128, u128)>),
    /// Two or more.
    Many(Vec<(u128, u128)>),
}

impl Default for IntervalSet {
    fn default() -> Self {
        Self {
            ranges: Ranges::AtMostOne(None),
        }
    }
}

impl FromIterator<(u128, u128)> for IntervalSet {
    /// The ranges must be sorted, disjoint and not adjacent.
    fn from_iter<I: IntoIterator<Item = (u128, u128)>>(ranges: I) -> Self {
        let mut ranges = ranges.into_iter();
        let (first, second) = (ranges.next(), ranges.next());
        let ranges = match (first, second) {
            (Some(first), Some(second)) => {
                Ranges::Many([first, second].into_iter().chain(ranges).collect())
            }
            (first, _) => Ranges::AtMostOne(first),
        };
        Self { ranges }
    }
}

impl IntervalSet {
    /// The values of `interval` that lie in `domain`.
    #[must_use]
    pub fn of(interval: Interval, domain: (u128, u128)) -> Self {
        let (first, last) = domain;
        let (low, high) = (interval.low, interval.high);
        if !interval.outside {
            return Self::range(low.max(first), high.min(last));
        }
        let below = low.checked_sub(1).map(|end| (first, end.min(last)));
        let above = high.checked_add(1).map(|start| (start.max(first), last));
        let sides = [below, above].into_iter().flatten();
        sides.filter(|(low, high)| low <= high).collect()
    }

    /// The values `low..=high`; none if `low` is above `high`.
    #[must_use]
    pub fn range(low: u128, high: u128) -> Self {
        let range = (low <= high).then_some((low, high));
        Self {
            ranges: Ranges::AtMostOne(range),
        }
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u128, u128)] {
        match &self.ranges {
            Ranges::AtMostOne(range) => range.as_slice(),
            Ranges::Many(ranges) => ranges,
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    /// Whether these are all values of `domain`.
    #[must_use]
    pub fn covers(&self, domain: (u128, u128)) -> bool {
        let around = |(low, high): &(u128, u128)| *low <= domain.0 && domain.1 <= *high;
        self.ranges().iter().any(around)
    }

    /// Whether `value` is in the set.
    #[must_use]
    pub fn contains(&self, value: u128) -> bool {
        let ranges = self.ranges();
        let at = ranges.partition_point(|(_, high)| *high < value);
        ranges.get(at).is_some_and(|(low, _)| *low <= value)
    }

    /// The values of `domain` that are not in the set.
    #[must_use]
    pub fn complement(&self, domain: (u128, u128)) -> Self {
        let mut ranges = Vec::new();
        let mut next = Some(domain.0);
        for (low, high) in self.ranges() {
            if let (Some(start), Some(end)) = (next, low.checked_sub(1))
                && start <= end.min(domain.1)
            {
                ranges.push((start, end.min(domain.1)));
            }
            next = next.and_then(|start| Some(start.max(high.checked_add(1)?)));
        }
        if let Some(start) = next.filter(|start| *start <= domain.1) {
            ranges.push((start, domain.1));
        }
        ranges.into_iter().collect()
    }

    /// The values in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.ranges(), other.ranges());
        let mut ranges = Vec::new();
        while let ([(a, b), left_rest @ ..], [(c, d), right_rest @ ..]) = (left, right) {
            let (low, high) = (*a.max(c), *b.min(d));
            if low <= high {
                ranges.push((low, high));
            }
            if b < d {
                left = left_rest;
            } else {
                right = right_rest;
            }
        }
        ranges.into_iter().collect()
    }

    /// The set with `by` taken off every value; what is below becomes 0.
    #[must_use]
    pub fn shifted_down(&self, by: u128) -> Self {
        let shift = |(low, high): &(u128, u128)| (low.saturating_sub(by), high.saturating_sub(by));
        self.ranges().iter().map(shift).collect()
    }

    /// The values of any of these ranges, which may overlap.
    #[must_use]
    pub fn union_of(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.sort_unstable();
        ranges.dedup_by(|(low, high), open| {
            let touches = open.1.checked_add(1).is_none_or(|next| *low <= next);
            if touches {
                open.1 = open.1.max(*high);
            }
            touches
        });
        match ranges.as_slice() {
            [] | [_] => ranges.into_iter().collect(),
            _ => Self {
                ranges: Ranges::Many(ranges),
            },
        }
    }

    /// The values in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let all = (0, u128::MAX);
        let neither = self.complement(all).intersect(&other.complement(all));
        neither.complement(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: (u128, u128) = (0, 9);

    fn bits(set: &IntervalSet) -> Vec<bool> {
        (DOMAIN.0..=DOMAIN.1).map(|v| set.contains(v)).collect()
    }

    /// Every set of ten values, by its bits.
    fn sets() -> impl Iterator<Item = (IntervalSet, Vec<bool>)> {
        (0_u32..1 << 10).map(|mask| {
            let bits: Vec<bool> = (0..10).map(|bit| mask >> bit & 1 == 1).collect();
            let values = (0_u128..10).filter(|v| mask >> v & 1 == 1);
            let set = values.fold(IntervalSet::default(), |set, v| {
                set.union(&IntervalSet::range(v, v))
            });
            (set, bits)
        })
    }

    #[test]
    fn sets_of_ten_values_behave_like_bits() {
        for (set, expect) in sets() {
            assert_eq!(bits(&set), expect);
            let complement: Vec<bool> = expect.iter().map(|b| !b).collect();
            assert_eq!(bits(&set.complement(DOMAIN)), complement);
            assert_eq!(set.complement(DOMAIN).complement(DOMAIN), set);
            assert_eq!(set.covers(DOMAIN), expect.iter().all(|b| *b));
            assert_eq!(set.is_empty(), !expect.contains(&true));
        }
    }

    #[test]
    fn intersection_and_union_are_those_of_the_bits() {
        let all: Vec<_> = sets().step_by(7).collect();
        for ((a, a_bits), (b, b_bits)) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let and: Vec<bool> = a_bits.iter().zip(b_bits).map(|(a, b)| a & b).collect();
            let or: Vec<bool> = a_bits.iter().zip(b_bits).map(|(a, b)| a | b).collect();
            assert_eq!(bits(&a.intersect(b)), and);
            assert_eq!(bits(&a.union(b)), or);
        }
    }

    #[test]
    fn the_ends_of_the_number_line_are_no_special_case() {
        let all = (0, u128::MAX);
        assert!(IntervalSet::range(0, u128::MAX).complement(all).is_empty());
        assert!(IntervalSet::default().complement(all).covers(all));
        assert_eq!(
            IntervalSet::range(u128::MAX, u128::MAX)
                .complement(all)
                .ranges(),
            [(0, u128::MAX - 1)]
        );
    }
}
