//! `divertc run` on real captures, against what tcpdump counts.
//!
//! `tests/captures/manifest.json` has counts of tcpdump for a few expressions.
//! BPF looks at the first header only and does not check lengths, so on odd
//! packets the two must differ. Here a small model of those BPF expressions is
//! first shown to give tcpdump's counts; then every frame on which it differs
//! from divertc needs a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use pcap_file::pcap::PcapReader;
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
    file: String,
    linktype: Option<u32>,
    tcpdump: BTreeMap<String, u64>,
}

/// What a key of the manifest counts, as a WinDivert filter.
const FILTERS: [(&str, &str); 13] = [
    ("ip", "ip"),
    ("ip6", "ipv6"),
    ("tcp", "tcp"),
    ("tcp_v4_first", "ip and tcp"),
    ("udp", "udp"),
    ("icmp", "icmp"),
    ("icmp6", "icmpv6"),
    ("tcp_dst_443", "tcp.DstPort == 443"),
    ("udp_dst_443", "udp.DstPort == 443"),
    ("udp_53", "udp.SrcPort == 53 or udp.DstPort == 53"),
    ("tcp_syn_v4", "ip and tcp.Syn"),
    ("tcp_rst_v4", "ip and tcp.Rst"),
    ("v4_frag", "ip.MF or ip.FragOff != 0"),
];

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures")
}

fn divertc(args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_divertc"));
    command.args(args).output().expect("divertc runs")
}

/// The numbers of the frames that a filter matches.
fn matching(filter: &str, path: &Path) -> BTreeSet<u64> {
    let path = path.to_str().unwrap();
    let output = divertc(&["run", "--format", "json", filter, path]);
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let frames: BTreeSet<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["frame"].as_u64().unwrap())
        .collect();
    let count = divertc(&["run", "--count", filter, path]).stdout;
    let count = String::from_utf8(count).unwrap();
    assert_eq!(count.trim(), frames.len().to_string(), "{filter} on {path}");
    frames
}

/// A frame as BPF sees it: bytes, where the network header is, IP version.
struct Bpf<'a> {
    frame: &'a [u8],
    network: usize,
    version: u8,
}

impl<'a> Bpf<'a> {
    fn new(link: u32, frame: &'a [u8]) -> Self {
        let (network, version) = match link {
            1 => match frame.get(12..14) {
                Some([0x08, 0x00]) => (14, 4),
                Some([0x86, 0xDD]) => (14, 6),
                _ => (14, 0),
            },
            228 => (0, 4),
            229 => (0, 6),
            _ => (0, frame.first().map_or(0, |first| first >> 4)),
        };
        Self {
            frame,
            network,
            version,
        }
    }

    fn byte(&self, at: usize) -> Option<u32> {
        self.frame
            .get(self.network + at)
            .map(|byte| u32::from(*byte))
    }

    fn half(&self, at: usize) -> Option<u32> {
        Some(self.byte(at)? << 8 | self.byte(at + 1)?)
    }

    /// `ip proto p`, or `ip6 proto p`, which also looks behind a fragment
    /// header.
    fn proto(&self, proto: u32) -> Option<bool> {
        Some(match self.version {
            4 => self.byte(9)? == proto,
            6 => match self.byte(6)? {
                44 => self.byte(40)? == proto,
                next => next == proto,
            },
            _ => false,
        })
    }

    /// Where the transport header is, by what `port` and `tcp[…]` assume.
    fn transport(&self, proto: u32) -> Option<usize> {
        match self.version {
            4 if self.byte(9)? == proto && self.half(6)? & 0x1FFF == 0 => {
                Some(usize::try_from(self.byte(0)? & 0xF).ok()? * 4)
            }
            6 if self.byte(6)? == proto => Some(40),
            _ => None,
        }
    }

    fn tcp_flag(&self, flag: u32) -> Option<bool> {
        (self.version == 4).then_some(())?;
        Some(self.byte(self.transport(6)? + 13)? & flag != 0)
    }

    /// A load outside the frame makes the whole expression false.
    fn matches(&self, key: &str) -> bool {
        let port = |proto, at| self.half(self.transport(proto)? + at);
        let answer = match key {
            "ip" => Some(self.version == 4),
            "ip6" => Some(self.version == 6),
            "tcp" => self.proto(6),
            "tcp_v4_first" => Some(self.version == 4 && self.proto(6) == Some(true)),
            "udp" => self.proto(17),
            "icmp" => Some(self.version == 4 && self.proto(1) == Some(true)),
            "icmp6" => Some(self.version == 6 && self.proto(58) == Some(true)),
            "tcp_dst_443" => Some(port(6, 2) == Some(443)),
            "udp_dst_443" => Some(port(17, 2) == Some(443)),
            "udp_53" => Some(port(17, 0) == Some(53) || port(17, 2) == Some(53)),
            "tcp_syn_v4" => self.tcp_flag(2),
            "tcp_rst_v4" => self.tcp_flag(4),
            "v4_frag" if self.version == 4 => self.half(6).map(|bits| bits & 0x3FFF != 0),
            "v4_frag" => Some(false),
            _ => panic!("unknown expression {key}"),
        };
        answer == Some(true)
    }

    /// Why WinDivert sees this packet differently.
    fn reason(&self) -> Option<&'static str> {
        let version = u8::try_from(self.byte(0)? >> 4).ok()?;
        if version != self.version {
            return Some("the version in the IP header is wrong");
        }
        let len = self.frame.len() - self.network;
        if version == 4 {
            let header_len = usize::try_from(self.byte(0)? & 0xF).ok()? * 4;
            let Some(total) = self.half(2) else {
                return Some("the IP header is cut");
            };
            let total = usize::try_from(total).ok()?;
            return if header_len < 20 || len < header_len.max(20) {
                Some("the IP header is cut")
            } else if total < header_len {
                Some("the IP length is shorter than the header")
            } else if self.half(6)? & 0x1FFF != 0 {
                Some("not the first fragment: there is no transport header")
            } else {
                Some("the transport header is cut")
            };
        }
        if len < 40 {
            return Some("the IP header is cut");
        }
        match self.byte(6)? {
            0 | 43 | 51 | 60 | 135 => Some("the transport header is behind extension headers"),
            44 => Some("a fragment header comes first"),
            _ => None,
        }
    }
}

fn frames(path: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::File::open(path).unwrap();
    let mut reader = PcapReader::new(file).unwrap();
    let mut frames = Vec::new();
    while let Some(Ok(packet)) = reader.next_raw_packet() {
        frames.push(packet.data.into_owned());
    }
    frames
}

/// Differences by file and expression: the frames, and the reasons.
const DIFFERENCES: &str = include_str!("cli_captures.differences.txt");

#[test]
fn counts_are_those_of_tcpdump_but_for_explained_frames() {
    let manifest = std::fs::read_to_string(captures().join("manifest.json")).unwrap();
    let records: Vec<Record> = serde_json::from_str(&manifest).unwrap();
    let (mut same, mut differences) = (0, String::new());
    for record in &records {
        let path = captures().join(&record.file);
        let frames = frames(&path);
        let total = u64::try_from(frames.len()).unwrap();
        assert_eq!(total, record.tcpdump["packets"], "{}", record.file);
        let link = record.linktype.expect("every file left is a pcap");
        for (key, filter) in FILTERS {
            let numbered = (1_u64..).zip(&frames);
            let model = |(_, frame): &(u64, &Vec<u8>)| Bpf::new(link, frame).matches(key);
            let expect: BTreeSet<u64> = numbered.filter(model).map(|(n, _)| n).collect();
            let tcpdump = record.tcpdump.get(key).copied().unwrap_or(0);
            let count = u64::try_from(expect.len()).unwrap();
            assert_eq!(count, tcpdump, "the model of {key} on {}", record.file);
            let found = matching(filter, &path);
            if found == expect {
                same += 1;
                continue;
            }
            let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for number in found.symmetric_difference(&expect) {
                let frame = &frames[usize::try_from(*number).unwrap() - 1];
                let reason = Bpf::new(link, frame).reason();
                let reason = reason.unwrap_or_else(|| panic!("{} {key} {number}", record.file));
                reasons.entry(reason).or_default().push(number.to_string());
            }
            for (reason, frames) in reasons {
                let line = format!("{} {key}: {}: {reason}\n", record.file, frames.join(" "));
                differences += &line;
            }
        }
    }
    println!("{} captures, {same} counts are tcpdump's", records.len());
    println!("{differences}");
    assert_eq!(records.len(), 65);
    assert_eq!(differences, DIFFERENCES);
}

#[test]
fn a_damaged_tail_gives_what_was_readable_and_says_where() {
    let whole = std::fs::read(captures().join("http-get-v4.pcap")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.pcap");
    let count = |len: usize| {
        std::fs::write(&path, &whole[..len]).unwrap();
        let output = divertc(&["run", "--count", "true", path.to_str().unwrap()]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            stderr,
        )
    };
    let (code, stdout, _) = count(whole.len());
    assert_eq!((code, stdout.as_str()), (Some(0), "14\n"));
    let (code, stdout, stderr) = count(whole.len() - 1);
    assert_eq!((code, stdout.as_str()), (Some(3), "13\n"));
    assert!(stderr.contains("damaged after frame 13"), "{stderr}");
    // At every length it ends in an orderly way.
    for len in (0..whole.len()).step_by(97) {
        let (code, ..) = count(len);
        assert!(matches!(code, Some(0 | 1 | 3)), "{len}: {code:?}");
    }
}

#[test]
fn matching_frames_are_written_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.pcap");
    let out = out.to_str().unwrap();
    let capture = captures().join("dns-icmp-v4.pcap");
    let capture = capture.to_str().unwrap();
    let output = divertc(&["run", "--count", "-w", out, "icmp", capture]);
    let count = String::from_utf8(output.stdout).unwrap();
    let again = divertc(&["run", "--count", "icmp", out]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), count);
    let other = divertc(&["run", "--count", "not icmp", out]);
    assert_eq!(String::from_utf8(other.stdout).unwrap(), "0\n");
    assert_eq!(other.status.code(), Some(1));
}

#[test]
fn a_capture_is_written_even_if_nothing_matches() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.pcap");
    std::fs::write(&out, "what was there before").unwrap();
    let out = out.to_str().unwrap();
    let capture = captures().join("dns-icmp-v4.pcap");
    let output = divertc(&["run", "-w", out, "false", capture.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let output = divertc(&["run", "--count", "true", out]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "0\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_capture_is_not_overwritten_while_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("capture.pcap");
    std::fs::copy(captures().join("http-get-v4.pcap"), &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let other = dir.path().join(".").join("capture.pcap");
    let (path, other) = (path.to_str().unwrap(), other.to_str().unwrap());
    let output = divertc(&["run", "tcp", path, "-w", other]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("overwrite"), "{stderr}");
    assert_eq!(std::fs::read(path).unwrap(), before);
}

#[test]
fn frames_of_two_link_types_are_not_mixed_in_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.pcap");
    let [ethernet, raw] = ["http-get-v4.pcap", "raw-linktype-v4.pcap"].map(|n| captures().join(n));
    let [ethernet, raw] = [&ethernet, &raw].map(|path| path.to_str().unwrap());
    let output = divertc(&["run", "true", "-w", out.to_str().unwrap(), ethernet, raw]);
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("link type 101"), "{stderr}");
}

#[test]
fn several_captures_are_told_apart_and_counted_together() {
    let names = ["http-get-v4.pcap", "raw-linktype-v4.pcap"];
    let paths = names.map(|name| captures().join(name).to_str().unwrap().to_owned());
    let [first, second] = [&paths[0], &paths[1]];
    let output = divertc(&["run", "ip", first, second]);
    let text = String::from_utf8(output.stdout).unwrap();
    let of = |path: &String| {
        text.lines()
            .filter(|l| l.starts_with(path.as_str()))
            .count()
    };
    assert_eq!((of(first), of(second)), (14, 1));
    let output = divertc(&["run", "--count", "ip", first, second]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "15\n");
}

#[test]
fn a_filter_that_needs_the_direction_says_what_was_assumed() {
    let capture = captures().join("http-get-v4.pcap");
    let capture = capture.to_str().unwrap();
    let says = |args: &[&str]| {
        let mut all = vec!["run", "--count", capture];
        all.splice(2..2, args.iter().copied());
        let stderr = String::from_utf8(divertc(&all).stderr).unwrap();
        stderr.contains("all count as outbound")
    };
    assert!(says(&["inbound"]));
    assert!(says(&["localPort = 80"]));
    assert!(!says(&["tcp.DstPort = 80"]));
    assert!(!says(&["inbound", "--inbound"]));
    assert!(!says(&["inbound", "--outbound"]));
    assert!(!says(&["inbound", "--local", "10.0.0.0/8"]));
    assert!(!says(&["inbound", "--format", "json"]));
}

#[test]
fn direction_comes_from_the_local_addresses() {
    let capture = captures().join("http-get-v4.pcap");
    let capture = capture.to_str().unwrap();
    let count = |args: &[&str]| {
        let mut all = vec!["run", "--count", "outbound", capture];
        all.extend(args);
        String::from_utf8(divertc(&all).stdout)
            .unwrap()
            .trim()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(count(&[]), 14);
    assert_eq!(count(&["--outbound"]), 14);
    assert_eq!(count(&["--inbound"]), 0);
    let one_way = count(&["--local", "141.142.228.5"]);
    let network = count(&["--local", "192.150.187.0/24"]);
    assert_eq!(one_way + network, 14);
    assert!(one_way > 0 && network > 0);
}
