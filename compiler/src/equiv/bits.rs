//! Fills in bits so that every field that lies over them has a wanted value.
//!
//! All fields are big-endian, so going from the first bit to the last, what
//! is known of a field is the beginning of its number, and the numbers that
//! begin so are one range. A bit is wrong as soon as no wanted value is in
//! that range. Fields that do not overlap never have to be tried again.

use crate::hir::IntervalSet;

/// Bits of a packet that must, as a number, be in a set.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    /// The first bit, counted from the start of the packet.
    pub(super) at: usize,
    /// How many bits, at most 128.
    pub(super) width: u32,
    pub(super) wanted: IntervalSet,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Done,
    /// No packet has such bits.
    Impossible,
    /// It took too long.
    GaveUp,
}

/// Most bits that are tried for one group of overlapping fields.
const MAX_STEPS: usize = 10_000;

impl Bits {
    fn end(&self) -> usize {
        self.at.saturating_add(self.width as usize)
    }

    /// Whether some number that begins with these `known` bits is wanted.
    fn can_begin(&self, known: u32, begins: u128) -> bool {
        let open = self.width.saturating_sub(known);
        let low = begins.checked_shl(open).unwrap_or(0);
        let high = match 1_u128.checked_shl(open) {
            Some(count) => low | count.wrapping_sub(1),
            None => u128::MAX,
        };
        let ranges = self.wanted.ranges();
        let at = ranges.partition_point(|(_, end)| *end < low);
        ranges.get(at).is_some_and(|(start, _)| *start <= high)
    }

    /// What the bits before `until` are, and how many these are.
    fn begins(&self, packet: &[u8], until: usize) -> (u32, u128) {
        let bits = (self.at..until.min(self.end())).map(|at| bit(packet, at));
        bits.fold((0, 0), |(known, number), bit| {
            (known.saturating_add(1), number << 1 | u128::from(bit))
        })
    }
}

/// Sets bits so that all fields have wanted values. Bits of no field stay.
///
/// Every bit that is tried takes one of `steps`.
pub(super) fn fill(mut fields: Vec<Bits>, packet: &mut [u8], steps: &mut usize) -> Filled {
    fields.sort_by_key(|field| (field.at, field.width));
    let mut rest = fields.as_slice();
    let mut result = Filled::Done;
    while let Some(first) = rest.first() {
        let mut end = first.end();
        let mut count = 0_usize;
        for field in rest {
            if field.at >= end {
                break;
            }
            end = end.max(field.end());
            count = count.saturating_add(1);
        }
        let (group, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        match fill_group(group, end, packet, steps) {
            Filled::Impossible => return Filled::Impossible,
            Filled::GaveUp => result = Filled::GaveUp,
            Filled::Done => {}
        }
        rest = others;
    }
    result
}

/// Goes from bit to bit, each 0 if it can be, and back where neither can.
fn fill_group(fields: &[Bits], end: usize, packet: &mut [u8], left: &mut usize) -> Filled {
    let start = fields.first().map_or(0, |field| field.at);
    let mut at = start;
    let mut steps = MAX_STEPS;
    let mut next = false;
    while at < end {
        let (Some(rest), Some(all)) = (steps.checked_sub(1), left.checked_sub(1)) else {
            return Filled::GaveUp;
        };
        (steps, *left) = (rest, all);
        set(packet, at, next);
        let after = at.saturating_add(1);
        let mut over = fields
            .iter()
            .filter(|field| field.at <= at && at < field.end());
        let is_possible = over.all(|field| {
            let (known, number) = field.begins(packet, after);
            field.can_begin(known, number)
        });
        if is_possible {
            (at, next) = (after, false);
        } else if !next {
            next = true;
        } else {
            // The last bit that can still be turned around.
            loop {
                if at == start {
                    return Filled::Impossible;
                }
                at = at.saturating_sub(1);
                if !bit(packet, at) {
                    break;
                }
            }
            next = true;
        }
    }
    Filled::Done
}

fn bit(packet: &[u8], at: usize) -> bool {
    let byte = packet.get(at / 8).copied().unwrap_or_default();
    byte.wrapping_shl(u32::try_from(at % 8).unwrap_or(0)) & 0x80 != 0
}

fn set(packet: &mut [u8], at: usize, one: bool) {
    if let Some(byte) = packet.get_mut(at / 8) {
        let mask = 0x80_u8.wrapping_shr(u32::try_from(at % 8).unwrap_or(0));
        *byte = if one { *byte | mask } else { *byte & !mask };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(at: usize, width: u32, ranges: &[(u128, u128)]) -> Bits {
        let wanted = IntervalSet::union_of(ranges.to_vec());
        Bits { at, width, wanted }
    }

    #[test]
    fn fields_apart_and_overlapping_get_wanted_values() {
        let mut packet = [0; 4];
        let fields = vec![
            field(0, 8, &[(7, 9)]),
            field(8, 16, &[(0x0180, 0x01FF), (0x0300, 0x0300)]),
            field(16, 8, &[(0x90, 0xA0)]),
            field(20, 4, &[(3, 4)]),
        ];
        assert_eq!(fill(fields, &mut packet, &mut 1000), Filled::Done);
        assert_eq!(packet, [7, 1, 0x93, 0]);
    }

    #[test]
    fn contradictions_are_found() {
        let fields = vec![field(0, 16, &[(0x0100, 0x01FF)]), field(0, 8, &[(2, 255)])];
        assert_eq!(fill(fields, &mut [0; 2], &mut 1000), Filled::Impossible);
        let fields = vec![
            field(0, 16, &[(5, 5)]),
            field(8, 16, &[(0, 0x4FF), (0x600, 0xFFFF)]),
        ];
        assert_eq!(fill(fields, &mut [0; 3], &mut 1000), Filled::Impossible);
    }

    #[test]
    fn all_two_byte_overlaps_agree_with_a_search() {
        for low in (0..256).step_by(37) {
            for high in (0..=u128::from(u16::MAX)).step_by(4099) {
                let wide = field(0, 16, &[(high, high + 300)]);
                let narrow = field(8, 8, &[(low, low + 3)]);
                let exists = (high..=(high + 300).min(0xFFFF))
                    .any(|v| (low..=low + 3).contains(&(v & 0xFF)));
                let mut packet = [0; 2];
                let filled = fill(vec![wide, narrow], &mut packet, &mut 1000);
                assert_eq!(filled == Filled::Done, exists, "{low} {high}");
            }
        }
    }
}
