//! What is known when evaluation comes to a node.
//!
//! Of a value is known one interval that it lies in, or one that it does not
//! lie in. That is less than could be known, but chains of tests on one field
//! have become one node already. Facts are lists that share their tails in
//! one arena, so that handing them on copies nothing.

use divert_vm::{Interval, Layer};

use crate::graph::{Classes, Subject, Theory};

/// Most facts of one pass; when they are used up, values are forgotten.
const MAX_VALUES: usize = 1 << 16;

/// Facts that hold on every path to a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// The classes that the packet can have.
    pub(super) classes: Classes,
    /// The first of the fields that are present with a value in an interval.
    values: Option<u32>,
}

/// A field that is present with a value in an interval, and what else is
/// known. What comes first counts.
#[derive(Clone, Copy, Debug)]
struct Value {
    subject: Subject,
    set: Interval,
    next: Option<u32>,
}

/// Where facts are kept.
#[derive(Debug, Default)]
pub(super) struct Arena {
    values: Vec<Value>,
}

impl Facts {
    /// Nothing is known.
    pub(super) const NONE: Self = Self {
        classes: Classes::ALL,
        values: None,
    };
}

impl Arena {
    fn list(&self, facts: &Facts) -> impl Iterator<Item = Value> {
        let value = |at: u32| self.values.get(at as usize).copied();
        let first = facts.values.and_then(value);
        core::iter::successors(first, move |last| last.next.and_then(value))
    }

    /// The values that a field, which is then present, can have.
    pub(super) fn values(&self, facts: &Facts, subject: Subject) -> Option<Interval> {
        let mut values = self.list(facts);
        let value = values.find(|value| value.subject == subject);
        value.map(|value| value.set)
    }

    fn push(&mut self, subject: Subject, set: Interval, next: Option<u32>) -> Option<u32> {
        let at = u32::try_from(self.values.len()).ok()?;
        if self.values.len() >= MAX_VALUES {
            return next;
        }
        self.values.push(Value { subject, set, next });
        Some(at)
    }

    /// Whether the field has a value for sure.
    pub(super) fn is_present(&self, facts: &Facts, subject: Subject, theory: &Theory) -> bool {
        facts.classes.without(theory.present).is_empty() || self.values(facts, subject).is_some()
    }

    /// What is known where the field is absent; `None` if that cannot be.
    pub(super) fn absent(&self, facts: &Facts, subject: Subject, layer: Layer) -> Option<Facts> {
        let theory = Theory::of(subject.field, layer);
        let classes = facts.classes.without(theory.present);
        if classes.is_empty() || self.values(facts, subject).is_some() {
            return None;
        }
        Some(Facts { classes, ..*facts })
    }

    /// What is known where the value is in `set`; `None` if that cannot be.
    ///
    /// The value is only kept if somebody will `ask` for it.
    pub(super) fn within(
        &mut self,
        facts: &Facts,
        (subject, set): (Subject, Interval),
        layer: Layer,
        ask: Ask,
    ) -> Option<Facts> {
        let theory = Theory::of(subject.field, layer);
        let mut facts = *facts;
        facts.classes = facts.classes.without(theory.absent);
        for (value, known) in (0_u128..).zip(theory.values) {
            if !set.contains(value) {
                facts.classes = facts.classes.without(known);
            }
        }
        if facts.classes.is_empty() {
            return None;
        }
        if ask == Ask::Again {
            let set = match self.values(&facts, subject) {
                Some(known) => both(known, set)?,
                None => set,
            };
            facts.values = self.push(subject, set, facts.values);
        }
        Some(facts)
    }

    /// What is known if one of the two holds.
    pub(super) fn or(&mut self, a: &Facts, b: &Facts) -> Facts {
        let classes = a.classes.union(b.classes);
        let mut values = None;
        if a.values == b.values {
            values = a.values;
        } else {
            let mut rest = a.values;
            while let Some(value) = rest.and_then(|at| self.values.get(at as usize).copied()) {
                rest = value.next;
                let Value { subject, .. } = value;
                let sets = (self.values(a, subject), self.values(b, subject));
                let joined = Facts { classes, values };
                if let (Some(ours), Some(theirs)) = sets
                    && self.values(&joined, subject).is_none()
                    && let Some(union) = either(ours, theirs)
                {
                    values = self.push(subject, union, values);
                }
            }
        }
        Facts { classes, values }
    }
}

/// Whether another node looks at the same field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Once,
    Again,
}

/// An interval around the values that are in both; `None` if none are.
fn both(a: Interval, b: Interval) -> Option<Interval> {
    match (a.outside, b.outside) {
        (false, false) => {
            let (low, high) = (a.low.max(b.low), a.high.min(b.high));
            (low <= high).then_some(Interval::within(low, high))
        }
        (false, true) => trim(a, b),
        (true, false) => trim(b, a),
        // Either is true; the last is what was tested last.
        (true, true) => Some(b),
    }
}

/// What of an interval is not in a hole, with the hole if that is inside.
fn trim(a: Interval, hole: Interval) -> Option<Interval> {
    let covers = (hole.low <= a.low, a.high <= hole.high);
    Some(match covers {
        (true, true) => return None,
        (true, false) if hole.high >= a.low => Interval::within(hole.high.checked_add(1)?, a.high),
        (false, true) if hole.low <= a.high => Interval::within(a.low, hole.low.checked_sub(1)?),
        _ => a,
    })
}

/// An interval around the values that are in one of the two; `None` if that
/// would say nothing.
fn either(a: Interval, b: Interval) -> Option<Interval> {
    match (a.outside, b.outside) {
        (false, false) => Some(Interval::within(a.low.min(b.low), a.high.max(b.high))),
        (true, true) => {
            let (low, high) = (a.low.max(b.low), a.high.min(b.high));
            (low <= high).then_some(Interval::within(low, high).complement())
        }
        (false, true) => fill(a, b),
        (true, false) => fill(b, a),
    }
}

/// What is left of a hole when an interval is added: the larger side of it.
fn fill(a: Interval, hole: Interval) -> Option<Interval> {
    if a.high < hole.low || hole.high < a.low {
        return Some(hole);
    }
    let below = (a.low > hole.low).then(|| (hole.low, a.low.saturating_sub(1)));
    let above = (a.high < hole.high).then(|| (a.high.saturating_add(1), hole.high));
    let (low, high) = below.or(above)?;
    Some(Interval::within(low, high).complement())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every interval of eight values, and every hole.
    fn all() -> impl Iterator<Item = Interval> {
        let ends = (0..8).flat_map(|low| (low..8).map(move |high| (low, high)));
        ends.flat_map(|(low, high)| {
            let inside = Interval::within(low, high);
            [inside, inside.complement()]
        })
    }

    #[test]
    fn facts_never_say_more_than_is_true() {
        for a in all() {
            for b in all() {
                let (both, either) = (both(a, b), either(a, b));
                for value in 0..8 {
                    let (in_a, in_b) = (a.contains(value), b.contains(value));
                    assert!(!(in_a && in_b) || both.is_some_and(|set| set.contains(value)));
                    assert!(!(in_a || in_b) || either.is_none_or(|set| set.contains(value)));
                }
            }
        }
    }
}
