//! From the tree back to text, with the spacing made regular.
//!
//! The law: what is printed parses to the same tree, spans aside.

use crate::ast::{Ast, ExprId, ExprKind, Operand, RelValue, Relation, SetItem, Test};
use crate::span::Span;

/// The text of a tree; `source` is the text it was parsed from.
///
/// Words are kept as written, operators get one spelling each. A hole is
/// printed as the text it stands for.
///
/// ```
/// use divert_grammar::{parse, print};
///
/// let source = "(tcp ?tcp.DstPort==80 :!udp)&&ip";
/// let parse = parse(source);
/// assert_eq!(print(&parse.ast, source), "(tcp? tcp.DstPort = 80: not udp) and ip");
/// ```
#[must_use]
pub fn print(ast: &Ast, source: &str) -> String {
    let mut printer = Printer {
        source,
        out: String::with_capacity(source.len()),
        todo: vec![Step::Expr(ast.root())],
    };
    while let Some(step) = printer.todo.pop() {
        match step {
            Step::Expr(id) => printer.expr(ast, id),
            Step::Text(text) => printer.out.push_str(text),
            Step::Colon => printer.colon(),
        }
    }
    printer.out
}

/// Something still to be printed.
enum Step {
    Expr(ExprId),
    Text(&'static str),
    Colon,
}

struct Printer<'s> {
    source: &'s str,
    out: String,
    /// What is to be printed, the next thing last.
    todo: Vec<Step>,
}

impl Printer<'_> {
    /// Prints a test, or puts the parts of another node on the list.
    fn expr(&mut self, ast: &Ast, id: ExprId) {
        let expr = ast.expr(id);
        match &expr.kind {
            ExprKind::Error => self.word(expr.span),
            ExprKind::Test(test) => self.test(test),
            ExprKind::Not { operand, count, .. } => {
                for _ in 0..*count {
                    self.out.push_str("not ");
                }
                self.todo.push(Step::Expr(*operand));
            }
            ExprKind::And(operands) => self.chain(operands, " and "),
            ExprKind::Or(operands) => self.chain(operands, " or "),
            ExprKind::If {
                cond,
                then,
                otherwise,
                grouped,
            } => {
                if *grouped {
                    self.out.push('(');
                    self.todo.push(Step::Text(")"));
                }
                self.todo.extend([
                    Step::Expr(*otherwise),
                    Step::Colon,
                    Step::Expr(*then),
                    Step::Text("? "),
                    Step::Expr(*cond),
                ]);
            }
            ExprKind::Group(inner) => {
                self.out.push('(');
                self.todo.extend([Step::Text(")"), Step::Expr(*inner)]);
            }
        }
    }

    fn chain(&mut self, operands: &[ExprId], between: &'static str) {
        let mut operands = operands.iter().rev();
        if let Some(&last) = operands.next() {
            self.todo.push(Step::Expr(last));
        }
        for &operand in operands {
            self.todo.extend([Step::Text(between), Step::Expr(operand)]);
        }
    }

    fn test(&mut self, test: &Test) {
        self.operand(&test.subject);
        if let Some(relation) = &test.relation {
            self.relation(relation);
        }
    }

    fn operand(&mut self, operand: &Operand) {
        self.word(operand.word);
        let Some(index) = operand.index else { return };
        self.out.push('[');
        self.sign(index.minus);
        self.word(index.number);
        if index.bytes.is_some() {
            self.out.push_str(" b");
        }
        self.out.push(']');
    }

    fn relation(&mut self, relation: &Relation) {
        self.out.push(' ');
        self.out.push_str(relation.op.as_str());
        self.out.push(' ');
        self.sign(relation.minus);
        match &relation.value {
            RelValue::Word(operand) => self.operand(operand),
            RelValue::Prefix { addr, len, .. } => {
                self.word(*addr);
                self.out.push('/');
                self.word(*len);
            }
            RelValue::Set { items, .. } => self.set(items),
        }
    }

    fn set(&mut self, items: &[SetItem]) {
        self.out.push('{');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            self.sign(item.minus);
            self.word(item.lo);
            if let Some(hi) = item.hi {
                self.out.push('-');
                self.word(hi);
            }
        }
        self.out.push('}');
    }

    fn sign(&mut self, minus: Option<Span>) {
        if minus.is_some() {
            self.out.push('-');
        }
    }

    fn word(&mut self, span: Span) {
        self.out.push_str(span.of(self.source));
    }

    /// A colon, which a word that ends in one would swallow.
    fn colon(&mut self) {
        if self.out.ends_with(':') {
            self.out.push(' ');
        }
        self.out.push_str(": ");
    }
}
