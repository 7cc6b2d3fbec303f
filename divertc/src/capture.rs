//! Reading captures, pcap and pcapng, and writing pcap.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapReader, PcapWriter, RawPcapPacket};
use pcap_file::{DataLink, PcapError, TsResolution};

use crate::link::LinkType;

mod pcapng;
#[cfg(test)]
mod tests;

use pcapng::PcapNg;

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
    #[error("{} is not a capture: {}", .path.display(), beginning(.found))]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        found: Vec<u8>,
    },
    /// The file breaks off, or cannot be read on.
    #[error("{} is damaged after frame {after}, at byte {offset}: {reason}; what came before was read", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The last frame that was read; 0 if there was none.
        after: u64,
        /// Where the record begins that could not be read.
        offset: u64,
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
    /// Where the next record begins, in pcap files.
    offset: u64,
    is_over: bool,
}

enum Format {
    Pcap(Box<PcapReader<Input>>, LinkType, TsResolution),
    PcapNg(PcapNg<Input>),
}

type Input = io::Chain<io::Cursor<Vec<u8>>, BufReader<Counted<File>>>;

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

const PCAP_HEADER_LEN: u64 = 24;
const RECORD_HEADER_LEN: u64 = 16;

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
        let mut magic = Vec::new();
        let mark = input.by_ref().take(4).read_to_end(&mut magic);
        mark.map_err(open)?;
        let chained = io::Cursor::new(magic.clone()).chain(input);
        let format = if magic == PCAPNG {
            Format::PcapNg(PcapNg::new(chained))
        } else if PCAP.iter().any(|mark| magic == mark) {
            let reader = PcapReader::new(chained).map_err(|error| CaptureError::Damaged {
                path: path.into(),
                after: 0,
                offset: 0,
                reason: reason(&error),
            })?;
            let header = reader.header();
            let link = LinkType::from_header(header.datalink.into());
            known(path, link)?;
            Format::Pcap(Box::new(reader), link, header.ts_resolution)
        } else {
            return Err(CaptureError::NotACapture {
                path: path.into(),
                found: magic,
            });
        };
        Ok(Self {
            path: path.into(),
            format,
            read: 0,
            offset: PCAP_HEADER_LEN,
            is_over: false,
        })
    }

    fn frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        let number = self.read + 1;
        let damaged = |offset, reason| CaptureError::Damaged {
            path: self.path.clone(),
            after: self.read,
            offset,
            reason,
        };
        match &mut self.format {
            Format::Pcap(reader, link, resolution) => {
                let packet = match reader.next_raw_packet() {
                    None => return Ok(None),
                    Some(packet) => packet.map_err(|e| damaged(self.offset, reason(&e)))?,
                };
                self.offset += RECORD_HEADER_LEN + u64::from(packet.incl_len);
                let nanos = match resolution {
                    TsResolution::MicroSecond => u64::from(packet.ts_frac) * 1000,
                    TsResolution::NanoSecond => u64::from(packet.ts_frac),
                };
                let since = Duration::from_secs(packet.ts_sec.into()) + Duration::from_nanos(nanos);
                Ok(Some(Frame {
                    number,
                    timestamp: since,
                    bytes: packet.data.into_owned(),
                    original_len: packet.orig_len,
                    link: *link,
                }))
            }
            Format::PcapNg(reader) => {
                let packet = match reader.packet() {
                    Ok(None) => return Ok(None),
                    Ok(Some(packet)) => packet,
                    Err(error) => return Err(damaged(reader.offset(), error.to_string())),
                };
                let link = LinkType::from_header(packet.link);
                known(&self.path, link)?;
                Ok(Some(Frame {
                    number,
                    timestamp: packet.timestamp,
                    bytes: packet.bytes,
                    original_len: packet.original_len,
                    link,
                }))
            }
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
        let next = self.frame().transpose();
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

fn beginning(found: &[u8]) -> String {
    let hex: Vec<String> = found.iter().map(|byte| format!("{byte:02x}")).collect();
    let advice = match found {
        [] => return "it is empty".into(),
        [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD] | [0xFD, b'7', b'z', b'X'] => {
            "; it is compressed, so unpack it first"
        }
        _ => "",
    };
    let hex = hex.join(" ");
    format!("it begins with {hex}, and pcap and pcapng files do not{advice}")
}

/// Writes frames of one link type to a pcap file.
pub(crate) struct Output<W: Write> {
    writer: PcapWriter<W>,
    link: LinkType,
}

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The file cannot be written.
    #[error("{}", reason(.0))]
    Write(#[from] PcapError),
    /// A pcap file has one link type, and the first frame has set it.
    #[error(
        "frame {frame} has link type {found}, and a pcap file holds one link type only, \
         here {expected}; write frames of each link type to a file of their own"
    )]
    LinkType {
        /// The number of the frame in its capture.
        frame: u64,
        /// The number of its link type.
        found: u32,
        /// The number of the link type of the file.
        expected: u32,
    },
}

impl<W: Write> Output<W> {
    /// Begins a file of frames of this link type.
    pub(crate) fn new(writer: W, link: LinkType) -> Result<Self, OutputError> {
        let header = PcapHeader {
            datalink: DataLink::from(link.number()),
            ts_resolution: TsResolution::NanoSecond,
            snaplen: 262_144,
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(writer, header)?;
        Ok(Self { writer, link })
    }

    /// Appends a frame as it was captured.
    ///
    /// To a file of raw IP, the IP packet of a frame of another link type.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), OutputError> {
        let bytes = match frame.ip_packet() {
            _ if self.link == frame.link => &frame.bytes,
            Some(packet) if self.link == LinkType::RAW => packet,
            _ => {
                return Err(OutputError::LinkType {
                    frame: frame.number,
                    found: frame.link.number(),
                    expected: self.link.number(),
                });
            }
        };
        // Captures state odd lengths and times, which are no reason to stop.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let stripped = frame.bytes.len().saturating_sub(bytes.len());
        let stripped = u32::try_from(stripped).unwrap_or(u32::MAX);
        self.writer.write_raw_packet(&RawPcapPacket {
            ts_sec: u32::try_from(frame.timestamp.as_secs()).unwrap_or(u32::MAX),
            ts_frac: frame.timestamp.subsec_nanos(),
            incl_len: len,
            orig_len: frame.original_len.saturating_sub(stripped).max(len),
            data: bytes.into(),
        })?;
        Ok(())
    }
}
