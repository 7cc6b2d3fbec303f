//! The packets of the captures in `captures/`.

use std::fs;
use std::path::{Path, PathBuf};

use divert_vm::Event;

/// Every IP packet of every capture, taken for outbound.
///
/// # Panics
///
/// If a capture is not a pcap file of Ethernet or raw IP.
#[must_use]
pub fn packets() -> Vec<(Vec<u8>, Event)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut packets = Vec::new();
    for path in files(&folder) {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let frames = frames(&bytes).unwrap_or_else(|| panic!("{} is no pcap", path.display()));
        packets.extend(frames.into_iter().map(|packet| {
            let event = Event {
                ipv6: packet.first().is_some_and(|byte| byte >> 4 == 6),
                ..Event::outbound()
            };
            (packet.to_vec(), event)
        }));
    }
    packets
}

/// The captures, always in the same order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the captures");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let pcap = |path: &PathBuf| path.extension().is_some_and(|end| end == "pcap");
    let below = folders.iter().flat_map(|folder| self::files(folder));
    files.into_iter().filter(pcap).chain(below).collect()
}

/// The IP packets of a little-endian pcap file, as far as it goes.
fn frames(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let word = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    if !matches!(word(bytes, 0)?, 0xA1B2_C3D4 | 0xA1B2_3C4D) {
        return None;
    }
    // The upper bits tell about checksums of frames.
    let is_ethernet = match word(bytes, 20)? & 0xFFFF {
        1 => true,
        12 | 101 | 228 | 229 => false,
        _ => return None,
    };
    let mut packets = Vec::new();
    let mut rest = bytes.get(24..)?;
    while let Some(len) = word(rest, 8) {
        let Some(frame) = rest.get(16..16 + len as usize) else {
            break;
        };
        rest = &rest[16 + len as usize..];
        packets.extend(if is_ethernet {
            ethernet(frame)
        } else {
            Some(frame)
        });
    }
    Some(packets)
}

/// The IP packet in an Ethernet frame, behind any VLAN tags.
fn ethernet(frame: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    loop {
        let kind = frame.get(at..at + 2)?;
        at += 2;
        match kind {
            [0x81, 0x00] | [0x88, 0xA8] => at += 2,
            [0x08, 0x00] | [0x86, 0xDD] => return frame.get(at..),
            _ => return None,
        }
    }
}
