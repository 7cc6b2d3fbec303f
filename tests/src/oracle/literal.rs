//! Words that are numbers: decimal, hexadecimal, addresses, macros.

use divert_vm::Layer;

/// A word that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) magnitude: u128,
    /// Whether it ends in the `b` that makes an index count bytes.
    pub(super) suffixed: bool,
}

/// What a word stands for, if for a number.
pub(super) fn read_word(word: &str, layer: Layer) -> Option<Word> {
    let plain = |magnitude| Word {
        magnitude,
        suffixed: false,
    };
    if let Some(value) = macro_value(word, layer) {
        return Some(plain(value));
    }
    let all_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let hexadecimal = word.strip_prefix("0x");
    if all_digits(word) {
        return word.parse().ok().map(plain);
    }
    if let Some(digits) = word.strip_suffix('b').filter(|digits| all_digits(digits)) {
        return digits.parse().ok().map(|magnitude| Word {
            magnitude,
            suffixed: true,
        });
    }
    match hexadecimal {
        Some("") => Some(plain(0)),
        Some(digits) if digits.chars().all(|c| c.is_ascii_hexdigit()) => {
            u128::from_str_radix(digits, 16).ok().map(plain)
        }
        _ => {
            let v4 = || parse_v4(word).map(|v4| 0xFFFF_0000_0000 | u128::from(v4));
            v4().or_else(|| parse_v6(word)).map(plain)
        }
    }
}

fn macro_value(word: &str, layer: Layer) -> Option<u128> {
    let is = |wanted: &[Layer], value| wanted.contains(&layer).then_some(value);
    match word {
        "TRUE" => Some(1),
        "FALSE" => Some(0),
        "TCP" => Some(6),
        "UDP" => Some(17),
        "ICMP" => Some(1),
        "ICMPV6" => Some(58),
        "NETWORK" => Some(0),
        "NETWORK_FORWARD" => Some(1),
        "FLOW" => Some(2),
        "SOCKET" => Some(3),
        "REFLECT" => Some(4),
        "PACKET" => is(&[Layer::Network, Layer::NetworkForward], 0),
        "ESTABLISHED" => is(&[Layer::Flow], 1),
        "DELETED" => is(&[Layer::Flow], 2),
        "BIND" => is(&[Layer::Socket], 3),
        "CONNECT" => is(&[Layer::Socket], 4),
        "LISTEN" => is(&[Layer::Socket], 5),
        "ACCEPT" => is(&[Layer::Socket], 6),
        "OPEN" => is(&[Layer::Reflect], 8),
        "CLOSE" => is(&[Layer::Socket], 7).or(is(&[Layer::Reflect], 9)),
        _ => None,
    }
}

fn parse_v4(text: &str) -> Option<u32> {
    let mut octets = text.split('.');
    let mut address = 0;
    for _ in 0..4 {
        let octet = octets.next()?;
        if !octet.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // The reference checks the low half of the low half only.
        let octet = (octet.parse::<u128>().ok()? & 0xFFFF_FFFF) as u32;
        if octet > 255 {
            return None;
        }
        address = address << 8 | octet;
    }
    octets.next().is_none().then_some(address)
}

/// Reads an IPv6 address, with the liberties the reference takes.
#[must_use]
pub fn parse_v6(text: &str) -> Option<u128> {
    if text.starts_with(':') && !text.starts_with("::") {
        return None;
    }
    // Groups before the double colon, and those after it if there is one.
    let mut head: Vec<u16> = Vec::new();
    let mut tail: Option<Vec<u16>> = None;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix("::") {
        tail = Some(Vec::new());
        rest = after;
    }
    let mut may_end = tail.is_some();
    loop {
        if rest.is_empty() {
            return may_end.then(|| assemble(&head, tail.as_deref(), None))?;
        }
        if head.len() < 6
            && let Some(v4) = parse_v4(rest)
        {
            return assemble(&head, tail.as_deref(), Some(v4));
        }
        let digits = rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        if digits == 0 || digits > 4 {
            return None;
        }
        let (group, after) = rest.split_at(digits);
        let group = u16::from_str_radix(group, 16).ok()?;
        tail.as_mut().unwrap_or(&mut head).push(group);
        rest = after;
        let count = head.len() + tail.as_ref().map_or(0, Vec::len);
        if rest.is_empty() {
            return assemble(&head, tail.as_deref(), None);
        }
        if !rest.starts_with(':') {
            return None;
        }
        if count == 8 {
            // Whatever follows is not looked at.
            return assemble(&head, tail.as_deref(), None);
        }
        may_end = rest.starts_with("::");
        rest = if may_end {
            if tail.replace(Vec::new()).is_some() {
                return None;
            }
            &rest[2..]
        } else {
            &rest[1..]
        };
    }
}

fn assemble(head: &[u16], tail: Option<&[u16]>, v4: Option<u32>) -> Option<u128> {
    let count = head.len() + tail.map_or(0, <[u16]>::len);
    let mut groups = [0_u16; 8];
    groups.get_mut(..head.len())?.copy_from_slice(head);
    if let Some(v4) = v4 {
        if count > 6 {
            return None;
        }
        let tail = tail.unwrap_or_default();
        groups[6 - tail.len()..6].copy_from_slice(tail);
        groups[6] = (v4 >> 16) as u16;
        groups[7] = v4 as u16;
        let mapped = groups[..4] == [0; 4] && matches!(groups[4..6], [0, 0] | [0, 0xFFFF]);
        return mapped.then(|| number(groups));
    }
    match tail {
        None if count != 8 => return None,
        Some(_) if count > 8 => return None,
        _ => {}
    }
    let tail = tail.unwrap_or_default();
    groups[8 - tail.len()..].copy_from_slice(tail);
    Some(number(groups))
}

fn number(groups: [u16; 8]) -> u128 {
    groups
        .into_iter()
        .fold(0, |all, group| all << 16 | u128::from(group))
}
