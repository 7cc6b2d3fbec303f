//! Filters built by a program rather than typed by a person.
//!
//! # Examples
//!
//! ```
//! use divert_compiler::expr::{field, inbound, outbound};
//! use divert_vm::{Field, Layer};
//! use std::net::Ipv4Addr;
//!
//! let web = field(Field::TcpDstPort).one_of([80, 443]);
//! let lan = field(Field::IpDstAddr).between(
//!     Ipv4Addr::new(10, 0, 0, 0),
//!     Ipv4Addr::new(10, 255, 255, 255),
//! );
//! let expr = outbound() & web & !lan;
//! assert_eq!(
//!     expr.to_string(),
//!     "outbound and (tcp.DstPort = 80 or tcp.DstPort = 443) and \
//!      (ip.DstAddr >= 10.0.0.0 and ip.DstAddr <= 10.255.255.255? false : true)",
//! );
//! let filter = expr.compile(Layer::Network)?;
//! assert_eq!(filter.instructions().len(), 5);
//! # let _ = inbound();
//! # Ok::<(), divert_compiler::Diagnostics>(())
//! ```

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::{BitAnd, BitOr, Not};

use divert_vm::{Field, FieldType, Layer, Op, Presence};

use crate::compile::compile;
use crate::diag::Diagnostics;
use crate::filter::Filter;

/// A filter expression; displays as text that both dialects accept.
///
/// `&`, `|` and `!` are the logical operators: `!` also matches packets
/// without the header, unlike `not` before a test in filter text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an expression does nothing until it is compiled"]
pub struct Expr(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Const(bool),
    Bare(Subject),
    NotBare(Subject),
    Compare(Subject, Op, Constant),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    If(Box<[Expr; 3]>),
}

/// The left side of a test: a field, with its index if it takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Subject {
    field: Field,
    /// The byte offset of a data field, negative from the end.
    offset: i32,
}

/// The right side of a test: a number or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant(Value);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Number(u128),
    Negative(u64),
    Addr(IpAddr),
}

/// Names a field to compare.
///
/// A data field is read at its first byte; see [`Subject::at`].
pub const fn field(field: Field) -> Subject {
    Subject { field, offset: 0 }
}

impl Subject {
    /// The same data field at another byte, counted from the end if negative.
    pub const fn at(self, offset: i32) -> Self {
        Self { offset, ..self }
    }

    /// `field = value`
    pub fn eq(self, value: impl Into<Constant>) -> Expr {
        Expr(Kind::Compare(self, Op::Eq, value.into()))
    }

    /// `field != value`; false where the field is absent.
    pub fn ne(self, value: impl Into<Constant>) -> Expr {
        Expr(Kind::Compare(self, Op::Ne, value.into()))
    }

    /// `field < value`
    pub fn lt(self, value: impl Into<Constant>) -> Expr {
        Expr(Kind::Compare(self, Op::Lt, value.into()))
    }

    /// `field <= value`
    pub fn le(self, value: impl Into<Constant>) -> Expr {
        Expr(Kind::Compare(self, Op::Le, value.into()))
    }

    /// `field > value`
    pub fn gt(self, value: impl Into<Constant>) -> Expr {
        Expr(Kind::Compare(self, Op::Gt, value.into()))
    }

    /// `field >= value`
    pub fn ge(self, value: impl Into<Constant>) -> Expr {
        Expr(Kind::Compare(self, Op::Ge, value.into()))
    }

    /// `low <= field <= high`
    pub fn between(self, low: impl Into<Constant>, high: impl Into<Constant>) -> Expr {
        self.ge(low) & self.le(high)
    }

    /// `field` is one of `values`; never, if there are none.
    pub fn one_of<C: Into<Constant>>(self, values: impl IntoIterator<Item = C>) -> Expr {
        let tests = values.into_iter().map(|value| self.eq(value));
        tests.reduce(BitOr::bitor).unwrap_or(constant(false))
    }

    /// The field alone: `tcp`, `tcp.Syn`.
    pub const fn is_set(self) -> Expr {
        Expr(Kind::Bare(self))
    }
}

/// A filter that always, or never, matches.
pub const fn constant(matches: bool) -> Expr {
    Expr(Kind::Const(matches))
}

/// `outbound`
pub const fn outbound() -> Expr {
    field(Field::Outbound).is_set()
}

/// `inbound`
pub const fn inbound() -> Expr {
    field(Field::Inbound).is_set()
}

/// `(cond? then: otherwise)`
pub fn choose(cond: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr(Kind::If(Box::new([cond, then, otherwise])))
}

impl Expr {
    /// Compiles for a layer, in the default dialect.
    ///
    /// # Errors
    ///
    /// A field is not available at the layer, or takes no index; or the
    /// program would have more than 255 instructions.
    pub fn compile(&self, layer: Layer) -> Result<Filter, Diagnostics> {
        compile(&self.to_string(), layer)
    }
}

impl BitAnd for Expr {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        let mut operands = match self.0 {
            Kind::And(operands) => operands,
            kind => vec![Self(kind)],
        };
        operands.push(other);
        Self(Kind::And(operands))
    }
}

impl BitOr for Expr {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let mut operands = match self.0 {
            Kind::Or(operands) => operands,
            kind => vec![Self(kind)],
        };
        operands.push(other);
        Self(Kind::Or(operands))
    }
}

impl Not for Expr {
    type Output = Self;

    fn not(self) -> Self {
        match self.0 {
            Kind::Const(matches) => constant(!matches),
            // Of a field that is never absent, `not` is the complement.
            Kind::Bare(subject) if subject.is_always_present() => Self(Kind::NotBare(subject)),
            Kind::NotBare(subject) => Self(Kind::Bare(subject)),
            kind => choose(Self(kind), constant(false), constant(true)),
        }
    }
}

impl Subject {
    fn is_always_present(self) -> bool {
        let ty = self.field.field_type();
        self.field.presence() == Presence::None && matches!(ty, FieldType::Bool)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Const(matches) => write!(f, "{matches}"),
            Kind::Bare(subject) => subject.fmt(f),
            Kind::NotBare(subject) => write!(f, "not {subject}"),
            Kind::Compare(subject, op, value) => write!(f, "{subject} {op} {value}"),
            Kind::And(operands) => join(f, operands, " and "),
            Kind::Or(operands) => join(f, operands, " or "),
            Kind::If(parts) => {
                let [cond, then, otherwise] = &**parts;
                // A space keeps the colon apart from an address before it.
                write!(f, "({cond}? {then} : {otherwise})")
            }
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, operands: &[Expr], operator: &str) -> fmt::Result {
    for (at, operand) in operands.iter().enumerate() {
        if at > 0 {
            f.write_str(operator)?;
        }
        match operand.0 {
            Kind::And(_) | Kind::Or(_) => write!(f, "({operand})")?,
            _ => write!(f, "{operand}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.name())?;
        if self.field.field_type().is_data() {
            write!(f, "[{}b]", self.offset)?;
        }
        Ok(())
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Number(number) => number.fmt(f),
            Value::Negative(magnitude) => write!(f, "-{magnitude}"),
            Value::Addr(IpAddr::V4(addr)) => addr.fmt(f),
            // Not as std prints it: the language refuses some such forms.
            Value::Addr(IpAddr::V6(addr)) => divert_vm::addr::V6(addr.to_bits()).fmt(f),
        }
    }
}

macro_rules! from_unsigned {
    ($($ty:ty),*) => {
        $(impl From<$ty> for Constant {
            fn from(value: $ty) -> Self {
                Self(Value::Number(value.into()))
            }
        })*
    };
}

from_unsigned!(u8, u16, u32, u64, u128);

macro_rules! from_signed {
    ($($ty:ty),*) => {
        $(impl From<$ty> for Constant {
            fn from(value: $ty) -> Self {
                let value = i64::from(value);
                Self(match u128::try_from(value) {
                    Ok(number) => Value::Number(number),
                    Err(_) => Value::Negative(value.unsigned_abs()),
                })
            }
        })*
    };
}

from_signed!(i32, i64);

impl From<IpAddr> for Constant {
    fn from(addr: IpAddr) -> Self {
        Self(Value::Addr(addr))
    }
}

impl From<Ipv4Addr> for Constant {
    fn from(addr: Ipv4Addr) -> Self {
        Self(Value::Addr(addr.into()))
    }
}

impl From<Ipv6Addr> for Constant {
    fn from(addr: Ipv6Addr) -> Self {
        Self(Value::Addr(addr.into()))
    }
}
