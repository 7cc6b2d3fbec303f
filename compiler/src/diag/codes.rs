//! The table of diagnostic codes: one row a code, and everything about it.

use core::fmt;
use core::str::FromStr;

use divert_vm::Layer;
use divert_vm::Layer::{Flow, Network, NetworkForward};

use crate::dialect::Dialect;
use crate::dialect::Dialect::{Divert, WinDivert22};
use crate::reference::code::{
    BAD_OBJECT, BAD_TOKEN, BAD_TOKEN_FOR_LAYER, INDEX, PARSE, TOO_DEEP, TOO_LONG,
};

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// The filter compiles, but may not do what was meant.
    Warning,
    /// The filter is refused.
    Error,
}

impl Severity {
    /// The word for it, in lower case.
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

/// A filter that raises a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The filter text.
    pub filter: &'static str,
    /// The layer it is for.
    pub layer: Layer,
    /// The dialect it is read in.
    pub dialect: Dialect,
}

struct Row {
    name: &'static str,
    slug: &'static str,
    severity: Severity,
    reference: u8,
    title: &'static str,
    explanation: &'static str,
    example: Example,
}

macro_rules! codes {
    ($($code:ident $variant:ident $slug:literal $severity:ident $reference:expr,
       $title:literal, $filter:expr, $layer:expr, $dialect:expr, $explanation:literal;)*) => {
        /// The code of a diagnostic, such as `E0203`. Stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("`", stringify!($code), "`: ", $title)] $variant,)*
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &Row {
                        name: stringify!($code),
                        slug: $slug,
                        severity: Severity::$severity,
                        reference: $reference,
                        title: $title,
                        explanation: $explanation,
                        example: Example { filter: $filter, layer: $layer, dialect: $dialect },
                    },)*
                }
            }
        }
    };
}

codes! {
    E0101 UnexpectedCharacter "unexpected-character" Error BAD_TOKEN,
        "a character that means nothing in a filter", "tcp ; udp", Network, Divert,
        "A filter is made of names, numbers, addresses, comparisons (`=`, `!=`, `<`, `<=`, `>`, \
         `>=`), `and`, `or`, `not`, parentheses, brackets and `? :`. There are no comments, no \
         quotes, no arithmetic and no bit masks.\n\n\
         WinDivert 2.2 says \"bad token\" and gives the position of the byte after it.";
    E0102 LoneAmpersand "lone-ampersand" Error BAD_TOKEN,
        "a single `&`", "tcp & udp", Network, Divert,
        "Write `and` or `&&` to require both sides. The filter language has no bit operations: \
         to test a flag, use its field (`tcp.Syn`); to test bits of a byte, list the values or \
         ranges of the byte.";
    E0103 LonePipe "lone-pipe" Error BAD_TOKEN,
        "a single `|`", "tcp | udp", Network, Divert,
        "Write `or` or `||` to accept either side. There are no bit operations.";
    E0104 NulByte "nul-byte" Error BAD_TOKEN,
        "a NUL byte", "tcp\0", Network, Divert,
        "WinDivert takes a filter as a C string, which ends at the first NUL: what follows would \
         be ignored without a word. Remove the NUL. It often comes from a buffer that is longer \
         than its text, or from UTF-16.";
    E0105 WrongCaseKeyword "wrong-case-keyword" Error BAD_TOKEN,
        "`and`, `or` and `not` are written in lower case", "tcp AND udp", Network, Divert,
        "The filter language is case-sensitive throughout. WinDivert 2.2 calls `AND` a bad token.";
    E0106 WordTooLong "word-too-long" Error BAD_TOKEN,
        "WinDivert 2.2 reads words of at most 39 characters",
        "tcp.SeqNum = 0x0000000000000000000000000000000000000001", Network, WinDivert22,
        "The limit counts the word itself, and a colon that touches its end. Drop leading zeros, \
         or shorten an address with `::`.";

    E0201 UnknownField "unknown-field" Error BAD_TOKEN,
        "no field has this name", "ip6.DstAddr = ::1", Network, Divert,
        "A test begins with the name of a field. `divertc fields` lists them all. Names are those \
         of WinDivert, not of Wireshark or tcpdump: `tcp.DstPort`, not `tcp.dstport` or `dst port`.";
    E0202 WrongCaseField "wrong-case-field" Error BAD_TOKEN,
        "field names are case-sensitive", "tcp.dstport = 80", Network, Divert,
        "A field of this name exists in another spelling. The filter language is case-sensitive \
         throughout.";
    E0203 FieldNotAtLayer "field-not-at-layer" Error BAD_TOKEN_FOR_LAYER,
        "the field does not exist at this layer", "processId = 4", Network, Divert,
        "Each layer sees something else: packets at NETWORK and NETWORK_FORWARD, connections at \
         FLOW, operations on sockets at SOCKET, handles of the driver at REFLECT. A field exists \
         only where there is something to read it from.\n\n\
         The process id is the most missed one: packets do not carry it. Open a second handle at \
         SOCKET (or FLOW), and join on protocol, addresses and ports. SOCKET events come before \
         the first packet, FLOW events after it.";
    E0204 MacroAsTest "macro-as-test" Error PARSE,
        "a macro is a number, not a test", "TCP", Network, Divert,
        "Names in capitals stand for numbers, to compare with: `protocol = TCP`, \
         `event = CONNECT`. The fields that tell whether a header is there are in lower case: \
         `tcp`, `udp`, `icmp`, `icmpv6`, `ip`, `ipv6`.";
    E0205 NumberAsTest "number-as-test" Error PARSE,
        "a number is not a test", "80", Network, Divert,
        "A test begins with a field: `tcp.DstPort = 80`. For a filter that matches everything, \
         write `true`.";
    E0206 UnknownValue "unknown-value" Error BAD_TOKEN,
        "neither a number nor a macro", "event = established", Flow, Divert,
        "A field is compared with a number (`443`, `0x1BB`), an address (`10.0.0.1`, `fe80::1`), \
         or a macro in capitals: TRUE, FALSE, TCP, UDP, ICMP, ICMPV6, the layers, and the events \
         of the layer.";
    E0207 EventNotAtLayer "event-not-at-layer" Error PARSE,
        "the event does not occur at this layer", "event = CONNECT", Network, Divert,
        "PACKET occurs at NETWORK and NETWORK_FORWARD; ESTABLISHED and DELETED at FLOW; BIND, \
         CONNECT, LISTEN, ACCEPT and CLOSE at SOCKET; OPEN and CLOSE at REFLECT.";

    E0301 ExpectedTest "expected-test" Error PARSE,
        "a test is missing", "tcp and", Network, Divert,
        "After `and`, `or`, `not`, `(`, `?` and `:` there must be a test, such as `tcp` or \
         `tcp.DstPort = 80`, or a group in parentheses.";
    E0302 ExpectedOperator "expected-operator" Error PARSE,
        "two tests without `and` or `or` between them", "tcp udp", Network, Divert,
        "Tests are joined with `and` (both must hold) or `or` (one must hold). `and` binds \
         tighter than `or`.";
    E0303 ExpectedValue "expected-value" Error PARSE,
        "a comparison without a value", "tcp.DstPort =", Network, Divert,
        "After a comparison there must be a number, an address or a macro.";
    E0304 UnclosedParen "unclosed-paren" Error PARSE,
        "a parenthesis is not closed", "(tcp or udp", Network, Divert,
        "Every `(` needs its `)`.";
    E0305 UnmatchedParen "unmatched-paren" Error PARSE,
        "a parenthesis closes nothing", "tcp or udp)", Network, Divert,
        "Every `)` needs a `(` before it.";
    E0306 EmptyFilter "empty-filter" Error PARSE,
        "the filter is empty", "", Network, Divert,
        "For a filter that matches everything, write `true`.";
    E0307 EmptyParens "empty-parens" Error PARSE,
        "nothing between parentheses", "tcp and ()", Network, Divert,
        "Remove the parentheses, or put a test between them.";
    E0308 ExpectedColon "expected-colon" Error PARSE,
        "a `?` without its `:`", "(tcp? udp)", Network, Divert,
        "A choice has three parts: `(condition? then: else)`. The colon must not touch a word \
         after it: in `(tcp? udp:icmp)` the lexer reads `udp:icmp` as one word. Put a space after \
         the colon.";
    E0309 UnexpectedColon "unexpected-colon" Error PARSE,
        "a `:` without its `?`", "tcp: udp", Network, Divert,
        "A choice has three parts: `(condition? then: else)`.";
    E0310 ChainedComparison "chained-comparison" Error PARSE,
        "a test has one comparison", "length > 100 < 200", Network, Divert,
        "Write two tests: `length > 100 and length < 200`.";
    E0311 RepeatedMinus "repeated-minus" Error PARSE,
        "more than one minus sign", "timestamp > - -5", Network, Divert,
        "At most one minus sign may stand before a number.";
    E0312 ValueOnLeft "value-on-left" Error PARSE,
        "the field belongs on the left", "80 = tcp.DstPort", Network, Divert,
        "A test has the field on the left and the constant on the right.";
    E0313 FieldOnRight "field-on-right" Error PARSE,
        "two fields cannot be compared", "tcp.SrcPort = tcp.DstPort", Network, Divert,
        "The right side of a test is a constant: there is no way to compare two fields of one \
         packet in a filter. Match more packets, and compare in your program.";
    E0314 Prefix "prefix" Error BAD_TOKEN,
        "a network prefix is not part of the language", "ip.DstAddr = 10.0.0.0/8", Network, Divert,
        "Write the range of the addresses: the first and the last address of the network, with \
         `>=` and `<=`. The suggestion has them worked out.";
    E0315 Set "set" Error BAD_TOKEN,
        "a set of values is not part of the language", "tcp.DstPort in {80, 443}", Network, Divert,
        "Write a test for each value, joined with `or`, in parentheses.";
    E0316 NotOnGroup "not-on-group" Error PARSE,
        "WinDivert 2.2 takes `not` before a test only", "not (tcp or udp)", Network, WinDivert22,
        "`(group? false: true)` is exactly the negation of a group, also for packets without the \
         headers it tests. De Morgan's law is not: `not (udp.DstPort = 53)` matches TCP, and \
         `udp.DstPort != 53` does not.\n\nThe `divert` dialect accepts `not (…)`.";
    E0317 UngroupedTernary "ungrouped-ternary" Error PARSE,
        "WinDivert 2.2 takes `? :` in parentheses only", "tcp? outbound: inbound", Network, WinDivert22,
        "Put the whole choice in parentheses.\n\nThe `divert` dialect accepts it without.";
    E0318 UnclosedBracket "unclosed-bracket" Error PARSE,
        "a bracket is not closed", "packet[0 = 69", Network, Divert,
        "Every `[` needs its `]`, after one number.";
    E0319 UnmatchedBracket "unmatched-bracket" Error PARSE,
        "a bracket closes nothing", "tcp] and udp", Network, Divert,
        "Brackets enclose the index of a data field: `packet[0]`.";
    E0320 UnclosedBrace "unclosed-brace" Error BAD_TOKEN,
        "a brace is not closed", "tcp.DstPort in {80", Network, Divert,
        "Sets in braces are not part of the language; write tests joined with `or`.";
    E0321 UnmatchedBrace "unmatched-brace" Error BAD_TOKEN,
        "a brace closes nothing", "tcp} and udp", Network, Divert,
        "Braces are not part of the language. Group tests with parentheses.";
    E0322 ExpectedSetEnd "expected-set-end" Error BAD_TOKEN,
        "a set that cannot be read", "tcp.DstPort in {80 443}", Network, Divert,
        "Sets in braces are not part of the language; write tests joined with `or`.";
    E0323 MisplacedSet "misplaced-set" Error BAD_TOKEN,
        "a set where none can be", "tcp and {80}", Network, Divert,
        "Braces are not part of the language. Group tests with parentheses.";
    E0324 ExpectedPrefixLength "expected-prefix-length" Error BAD_TOKEN,
        "a `/` without a prefix length", "ip.DstAddr = 10.0.0.0/", Network, Divert,
        "Network prefixes are not part of the language; write the range of the addresses with \
         `>=` and `<=`.";

    E0401 BadNumber "bad-number" Error BAD_TOKEN,
        "not a number", "tcp.DstPort = 80x", Network, Divert,
        "Numbers are decimal (`443`) or hexadecimal with a lower-case `0x` (`0x1bb`). There is no \
         octal: `010` is ten.";
    E0402 NumberTooWide "number-too-wide" Error BAD_TOKEN,
        "a number of more than 128 bits",
        "tcp.SeqNum = 340282366920938463463374607431768211456", Network, Divert,
        "The largest number in a filter is 2^128 - 1.";
    E0403 BadAddress "bad-address" Error BAD_TOKEN,
        "not an address", "ip.SrcAddr = 10.0.0", Network, Divert,
        "An IPv4 address has four numbers up to 255. An IPv6 address has eight groups of up to \
         four hexadecimal digits, or fewer with one `::`. IPv4 may be embedded only as \
         `::1.2.3.4` or `::ffff:1.2.3.4`. There are no zone ids and no brackets.";
    E0404 BytesOutsideIndex "bytes-outside-index" Error PARSE,
        "a `b` suffix outside an index", "tcp.DstPort = 80b", Network, Divert,
        "The suffix `b` makes an index count bytes: `tcp.Payload32[3b]` reads four bytes from \
         byte 3. It means nothing elsewhere.";
    E0405 MissingIndex "missing-index" Error PARSE,
        "the field needs an index", "tcp.Payload = 0x16", Network, Divert,
        "Data fields read one place of the packet or payload: `tcp.Payload[0]` is the first \
         byte, `tcp.Payload[-1]` the last. `…16` and `…32` read two and four bytes.";
    E0406 IndexOnScalar "index-on-scalar" Error PARSE,
        "the field takes no index", "tcp.DstPort[0] = 80", Network, Divert,
        "Only `packet`, `tcp.Payload` and `udp.Payload`, each also with `16` and `32`, take an \
         index.";
    E0407 IndexOutOfBounds "index-out-of-bounds" Error INDEX,
        "the index is out of bounds", "packet[70000] = 0", Network, Divert,
        "An index must lie within the largest packet. In `packet16[i]` and `packet32[i]` it \
         counts words of two and four bytes; with the suffix `b` it counts bytes. A negative \
         index counts from the end, so the last byte is `packet[-1]`, and `packet16[-1b]` would \
         read past the end.";
    E0408 ExpectedIndex "expected-index" Error PARSE,
        "an index without a number", "packet[] = 69", Network, Divert,
        "Between the brackets there must be one number, with an optional minus sign before it \
         and an optional `b` after it.";
    E0409 ExpectedIndexEnd "expected-index-end" Error PARSE,
        "an index has one number", "packet[1 2] = 69", Network, Divert,
        "To test several bytes, test each, or two or four at once with `packet16` and `packet32`.";
    E0410 MisplacedIndex "misplaced-index" Error PARSE,
        "an index that follows no field", "[0] = 69", Network, Divert,
        "An index follows the name of a data field: `packet[0] = 69`.";

    E0501 TooLong "too-long" Error TOO_LONG,
        "the filter text is too long", "", Network, Divert,
        "A filter text has at most 1 MiB.";
    E0502 TooDeep "too-deep" Error TOO_DEEP,
        "the filter is nested too deeply", "", Network, Divert,
        "At most 1,000 parentheses and choices may be open at once. WinDivert 2.2 stops at 340 \
         parentheses. Most programs that generate filters can leave out nearly all of them: \
         `and` and `or` chains need none.";
    E0503 TooManyInsns "too-many-instructions" Error TOO_LONG,
        "the program would have too many instructions", "", Network, Divert,
        "Every test is one instruction, and the driver runs at most 255. Join ranges, drop tests \
         that others imply, or use several handles.";
    E0504 TooManyTokens "too-many-tokens" Error TOO_LONG,
        "WinDivert 2.2 reads at most 1,277 tokens", "", Network, WinDivert22,
        "Names, numbers, operators and parentheses count as one token each; a number with the \
         suffix `b` counts as two.";
    E0505 TooManyErrors "too-many-errors" Error PARSE,
        "too many mistakes to list", "", Network, Divert,
        "Only the first mistakes are reported. Is this a filter?";

    E0601 BadObject "bad-object" Error BAD_OBJECT,
        "not a valid filter object", "@WinDiv_WX_eXWWAL", Network, Divert,
        "A filter that begins with `@` is an object: a compiled program as text, as `divertc \
         compile` and `WinDivertHelperCompileFilter` make it. It must be complete and unchanged.";
    E0602 ReferenceRefuses "reference-refuses" Error PARSE,
        "WinDivert 2.2 refuses this", "", Network, WinDivert22,
        "The filter is fine in the `divert` dialect, but WinDivert 2.2 stops at the position \
         given, for a limit or defect of its own.";

    W1001 NeverInRange "never-in-range" Warning 0,
        "no value of the field passes this test", "tcp.DstPort = 65536", Network, Divert,
        "The constant is outside the range of the field, so the test is false. WinDivert 2.2 \
         replaces such a test by \"the header is absent\": `tcp.DstPort = 65536` becomes `not \
         tcp`, and matches all UDP traffic.";
    W1002 AlwaysInRange "always-in-range" Warning 0,
        "every value of the field passes this test", "tcp.DstPort >= 0", Network, Divert,
        "The test only asks whether the header is there. Write that: `tcp`.";
    W1003 IpAtFlow "ip-at-flow" Warning 0,
        "in WinDivert 2.2 `ip` and `ipv6` are always 0 here", "ip and tcp", Flow, Divert,
        "At FLOW and SOCKET there is no packet, and WinDivert 2.2 looks for a header in it: \
         `ip` never matches, and `not ip` always does. The `divert` dialect compiles them to \
         tests of `localAddr`, which work on the stock driver.";
    W1004 FlowLabel "flow-label" Warning 0,
        "WinDivert 2.2 compares the flow label byte-swapped", "ipv6.FlowLabel = 0x12345", Network, Divert,
        "WinDivert 2.2 swaps bytes of the label it reads, and limits the constant to 20 bits, so \
         that most labels cannot be matched. The `divert` dialect compiles the test to one that \
         comes out right on the stock driver; for most labels it tests bytes of the header.";
    W1005 WideConstant "wide-constant" Warning 0,
        "WinDivert 2.2 drops all but the low 32 bits", "tcp.SeqNum = 0x100000007", Network, Divert,
        "The field has 32 bits, but WinDivert 2.2 does not check the range of the constant: in \
         user mode it compares the low 32 bits, and its driver refuses the program.";
    W1006 DetachedBytes "detached-b" Warning 0,
        "the `b` must touch the number", "packet16[2 b] = 40", Network, Divert,
        "WinDivert 2.2 drops a `b` that stands alone, so `packet16[2 b]` is word 2, not byte 2. \
         The `divert` dialect takes it as the suffix.";
    W1007 AddressJunk "address-junk" Warning 0,
        "text after the eighth group is ignored", "localAddr = 1:2:3:4:5:6:7:8:9", Network, Divert,
        "An IPv6 address has eight groups. WinDivert 2.2 stops reading there, and accepts \
         whatever follows.";
    W1008 WrappedOctet "wrapped-octet" Warning 0,
        "an octet wraps around", "ip.SrcAddr = 4294967306.0.0.1", Network, Divert,
        "WinDivert 2.2 takes octets modulo 2^32 before it checks that they are at most 255.";
    W1009 DriverRefuses "driver-refuses" Warning 0,
        "WinDivert 2.2 compiles this, but its driver refuses it", "ip.TOS != 256", Network, Divert,
        "The driver checks constants that the compiler of WinDivert 2.2 does not: \
         `WinDivertHelperCompileFilter` succeeds, and `WinDivertOpen` fails with error 87.";
    W1010 StrayBytes "stray-b" Warning 0,
        "a `b` that means nothing", "tcp b and udp", Network, Divert,
        "A `b` that stands alone is dropped, as in WinDivert 2.2. Remove it.";
    W1011 NegativeZero "negative-zero" Warning 0,
        "`-0`", "tcp.SeqNum > -0", Network, Divert,
        "In WinDivert 2.2 `-0` is a number below 0: no value equals it, and every value is \
         greater. In the `divert` dialect it is 0.";
    W1012 DataAlwaysInRange "data-always-in-range" Warning 0,
        "every value passes, but the data may be missing", "packet[1000] < 256", Network, Divert,
        "A test on data beyond the end of the packet is false. WinDivert 2.2 folds this test to \
         true, or to \"the header is there\", and never looks.";

    W2001 NumberForAddress "number-for-address" Warning 0,
        "a number where an address was meant", "remoteAddr = 12345", Network, Divert,
        "A plain number is taken as a 128-bit address: 12345 is `::3039`, and not any IPv4 \
         address. IPv4 addresses are written with dots.";
    W2002 Contradiction "contradiction" Warning 0,
        "two tests that exclude each other", "ip and ipv6", Network, Divert,
        "No packet passes both tests, so the whole `and` never matches. Perhaps `or` was meant.";
    W2003 NextHeader "next-header" Warning 0,
        "`ipv6.NextHdr` is the first header only", "ipv6.NextHdr = 6", Network, Divert,
        "With extension headers in between, the first next-header number is not the transport \
         protocol. The fields `tcp`, `udp` and `icmpv6` look behind extension headers.";
    W2004 NotKeepsPresence "not-keeps-presence" Note 0,
        "`not` before a test still needs the header", "not udp.DstPort = 53", Network, Divert,
        "`not` before a test inverts the comparison, and a comparison on an absent field is \
         false: `not udp.DstPort = 53` does not match TCP. To match everything but DNS over \
         UDP, write `not (udp.DstPort = 53)`, or `(udp.DstPort = 53? false: true)`, which \
         WinDivert 2.2 reads as well.";
    W2005 DoubleNot "double-not" Warning 0,
        "`not` more than once", "not not tcp", Network, Divert,
        "Two of them cancel out.";
    W2006 EventRedundant "event-redundant" Note 0,
        "only one event occurs at this layer", "event = PACKET and tcp", NetworkForward, Divert,
        "At NETWORK and NETWORK_FORWARD every event is PACKET, so the test says nothing.";
    W2007 ConstantFilter "constant-filter" Warning 0,
        "the filter does not depend on anything", "tcp or true", Network, Divert,
        "It matches everything, or nothing. If that is meant, write `true` or `false`.";
}

impl Code {
    /// The code itself, e.g. `E0203`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// A name for people and for search engines, e.g. `field-not-at-layer`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().slug
    }

    /// How serious it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.row().severity
    }

    /// The number of the error with which WinDivert 2.2 refuses such filters;
    /// 0 for what it does not refuse.
    #[must_use]
    pub const fn reference_code(self) -> u8 {
        self.row().reference
    }

    /// One line: what it is about.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What it means, what WinDivert 2.2 does, and what to do.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        self.row().explanation
    }

    /// A filter that raises it; `None` where that would be very long.
    #[must_use]
    pub fn example(self) -> Option<Example> {
        let example = self.row().example;
        (!example.filter.is_empty() || self == Self::EmptyFilter).then_some(example)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A string that is no diagnostic code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode;

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no diagnostic has this code")
    }
}

impl core::error::Error for UnknownCode {}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |code: &&Self| code.as_str().eq_ignore_ascii_case(text) || code.slug() == text;
        Self::ALL.iter().find(named).copied().ok_or(UnknownCode)
    }
}
