//! Where the packets lie, and the order in which they are taken.

use std::ops::Range;

use divert_vm::Event;

/// The bytes of a cache line.
const LINE: usize = 64;
/// Picks in a pass.
const PICKS: usize = 65_536;
/// Where the generator of the order starts.
const SEED: u64 = 1_234_567;

/// A packet in its place, and its event.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The bytes, from the IP header on.
    pub packet: &'a [u8],
    /// The circumstances.
    pub event: &'a Event,
}

/// Memory where every packet begins on a cache line of its own.
#[derive(Debug)]
pub struct Aligned {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Aligned {
    /// Copies the packets.
    #[must_use]
    pub fn new<P: AsRef<[u8]>>(packets: &[P]) -> Self {
        let lines = |packet: &P| packet.as_ref().len().next_multiple_of(LINE).max(LINE);
        let mut bytes = vec![0; packets.iter().map(lines).sum::<usize>() + LINE];
        let mut start = bytes.as_ptr().align_offset(LINE);
        let mut places = Vec::with_capacity(packets.len());
        for packet in packets {
            let place = start..start + packet.as_ref().len();
            bytes[place.clone()].copy_from_slice(packet.as_ref());
            places.push(place);
            start += lines(packet);
        }
        Self { bytes, places }
    }

    /// The packets in their places.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|place| &self.bytes[place.clone()])
    }

    /// The packets in their places, with their events.
    #[must_use]
    pub fn cases<'a>(&'a self, packets: &'a [(Vec<u8>, Event)]) -> Vec<Case<'a>> {
        let events = packets.iter().map(|(_, event)| event);
        let pairs = self.packets().zip(events);
        pairs
            .map(|(packet, event)| Case { packet, event })
            .collect()
    }
}

/// A pass over that many packets: random, and the same for everybody.
///
/// A processor learns a short order that repeats, and then shows times that no
/// real traffic has.
#[must_use]
pub fn order(packets: usize) -> Vec<usize> {
    let pick = |number| (number % packets as u64) as usize;
    random(SEED).take(PICKS).map(pick).collect()
}

/// Numbers by splitmix64, without end.
pub fn random(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_the_published_one() {
        let order = order(2048);
        assert_eq!(order[..8], [1157, 1957, 1143, 831, 1741, 1270, 1669, 433]);
        assert_eq!(order.last(), Some(&1326));
        assert_eq!(order.iter().sum::<usize>(), 67_028_272);
    }

    #[test]
    fn every_packet_begins_on_a_cache_line_of_its_own() {
        let packets = [0, 1, 63, 64, 65, 200].map(|len| vec![7; len]);
        let memory = Aligned::new(&packets);
        assert!(memory.packets().eq(packets.iter().map(Vec::as_slice)));
        let lines: Vec<usize> = memory.packets().map(|p| p.as_ptr().addr()).collect();
        assert!(lines.iter().all(|at| at % LINE == 0));
        assert!(lines.is_sorted_by(|a, b| a < b));
    }
}
