//! The packets that are timed, and where they lie in memory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};

use divert_compiler::{Event, Layer};
use indicatif::ProgressBar;
use serde::{Deserialize, Deserializer};

use crate::Failure;
use crate::address::Address;
use crate::args::DirectionArgs;
use crate::capture::Capture;
use crate::cmd::explain::unhex;
use crate::cmd::run::event_of;

/// The bytes of a cache line.
const LINE: usize = 64;

/// A packet in its place, and its event.
pub(super) struct Case<'a> {
    pub(super) packet: &'a [u8],
    pub(super) event: &'a Event,
}

/// Memory where every packet begins on a cache line.
///
/// Where the allocator puts packets would otherwise change what they cost.
pub(super) struct Aligned {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Aligned {
    pub(super) fn new(packets: &[(Vec<u8>, Event)]) -> Self {
        let lines = |len: usize| len.next_multiple_of(LINE).max(LINE);
        let total: usize = packets.iter().map(|(packet, _)| lines(packet.len())).sum();
        let mut bytes = vec![0; total + LINE];
        let mut start = bytes.as_ptr().align_offset(LINE).min(LINE);
        let mut places = Vec::with_capacity(packets.len());
        for (packet, _) in packets {
            let place = start..start + packet.len();
            if let Some(to) = bytes.get_mut(place.clone()) {
                to.copy_from_slice(packet);
            }
            places.push(place);
            start += lines(packet.len());
        }
        Self { bytes, places }
    }

    /// The packets in their places, with their events.
    pub(super) fn cases<'a>(&'a self, packets: &'a [(Vec<u8>, Event)]) -> Vec<Case<'a>> {
        let case = |(place, (_, event)): (&Range<usize>, &'a (Vec<u8>, Event))| Case {
            packet: self.bytes.get(place.clone()).unwrap_or_default(),
            event,
        };
        self.places.iter().zip(packets).map(case).collect()
    }
}

/// The IP packets of captures, and what is known about them.
pub(super) fn of_captures(
    captures: &[PathBuf],
    layer: Layer,
    direction: &DirectionArgs,
) -> Result<Vec<(Vec<u8>, Event)>, Failure> {
    let mut packets = Vec::new();
    for path in captures {
        for frame in Capture::open(path, ProgressBar::hidden())? {
            let frame = frame?;
            let Some(packet) = frame.ip_packet() else {
                continue;
            };
            let event = Event {
                layer,
                ..event_of(packet, frame.timestamp, direction)
            };
            packets.push((packet.to_vec(), event));
        }
    }
    if packets.is_empty() {
        return Err(Failure::Io("the captures hold no IP packet".into()));
    }
    Ok(packets)
}

/// A line of a workload, or of the cases of the test vectors.
#[derive(Deserialize)]
struct Line {
    kind: Option<String>,
    layer: Option<u8>,
    #[serde(default, deserialize_with = "present")]
    packet: Option<Option<String>>,
    #[serde(default)]
    addr: Address,
}

/// Tells a packet that is null, as events without one have, from none at all.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The packets and events of a workload that belong to a layer.
pub(super) fn of_workload(path: &Path, layer: Layer) -> Result<Vec<(Vec<u8>, Event)>, Failure> {
    let name = path.display();
    let cannot = |error| Failure::Io(format!("cannot read {name}: {error}"));
    let file = BufReader::new(File::open(path).map_err(cannot)?);
    let mut packets = Vec::new();
    for (line, number) in file.split(b'\n').zip(1..) {
        let line = line.map_err(cannot)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |reason| Failure::Io(format!("{name}, line {number}: {reason}"));
        packets.extend(packet(&line, layer).map_err(wrong)?);
    }
    if packets.is_empty() {
        let message = format!("{name} has no packet for layer {layer}");
        return Err(Failure::Io(message));
    }
    Ok(packets)
}

/// What a line adds to the packets of a layer; filters are none.
fn packet(line: &[u8], layer: Layer) -> Result<Option<(Vec<u8>, Event)>, String> {
    let line: Line =
        serde_json::from_slice(line).map_err(|e| format!("not a line of a workload: {e}"))?;
    match line.kind.as_deref() {
        Some("filter") => return Ok(None),
        Some("packet") | None => {}
        Some(other) => return Err(format!("a line is a filter or a packet, not a {other:?}")),
    }
    let of = line.layer.map_or(Some(layer), Layer::from_u8);
    if of.ok_or("a layer is 0 to 4")? != layer {
        return Ok(None);
    }
    let hex = line.packet.ok_or("there is no `packet`")?;
    let packet = unhex(&hex.unwrap_or_default()).map_err(|failure| failure.to_string())?;
    Ok(Some((packet, line.addr.event(layer))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_begins_on_a_cache_line_of_its_own() {
        let packet = |len: u8| ((0..len).collect(), Event::outbound());
        let packets: Vec<_> = [0, 1, 63, 64, 65, 200].map(packet).into();
        let memory = Aligned::new(&packets);
        let cases = memory.cases(&packets);
        assert_eq!(cases.len(), packets.len());
        for (case, (packet, _)) in cases.iter().zip(&packets) {
            assert_eq!(case.packet, packet);
            assert_eq!(case.packet.as_ptr().addr() % LINE, 0);
        }
        let places = memory.places.iter().map(|place| place.start);
        assert!(places.is_sorted_by(|a, b| a + LINE <= *b));
    }
}
