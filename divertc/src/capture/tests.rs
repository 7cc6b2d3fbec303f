use super::*;

/// An IPv4 packet of 21 bytes: not a multiple of four.
const IP: &[u8] = b"\x45\0\0\x15\0\0\0\0\x40\xfd\0\0\x0a\0\0\x01\x0a\0\0\x02Z";
/// An IPv6 packet without payload.
const IP6: &[u8] = &{
    let mut packet = [0; 40];
    packet[0] = 0x60;
    packet[6] = 59;
    packet
};

fn read(bytes: &[u8]) -> Result<Vec<Result<Frame, CaptureError>>, CaptureError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let capture = Capture::open(file.path(), indicatif::ProgressBar::hidden())?;
    // A reader that does not end would otherwise fill the memory.
    let frames: Vec<_> = capture.take(1000).collect();
    assert!(frames.len() < 1000);
    Ok(frames)
}

#[track_caller]
fn frames(bytes: &[u8]) -> Vec<Frame> {
    let frames = read(bytes).unwrap().into_iter();
    frames.map(|frame| frame.unwrap()).collect()
}

/// The frames before the damage, and the message.
#[track_caller]
fn damage(bytes: &[u8]) -> (usize, String) {
    let mut frames = read(bytes).unwrap();
    let error = frames.pop().expect("an error").expect_err("an error");
    assert!(frames.iter().all(Result::is_ok));
    let message = error.to_string();
    let (_, message) = message.split_once(" is ").expect("a path, then the rest");
    (frames.len(), message.to_owned())
}

/// Numbers in the byte order of a file.
#[derive(Clone, Copy)]
struct Order {
    is_big: bool,
}

const LITTLE: Order = Order { is_big: false };
const BIG: Order = Order { is_big: true };

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32s(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        let rest = self.u32s(&[0, 0, 1000, link]);
        [&self.u32(magic), version.as_slice(), &rest].concat()
    }

    fn record(self, time: [u32; 2], bytes: &[u8]) -> Vec<u8> {
        let len = u32::try_from(bytes.len()).unwrap();
        [&self.u32s(&[time[0], time[1], len, len]), bytes].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let body = padded(body);
        let len = self.u32(u32::try_from(body.len()).unwrap() + 12);
        [&self.u32(kind), &len, body.as_slice(), &len].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        let body = [&self.u32(0x1A2B_3C4D), version.as_slice(), &[0xFF; 8]];
        self.block(0x0A0D_0D0A, &body.concat())
    }

    fn interface(self, link: u16, options: &[u8]) -> Vec<u8> {
        let reserved_and_snap_len = [0; 6];
        let body = [&self.u16(link), reserved_and_snap_len.as_slice(), options].concat();
        self.block(1, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        [&self.u16(code), &self.u16(len), padded(value).as_slice()].concat()
    }

    fn enhanced(self, interface: u32, ticks: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let len = u32::try_from(bytes.len()).unwrap();
        let [high, low] = [ticks >> 32, ticks & 0xFFFF_FFFF].map(|half| half.try_into().unwrap());
        let head = self.u32s(&[interface, high, low, len, len]);
        self.block(6, &[&head, padded(bytes).as_slice(), options].concat())
    }
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A pcap file of two packets.
fn pcap() -> Vec<u8> {
    [
        LITTLE.pcap(0xA1B2_C3D4, 101),
        LITTLE.record([1, 2], IP),
        LITTLE.record([3, 4], IP6),
    ]
    .concat()
}

/// A pcapng file with every kind of packet block, in both byte orders.
fn pcapng() -> Vec<u8> {
    let obsolete = [
        [BIG.u16(0), BIG.u16(7)].concat(),
        BIG.u32s(&[0, 9, 40, 40]),
        IP6.to_vec(),
    ];
    [
        LITTLE.section(),
        LITTLE.interface(101, &[]),
        LITTLE.enhanced(0, 1_500_000, IP, &[]),
        LITTLE.block(3, &[&LITTLE.u32(21), IP].concat()),
        BIG.section(),
        BIG.interface(229, &[]),
        BIG.block(0x0BAD, b"skipped"),
        BIG.block(2, &obsolete.concat()),
    ]
    .concat()
}

#[test]
fn every_link_type_is_read_and_padding_is_cut() {
    #[track_caller]
    fn check(link: u32, header: &[u8], ip: &[u8]) {
        let frame = [header, ip, b"padding"].concat();
        let bytes = [BIG.pcap(0xA1B2_C3D4, link), BIG.record([0, 0], &frame)].concat();
        let frames = frames(&bytes);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].bytes, frame);
        assert_eq!(frames[0].ip_packet(), Some(ip), "link type {link}");
    }
    let ethernet = |types: &[u8]| [&[0x02; 12], types].concat();
    let cooked = |types: &[u8]| [&[0; 14], types].concat();
    let cooked2 = |kind: &[u8]| [kind, &[0; 18]].concat();
    for link in [12, 14, 101, 228] {
        check(link, b"", IP);
    }
    for link in [12, 14, 101, 229] {
        check(link, b"", IP6);
    }
    check(1, &ethernet(b"\x08\x00"), IP);
    check(0xF400_0001, &ethernet(b"\x86\xdd"), IP6);
    check(1, &ethernet(b"\x81\0\0\x05\x08\x00"), IP);
    check(1, &ethernet(b"\x88\xa8\0\x05\x81\0\0\x06\x86\xdd"), IP6);
    check(
        1,
        &ethernet(b"\x91\0\0\x05\x91\0\0\x06\x81\0\0\x07\x08\x00"),
        IP,
    );
    check(113, &cooked(b"\x08\x00"), IP);
    check(113, &cooked(b"\x81\0\0\x05\x86\xdd"), IP6);
    check(276, &cooked2(b"\x08\x00"), IP);
    check(276, &cooked2(b"\x86\xdd"), IP6);
    for link in [0, 108] {
        check(link, &2_u32.to_be_bytes(), IP);
        for family in [10, 23, 24, 28, 30_u32] {
            check(link, &family.to_be_bytes(), IP6);
        }
    }
    check(0, &2_u32.to_le_bytes(), IP);
    check(0, &30_u32.to_le_bytes(), IP6);
}

#[test]
fn frames_without_ip_count_but_have_no_packet() {
    let arp = [&[0x02; 12], b"\x08\x06".as_slice(), &[0; 28]].concat();
    let ip = [&[0x02; 12], b"\x08\x00".as_slice(), IP].concat();
    let bytes = [
        LITTLE.pcap(0xA1B2_C3D4, 1),
        LITTLE.record([0, 0], &arp),
        LITTLE.record([0, 0], &[]),
        LITTLE.record([0, 0], &ip),
    ];
    let frames = frames(&bytes.concat());
    let packets: Vec<_> = frames.iter().map(|f| (f.number, f.ip_packet())).collect();
    assert_eq!(packets, [(1, None), (2, None), (3, Some(IP))]);
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in [LITTLE, BIG] {
        for (magic, nanos) in [(0xA1B2_C3D4, 7000), (0xA1B2_3C4D, 7)] {
            let bytes = [order.pcap(magic, 101), order.record([5, 7], IP)].concat();
            let frames = frames(&bytes);
            assert_eq!(frames[0].timestamp, Duration::new(5, nanos));
            assert_eq!(frames[0].bytes, IP);
        }
    }
}

#[test]
fn pcapng_gives_every_kind_of_packet_block() {
    let frames = frames(&pcapng());
    let seen: Vec<_> = frames
        .iter()
        .map(|f| (f.number, f.timestamp, f.original_len, f.ip_packet()))
        .collect();
    let zero = Duration::ZERO;
    assert_eq!(
        seen,
        [
            (1, Duration::from_millis(1500), 21, Some(IP)),
            (2, zero, 21, Some(IP)),
            (3, Duration::from_micros(9), 40, Some(IP6)),
        ]
    );
    assert_eq!(frames[2].link.number(), 229);
}

/// A Simple Packet Block does not state how much was captured.
#[test]
fn simple_packets_end_at_the_snap_length_of_the_first_interface() {
    let interface = |snap_len| LITTLE.block(1, &LITTLE.u32s(&[101, snap_len]));
    for (snap_len, expect) in [(0, 21), (18, 18), (21, 21), (1000, 21)] {
        let bytes = [
            LITTLE.section(),
            interface(snap_len),
            interface(5),
            LITTLE.block(3, &[&LITTLE.u32(21), &IP[..expect]].concat()),
        ];
        let frames = frames(&bytes.concat());
        assert_eq!(frames[0].bytes, IP[..expect]);
        assert_eq!(frames[0].original_len, 21);
    }
}

#[test]
fn every_interface_has_its_own_link_type_and_clock() {
    let resolution = |value| LITTLE.option(9, &[value]);
    let offset = |seconds: i64| LITTLE.option(14, &seconds.to_le_bytes());
    let bytes = [
        LITTLE.section(),
        LITTLE.interface(101, &resolution(9)),
        LITTLE.interface(1, &[resolution(0x8A), offset(-1)].concat()),
        LITTLE.interface(228, &[offset(100), resolution(3)].concat()),
        LITTLE.interface(228, &resolution(0x7F)),
        LITTLE.enhanced(0, 12, IP, &[]),
        LITTLE.enhanced(
            1,
            2048 + 512,
            &[&[2; 12], b"\x08\0".as_slice(), IP].concat(),
            &[],
        ),
        LITTLE.enhanced(2, 5001, IP, &[]),
        LITTLE.enhanced(3, u64::MAX, IP, &[]),
    ];
    let frames = frames(&bytes.concat());
    assert!(frames.iter().all(|f| f.ip_packet() == Some(IP)));
    let times: Vec<_> = frames.iter().map(|f| f.timestamp).collect();
    let expect = [12, 1_500_000_000, 105_001_000_000, 0].map(Duration::from_nanos);
    assert_eq!(times, expect);
}

/// All seen in the wild, or allowed by the specification.
#[test]
fn what_leads_to_no_packet_cannot_be_wrong() {
    let packet = |options: &[u8]| LITTLE.enhanced(0, 0, IP, options);
    let end = [0; 4];
    for (what, block) in [
        ("no options", packet(&[])),
        ("no end mark", packet(&LITTLE.option(2, &[0; 4]))),
        (
            "comment in Latin-1",
            packet(&[LITTLE.option(1, b"\xe9"), end.into()].concat()),
        ),
        ("option that is cut", packet(&[1, 0, 200, 0])),
        ("empty name resolution", LITTLE.block(4, &[])),
        (
            "odd name resolution",
            LITTLE.block(4, &[1, 0, 4, 0, 1, 2, 3, 4]),
        ),
        ("short statistics", LITTLE.block(5, &[0; 4])),
        ("large unknown block", LITTLE.block(77, &vec![0; 20 << 20])),
    ] {
        let bytes = [
            LITTLE.section(),
            LITTLE.interface(101, &[]),
            block,
            packet(&[]),
        ];
        let frames = frames(&bytes.concat());
        assert_eq!(frames.last().unwrap().ip_packet(), Some(IP), "{what}");
    }
    for (what, options) in [
        ("time zone", LITTLE.option(10, &[0; 4])),
        ("name in Latin-1", LITTLE.option(2, b"\xe9")),
        ("resolution of two bytes", LITTLE.option(9, &[6, 6])),
        ("option that is cut", vec![2, 0, 9, 0]),
    ] {
        let bytes = [
            LITTLE.section(),
            LITTLE.interface(101, &options),
            packet(&[]),
        ];
        assert_eq!(frames(&bytes.concat()).len(), 1, "{what}");
    }
}

#[test]
fn damage_is_told_with_the_last_good_frame_and_the_place() {
    let whole = pcap();
    let cut = &whole[..whole.len() - 1];
    let expect = "damaged after frame 1, at byte 61: it ends in the middle of a record; \
                  what came before was read";
    assert_eq!(damage(cut), (1, expect.into()));

    #[track_caller]
    fn check(block: &[u8], expect: &str) {
        let good = [
            LITTLE.section(),
            LITTLE.interface(101, &[]),
            LITTLE.enhanced(0, 0, IP, &[]),
        ];
        let good = good.concat();
        let (before, message) = damage(&[&good, block].concat());
        let place = format!("damaged after frame 1, at byte {}: ", good.len());
        assert_eq!(before, 1);
        let message = message.strip_prefix(&place).unwrap_or(&message);
        let message = message.strip_suffix("; what came before was read");
        assert_eq!(message, Some(expect));
    }
    check(&[6, 0, 0], "it ends in the middle of a block");
    check(
        &LITTLE.u32s(&[9, 40, 1]),
        "it ends in the middle of a block",
    );
    check(
        &LITTLE.u32s(&[9, 8, 8]),
        "a block states a length of 8 bytes",
    );
    check(
        &LITTLE.u32s(&[9, 13, 0, 0]),
        "a block states a length of 13 bytes",
    );
    check(
        &LITTLE.u32s(&[6, 0xFFFF_FFF0]),
        "a block states a length of 4294967280 bytes",
    );
    check(
        &LITTLE.u32s(&[9, 12, 16]),
        "the two lengths of a block differ: 12 and 16 bytes",
    );
    check(
        &LITTLE.block(6, &LITTLE.u32s(&[0, 0, 0, 100, 100])),
        "a block is too short for what it holds",
    );
    check(
        &LITTLE.enhanced(1, 0, IP, &[]),
        "a packet of interface 1, which no block describes",
    );
    check(
        &LITTLE.block(0x0A0D_0D0A, &[0; 16]),
        "the section header has no byte-order mark",
    );
    // Interfaces belong to their section.
    let forgotten = [LITTLE.section(), LITTLE.enhanced(0, 0, IP, &[])].concat();
    let (before, message) = damage(&[pcapng(), forgotten].concat());
    assert_eq!(before, 3);
    assert!(message.contains("interface 0, which no block"), "{message}");
}

#[test]
fn what_is_no_capture_is_told_by_its_first_bytes() {
    #[track_caller]
    fn check(bytes: &[u8], expect: &str) {
        let error = read(bytes).expect_err("an error");
        assert!(matches!(error, CaptureError::NotACapture { .. }));
        let message = error.to_string();
        assert!(message.ends_with(expect), "{message}");
    }
    check(b"", "is not a capture: it is empty");
    check(b"\n", "it begins with 0a, and pcap and pcapng files do not");
    check(
        b"PK\x03\x04....",
        "it begins with 50 4b 03 04, and pcap and pcapng files do not",
    );
    check(b"\x1f\x8b\x08\0...", "it is compressed, so unpack it first");
    let error = read(&LITTLE.pcap(0xA1B2_C3D4, 147)).expect_err("an error");
    assert!(error.to_string().contains("link type 147"), "{error}");
}

/// Every frame before a cut is given, then at most one error.
#[test]
fn a_capture_cut_at_every_length_gives_what_is_there() {
    for whole in [pcap(), pcapng()] {
        let all = frames(&whole);
        let mut before = 0;
        for len in 0..whole.len() {
            let Ok(mut found) = read(&whole[..len]) else {
                assert_eq!(before, 0);
                continue;
            };
            found.pop_if(|last| last.is_err());
            assert!(found.iter().all(Result::is_ok));
            let count = found.len();
            assert!((before..=before + 1).contains(&count));
            before = count;
            for (found, expect) in found.into_iter().zip(&all) {
                assert_eq!(found.unwrap().bytes, expect.bytes);
            }
        }
    }
}

#[test]
fn a_capture_with_any_byte_changed_is_survived() {
    for whole in [pcap(), pcapng()] {
        for at in 0..whole.len() {
            for value in [0, 0xFF, whole[at] ^ 0x04] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                for frame in read(&bytes).into_iter().flatten().flatten() {
                    let packet = frame.ip_packet().unwrap_or_default();
                    assert!(packet.len() <= frame.bytes.len());
                }
            }
        }
    }
}

fn written(link: u32, frames: &[&Frame]) -> (Vec<u8>, Result<(), OutputError>) {
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, LinkType::from_header(link)).unwrap();
    let result = frames.iter().try_for_each(|frame| output.write(frame));
    (bytes, result)
}

#[test]
fn odd_lengths_and_times_are_written_all_the_same() {
    let clock = LITTLE.option(9, &[0]);
    let original = frames(
        &[
            LITTLE.section(),
            LITTLE.interface(101, &clock),
            LITTLE.enhanced(0, u64::MAX, IP, &[]),
            LITTLE.enhanced(0, 1, &vec![0x45; 300_000], &[]),
        ]
        .concat(),
    );
    let short = Frame {
        original_len: 3,
        ..original[0].clone()
    };
    let (bytes, result) = written(101, &[&original[0], &original[1], &short]);
    result.unwrap();
    let again = frames(&bytes);
    let lens: Vec<_> = again
        .iter()
        .map(|f| (f.bytes.len(), f.original_len))
        .collect();
    assert_eq!(lens, [(21, 21), (300_000, 300_000), (21, 21)]);
}

#[test]
fn a_file_holds_frames_of_one_link_type() {
    let ethernet = [&[0x02; 12], b"\x08\x00".as_slice(), IP, b"pad"].concat();
    let ethernet = [
        LITTLE.pcap(0xA1B2_C3D4, 1),
        LITTLE.record([1, 0], &ethernet),
    ];
    let [ethernet, raw] = [&ethernet.concat(), &pcap()].map(|bytes| frames(bytes).swap_remove(0));
    let (bytes, result) = written(1, &[&ethernet, &raw]);
    let message = "frame 1 has link type 101, and a pcap file holds one link type only, here 1; \
                   write frames of each link type to a file of their own";
    assert_eq!(result.unwrap_err().to_string(), message);
    assert_eq!(frames(&bytes)[0].bytes, ethernet.bytes);

    // Raw IP takes the packet out of any frame.
    let (bytes, result) = written(101, &[&raw, &ethernet]);
    result.unwrap();
    let again = frames(&bytes);
    assert!(again.iter().all(|frame| frame.bytes == IP));
    assert_eq!(again[1].original_len, 21);
}
