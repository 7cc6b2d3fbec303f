//! The table of codes: every mistake and warning has exactly one row.
//!
//! The long texts are Markdown files beside it, `explain/E0203.md` and so on.

use core::fmt;
use core::str::FromStr;

use divert_vm::Layer;
use divert_vm::Layer::{Flow, Network, NetworkForward, Reflect, Socket};

use crate::dialect::Dialect;
use crate::dialect::Dialect::{Divert, WinDivert22};

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Severity {
    /// Worth knowing; the filter most likely does what was meant.
    Note,
    /// The filter compiles, but may not do what was meant.
    Warning,
    /// The filter does not compile.
    Error,
}

impl Severity {
    /// The name in lower case, e.g. `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A filter that shows what a code is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text of the filter.
    pub filter: &'static str,
    /// The layer it is for.
    pub layer: Layer,
    /// The dialect it is read in.
    pub dialect: Dialect,
}

/// No code, no short name of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode;

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown code; codes look like `E0203` or `W1001`")
    }
}

impl core::error::Error for UnknownCode {}

/// Everything there is to say about one code.
struct Row {
    code: &'static str,
    slug: &'static str,
    severity: Severity,
    reference: u8,
    title: &'static str,
    explanation: &'static str,
    example: Option<Example>,
}

macro_rules! define_codes {
    ($($code:literal $variant:ident $slug:literal, $severity:ident $reference:literal,
       $title:literal, $dialect:ident $layer:ident $filter:expr;)*) => {
        /// The identity of a diagnostic: stable, short, and with a long text.
        ///
        /// # Examples
        ///
        /// ```
        /// use divert_compiler::diag::Code;
        ///
        /// let code: Code = "E0203".parse()?;
        /// assert_eq!(code.slug(), "field-not-at-layer");
        /// assert!(code.explanation().contains("processId"));
        /// # Ok::<(), divert_compiler::diag::UnknownCode>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($code, ": ", $title, ".")] $variant,)*
        }

        impl Code {
            /// Every code, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &const { Row {
                        code: $code,
                        slug: $slug,
                        severity: Severity::$severity,
                        reference: $reference,
                        title: $title,
                        explanation: include_str!(concat!("explain/", $code, ".md")),
                        example: example!($dialect $layer $filter),
                    } },)*
                }
            }
        }
    };
}

macro_rules! example {
    ($dialect:ident long $filter:expr) => {
        None
    };
    ($dialect:ident $layer:ident $filter:expr) => {
        Some(Example {
            filter: $filter,
            layer: $layer,
            dialect: $dialect,
        })
    };
}

// Columns: code, variant, slug; severity, the error number of WinDivert 2.2
// (0: none); title; dialect, layer and filter of the example. Filters that break
// a limit are too long for a table.
define_codes! {
    // Characters and words.
    "E0101" UnexpectedCharacter "unexpected-character", Error 4,
        "A character that no filter can contain", Divert Network "tcp.DstPort ≥ 1024";
    "E0102" LoneAmpersand "lone-ampersand", Error 4,
        "`&` is not an operator", Divert Network "tcp & inbound";
    "E0103" LonePipe "lone-pipe", Error 4,
        "`|` is not an operator", Divert Network "tcp | udp";
    "E0104" NulByte "nul-byte", Error 4,
        "A NUL byte, where C takes the filter to end", Divert Network "tcp\0";
    "E0105" WrongCaseKeyword "wrong-case-keyword", Error 4,
        "`and`, `or` and `not` are written in lower case",
        Divert Network "tcp.DstPort == 443 AND outbound";
    "E0106" WordTooLong "word-too-long", Error 4,
        "A word longer than WinDivert 2.2 reads",
        WinDivert22 Network "ip.TTL < 000000000000000000000000000000000000000005";

    // Names.
    "E0201" UnknownField "unknown-field", Error 4,
        "No field has this name", Divert Network "outbound and tcp.DestPort == 443";
    "E0202" WrongCaseField "wrong-case-field", Error 4,
        "The name of a field in the wrong case", Divert Network "tcp.dstport == 443";
    "E0203" FieldNotAtLayer "field-not-at-layer", Error 5,
        "A field that does not exist at this layer", Divert Network "tcp and processId == 8140";
    "E0204" MacroAsTest "macro-as-test", Error 6,
        "A name for a number where a test belongs", Divert Network "outbound and TCP";
    "E0205" NumberAsTest "number-as-test", Error 6,
        "A number or an address where a test belongs",
        Divert Network "tcp.DstPort == 80 or 443";
    "E0206" UnknownValue "unknown-value", Error 4,
        "Neither number, address nor macro", Divert Socket "event == connect";
    "E0207" EventNotAtLayer "event-not-at-layer", Error 6,
        "An event that does not occur at this layer", Divert Flow "event = CONNECT";

    // Form.
    "E0301" ExpectedTest "expected-test", Error 6,
        "A test is missing", Divert Network "tcp and";
    "E0302" ExpectedOperator "expected-operator", Error 6,
        "`and` or `or` is missing", Divert Network "tcp inbound";
    "E0303" ExpectedValue "expected-value", Error 6,
        "The value of a comparison is missing", Divert Network "tcp.DstPort <> 80";
    "E0304" UnclosedParen "unclosed-paren", Error 6,
        "A `(` without its `)`", Divert Network "outbound and (tcp or udp";
    "E0305" UnmatchedParen "unmatched-paren", Error 6,
        "A `)` without its `(`", Divert Network "(tcp or udp)) and outbound";
    "E0306" EmptyFilter "empty-filter", Error 6,
        "The filter is empty", Divert Network " ";
    "E0307" EmptyParens "empty-parens", Error 6,
        "Nothing between parentheses", Divert Network "tcp and ()";
    "E0308" ExpectedColon "expected-colon", Error 6,
        "A `?` without its `:`", Divert Network "(tcp? tcp.Syn)";
    "E0309" UnexpectedColon "unexpected-colon", Error 6,
        "A `:` without its `?`", Divert Network "tcp : udp";
    "E0310" ChainedComparison "chained-comparison", Error 6,
        "Two comparisons in one", Divert Network "1024 <= tcp.SrcPort <= 2048";
    "E0311" RepeatedMinus "repeated-minus", Error 6,
        "More than one sign", Divert Reflect "priority = --5";
    "E0312" ValueOnLeft "value-on-left", Error 6,
        "The field belongs on the left", Divert Network "1024 < tcp.DstPort";
    "E0313" FieldOnRight "field-on-right", Error 6,
        "A field cannot be compared with a field", Divert Network "tcp.SrcPort = tcp.DstPort";
    "E0314" Prefix "prefix", Error 4,
        "Address prefixes are not part of the language",
        Divert Network "outbound and ip.DstAddr == 10.0.0.0/8";
    "E0315" Set "set", Error 4,
        "Lists of values are not part of the language",
        Divert Network "tcp.DstPort in {80, 443, 8000-8080}";
    "E0316" NotOnGroup "not-on-group", Error 6,
        "WinDivert 2.2 has no `not` before parentheses",
        WinDivert22 Network "not (tcp or udp)";
    "E0317" UngroupedTernary "ungrouped-ternary", Error 6,
        "WinDivert 2.2 wants `a? b: c` in parentheses",
        WinDivert22 Network "tcp? tcp.Syn: udp";
    "E0318" UnclosedBracket "unclosed-bracket", Error 6,
        "A `[` without its `]`", Divert Network "tcp.Payload[0 == 0x47";
    "E0319" UnmatchedBracket "unmatched-bracket", Error 6,
        "A `]` without its `[`", Divert Network "tcp.DstPort] = 80";
    "E0320" UnclosedBrace "unclosed-brace", Error 4,
        "A `{` without its `}`", Divert Network "tcp.DstPort in {80, 443";
    "E0321" UnmatchedBrace "unmatched-brace", Error 4,
        "A `}` without its `{`", Divert Network "tcp.DstPort = 80}";
    "E0322" ExpectedSetEnd "expected-set-end", Error 4,
        "Something other than `,` or `}` in a list", Divert Network "udp.DstPort in {53 67}";
    "E0323" MisplacedSet "misplaced-set", Error 4,
        "Braces where none can stand", Divert Network "outbound and {tcp or udp}";
    "E0324" ExpectedPrefixLength "expected-prefix-length", Error 4,
        "No prefix length after `/`", Divert Network "ip.DstAddr = 10.0.0.0/";

    // Values and indexes.
    "E0401" BadNumber "bad-number", Error 4,
        "Not a number", Divert Network "ip.Id = 0X10";
    "E0402" NumberTooWide "number-too-wide", Error 4,
        "A number of more than 128 bits",
        Divert Network "ip.Length < 340282366920938463463374607431768211456";
    "E0403" BadAddress "bad-address", Error 4,
        "Not an address", Divert Network "ip.DstAddr = 10.0.0";
    "E0404" BytesOutsideIndex "bytes-outside-index", Error 6,
        "The suffix `b` outside an index", Divert Network "tcp.DstPort = 80b";
    "E0405" MissingIndex "missing-index", Error 6,
        "A data field without its index", Divert Network "tcp.Payload = 0x47";
    "E0406" IndexOnScalar "index-on-scalar", Error 6,
        "An index where there is nothing to index", Divert Network "ip.TTL[0] < 5";
    "E0407" IndexOutOfBounds "index-out-of-bounds", Error 7,
        "An index beyond the longest packet", Divert Network "packet16[40000] = 0";
    "E0408" ExpectedIndex "expected-index", Error 6,
        "The number of an index is missing", Divert Network "packet[] = 0x45";
    "E0409" ExpectedIndexEnd "expected-index-end", Error 4,
        "More than a number in an index", Divert Network "tcp.Payload[0, 1] = 0x47";
    "E0410" MisplacedIndex "misplaced-index", Error 6,
        "An index that follows no field", Divert Network "packet[0][1] = 0x45";

    // Limits.
    "E0501" TooLong "too-long", Error 6,
        "The filter has more than a megabyte", Divert long "";
    "E0502" TooDeep "too-deep", Error 3,
        "Too many parentheses inside each other",
        Divert long "";
    "E0503" TooManyInsns "too-many-instructions", Error 3,
        "More tests than a program can hold", Divert long "";
    "E0504" TooManyTokens "too-many-tokens", Error 3,
        "More tokens than WinDivert 2.2 reads",
        Divert long "";
    "E0505" TooManyErrors "too-many-errors", Error 4,
        "Too many mistakes to go on", Divert long "";

    // Objects, and what no other code explains.
    "E0601" BadObject "bad-object", Error 9,
        "Not a valid object string", Divert Network "@WinDiv_WX_zXWWAX";
    "E0602" ReferenceRefuses "reference-refuses", Error 6,
        "WinDivert 2.2 refuses what divert accepts",
        Divert long "";

    // Where WinDivert 2.2 does something else than a filter says.
    "W1001" NeverInRange "never-in-range", Warning 0,
        "A comparison that no value passes", Divert Network "tcp.DstPort == 65536";
    "W1002" AlwaysInRange "always-in-range", Warning 0,
        "A comparison that every value passes", Divert Network "tcp.DstPort <= 65535";
    "W1003" IpAtFlow "ip-at-flow", Warning 0,
        "WinDivert 2.2 never sees `ip` and `ipv6` here", Divert Flow "ip and remotePort = 443";
    "W1004" FlowLabel "flow-label", Warning 0,
        "WinDivert 2.2 compares flow labels byte-swapped",
        Divert Network "ipv6.FlowLabel = 0x12345";
    "W1005" WideConstant "wide-constant", Warning 0,
        "WinDivert 2.2 cuts this constant to 32 bits",
        Divert Network "tcp.SeqNum < 0x100000000";
    "W1006" DetachedBytes "detached-b", Warning 0,
        "WinDivert 2.2 ignores a `b` apart from its number",
        Divert Network "packet16[2 b] = 40";
    "W1007" AddressJunk "address-junk", Warning 0,
        "Text after an address is ignored",
        Divert Network "ipv6.DstAddr = 1:2:3:4:5:6:7:8:zzz";
    "W1008" WrappedOctet "wrapped-octet", Warning 0,
        "An octet so large that it wraps", Divert Network "ip.DstAddr = 4294967306.0.0.1";
    "W1009" DriverRefuses "driver-refuses", Warning 0,
        "The WinDivert 2.2 driver refuses this comparison",
        Divert Network "ip.TOS != 256";
    "W1010" StrayBytes "stray-b", Warning 0,
        "A lone `b` is skipped", Divert Network "b tcp";
    "W1011" NegativeZero "negative-zero", Warning 0,
        "In WinDivert 2.2 `-0` is below 0", Divert Network "tcp.SeqNum = -0";
    "W1012" DataAlwaysInRange "data-always-in-range", Warning 0,
        "A test that only asks whether data is there",
        Divert Network "tcp.Payload[0] < 256";

    // What is probably not meant.
    "W2001" NumberForAddress "number-for-address", Warning 0,
        "A number where an address is meant", Divert Network "remoteAddr = 12345";
    "W2002" Contradiction "contradiction", Warning 0,
        "Tests that exclude each other", Divert Network "ip and ipv6 and outbound";
    "W2003" NextHeader "next-header", Warning 0,
        "`ipv6.NextHdr` does not look behind extension headers",
        Divert Network "ipv6.NextHdr = 6";
    "W2004" NotKeepsPresence "not-keeps-presence", Note 0,
        "`not` before a comparison still wants the header",
        Divert Network "not tcp.DstPort = 80";
    "W2005" DoubleNot "double-not", Note 0,
        "`not` twice cancels out", Divert Network "not not tcp";
    "W2006" EventRedundant "event-redundant", Warning 0,
        "A test on `event` where there is one event",
        Divert NetworkForward "event = PACKET and udp";
    "W2007" ConstantFilter "constant-filter", Warning 0,
        "A filter that always or never matches", Divert Network "udp or true";
    "W2008" UnreachableClause "unreachable-clause", Warning 0,
        "A part of the filter that never decides anything",
        Divert Network "tcp.DstPort = 80 and (udp.DstPort = 53 or outbound)";
    "W2009" RedundantClause "redundant-clause", Note 0,
        "A test that changes nothing", Divert Network "tcp.DstPort > 1023 and tcp.DstPort > 8000";
}

impl Code {
    /// The code itself, e.g. `E0203`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().code
    }

    /// A short name in words, e.g. `field-not-at-layer`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().slug
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.row().severity
    }

    /// One line about what it means, without a full stop.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What it means, what WinDivert 2.2 does and what to do, in Markdown.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        self.row().explanation
    }

    /// A filter that gives this code, unless it had to be very long.
    #[must_use]
    pub const fn example(self) -> Option<Example> {
        self.row().example
    }

    /// The error number of WinDivert 2.2 for the example; 0 for none.
    ///
    /// Other filters with the same mistake can get another number: the
    /// reference stops at the first thing that it does not understand.
    #[must_use]
    pub const fn reference_code(self) -> u8 {
        self.row().reference
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Takes a code in any case, or its short name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |code: &Self| code.as_str().eq_ignore_ascii_case(text) || code.slug() == text;
        let found = Self::ALL.iter().copied().find(named);
        found.ok_or(UnknownCode)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
