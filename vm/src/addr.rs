//! Address text: exactly the language of the reference, quirks included.
//!
//! Text is bytes, for a filter may hold any. Addresses are numbers in host
//! order: `1.2.3.4` is 0x01020304, `::1` is 1.

use core::fmt;

/// An address, with what was odd about its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parsed<T> {
    /// The address.
    pub value: T,
    /// Why the text should not have been accepted, if it should not.
    pub quirk: Option<Quirk>,
}

/// A mistake in an address that the reference does not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// Whatever follows the eighth group and a colon is ignored.
    TrailingJunk,
    /// An octet past 32 bits wraps: `4294967297.0.0.1` is `1.0.0.1`.
    WrappedOctet,
}

/// The number of an IPv4 address, e.g. `192.168.0.1`.
///
/// ```
/// assert_eq!(divert_vm::addr::parse_v4(b"1.2.3.4"), Some(0x0102_0304));
/// ```
pub fn parse_v4(text: &[u8]) -> Option<u32> {
    parse_v4_noting_quirks(text).map(|parsed| parsed.value)
}

/// As [`parse_v4`], for a caller that wants to warn.
pub fn parse_v4_noting_quirks(text: &[u8]) -> Option<Parsed<u32>> {
    let (a, rest) = split_octet(text)?;
    let (b, rest) = split_octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = split_octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = split_octet(rest.strip_prefix(b".")?)?;
    let octets = [a, b, c, d];
    rest.is_empty().then_some(Parsed {
        value: u32::from_be_bytes(octets.map(|octet| octet.value)),
        quirk: octets.into_iter().find_map(|octet| octet.quirk),
    })
}

/// The number of an IPv6 address, e.g. `fe80::1` or `::ffff:192.168.0.1`.
///
/// ```
/// assert_eq!(divert_vm::addr::parse_v6(b"::1:2"), Some(0x0001_0002));
/// ```
pub fn parse_v6(text: &[u8]) -> Option<u128> {
    parse_v6_noting_quirks(text).map(|parsed| parsed.value)
}

/// As [`parse_v6`], for a caller that wants to warn.
pub fn parse_v6_noting_quirks(text: &[u8]) -> Option<Parsed<u128>> {
    let mut groups = Groups::default();
    let mut rest = text;
    if let Some(tail) = rest.strip_prefix(b"::") {
        groups.elide()?;
        if tail.is_empty() {
            return groups.finish(None);
        }
        rest = tail;
    }
    loop {
        if groups.may_end_in_v4()
            && let Some(v4) = parse_v4_noting_quirks(rest)
        {
            return groups.finish_with_v4(v4);
        }
        let (group, tail) = split_group(rest)?;
        groups.push(group);
        rest = match tail {
            [] => return groups.finish(None),
            [b':', ..] if groups.are_eight() => return groups.finish(Some(Quirk::TrailingJunk)),
            [b':', b':', tail @ ..] => {
                groups.elide()?;
                if tail.is_empty() {
                    return groups.finish(None);
                }
                tail
            }
            [b':', tail @ ..] => tail,
            _ => return None,
        };
    }
}

/// Network to host order and back, as the reference's helpers have it.
///
/// They swap an address in memory, where the least significant word is first.
pub const fn swap_v6(addr: u128) -> u128 {
    addr.swap_bytes()
}

/// Groups of an IPv6 address. A range up to it counts without overflow
/// checks, which `enumerate` has.
const GROUPS: usize = 8;

/// Displays an IPv4 address: four octets in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct V4(pub u32);

impl fmt::Display for V4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0.to_be_bytes();
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// Displays an IPv6 address as the reference does.
///
/// Unlike RFC 5952 a single zero group is elided too, and a mapped IPv4
/// address is displayed as IPv4, without its prefix.
///
/// ```
/// use divert_vm::addr::V6;
///
/// assert_eq!(V6(0xFFFF_0102_0304).to_string(), "1.2.3.4");
/// assert_eq!(V6(0x0001_0002).to_string(), "::1:2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct V6(pub u128);

impl fmt::Display for V6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        if let [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, v4 @ ..] = bytes {
            return V4(u32::from_be_bytes(v4)).fmt(f);
        }
        let groups = bytes
            .as_chunks()
            .0
            .iter()
            .map(|group| u16::from_be_bytes(*group));
        let elided = longest_zero_run(groups.clone());
        for (at, group) in (0..GROUPS).zip(groups) {
            if at == elided.start && !elided.is_empty() {
                f.write_str("::")?;
            }
            if elided.contains(&at) {
                continue;
            }
            if at != 0 && at != elided.end {
                f.write_str(":")?;
            }
            write!(f, "{group:x}")?;
        }
        Ok(())
    }
}

/// The first of the longest runs of zeros; `0..0` if there is none.
fn longest_zero_run(groups: impl Iterator<Item = u16>) -> core::ops::Range<usize> {
    let mut longest = 0..0;
    let mut run = 0..0;
    for (at, group) in (0..GROUPS).zip(groups) {
        if group != 0 {
            continue;
        }
        let start = if run.end == at { run.start } else { at };
        run = start..at.saturating_add(1);
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    longest
}

/// Digits up to the next other byte; the low 32 bits must be an octet.
fn split_octet(text: &[u8]) -> Option<(Parsed<u8>, &[u8])> {
    let (first, mut rest) = split_digit(text, 10)?;
    let mut value = u128::from(first);
    while let Some((digit, tail)) = split_digit(rest, 10) {
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        rest = tail;
    }
    let [.., 0, 0, 0, octet] = value.to_be_bytes() else {
        return None;
    };
    let quirk = (value != u128::from(octet)).then_some(Quirk::WrappedOctet);
    Some((
        Parsed {
            value: octet,
            quirk,
        },
        rest,
    ))
}

/// One to four hexadecimal digits.
fn split_group(text: &[u8]) -> Option<(u16, &[u8])> {
    let (first, mut rest) = split_digit(text, 16)?;
    let mut group = u16::from(first);
    for _ in 1..4 {
        let Some((digit, tail)) = split_digit(rest, 16) else {
            break;
        };
        group = group << 4 | u16::from(digit);
        rest = tail;
    }
    Some((group, rest))
}

fn split_digit(text: &[u8], radix: u32) -> Option<(u8, &[u8])> {
    let (first, rest) = text.split_first()?;
    let digit = char::from(*first).to_digit(radix)?;
    Some((u8::try_from(digit).ok()?, rest))
}

/// The groups of an IPv6 address read so far, at most eight.
#[derive(Default)]
struct Groups {
    /// Those before `::`, or all.
    head: u128,
    head_len: u32,
    /// Those after `::`.
    tail: u128,
    tail_len: u32,
    is_elided: bool,
}

impl Groups {
    fn push(&mut self, group: u16) {
        let (groups, len) = if self.is_elided {
            (&mut self.tail, &mut self.tail_len)
        } else {
            (&mut self.head, &mut self.head_len)
        };
        *groups = *groups << 16 | u128::from(group);
        *len = len.saturating_add(1);
    }

    /// Takes note of `::`, unless there was one.
    fn elide(&mut self) -> Option<()> {
        let is_first = !self.is_elided;
        self.is_elided = true;
        is_first.then_some(())
    }

    fn are_eight(&self) -> bool {
        self.head_len.saturating_add(self.tail_len) == 8
    }

    /// Groups after `::` do not count here, nor must there be six without.
    fn may_end_in_v4(&self) -> bool {
        self.head_len < 6
    }

    fn finish(self, quirk: Option<Quirk>) -> Option<Parsed<u128>> {
        (self.is_elided || self.are_eight()).then_some(Parsed {
            value: self.head_at_the_top() | self.tail,
            quirk,
        })
    }

    /// The address must be IPv4-mapped, or else IPv4-compatible.
    fn finish_with_v4(self, v4: Parsed<u32>) -> Option<Parsed<u128>> {
        // With seven the reference reads past its groups.
        if self.tail_len > 6 {
            return None;
        }
        let tail = self.tail << 32 | u128::from(v4.value);
        let value = self.head_at_the_top() | tail;
        matches!(value >> 32, 0 | 0xFFFF).then_some(Parsed {
            value,
            quirk: v4.quirk,
        })
    }

    /// Without `::`, groups before an IPv4 tail fill from the top as well.
    fn head_at_the_top(&self) -> u128 {
        let missing = 8_u32.saturating_sub(self.head_len);
        // Nothing is left of a shift by all eight.
        self.head
            .checked_shl(missing.saturating_mul(16))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::net::Ipv6Addr;
    use std::string::ToString;

    use super::*;

    #[track_caller]
    fn check_v6(text: &str, expect: Option<(u128, Option<Quirk>)>) {
        let expect = expect.map(|(value, quirk)| Parsed { value, quirk });
        assert_eq!(parse_v6_noting_quirks(text.as_bytes()), expect, "{text}");
    }

    #[track_caller]
    fn check_v4(text: &str, expect: Option<(u32, Option<Quirk>)>) {
        let expect = expect.map(|(value, quirk)| Parsed { value, quirk });
        assert_eq!(parse_v4_noting_quirks(text.as_bytes()), expect, "{text}");
    }

    const ONE_TO_EIGHT: u128 = 0x0001_0002_0003_0004_0005_0006_0007_0008;

    #[test]
    fn octets_wrap_at_32_bits_and_fail_at_128() {
        let wrapped = Some(Quirk::WrappedOctet);
        check_v4("1.0.0.1", Some((0x0100_0001, None)));
        check_v4("0001.0.0.01", Some((0x0100_0001, None)));
        check_v4("4294967297.0.0.1", Some((0x0100_0001, wrapped)));
        check_v4("0.0.0.4294967296", Some((0, wrapped)));
        check_v4("256.0.0.1", None);
        check_v4("340282366920938463463374607431768211456.0.0.1", None);
    }

    #[test]
    fn what_follows_eight_groups_and_a_colon_is_ignored() {
        let junk = Some(Quirk::TrailingJunk);
        check_v6("1:2:3:4:5:6:7:8", Some((ONE_TO_EIGHT, None)));
        check_v6("1:2:3:4:5:6:7:8:", Some((ONE_TO_EIGHT, junk)));
        check_v6("1:2:3:4:5:6:7:8::", Some((ONE_TO_EIGHT, junk)));
        check_v6("1:2:3:4:5:6:7:8:zzz", Some((ONE_TO_EIGHT, junk)));
        check_v6("1:2::3:4:5:6:7:8:zzz", Some((ONE_TO_EIGHT, junk)));
        check_v6("1:2:3:4:5:6:7:8z", None);
        check_v6("1:2:3:4:5:6:7:", None);
    }

    #[test]
    fn elision_may_stand_for_nothing() {
        check_v6("::1:2:3:4:5:6:7:8", Some((ONE_TO_EIGHT, None)));
        check_v6("1:2:3:4::5:6:7:8", Some((ONE_TO_EIGHT, None)));
        check_v6("::", Some((0, None)));
        check_v6(":::", None);
        check_v6("1::2::3", None);
    }

    #[test]
    fn embedded_ipv4_follows_its_own_rules() {
        let mapped = 0xFFFF_0102_0304;
        check_v6("::1.2.3.4", Some((0x0102_0304, None)));
        check_v6("::ffff:1.2.3.4", Some((mapped, None)));
        check_v6("::0:ffff:1.2.3.4", Some((mapped, None)));
        check_v6("0:0:0:0:0:ffff:1.2.3.4", None);
        check_v6("1.2.3.4", Some((0x0102_0304, None)));
        check_v6("0:1.2.3.4", Some((0x0102_0304, None)));
        check_v6("0:0:0:0:0:1.2.3.4", Some((0x0102_0304, None)));
        check_v6("64:ff9b::1.2.3.4", None);
        check_v6("::ffff:0:1.2.3.4", None);
        check_v6("ffff:1.2.3.4", None);
        check_v6("0:ffff:1.2.3.4", None);
        check_v6("::0:0:0:0:0:0:0:1.2.3.4", None);
        let wrapped = Some(Quirk::WrappedOctet);
        check_v6("::ffff:4294967297.2.3.4", Some((mapped, wrapped)));
    }

    #[track_caller]
    fn check_format(addr: &str, expect: &str) {
        let value = parse_v6(addr.as_bytes()).unwrap();
        assert_eq!(V6(value).to_string(), expect);
    }

    #[test]
    fn first_of_the_longest_zero_runs_is_elided() {
        check_format("0:0:0:0:0:0:0:0", "::");
        check_format("1:2:3:0:5:6:7:8", "1:2:3::5:6:7:8");
        check_format("0:2:3:4:5:6:7:8", "::2:3:4:5:6:7:8");
        check_format("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7::");
        check_format("1:0:0:4:0:0:7:8", "1::4:0:0:7:8");
        check_format("1:0:3:0:0:6:7:8", "1:0:3::6:7:8");
        check_format("ABCD:1:2:3:4:5:6:7", "abcd:1:2:3:4:5:6:7");
    }

    #[test]
    fn mapped_ipv4_is_displayed_as_ipv4() {
        check_format("::ffff:1.2.3.4", "1.2.3.4");
        check_format("::1.2.3.4", "::102:304");
    }

    #[test]
    fn every_pattern_of_zero_groups_reads_back() {
        for pattern in 0..1_u128 << GROUPS {
            let value = (0..GROUPS).fold(0, |addr, group| {
                let digits = if pattern >> group & 1 == 0 { 0 } else { 0xA01 };
                addr << 16 | digits
            });
            let text = V6(value).to_string();
            assert_eq!(parse_v6(text.as_bytes()), Some(value), "{text}");
            let theirs: Ipv6Addr = text.parse().unwrap();
            assert_eq!(theirs.to_bits(), value, "{text}");
        }
    }
}
