//! An independent oracle: what a filter means, straight from its syntax tree.
//!
//! Written from the description of the language alone. It shares no code with
//! the compiler and the virtual machine but plain data ([`Event`], [`Layer`],
//! [`Dialect`]) and the grammar's tree, and works differently throughout:
//! fields are looked up by name, nothing is lowered, every node of the tree
//! is evaluated.

mod facts;
mod hash;
mod literal;
mod number;
mod packet;
pub mod raw;
mod value;

use divert_compiler::Dialect;
use divert_grammar::{Ast, CmpOp, ExprId, ExprKind, Operand, RelValue, Relation, Test};
use divert_vm::{Event, Layer};

use facts::Fact;
pub use hash::hash;
pub use literal::parse_v6;
use literal::{Word, read_word};
use number::{Comparison, Number};
pub use packet::{Parsed, Transport, parse};
use value::World;

/// A filter that has been understood.
#[derive(Clone, Debug)]
pub struct Oracle {
    layer: Layer,
    dialect: Dialect,
    ast: Ast,
    /// For each node that is a test what it asks.
    tests: Vec<Option<Question>>,
}

/// Why there is no verdict: packet and event fit neither layer nor each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What a test asks of the world.
#[derive(Clone, Debug)]
enum Question {
    Constant(bool),
    /// Whether a header is there, or is not.
    Present(&'static str, bool),
    Compare {
        fact: &'static Fact,
        offset: i64,
        comparison: Comparison,
        constant: Number,
    },
}

impl Oracle {
    /// Reads a filter; `None` if it means nothing in this dialect.
    #[must_use]
    pub fn new(text: &str, layer: Layer, dialect: Dialect) -> Option<Self> {
        let parse = divert_grammar::parse(text);
        if !parse.errors.is_empty() {
            return None;
        }
        let ast = parse.ast;
        let mut negated = vec![false; ast.len()];
        for (_, expr) in ast.iter() {
            if let ExprKind::Not { operand, count, .. } = expr.kind {
                negated[operand.index()] = count % 2 == 1;
            }
        }
        let reader = Reader {
            text,
            layer,
            dialect,
        };
        let mut tests = Vec::with_capacity(ast.len());
        for (id, expr) in ast.iter() {
            tests.push(match &expr.kind {
                ExprKind::Test(test) => Some(reader.question(test, negated[id.index()])?),
                ExprKind::Error => return None,
                _ => None,
            });
        }
        Some(Self {
            layer,
            dialect,
            ast,
            tests,
        })
    }

    /// Whether the filter matches.
    ///
    /// # Errors
    ///
    /// Nothing can be evaluated on this packet and event.
    pub fn matches(&self, packet: Option<&[u8]>, event: &Event) -> Result<bool, Refused> {
        let world = World::new(self.layer, self.dialect, packet, event).ok_or(Refused)?;
        let mut truth: Vec<bool> = Vec::with_capacity(self.ast.len());
        for ((_, expr), question) in self.ast.iter().zip(&self.tests) {
            let is = |id: &ExprId| truth[id.index()];
            let holds = match &expr.kind {
                ExprKind::Error => false,
                ExprKind::Test(_) => question.as_ref().is_some_and(|q| self.answer(q, &world)),
                ExprKind::Group(inner) => is(inner),
                ExprKind::And(operands) => operands.iter().all(is),
                ExprKind::Or(operands) => operands.iter().any(is),
                ExprKind::If {
                    cond,
                    then,
                    otherwise,
                    ..
                } => {
                    if is(cond) {
                        is(then)
                    } else {
                        is(otherwise)
                    }
                }
                ExprKind::Not { operand, count, .. } => {
                    let is_test = matches!(self.ast.expr(*operand).kind, ExprKind::Test(_));
                    // A test has been turned around already.
                    is(operand) != (!is_test && count % 2 == 1)
                }
            };
            truth.push(holds);
        }
        Ok(truth[self.ast.root().index()])
    }

    fn answer(&self, question: &Question, world: &World<'_>) -> bool {
        match question {
            Question::Constant(holds) => *holds,
            Question::Present(header, present) => world.has(header) == *present,
            Question::Compare {
                fact,
                offset,
                comparison,
                constant,
            } => {
                let Some(value) = world.value(fact.name, *offset) else {
                    return false;
                };
                // The stock interpreter looks at 32 bits of most constants.
                let constant = if self.dialect == Dialect::WinDivert22 && !fact.wide {
                    constant.low_32_bits()
                } else {
                    *constant
                };
                comparison.holds(value, constant)
            }
        }
    }
}

/// What words mean at a layer.
struct Reader<'a> {
    text: &'a str,
    layer: Layer,
    dialect: Dialect,
}

impl Reader<'_> {
    fn question(&self, test: &Test, negated: bool) -> Option<Question> {
        let (comparison, constant) = match &test.relation {
            None => (Comparison::Different, Number::positive(0)),
            Some(relation) => self.relation(relation)?,
        };
        let comparison = if negated {
            comparison.opposite()
        } else {
            comparison
        };
        let constant = match self.dialect {
            Dialect::WinDivert22 => constant,
            _ => constant.without_negative_zero(),
        };
        let name = test.subject.word.of(self.text);
        if let Some(value) = match name {
            "true" => Some(1),
            "false" | "zero" => Some(0),
            _ => None,
        } {
            let holds = comparison.holds(Number::positive(value), constant);
            return test
                .subject
                .index
                .is_none()
                .then_some(Question::Constant(holds));
        }
        let fact = facts::by_name(name)?;
        if !fact.layers.contains(&self.layer) {
            return None;
        }
        let offset = self.offset(fact, &test.subject)?;
        let decided = match self.dialect {
            Dialect::WinDivert22 => fact
                .range
                .and_then(|range| comparison.decided(range, constant)),
            _ => None,
        };
        Some(match (decided, fact.needs) {
            (None, _) => Question::Compare {
                fact,
                offset,
                comparison,
                constant,
            },
            (Some(holds), None) => Question::Constant(holds),
            (Some(holds), Some(header)) => Question::Present(header, holds),
        })
    }

    fn relation(&self, relation: &Relation) -> Option<(Comparison, Number)> {
        let comparison = match relation.op {
            CmpOp::Eq => Comparison::Equal,
            CmpOp::Ne => Comparison::Different,
            CmpOp::Lt => Comparison::Less,
            CmpOp::Le => Comparison::AtMost,
            CmpOp::Gt => Comparison::More,
            CmpOp::Ge => Comparison::AtLeast,
            CmpOp::In => return None,
        };
        let RelValue::Word(Operand { word, index: None }) = &relation.value else {
            return None;
        };
        match read_word(word.of(self.text), self.layer)? {
            Word {
                magnitude,
                suffixed: false,
            } => {
                let negative = relation.minus.is_some();
                Some((
                    comparison,
                    Number {
                        negative,
                        magnitude,
                    },
                ))
            }
            _ => None,
        }
    }

    /// The byte offset of data, negative from the end; 0 for other fields.
    fn offset(&self, fact: &Fact, subject: &Operand) -> Option<i64> {
        let index = match (fact.data_width(), subject.index) {
            (None, None) => return Some(0),
            (Some(_), Some(index)) => index,
            _ => return None,
        };
        let width = fact.data_width()?;
        let word = read_word(index.number.of(self.text), self.layer)?;
        let number = i64::try_from(word.magnitude)
            .ok()
            .filter(|number| *number <= 65_575)?;
        let legal = |at: i64| match index.minus {
            Some(_) => (width <= at && at <= 65_535).then_some(-at),
            None => (at <= 65_535 - width).then_some(at),
        };
        let in_bytes = legal(number);
        let in_words = legal(number * width);
        match (word.suffixed, index.bytes, self.dialect) {
            (true, ..) => in_bytes,
            // A `b` on its own is dropped by the reference, and counts bytes
            // here, unless only words are in bounds.
            (false, Some(_), Dialect::Divert) => in_bytes.or(in_words),
            _ => in_words,
        }
    }
}
