//! Numbers and addresses: what a word stands for if it is no name.

use core::net::Ipv4Addr;

use divert_vm::addr::{self, Quirk};

/// A word that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) value: u128,
    pub(crate) form: Form,
    /// Whether a `b` follows directly, which makes an index count bytes.
    pub(crate) bytes: bool,
    /// What the reference lets pass in an address.
    pub(crate) quirk: Option<Quirk>,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Address,
}

/// Why a word is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiteralError {
    /// It does not even look like one.
    Name,
    BadNumber,
    TooWide,
    BadAddress,
}

/// The 128-bit form of an IPv4 address.
const fn mapped(v4: u32) -> u128 {
    0xFFFF_0000_0000 | v4 as u128
}

/// Reads a word by the rules of spec: filter language, section 2.3.
pub(crate) fn parse(word: &str) -> Result<Literal, LiteralError> {
    let number = |value, bytes| Literal {
        value,
        form: Form::Number,
        bytes,
        quirk: None,
    };
    let address = |value, quirk| Literal {
        value,
        form: Form::Address,
        bytes: false,
        quirk,
    };
    let (digits, bytes) = match word.strip_suffix('b') {
        Some(digits) => (digits, true),
        None => (word, false),
    };
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        // 128-bit arithmetic is slow, and hardly any number needs it.
        let value = match digits.parse::<u64>() {
            Ok(value) => value.into(),
            Err(_) => digits.parse().map_err(|_| LiteralError::TooWide)?,
        };
        return Ok(number(value, bytes));
    }
    if let Some(digits) = word.strip_prefix("0x") {
        if digits.is_empty() {
            return Ok(number(0, false));
        }
        if digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            let value = u128::from_str_radix(digits, 16).map_err(|_| LiteralError::TooWide)?;
            return Ok(number(value, false));
        }
        return Err(LiteralError::BadNumber);
    }
    if let Ok(addr) = word.parse::<Ipv4Addr>() {
        return Ok(address(mapped(addr.to_bits()), None));
    }
    let v4 = addr::parse_v4_noting_quirks(word.as_bytes()).map(|p| (mapped(p.value), p.quirk));
    let v6 = || addr::parse_v6_noting_quirks(word.as_bytes()).map(|p| (p.value, p.quirk));
    if let Some((value, quirk)) = v4.or_else(v6) {
        return Ok(address(value, quirk));
    }
    Err(classify(word))
}

/// What a word that is no number was probably meant to be.
fn classify(word: &str) -> LiteralError {
    let starts_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
    if word.contains(':') || starts_with_digit && word.contains('.') {
        LiteralError::BadAddress
    } else if starts_with_digit {
        LiteralError::BadNumber
    } else {
        LiteralError::Name
    }
}
