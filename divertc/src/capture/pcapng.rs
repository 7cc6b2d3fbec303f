//! The packets of a pcapng file, block by block.
//!
//! By hand, because `pcap-file` refuses a whole file for a comment that is not
//! UTF-8, options without end mark, or a time zone, drops Packet Blocks, and
//! leaves padding in Simple Packet Blocks. What does not lead to a packet is
//! not looked at here, so it cannot be wrong.

use std::io::{self, Read};
use std::time::Duration;

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

const BYTE_ORDER_MARK: u32 = 0x1A2B_3C4D;
/// Type and length before the body of a block, length again after it.
const FRAMING_LEN: u32 = 12;
/// Longer packet blocks are damage, not packets; others are not kept.
const MAX_BLOCK_LEN: u32 = 16 << 20;

/// A packet as captured.
pub(super) struct Packet {
    /// The link type of its interface.
    pub link: u32,
    /// Since 1970; zero if the block has no time.
    pub timestamp: Duration,
    /// Its length on the wire.
    pub original_len: u32,
    /// Its bytes, without padding.
    pub bytes: Vec<u8>,
}

/// Why reading cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum PcapNgError {
    #[error("it ends in the middle of a block")]
    Cut,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the section header has no byte-order mark")]
    ByteOrder,
    #[error("a block states a length of {0} bytes")]
    BlockLen(u32),
    #[error("the two lengths of a block differ: {0} and {1} bytes")]
    Lengths(u32, u32),
    #[error("a block is too short for what it holds")]
    Short,
    #[error("a packet of interface {0}, which no block describes")]
    NoInterface(u32),
}

/// Reads the blocks of a file one after the other.
pub(super) struct PcapNg<R> {
    input: R,
    order: Order,
    interfaces: Vec<Interface>,
    offset: u64,
}

#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

/// What an Interface Description Block says that matters for its packets.
struct Interface {
    link: u32,
    /// 0 if unlimited.
    snap_len: u32,
    ticks_per_second: u128,
    /// Seconds to add to every timestamp.
    offset: i64,
}

impl<R: Read> PcapNg<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            input,
            order: Order::Little,
            interfaces: Vec::new(),
            offset: 0,
        }
    }

    /// Where the next block begins, or the one that could not be read.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next packet; `None` at the end of the file.
    pub(super) fn packet(&mut self) -> Result<Option<Packet>, PcapNgError> {
        loop {
            let mut head = [0; 8];
            let found = fill(&mut self.input, &mut head)?;
            if found == 0 {
                return Ok(None);
            }
            if found < head.len() {
                return Err(PcapNgError::Cut);
            }
            let (len, packet) = self.block(head)?;
            self.offset += u64::from(len);
            if packet.is_some() {
                return Ok(packet);
            }
        }
    }

    /// The rest of a block that begins like this; gives its length.
    fn block(&mut self, head: [u8; 8]) -> Result<(u32, Option<Packet>), PcapNgError> {
        let [k0, k1, k2, k3, l0, l1, l2, l3] = head;
        let mut body = Vec::new();
        if [k0, k1, k2, k3] == SECTION_HEADER.to_be_bytes() {
            // Only the first bytes of the body tell how the length is written.
            self.read(&mut body, 4)?;
            self.order = match body.first_chunk() {
                Some(mark) if u32::from_be_bytes(*mark) == BYTE_ORDER_MARK => Order::Big,
                Some(mark) if u32::from_le_bytes(*mark) == BYTE_ORDER_MARK => Order::Little,
                _ => return Err(PcapNgError::ByteOrder),
            };
            self.interfaces.clear();
        }
        let kind = self.order.u32([k0, k1, k2, k3]);
        let len = self.order.u32([l0, l1, l2, l3]);
        let consumed = u32::try_from(body.len()).unwrap_or(0);
        let rest = len
            .checked_sub(FRAMING_LEN + consumed)
            .filter(|rest| rest % 4 == 0)
            .ok_or(PcapNgError::BlockLen(len))?;
        match kind {
            INTERFACE_DESCRIPTION | PACKET | SIMPLE_PACKET | ENHANCED_PACKET => {
                if len > MAX_BLOCK_LEN {
                    return Err(PcapNgError::BlockLen(len));
                }
                self.read(&mut body, rest)?;
            }
            _ => self.skip(rest)?,
        }
        let mut again = [0; 4];
        if fill(&mut self.input, &mut again)? < again.len() {
            return Err(PcapNgError::Cut);
        }
        let again = self.order.u32(again);
        if again != len {
            return Err(PcapNgError::Lengths(len, again));
        }
        let mut body = Body {
            bytes: &body,
            order: self.order,
        };
        let packet = match kind {
            INTERFACE_DESCRIPTION => {
                let interface = Interface::read(&mut body).ok_or(PcapNgError::Short)?;
                self.interfaces.push(interface);
                None
            }
            PACKET => Some(self.enhanced(&mut body, |body| body.u16s().map(|[id, _]| id.into()))?),
            ENHANCED_PACKET => Some(self.enhanced(&mut body, Body::u32)?),
            SIMPLE_PACKET => Some(self.simple(&mut body)?),
            _ => None,
        };
        Ok((len, packet))
    }

    fn enhanced<'a>(
        &self,
        body: &mut Body<'a>,
        interface: impl FnOnce(&mut Body<'a>) -> Option<u32>,
    ) -> Result<Packet, PcapNgError> {
        let interface = interface(body).ok_or(PcapNgError::Short)?;
        let interface = self.interface(interface)?;
        let read = |body: &mut Body<'a>| {
            let ticks = u64::from(body.u32()?) << 32 | u64::from(body.u32()?);
            let captured_len = body.u32()?;
            let original_len = body.u32()?;
            Some(Packet {
                link: interface.link,
                timestamp: interface.time(ticks),
                original_len,
                bytes: body.take(captured_len)?.to_vec(),
            })
        };
        read(body).ok_or(PcapNgError::Short)
    }

    /// Always of the first interface, and without a length as captured.
    fn simple(&self, body: &mut Body<'_>) -> Result<Packet, PcapNgError> {
        let interface = self.interface(0)?;
        let original_len = body.u32().ok_or(PcapNgError::Short)?;
        let captured_len = match interface.snap_len {
            0 => original_len,
            limit => original_len.min(limit),
        };
        Ok(Packet {
            link: interface.link,
            timestamp: Duration::ZERO,
            original_len,
            bytes: body.take(captured_len).ok_or(PcapNgError::Short)?.to_vec(),
        })
    }

    fn interface(&self, id: u32) -> Result<&Interface, PcapNgError> {
        usize::try_from(id)
            .ok()
            .and_then(|at| self.interfaces.get(at))
            .ok_or(PcapNgError::NoInterface(id))
    }

    /// Appends `len` bytes; memory grows with what is there, not with `len`.
    fn read(&mut self, body: &mut Vec<u8>, len: u32) -> Result<(), PcapNgError> {
        let found = self.input.by_ref().take(len.into()).read_to_end(body)?;
        whole(u64::try_from(found).ok(), len)
    }

    fn skip(&mut self, len: u32) -> Result<(), PcapNgError> {
        let found = io::copy(&mut self.input.by_ref().take(len.into()), &mut io::sink())?;
        whole(Some(found), len)
    }
}

fn whole(found: Option<u64>, len: u32) -> Result<(), PcapNgError> {
    if found == Some(len.into()) {
        Ok(())
    } else {
        Err(PcapNgError::Cut)
    }
}

/// Like `read_exact`, but tells the end of the file from a break before it.
fn fill(input: &mut impl Read, mut buffer: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while !buffer.is_empty() {
        match input.read(buffer) {
            Ok(0) => break,
            Ok(len) => {
                found += len;
                buffer = buffer.get_mut(len..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl Interface {
    fn read(body: &mut Body<'_>) -> Option<Self> {
        let [link, _reserved] = body.u16s()?;
        let mut interface = Self {
            link: link.into(),
            snap_len: body.u32()?,
            ticks_per_second: 1_000_000,
            offset: 0,
        };
        while let Some([code, len]) = body.u16s().filter(|[code, _]| *code != OPTION_END) {
            let Some(value) = body.take(len.into()) else {
                break;
            };
            body.take(u32::from(len).wrapping_neg() % 4);
            match (code, value) {
                (OPTION_RESOLUTION, [resolution]) => {
                    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
                    let ticks = base.checked_pow(u32::from(resolution & 0x7F));
                    interface.ticks_per_second = ticks.unwrap_or(u128::MAX);
                }
                (OPTION_OFFSET, value) => {
                    if let Ok(value) = value.try_into() {
                        interface.offset = body.order.i64(value);
                    }
                }
                _ => {}
            }
        }
        Some(interface)
    }

    fn time(&self, ticks: u64) -> Duration {
        let nanos = u128::from(ticks) * 1_000_000_000 / self.ticks_per_second;
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let fraction = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        let offset = Duration::from_secs(self.offset.unsigned_abs());
        let time = Duration::new(seconds, fraction);
        if self.offset < 0 {
            time.saturating_sub(offset)
        } else {
            time.saturating_add(offset)
        }
    }
}

impl Order {
    const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    const fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Big => i64::from_be_bytes(bytes),
            Self::Little => i64::from_le_bytes(bytes),
        }
    }
}

/// What is left of the body of a block.
struct Body<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl<'a> Body<'a> {
    fn u32(&mut self) -> Option<u32> {
        let (value, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(self.order.u32(*value))
    }

    /// Small numbers come in pairs.
    fn u16s(&mut self) -> Option<[u16; 2]> {
        let ([a, b, c, d], rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some([self.order.u16([*a, *b]), self.order.u16([*c, *d])])
    }

    fn take(&mut self, len: u32) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(usize::try_from(len).ok()?)?;
        self.bytes = rest;
        Some(taken)
    }
}
