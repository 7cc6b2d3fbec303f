//! What the compiler finds out about a filter: facts, without a word of text.

use divert_grammar::{Span, SyntaxErrorKind};
use divert_vm::object::ObjectErrorKind;
use divert_vm::{Field, LayerSet};

use super::Code;

/// A fact about a place in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: FindingKind,
    pub(crate) span: Span,
}

/// Every kind of fact; each has one code in [`Code`](super::Code).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FindingKind {
    // Syntax: see `divert_grammar::SyntaxErrorKind`.
    Syntax(SyntaxErrorKind),

    // Names.
    /// No field has this name in any spelling. The span is the word.
    UnknownField,
    /// A field of this name exists in another case.
    WrongCaseField(Field),
    FieldNotAtLayer(Field),
    /// A macro such as `TCP` or `CONNECT` where a test belongs.
    MacroAsTest,
    /// A number or an address where a test belongs.
    NumberAsTest,
    /// A word after an operator that is neither number nor macro.
    UnknownValue,
    /// An event macro of other layers.
    EventNotAtLayer {
        layers: LayerSet,
    },

    // Values.
    /// Starts like a number but is none, e.g. `80x`, `0X10`, `1.2.3`.
    BadNumber,
    /// Above 2^128 - 1.
    NumberTooWide,
    /// Looks like an address but is none.
    BadAddress,
    /// A `b` suffix outside an index, as in `= 80b`.
    BytesOutsideIndex,
    /// `80 = tcp.DstPort`; spans of both sides and the operator.
    ValueOnLeft {
        field: Span,
        op: Span,
    },
    /// A field where a constant belongs. The span is that field.
    FieldOnRight,
    /// `addr = 10.0.0.0/8`; the span is `10.0.0.0/8`. `subject` is the left side.
    Prefix {
        subject: Span,
        addr: Span,
        len: Span,
    },
    /// `x in {…}` or `x = {…}`; the span is the whole test.
    Set {
        subject: Span,
        items: Vec<Span>,
    },

    // Indexes.
    MissingIndex(Field),
    /// `tcp[0]`; the span is the brackets.
    IndexOnScalar(Field),
    /// The span is the number. `low..=high` are the legal numbers as written.
    IndexOutOfBounds {
        field: Field,
        from_end: bool,
    },

    // Limits.
    /// So many as written, and so many optimised, if that was tried.
    TooManyInsns {
        count: usize,
        optimised: Option<usize>,
    },
    TooManyTokens {
        limit: usize,
    },
    WordTooLong {
        limit: usize,
    },

    // The windivert-2.2 dialect.
    /// `not (…)`; the span is the `not` to the end of the group.
    NotOnGroup {
        group: Span,
    },
    /// `a ? b : c` without parentheses; the span is the whole ternary.
    UngroupedTernary,
    /// WinDivert 2.2 refuses for a reason that is not one of the above.
    ReferenceRefuses {
        code: u8,
    },

    // Objects.
    BadObject(ObjectErrorKind),

    // Quirks: where the meaning differs between the dialects.
    /// Never true. 2.2 compiles it to "header absent".
    NeverInRange {
        field: Field,
    },
    /// Always true where the field is present.
    AlwaysInRange {
        field: Field,
    },
    /// `ip`/`ipv6` at FLOW or SOCKET: always 0 in 2.2.
    IpAtFlow(Field),
    /// 2.2 compares the flow label byte-swapped.
    FlowLabel,
    /// 2.2 compares the low 32 bits of the constant only.
    WideConstant {
        field: Field,
    },
    /// A stray `b`, dropped.
    StrayBytes,
    /// `[3 b]`: 2.2 ignores the `b`.
    DetachedBytes,
    /// Text after the eighth group of an IPv6 address, ignored.
    AddressJunk,
    /// An IPv4 octet above 255 that 2.2 takes modulo 2^32.
    WrappedOctet,
    /// `-0`: below every number in 2.2, zero here.
    NegativeZero,
    /// A range test on data that 2.2 folds although the index may be outside.
    DataAlwaysInRange {
        field: Field,
    },
    /// The driver of 2.2 refuses the program although its compiler does not.
    DriverRefuses,

    // Lints.
    /// `remoteAddr = 12345`.
    NumberForAddress {
        field: Field,
    },
    /// Two tests of one `and` that exclude each other; the other's span.
    Contradiction {
        other: Span,
    },
    /// `ipv6.NextHdr = 6` and the like; the presence field to use instead.
    NextHeader {
        instead: Field,
    },
    /// `not field op value` is false, too, where the header is absent.
    NotKeepsPresence {
        field: Field,
    },
    /// `not not x`.
    DoubleNot {
        count: u32,
    },
    /// A test on `event` where only one event exists.
    EventRedundant,
    /// Evaluation never comes here: `other` always `holds`, or never does.
    UnreachableClause {
        other: Option<Span>,
        holds: bool,
    },
    /// What comes here never passes; `other` alone sees to that.
    NeverHere {
        other: Option<Span>,
    },
    /// Left out of its `or` (`any`) or `and`, nothing changes; `other` alone
    /// sees to that.
    RedundantClause {
        other: Option<Span>,
        any: bool,
    },
    /// The whole filter matches always, or never.
    ConstantFilter {
        matches: bool,
    },
}

impl Finding {
    /// Moves the place of a clause, and of the one to blame.
    pub(crate) fn widen(&mut self, wide: impl Fn(Span) -> Span) {
        self.span = wide(self.span);
        if let FindingKind::UnreachableClause { other, .. }
        | FindingKind::NeverHere { other }
        | FindingKind::RedundantClause { other, .. } = &mut self.kind
        {
            *other = other.map(wide);
        }
    }
}

impl FindingKind {
    /// The code of the finding.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Syntax(kind) => syntax_code(*kind),
            Self::UnknownField => Code::UnknownField,
            Self::WrongCaseField(_) => Code::WrongCaseField,
            Self::FieldNotAtLayer(_) => Code::FieldNotAtLayer,
            Self::MacroAsTest => Code::MacroAsTest,
            Self::NumberAsTest => Code::NumberAsTest,
            Self::UnknownValue => Code::UnknownValue,
            Self::EventNotAtLayer { .. } => Code::EventNotAtLayer,
            Self::BadNumber => Code::BadNumber,
            Self::NumberTooWide => Code::NumberTooWide,
            Self::BadAddress => Code::BadAddress,
            Self::BytesOutsideIndex => Code::BytesOutsideIndex,
            Self::ValueOnLeft { .. } => Code::ValueOnLeft,
            Self::FieldOnRight => Code::FieldOnRight,
            Self::Prefix { .. } => Code::Prefix,
            Self::Set { .. } => Code::Set,
            Self::MissingIndex(_) => Code::MissingIndex,
            Self::IndexOnScalar(_) => Code::IndexOnScalar,
            Self::IndexOutOfBounds { .. } => Code::IndexOutOfBounds,
            Self::TooManyInsns { .. } => Code::TooManyInsns,
            Self::TooManyTokens { .. } => Code::TooManyTokens,
            Self::WordTooLong { .. } => Code::WordTooLong,
            Self::NotOnGroup { .. } => Code::NotOnGroup,
            Self::UngroupedTernary => Code::UngroupedTernary,
            Self::ReferenceRefuses { .. } => Code::ReferenceRefuses,
            Self::BadObject(_) => Code::BadObject,
            Self::NeverInRange { .. } => Code::NeverInRange,
            Self::AlwaysInRange { .. } => Code::AlwaysInRange,
            Self::IpAtFlow(_) => Code::IpAtFlow,
            Self::FlowLabel => Code::FlowLabel,
            Self::WideConstant { .. } => Code::WideConstant,
            Self::StrayBytes => Code::StrayBytes,
            Self::DetachedBytes => Code::DetachedBytes,
            Self::AddressJunk => Code::AddressJunk,
            Self::WrappedOctet => Code::WrappedOctet,
            Self::NegativeZero => Code::NegativeZero,
            Self::DataAlwaysInRange { .. } => Code::DataAlwaysInRange,
            Self::DriverRefuses => Code::DriverRefuses,
            Self::NumberForAddress { .. } => Code::NumberForAddress,
            Self::Contradiction { .. } => Code::Contradiction,
            Self::NextHeader { .. } => Code::NextHeader,
            Self::NotKeepsPresence { .. } => Code::NotKeepsPresence,
            Self::DoubleNot { .. } => Code::DoubleNot,
            Self::EventRedundant => Code::EventRedundant,
            Self::ConstantFilter { .. } => Code::ConstantFilter,
            Self::UnreachableClause { .. } | Self::NeverHere { .. } => Code::UnreachableClause,
            Self::RedundantClause { .. } => Code::RedundantClause,
        }
    }
}

const fn syntax_code(kind: SyntaxErrorKind) -> Code {
    match kind {
        SyntaxErrorKind::UnexpectedCharacter(_) => Code::UnexpectedCharacter,
        SyntaxErrorKind::NulByte => Code::NulByte,
        SyntaxErrorKind::LoneAmpersand => Code::LoneAmpersand,
        SyntaxErrorKind::LonePipe => Code::LonePipe,
        SyntaxErrorKind::WrongCaseKeyword(_) => Code::WrongCaseKeyword,
        SyntaxErrorKind::ExpectedTest { .. } => Code::ExpectedTest,
        SyntaxErrorKind::ExpectedOperator { .. } => Code::ExpectedOperator,
        SyntaxErrorKind::ExpectedValue { .. } => Code::ExpectedValue,
        SyntaxErrorKind::ExpectedIndex { .. } => Code::ExpectedIndex,
        SyntaxErrorKind::ExpectedIndexEnd { .. } => Code::ExpectedIndexEnd,
        SyntaxErrorKind::ExpectedSetEnd { .. } => Code::ExpectedSetEnd,
        SyntaxErrorKind::ExpectedPrefixLength { .. } => Code::ExpectedPrefixLength,
        SyntaxErrorKind::UnclosedParen { .. } => Code::UnclosedParen,
        SyntaxErrorKind::UnmatchedParen => Code::UnmatchedParen,
        SyntaxErrorKind::UnclosedBracket { .. } => Code::UnclosedBracket,
        SyntaxErrorKind::UnmatchedBracket => Code::UnmatchedBracket,
        SyntaxErrorKind::UnclosedBrace { .. } => Code::UnclosedBrace,
        SyntaxErrorKind::UnmatchedBrace => Code::UnmatchedBrace,
        SyntaxErrorKind::MisplacedIndex => Code::MisplacedIndex,
        SyntaxErrorKind::MisplacedSet => Code::MisplacedSet,
        SyntaxErrorKind::ExpectedColon { .. } => Code::ExpectedColon,
        SyntaxErrorKind::UnexpectedColon => Code::UnexpectedColon,
        SyntaxErrorKind::EmptyFilter => Code::EmptyFilter,
        SyntaxErrorKind::EmptyParens => Code::EmptyParens,
        SyntaxErrorKind::ChainedComparison => Code::ChainedComparison,
        SyntaxErrorKind::RepeatedMinus => Code::RepeatedMinus,
        SyntaxErrorKind::TooDeep => Code::TooDeep,
        SyntaxErrorKind::TooLong { .. } => Code::TooLong,
        SyntaxErrorKind::TooManyErrors => Code::TooManyErrors,
    }
}
