//! libpcap's interpreter, the yardstick that everybody has.

use divert_vm::Event;
use pcap::{BpfProgram, Capture, Linktype};

/// What a Linux cooked header says of a packet that leaves.
const OUTGOING: u16 = 4;
/// The hardware type of the loopback interface.
const LOOPBACK: u16 = 772;
/// The hardware type of everything else.
const ETHERNET: u16 = 1;

/// The packet behind a Linux cooked header, which carries the direction.
pub(super) fn cooked(packet: &[u8], event: &Event) -> Vec<u8> {
    let direction = if event.outbound { OUTGOING } else { 0 };
    let hardware = if event.loopback { LOOPBACK } else { ETHERNET };
    let protocol: u16 = if event.ipv6 { 0x86DD } else { 0x0800 };
    let mut bytes = Vec::with_capacity(16 + packet.len());
    bytes.extend(direction.to_be_bytes());
    bytes.extend(hardware.to_be_bytes());
    bytes.extend(6_u16.to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(protocol.to_be_bytes());
    bytes.extend(packet);
    bytes
}

/// Compiles, optimised.
pub(super) fn compile(filter: &str) -> BpfProgram {
    let capture = Capture::dead(Linktype::LINUX_SLL).expect("a capture without a device");
    let program = capture.compile(filter, true);
    program.unwrap_or_else(|error| panic!("{filter}: {error}"))
}
