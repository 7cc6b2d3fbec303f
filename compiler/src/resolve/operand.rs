//! The two sides of a test: a field with its index, and a constant.

use divert_grammar::{Index, Operand, RelValue, Span, Test};
use divert_vm::addr::Quirk;
use divert_vm::isa::limits::{MAX_DATA_INDEX, MAX_PACKET_LEN};
use divert_vm::{Field, Value};

use super::Resolver;
use crate::diag::FindingKind;
use crate::dialect::Dialect;
use crate::literal::{self, Form, Literal, LiteralError};
use crate::symbols::{self, Macro};

/// The left side of a test.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// `zero`, `false` and `true`.
    Constant(u128),
    /// A field, with the byte offset if it is a data field.
    Field(Field, i32),
}

/// The right side of a test.
pub(super) struct Constant {
    pub(super) value: Value,
    pub(super) span: Span,
    /// How it is written; `None` for a macro or a bare field.
    pub(super) form: Option<Form>,
}

impl Constant {
    /// What a bare field is compared with.
    pub(super) const fn implicit_zero() -> Self {
        Self {
            value: Value::new(0),
            span: Span::new(0, 0),
            form: None,
        }
    }
}

/// The byte offset of data at byte `index`, counted from the end if
/// `from_end`; `None` if it is out of bounds (filter language, section 4.1).
pub(crate) fn byte_offset(index: u32, width: u32, from_end: bool) -> Option<i32> {
    let limit = MAX_DATA_INDEX;
    let offset = i32::try_from(index).ok()?;
    if from_end {
        (width..=limit)
            .contains(&index)
            .then_some(offset.wrapping_neg())
    } else {
        (index <= limit.saturating_sub(width)).then_some(offset)
    }
}

impl Resolver<'_> {
    pub(super) fn subject(&mut self, test: &Test) -> Option<Subject> {
        let operand = &test.subject;
        let word = operand.word.of(self.text);
        if let Some(value) = pseudo_field(word) {
            if let Some(index) = operand.index {
                self.find(FindingKind::IndexOnScalar(Field::Zero), index.span);
            }
            return Some(Subject::Constant(value));
        }
        let Some(field) = Field::from_name(word) else {
            self.not_a_field(test);
            return None;
        };
        if !field.layers().contains(self.layer) {
            self.find(FindingKind::FieldNotAtLayer(field), operand.word);
            return None;
        }
        match (field.field_type().data_width(), operand.index) {
            (None, None) => Some(Subject::Field(field, 0)),
            (Some(width), Some(index)) => {
                let offset = self.index(field, width, &index)?;
                Some(Subject::Field(field, offset))
            }
            (Some(_), None) => {
                self.find(FindingKind::MissingIndex(field), operand.word);
                None
            }
            (None, Some(index)) => {
                self.find(FindingKind::IndexOnScalar(field), index.span);
                None
            }
        }
    }

    /// Says what a word is that stands where a field belongs.
    fn not_a_field(&mut self, test: &Test) {
        let span = test.subject.word;
        let word = span.of(self.text);
        let kind = match (symbols::lookup(word, self.layer), literal::parse(word)) {
            (Some(_), _) => FindingKind::MacroAsTest,
            (None, Ok(_)) => FindingKind::NumberAsTest,
            (None, Err(LiteralError::Name)) => wrong_name(word),
            (None, Err(error)) => bad_literal(error),
        };
        if let (FindingKind::MacroAsTest | FindingKind::NumberAsTest, Some(relation)) =
            (&kind, &test.relation)
            && let RelValue::Word(right) = &relation.value
            && is_field(right.word.of(self.text))
        {
            let (field, op) = (right.span(), relation.op_span);
            self.find(FindingKind::ValueOnLeft { field, op }, span);
        } else {
            self.find(kind, span);
        }
    }

    fn index(&mut self, field: Field, width: u32, index: &Index) -> Option<i32> {
        let number = self.number(index.number)?;
        let from_end = index.minus.is_some();
        let offset = |scale| {
            let number = u32::try_from(number.value).ok();
            let number = number.filter(|number| *number <= MAX_PACKET_LEN)?;
            byte_offset(number.saturating_mul(scale), width, from_end)
        };
        let as_written = offset(if number.bytes { 1 } else { width });
        let offset = match index.bytes {
            Some(detached) => {
                self.find(FindingKind::DetachedBytes, detached);
                // Where bytes are out of bounds the reference's words may do.
                let in_bytes = offset(1).filter(|_| self.dialect == Dialect::Divert);
                in_bytes.or(as_written)
            }
            None => as_written,
        };
        if offset.is_none() {
            let kind = FindingKind::IndexOutOfBounds { field, from_end };
            self.find(kind, index.number);
        }
        offset
    }

    pub(super) fn constant(
        &mut self,
        value: &RelValue,
        subject: &Option<Subject>,
        minus: bool,
    ) -> Option<Constant> {
        let RelValue::Word(Operand { word: span, index }) = value else {
            return None;
        };
        let word = span.of(self.text);
        if is_field(word) {
            // With no field on the left either, that is the one mistake.
            if subject.is_some() {
                self.find(FindingKind::FieldOnRight, value.span());
            }
            return None;
        }
        let number = self.number(*span)?;
        if number.bytes {
            self.find(FindingKind::BytesOutsideIndex, *span);
            return None;
        }
        if let Some(index) = index {
            self.find(FindingKind::IndexOnScalar(Field::Zero), index.span);
            return None;
        }
        let is_macro = word.starts_with(|c: char| c.is_ascii_uppercase());
        Some(Constant {
            value: Value {
                negative: minus,
                magnitude: number.value,
            },
            span: *span,
            form: (!is_macro).then_some(number.form),
        })
    }

    /// A number, an address or a macro.
    fn number(&mut self, span: Span) -> Option<Literal> {
        let word = span.of(self.text);
        match symbols::lookup(word, self.layer) {
            Some(Macro::Value(value)) => {
                return Some(Literal {
                    value,
                    form: Form::Number,
                    bytes: false,
                    quirk: None,
                });
            }
            Some(Macro::OtherLayers(layers)) => {
                self.find(FindingKind::EventNotAtLayer { layers }, span);
                return None;
            }
            None => {}
        }
        match literal::parse(word) {
            Ok(literal) => {
                match literal.quirk {
                    Some(Quirk::TrailingJunk) => self.find(FindingKind::AddressJunk, span),
                    Some(Quirk::WrappedOctet) => self.find(FindingKind::WrappedOctet, span),
                    None => {}
                }
                Some(literal)
            }
            Err(LiteralError::Name) => {
                self.find(FindingKind::UnknownValue, span);
                None
            }
            Err(error) => {
                self.find(bad_literal(error), span);
                None
            }
        }
    }
}

/// The value of a name that looks like a field but is a constant.
fn pseudo_field(word: &str) -> Option<u128> {
    match word {
        "true" => Some(1),
        "false" => Some(0),
        _ if Field::from_name(word) == Some(Field::Zero) => Some(0),
        _ => None,
    }
}

fn is_field(word: &str) -> bool {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    pseudo_field(word).is_some() || Field::from_name(word).is_some()
}

fn wrong_name(word: &str) -> FindingKind {
    let same = |field: &Field| field.name().eq_ignore_ascii_case(word);
    let field = Field::ALL.into_iter().find(same);
    field.map_or(FindingKind::UnknownField, FindingKind::WrongCaseField)
}

const fn bad_literal(error: LiteralError) -> FindingKind {
    match error {
        LiteralError::Name | LiteralError::BadNumber => FindingKind::BadNumber,
        LiteralError::TooWide => FindingKind::NumberTooWide,
        LiteralError::BadAddress => FindingKind::BadAddress,
    }
}
