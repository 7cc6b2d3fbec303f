//! Reading captures, pcap and pcapng, and writing pcap.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};

use crate::link::LinkType;

/// One frame of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Its number in the file, from 1.
    pub number: u64,
    /// When it was captured, since 1970.
    pub timestamp: Duration,
    /// Its bytes, as far as they were captured.
    pub bytes: Vec<u8>,
    /// Its length on the wire.
    pub original_len: u32,
    /// What it begins with.
    pub link: LinkType,
}

impl Frame {
    /// The IP packet in the frame, if there is one.
    pub(crate) fn ip_packet(&self) -> Option<&[u8]> {
        self.bytes.get(self.link.ip_packet(&self.bytes)?)
    }
}

/// What can be wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a capture: it begins with neither the mark of pcap nor of pcapng", .path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
    },
    /// The file breaks off, or cannot be read on.
    #[error("{} is damaged after frame {after}: {reason}; what came before was read", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The last frame that was read; 0 if there was none.
        after: u64,
        /// What is wrong.
        reason: String,
    },
    /// Frames of a kind that is not supported.
    #[error("{} has frames of link type {link}, which divertc cannot read; \
             it reads Ethernet, raw IP, loopback and Linux cooked captures", .path.display())]
    UnknownLinkType {
        /// The file.
        path: PathBuf,
        /// The number of the link type.
        link: u32,
    },
}

/// A capture that is being read.
pub(crate) struct Capture {
    path: PathBuf,
    format: Format,
    read: u64,
    is_over: bool,
}

enum Format {
    Pcap(Box<PcapReader<Input>>, LinkType, TsResolution),
    PcapNg(Box<PcapNgReader<Input>>),
}

type Input = io::Chain<io::Cursor<[u8; 4]>, BufReader<Counted<File>>>;

/// Counts what is read, for a progress bar.
struct Counted<R> {
    inner: R,
    progress: indicatif::ProgressBar,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.progress.inc(u64::try_from(len).unwrap_or(0));
        Ok(len)
    }
}

/// What pcapng files begin with.
const PCAPNG: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
/// What pcap files begin with: either byte order, micro- and nanoseconds.
const PCAP: [[u8; 4]; 4] = [
    [0xA1, 0xB2, 0xC3, 0xD4],
    [0xD4, 0xC3, 0xB2, 0xA1],
    [0xA1, 0xB2, 0x3C, 0x4D],
    [0x4D, 0x3C, 0xB2, 0xA1],
];

impl Capture {
    /// Opens a capture; `progress` is moved on by what is read.
    pub(crate) fn open(
        path: &Path,
        progress: indicatif::ProgressBar,
    ) -> Result<Self, CaptureError> {
        let open = |source| CaptureError::Open {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(open)?;
        let mut input = BufReader::new(Counted {
            inner: file,
            progress,
        });
        let mut magic = [0; 4];
        let not_a_capture = || CaptureError::NotACapture { path: path.into() };
        match input.read_exact(&mut magic) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(not_a_capture()),
            Err(e) => return Err(open(e)),
        }
        let input = io::Cursor::new(magic).chain(input);
        let damaged = |error| CaptureError::Damaged {
            path: path.into(),
            after: 0,
            reason: reason(&error),
        };
        let format = if magic == PCAPNG {
            Format::PcapNg(Box::new(PcapNgReader::new(input).map_err(damaged)?))
        } else if PCAP.contains(&magic) {
            let reader = PcapReader::new(input).map_err(damaged)?;
            let header = reader.header();
            let link = LinkType::from_header(header.datalink.into());
            known(path, link)?;
            Format::Pcap(Box::new(reader), link, header.ts_resolution)
        } else {
            return Err(not_a_capture());
        };
        Ok(Self {
            path: path.into(),
            format,
            read: 0,
            is_over: false,
        })
    }

    fn frame(&mut self) -> Option<Result<Frame, CaptureError>> {
        let number = self.read + 1;
        let path = &self.path;
        let damaged = |error: PcapError| CaptureError::Damaged {
            path: path.clone(),
            after: number - 1,
            reason: reason(&error),
        };
        match &mut self.format {
            Format::Pcap(reader, link, resolution) => {
                let packet = match reader.next_raw_packet()? {
                    Ok(packet) => packet,
                    Err(error) => return Some(Err(damaged(error))),
                };
                let nanos = match resolution {
                    TsResolution::MicroSecond => u64::from(packet.ts_frac) * 1000,
                    TsResolution::NanoSecond => u64::from(packet.ts_frac),
                };
                let since = Duration::from_secs(packet.ts_sec.into()) + Duration::from_nanos(nanos);
                Some(Ok(Frame {
                    number,
                    timestamp: since,
                    bytes: packet.data.into_owned(),
                    original_len: packet.orig_len,
                    link: *link,
                }))
            }
            Format::PcapNg(reader) => loop {
                let (interface, timestamp, original_len, bytes) = match reader.next_block()? {
                    Ok(Block::EnhancedPacket(p)) => {
                        let id = usize::try_from(p.interface_id).unwrap_or(usize::MAX);
                        (id, Some(p.timestamp), p.original_len, p.data.into_owned())
                    }
                    Ok(Block::SimplePacket(p)) => (0, None, p.original_len, p.data.into_owned()),
                    Ok(_) => continue,
                    Err(error) => return Some(Err(damaged(error))),
                };
                let Some(interface) = reader.interfaces().get(interface) else {
                    let error =
                        PcapError::InvalidField("a frame of an interface that is not described");
                    return Some(Err(damaged(error)));
                };
                let link = LinkType::from_header(interface.linktype.into());
                if let Err(error) = known(path, link) {
                    return Some(Err(error));
                }
                return Some(Ok(Frame {
                    number,
                    timestamp: timestamp.map_or(Duration::ZERO, |raw| scaled(raw, interface)),
                    bytes,
                    original_len,
                    link,
                }));
            },
        }
    }
}

impl Iterator for Capture {
    type Item = Result<Frame, CaptureError>;

    /// The next frame; after an error there are no more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.frame();
        match &next {
            Some(Ok(_)) => self.read += 1,
            _ => self.is_over = true,
        }
        next
    }
}

fn known(path: &Path, link: LinkType) -> Result<(), CaptureError> {
    if link.is_known() {
        Ok(())
    } else {
        Err(CaptureError::UnknownLinkType {
            path: path.into(),
            link: link.number(),
        })
    }
}

fn reason(error: &PcapError) -> String {
    match error {
        PcapError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it ends in the middle of a record".into()
        }
        PcapError::IoError(error) => error.to_string(),
        PcapError::InvalidField(what) => format!("a field is wrong ({what})"),
        error => error.to_string(),
    }
}

/// The library takes ticks for nanoseconds; the interface says what they are.
fn scaled(ticks: Duration, interface: &InterfaceDescriptionBlock<'_>) -> Duration {
    let resolution = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfTsResol(value) => Some(*value),
        _ => None,
    });
    let resolution = resolution.unwrap_or(6);
    let exponent = u32::from(resolution & 0x7F);
    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
    let per_second = base.checked_pow(exponent).unwrap_or(u128::MAX);
    let nanos = ticks.as_nanos().saturating_mul(1_000_000_000) / per_second;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Writes frames of one link type to a pcap file.
pub(crate) struct Output<W: Write> {
    writer: PcapWriter<W>,
    link: LinkType,
}

impl<W: Write> Output<W> {
    /// Begins a file of frames of this link type.
    pub(crate) fn new(writer: W, link: LinkType) -> Result<Self, PcapError> {
        let header = PcapHeader {
            datalink: DataLink::from(link.number()),
            ts_resolution: TsResolution::NanoSecond,
            snaplen: 262_144,
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(writer, header)?;
        Ok(Self { writer, link })
    }

    /// Appends a frame; of another link type, only its IP packet can be kept.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), PcapError> {
        let bytes = match frame.ip_packet() {
            Some(packet) if self.link == LinkType::RAW => packet,
            _ => &frame.bytes,
        };
        let packet = PcapPacket::new(frame.timestamp, frame.original_len, bytes);
        self.writer.write_packet(&packet)?;
        Ok(())
    }
}
