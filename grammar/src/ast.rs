//! The spanned syntax tree, as an arena.
//!
//! It mirrors the text and decides nothing: whether a word is a field, a
//! number or nonsense is for a later stage. Nodes live in one `Vec`, children
//! before parents, so no walk and no drop ever recurses on user depth.

use crate::span::Span;
use crate::token::offset;

/// A parsed filter.
///
/// Every node can be reached from the root, and a child's id is always
/// smaller than its parent's; so a pass over [`Ast::iter`] sees all operands
/// of a node before the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ast {
    exprs: Vec<Expr>,
}

/// The place of an expression in its [`Ast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(u32);

impl ExprId {
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The id as an index, for tables kept beside the tree.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One node: what it is and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// What was written.
    pub kind: ExprKind,
    /// All of its text, parentheses included if they belong to it.
    pub span: Span,
}

/// The forms an expression can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprKind {
    /// A hole where the text had a mistake, which was reported.
    Error,
    /// `tcp`, `tcp.DstPort = 80`
    Test(Test),
    /// One or more `not` in a row.
    ///
    /// They are one node, so that a long row of them is no deeper than one.
    Not {
        /// What they stand before: a test, a group or a grouped ternary.
        operand: ExprId,
        /// The first `not` or `!`.
        first: Span,
        /// How many there are, at least one.
        count: u32,
    },
    /// `a and b and c`: two or more operands, flat as written
    And(Vec<ExprId>),
    /// `a or b or c`: two or more operands, flat as written
    Or(Vec<ExprId>),
    /// `cond? then: otherwise`
    If {
        /// What decides.
        cond: ExprId,
        /// What holds if the condition does.
        then: ExprId,
        /// What holds if it does not.
        otherwise: ExprId,
        /// Whether it stands directly in its own parentheses.
        ///
        /// They are then part of the span, and there is no [`Group`] node.
        ///
        /// [`Group`]: ExprKind::Group
        grouped: bool,
    },
    /// An expression in parentheses
    Group(ExprId),
}

/// A subject, and what it is compared with if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The left side.
    pub subject: Operand,
    /// The operator and the right side; a bare subject has none.
    pub relation: Option<Relation>,
}

/// A word, perhaps with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// The word.
    pub word: Span,
    /// The bracketed index after it.
    pub index: Option<Index>,
}

impl Operand {
    /// The word and its index together.
    #[must_use]
    pub fn span(&self) -> Span {
        self.index
            .map_or(self.word, |index| self.word.to(index.span))
    }
}

/// `[3]`, `[-3b]`, `[3 b]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// All of it, brackets included.
    pub span: Span,
    /// The sign.
    pub minus: Option<Span>,
    /// The number, with a `b` that is part of the word if there is one.
    pub number: Span,
    /// A free-standing `b` after the number.
    pub bytes: Option<Span>,
}

/// An operator and the right side of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The operator.
    pub op: CmpOp,
    /// Where the operator stands.
    pub op_span: Span,
    /// The sign before the value.
    pub minus: Option<Span>,
    /// The value.
    pub value: RelValue,
}

/// The right side of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelValue {
    /// `80`, or another field, which only a later stage can tell apart
    Word(Operand),
    /// `10.0.0.0/8`
    Prefix {
        /// The word before the slash.
        addr: Span,
        /// The slash.
        slash: Span,
        /// The word after it.
        len: Span,
    },
    /// `{ 80, 443, 8000-8080 }`
    Set {
        /// All of it, braces included.
        span: Span,
        /// The items, at least one.
        items: Vec<SetItem>,
    },
}

impl RelValue {
    /// All of the value.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Word(operand) => operand.span(),
            Self::Prefix { addr, len, .. } => addr.to(*len),
            Self::Set { span, .. } => *span,
        }
    }
}

/// `80`, `-3`, `8000-8080`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetItem {
    /// The sign before the first word.
    pub minus: Option<Span>,
    /// The value, or the first of a range of values.
    pub lo: Span,
    /// The last value of a range.
    pub hi: Option<Span>,
}

/// How a test compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// `=` or `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
}

impl CmpOp {
    /// The spelling used in print.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
        }
    }
}

impl Ast {
    /// A tree of the nodes given, the last of which is the root.
    ///
    /// With no node at all the root is a hole at `end`.
    pub(crate) fn new(mut exprs: Vec<Expr>, end: Span) -> Self {
        if exprs.is_empty() {
            exprs.push(Expr {
                kind: ExprKind::Error,
                span: end,
            });
        }
        Self { exprs }
    }

    /// The expression that is the whole filter: always the last node.
    #[must_use]
    pub fn root(&self) -> ExprId {
        ExprId(offset(self.exprs.len().saturating_sub(1)))
    }

    /// The node at `id`; a hole if `id` is of another tree.
    #[must_use]
    pub fn expr(&self, id: ExprId) -> &Expr {
        const HOLE: &Expr = &Expr {
            kind: ExprKind::Error,
            span: Span::at(0),
        };
        self.exprs.get(id.index()).unwrap_or(HOLE)
    }

    /// The number of nodes, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a root")]
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// All nodes, operands before what they are operands of.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ExprId, &Expr)> + ExactSizeIterator {
        let id = |(at, expr)| (ExprId(offset(at)), expr);
        self.exprs.iter().enumerate().map(id)
    }

    /// Whether both trees say the same in the same form.
    ///
    /// Spans and the spelling of operators do not count; the text of words,
    /// the number of `not`s and every parenthesis do.
    #[must_use]
    pub fn same_shape(&self, text: &str, other: &Self, other_text: &str) -> bool {
        // Equal post-order sequences with equal child ids are equal trees.
        self.len() == other.len()
            && self
                .exprs
                .iter()
                .zip(&other.exprs)
                .all(|(a, b)| same_kind(&a.kind, text, &b.kind, other_text))
    }
}

/// Compares two nodes whose children are known by equal ids.
fn same_kind(a: &ExprKind, a_text: &str, b: &ExprKind, b_text: &str) -> bool {
    match (a, b) {
        (ExprKind::Test(a), ExprKind::Test(b)) => {
            let same = Same { a_text, b_text };
            same.operand(&a.subject, &b.subject)
                && same.option(a.relation.as_ref(), b.relation.as_ref(), Same::relation)
        }
        (
            ExprKind::Not { operand, count, .. },
            ExprKind::Not {
                operand: b_operand,
                count: b_count,
                ..
            },
        ) => operand == b_operand && count == b_count,
        (a, b) => a == b,
    }
}

/// Compares the parts of two tests by their text.
struct Same<'a> {
    a_text: &'a str,
    b_text: &'a str,
}

impl Same<'_> {
    fn option<T>(
        &self,
        a: Option<&T>,
        b: Option<&T>,
        same: impl Fn(&Self, &T, &T) -> bool,
    ) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => same(self, a, b),
            (None, None) => true,
            _ => false,
        }
    }

    fn word(&self, a: Span, b: Span) -> bool {
        a.of(self.a_text) == b.of(self.b_text)
    }

    fn operand(&self, a: &Operand, b: &Operand) -> bool {
        self.word(a.word, b.word)
            && self.option(a.index.as_ref(), b.index.as_ref(), |same, a, b| {
                a.minus.is_some() == b.minus.is_some()
                    && same.word(a.number, b.number)
                    && a.bytes.is_some() == b.bytes.is_some()
            })
    }

    fn relation(&self, a: &Relation, b: &Relation) -> bool {
        a.op == b.op
            && a.minus.is_some() == b.minus.is_some()
            && match (&a.value, &b.value) {
                (RelValue::Word(a), RelValue::Word(b)) => self.operand(a, b),
                (
                    RelValue::Prefix { addr, len, .. },
                    RelValue::Prefix {
                        addr: b_addr,
                        len: b_len,
                        ..
                    },
                ) => self.word(*addr, *b_addr) && self.word(*len, *b_len),
                (RelValue::Set { items, .. }, RelValue::Set { items: b_items, .. }) => {
                    items.len() == b_items.len()
                        && items.iter().zip(b_items).all(|(a, b)| self.item(a, b))
                }
                _ => false,
            }
    }

    fn item(&self, a: &SetItem, b: &SetItem) -> bool {
        a.minus.is_some() == b.minus.is_some()
            && self.word(a.lo, b.lo)
            && self.option(a.hi.as_ref(), b.hi.as_ref(), |same, a, b| same.word(*a, *b))
    }
}
