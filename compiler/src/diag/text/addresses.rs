//! Words and arithmetic for addresses: prefixes, lists, what is wrong.

use core::net::{Ipv4Addr, Ipv6Addr};

use divert_grammar::{RawToken, Span};
use divert_vm::addr::{parse_v4, parse_v6};

use super::{Context, enumerate, quote};
use crate::diag::Diagnostic;
use crate::literal;

/// Most values of a list that a suggestion writes out.
const MAX_ITEMS: usize = 64;

/// The addresses of a prefix, or why it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Range {
        first: String,
        last: String,
        is_network: bool,
    },
    BadLength {
        max: u32,
    },
    NoAddress,
}

impl Block {
    fn of(addr: &str, len: &str) -> Self {
        if let Some(v4) = parse_v4(addr.as_bytes()).or_else(|| short_v4(addr)) {
            let Some(bits) = prefix_len(len, 32).or_else(|| mask_len(len)) else {
                return Self::BadLength { max: 32 };
            };
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let show = |addr: u32| Ipv4Addr::from_bits(addr).to_string();
            return Self::Range {
                first: show(v4 & !host),
                last: show(v4 | host),
                is_network: v4 & host == 0,
            };
        }
        let Some(v6) = parse_v6(addr.as_bytes()) else {
            return Self::NoAddress;
        };
        let Some(bits) = prefix_len(len, 128) else {
            return Self::BadLength { max: 128 };
        };
        let host = u128::MAX.checked_shr(bits).unwrap_or(0);
        let show = |addr: u128| Ipv6Addr::from_bits(addr).to_string();
        Self::Range {
            first: show(v6 & !host),
            last: show(v6 | host),
            is_network: v6 & host == 0,
        }
    }
}

/// `10` for 10.0.0.0, `192.168` for 192.168.0.0
fn short_v4(addr: &str) -> Option<u32> {
    let missing = 3_usize.checked_sub(addr.matches('.').count())?;
    parse_v4([addr, &".0".repeat(missing)].concat().as_bytes())
}

fn prefix_len(len: &str, max: u32) -> Option<u32> {
    let digits = len.bytes().all(|byte| byte.is_ascii_digit());
    let bits = len.parse().ok().filter(|_| digits)?;
    (bits <= max).then_some(bits)
}

/// `255.255.0.0` for 16
fn mask_len(mask: &str) -> Option<u32> {
    let mask = parse_v4(mask.as_bytes())?;
    let bits = mask.leading_ones();
    (bits.checked_add(mask.trailing_zeros()) == Some(32)).then_some(bits)
}

/// How tests on several values are put together.
#[derive(Clone, Copy)]
struct Style {
    negated: bool,
    /// Where the test begins, a `not` included that it takes in.
    start: u32,
}

impl Style {
    fn one(self, subject: &str, value: &str) -> String {
        let op = if self.negated { "!=" } else { "=" };
        format!("{subject} {op} {value}")
    }

    fn range(self, subject: &str, low: &str, high: &str) -> String {
        if self.negated {
            format!("({subject} < {low} or {subject} > {high})")
        } else {
            format!("({subject} >= {low} and {subject} <= {high})")
        }
    }
}

impl Context<'_> {
    /// How to write the test that begins with `subject`; `None` if its
    /// operator is neither equality nor `in`.
    fn style(&self, subject: Span) -> Option<Style> {
        let op = self.next(subject.end)?;
        let negated = match (op.token, self.text(op)) {
            (RawToken::Eq, _) | (_, "in") => false,
            (RawToken::Ne, _) => true,
            _ => return None,
        };
        match self.nots_before(subject.start) {
            (0, start) => Some(Style { negated, start }),
            (1, start) => Some(Style {
                negated: !negated,
                start,
            }),
            _ => None,
        }
    }

    pub(super) fn prefix(&self, subject: Span, addr: Span, len: Span) -> Diagnostic {
        let (addr, len) = (addr.of(self.source), len.of(self.source));
        let diagnostic = self
            .say("address prefixes are not part of the filter language")
            .note("compare with the first and the last address instead");
        let (first, last) = match Block::of(addr, len) {
            Block::NoAddress => {
                return diagnostic.label(format!("{} is no address", quote(addr)));
            }
            Block::BadLength { max } => {
                let reason = format!("{} is not a prefix length, 0 to {max}", quote(len));
                return diagnostic.label(reason);
            }
            Block::Range {
                first,
                last,
                is_network: true,
            } => (first, last),
            Block::Range { first, last, .. } => {
                let reason = format!("{first} to {last}");
                return self
                    .range_of(diagnostic.label(reason), subject, (&first, &last))
                    .note(format!(
                        "{} lies inside the network {first}/{len}",
                        quote(addr)
                    ));
            }
        };
        let label = format!("{first} to {last}");
        self.range_of(diagnostic.label(label), subject, (&first, &last))
    }

    fn range_of(
        &self,
        diagnostic: Diagnostic,
        subject: Span,
        (first, last): (&str, &str),
    ) -> Diagnostic {
        let Some(style) = self.style(subject) else {
            return diagnostic;
        };
        let subject = subject.of(self.source);
        let (test, title) = if first == last {
            (style.one(subject, first), "compare with the address")
        } else {
            (style.range(subject, first, last), "compare with a range")
        };
        diagnostic.suggest(Span::new(style.start, self.span.end), test, title)
    }

    pub(super) fn set(&self, subject: Span, items: &[Span]) -> Diagnostic {
        let diagnostic = self
            .say("lists of values are not part of the filter language")
            .label("not accepted")
            .help("write one test for each value");
        let tellable = self.is_short(self.span) && items.len() <= MAX_ITEMS;
        let Some(style) = self.style(subject).filter(|_| tellable) else {
            return diagnostic;
        };
        let subject = subject.of(self.source);
        let tests = items.iter().map(|item| {
            let item = item.of(self.source).trim();
            // The first minus can be a sign; the next is between two values.
            let (sign, rest) = match item.strip_prefix('-') {
                Some(rest) => ("-", rest),
                None => ("", item),
            };
            match rest.split_once('-') {
                Some((low, high)) => {
                    let low = [sign, low.trim()].concat();
                    style.range(subject, &low, high.trim())
                }
                None => style.one(subject, item),
            }
        });
        let mut tests: Vec<String> = tests.collect();
        let replacement = match (tests.pop(), tests.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                tests.extend(last);
                let joint = if style.negated { " and " } else { " or " };
                format!("({})", tests.join(joint))
            }
        };
        let span = Span::new(style.start, self.span.end);
        diagnostic.suggest(span, replacement, "write the tests out")
    }

    pub(super) fn bad_address(&self) -> Diagnostic {
        let word = self.here();
        let diagnostic = self.say(format!("{} is not an address", quote(word)));
        if let Some(suggestion) = self.glued() {
            return diagnostic
                .label("one word, because of the colon in it")
                .note("`:` belongs to words, as in `fe80::1`; WinDivert 2.2 reads it likewise")
                .suggest_if(Some(suggestion));
        }
        let in_index = self.previous(self.span.start).map(|l| l.token) == Some(RawToken::LBracket);
        if in_index {
            return diagnostic
                .label("an index is one number")
                .note("an index reads one, two or four bytes; there are no slices")
                .help("read two bytes with `packet16[…]` and four with `packet32[…]`");
        }
        if let Some((addr, port)) = word.rsplit_once(':')
            && parse_v4(addr.as_bytes()).is_some()
        {
            return diagnostic.label("an address and a port").help(format!(
                "test them apart: `ip.DstAddr = {addr} and tcp.DstPort = {port}`"
            ));
        }
        let diagnostic = diagnostic.label(wrong_with(word));
        if word.contains(':') {
            return diagnostic.help("IPv6 addresses are written as in `2001:db8::1`");
        }
        let test = self.comparison_before(self.span.end);
        let subject = test.map(|test| test.subject);
        let wants_address =
            subject.is_some_and(|subject| subject.of(self.source).ends_with("Addr"));
        if let Some(whole) = whole_number(word).filter(|_| !wants_address) {
            return diagnostic.suggest(self.span, whole, "leave the fraction out");
        }
        if let (Some(first), Some(subject), true) = (short_v4(word), subject, wants_address) {
            let octets = u32::try_from(word.split('.').count()).unwrap_or(4);
            let host = u32::MAX.checked_shr(octets.saturating_mul(8)).unwrap_or(0);
            let [first, last] = [first, first | host].map(|v4| Ipv4Addr::from_bits(v4).to_string());
            return self.range_of(diagnostic, subject, (&first, &last));
        }
        diagnostic.help("IPv4 addresses are written as in `10.0.0.1`")
    }
}

/// `80` for `80.5`
fn whole_number(word: &str) -> Option<&str> {
    let (whole, fraction) = word.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction) && literal::parse(whole).is_ok()).then_some(whole)
}

/// The reason why a word is no address, as a label.
fn wrong_with(word: &str) -> String {
    if !word.contains(':') {
        return wrong_with_v4(word);
    }
    let groups: Vec<&str> = word.split(':').filter(|group| !group.is_empty()).collect();
    let is_v4 = |group: &&&str| group.contains('.');
    let long = groups
        .iter()
        .filter(|g| !is_v4(g))
        .find(|group| group.len() > 4);
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let odd = groups
        .iter()
        .filter(|g| !is_v4(g))
        .find(|group| !is_hex(group));
    let tail = groups.last().filter(|group| group.contains('.'));
    if let Some(group) = odd {
        format!("{} is not hexadecimal", quote(group))
    } else if let Some(group) = long {
        format!("{} has more than four digits", quote(group))
    } else if word.contains(":::") || word.matches("::").count() > 1 {
        "`::` can stand once".to_owned()
    } else if let Some(tail) = tail.filter(|tail| parse_v4(tail.as_bytes()).is_none()) {
        wrong_with_v4(tail)
    } else if tail.is_some() {
        "an IPv4 address can end `::` and `::ffff:` only".to_owned()
    } else if word.contains("::") {
        format!("{} groups, and `::` besides", groups.len())
    } else {
        format!("{} groups of digits where 8 belong", groups.len())
    }
}

fn wrong_with_v4(word: &str) -> String {
    let octets: Vec<&str> = word.split('.').collect();
    let wrong = |octet: &&&str| octet.parse::<u8>().is_err();
    let wrong: Vec<String> = octets
        .iter()
        .filter(wrong)
        .map(|octet| quote(octet))
        .collect();
    if octets.len() != 4 {
        format!("{} numbers where 4 belong", octets.len())
    } else {
        format!("{} not between 0 and 255", enumerate(wrong, "and"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefix: &str, expect: Option<(&str, &str)>) {
        let (addr, len) = prefix.split_once('/').unwrap();
        let block = match Block::of(addr, len) {
            Block::Range { first, last, .. } => Some((first, last)),
            _ => None,
        };
        let expect = expect.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(block, expect, "{prefix}");
    }

    #[test]
    fn prefixes_are_ranges() {
        check("10.0.0.0/8", Some(("10.0.0.0", "10.255.255.255")));
        check("10.1.2.3/8", Some(("10.0.0.0", "10.255.255.255")));
        check("10/8", Some(("10.0.0.0", "10.255.255.255")));
        check("192.168/16", Some(("192.168.0.0", "192.168.255.255")));
        check("0.0.0.0/0", Some(("0.0.0.0", "255.255.255.255")));
        check("1.2.3.4/32", Some(("1.2.3.4", "1.2.3.4")));
        check(
            "172.16.0.0/255.240.0.0",
            Some(("172.16.0.0", "172.31.255.255")),
        );
        check(
            "fe80::/10",
            Some(("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
        );
        check(
            "::/0",
            Some(("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
        );
        check("2001:db8::1/128", Some(("2001:db8::1", "2001:db8::1")));
    }

    #[test]
    fn what_is_no_prefix_is_no_range() {
        check("10.0.0.0/33", None);
        check("10.0.0.0/-1", None);
        check("10.0.0.0/255.0.255.0", None);
        check("fe80::/129", None);
        check("x/8", None);
        check("300/8", None);
    }
}
