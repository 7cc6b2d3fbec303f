//! The tree mirrors the text.

use divert_grammar::{Ast, ExprId, ExprKind, Operand, RelValue, Relation, SetItem, Span, parse};

/// Writes a tree with its structure made plain.
struct Dump<'a>(&'a Ast, &'a str);

impl Dump<'_> {
    fn expr(&self, id: ExprId) -> String {
        match &self.0.expr(id).kind {
            ExprKind::Error => "ERROR".to_owned(),
            ExprKind::Test(test) => {
                let relation = test
                    .relation
                    .as_ref()
                    .map(|relation| self.relation(relation));
                self.operand(&test.subject) + &relation.unwrap_or_default()
            }
            ExprKind::Not { operand, count, .. } => format!("NOT{count}({})", self.expr(*operand)),
            ExprKind::And(operands) => format!("AND({})", self.list(operands)),
            ExprKind::Or(operands) => format!("OR({})", self.list(operands)),
            ExprKind::If {
                cond,
                then,
                otherwise,
                grouped,
            } => {
                let name = if *grouped { "GROUPED_IF" } else { "IF" };
                format!("{name}({})", self.list(&[*cond, *then, *otherwise]))
            }
            ExprKind::Group(inner) => format!("GROUP({})", self.expr(*inner)),
        }
    }

    fn list(&self, ids: &[ExprId]) -> String {
        let ids: Vec<_> = ids.iter().map(|&id| self.expr(id)).collect();
        ids.join(", ")
    }

    fn operand(&self, operand: &Operand) -> String {
        let mut out = self.word(operand.word).to_owned();
        if let Some(index) = operand.index {
            let minus = if index.minus.is_some() { "-" } else { "" };
            let bytes = if index.bytes.is_some() { "+bytes" } else { "" };
            out += &format!("[{minus}{}{bytes}]", self.word(index.number));
        }
        out
    }

    fn relation(&self, relation: &Relation) -> String {
        let minus = if relation.minus.is_some() { "-" } else { "" };
        let value = match &relation.value {
            RelValue::Word(operand) => self.operand(operand),
            RelValue::Prefix { addr, len, .. } => {
                format!("PREFIX({}, {})", self.word(*addr), self.word(*len))
            }
            RelValue::Set { items, .. } => {
                let items: Vec<_> = items.iter().map(|item| self.item(item)).collect();
                format!("SET({})", items.join(", "))
            }
        };
        format!(" {} {minus}{value}", relation.op.as_str())
    }

    fn item(&self, item: &SetItem) -> String {
        let minus = if item.minus.is_some() { "-" } else { "" };
        let hi = item.hi.map(|hi| format!("..{}", self.word(hi)));
        format!("{minus}{}{}", self.word(item.lo), hi.unwrap_or_default())
    }

    fn word(&self, span: Span) -> &str {
        span.of(self.1)
    }
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let parse = parse(text);
    assert_eq!(parse.errors, [], "{text:?}");
    check_anyway(text, expect);
}

/// Like `check` for a text with mistakes.
#[track_caller]
fn check_anyway(text: &str, expect: &str) {
    let ast = parse(text).ast;
    assert_eq!(Dump(&ast, text).expr(ast.root()), expect, "{text:?}");
}

#[test]
fn and_binds_tighter_than_or() {
    check("x and y or z", "OR(AND(x, y), z)");
    check("x or y and z", "OR(x, AND(y, z))");
    check("x && y || z && !w", "OR(AND(x, y), AND(z, NOT1(w)))");
}

#[test]
fn chains_are_flat_and_groups_stay() {
    check("x and y and z", "AND(x, y, z)");
    check("x or y or z or w", "OR(x, y, z, w)");
    check("x and (y and z)", "AND(x, GROUP(AND(y, z)))");
    check("((x))", "GROUP(GROUP(x))");
}

#[test]
fn a_row_of_nots_is_one_node() {
    check("not x", "NOT1(x)");
    check("!!not !x", "NOT4(x)");
    check("not (x or y)", "NOT1(GROUP(OR(x, y)))");
    check("not x = 1 and y", "AND(NOT1(x = 1), y)");
}

#[test]
fn ternaries_lean_right_and_take_their_parentheses() {
    check("x ? y : z", "IF(x, y, z)");
    check("(x ? y : z)", "GROUPED_IF(x, y, z)");
    check("((x ? y : z))", "GROUP(GROUPED_IF(x, y, z))");
    check("x ? y : z ? u : v", "IF(x, y, IF(z, u, v))");
    check("x ? y ? u : v : z", "IF(x, IF(y, u, v), z)");
    check("x or y ? z and w : v", "IF(OR(x, y), AND(z, w), v)");
    check("not (x ? y : z)", "NOT1(GROUPED_IF(x, y, z))");
    check("tcp? tcp.DstPort=80: udp", "IF(tcp, tcp.DstPort = 80, udp)");
}

#[test]
fn tests_have_a_subject_and_perhaps_a_relation() {
    check("tcp", "tcp");
    check("tcp.DstPort==80", "tcp.DstPort = 80");
    check("x != 1 and x<2 and x <=3", "AND(x != 1, x < 2, x <= 3)");
    check("x>4 or x>= - 5", "OR(x > 4, x >= -5)");
    check("ip.SrcAddr = 10.0.0.1", "ip.SrcAddr = 10.0.0.1");
    check("80 = tcp.DstPort", "80 = tcp.DstPort");
    check("x = ::", "x = ::");
}

#[test]
fn an_index_has_a_number_and_perhaps_a_sign_and_a_suffix() {
    check("packet [3]", "packet[3]");
    check("packet[-3b] = 1", "packet[-3b] = 1");
    check("packet[ - 3 b ]", "packet[-3+bytes]");
    check("x = packet[0]", "x = packet[0]");
}

#[test]
fn prefixes_and_sets_are_syntax() {
    check("x = 10.0.0.0/8", "x = PREFIX(10.0.0.0, 8)");
    check("x in {80}", "x in SET(80)");
    check(
        "x in {80, 443 ,-1,8000-8080}",
        "x in SET(80, 443, -1, 8000..8080)",
    );
    check("x = {80, -5-7}", "x = SET(80, -5..7)");
}

#[test]
fn a_free_standing_b_is_white_space_and_recorded() {
    let text = "b tcp b and b packet[b 3 b b] = b 7 b";
    check(text, "AND(tcp, packet[3+bytes] = 7)");
    let strays: Vec<_> = parse(text).strays.iter().map(|span| span.start).collect();
    assert_eq!(strays, [0, 6, 12, 21, 27, 32, 36]);
}

#[test]
fn keywords_are_understood_in_any_case() {
    check_anyway("x AND y Or NOT z", "OR(AND(x, y), NOT1(z))");
    check(
        "Android or notes and inbound and In",
        "OR(Android, AND(notes, inbound, In))",
    );
}

#[test]
fn mistakes_leave_holes_and_keep_the_rest() {
    check_anyway("x and and y", "AND(x, ERROR, y)");
    check_anyway("x y", "AND(x, y)");
    check_anyway("x = ", "ERROR");
    check_anyway("(x = 5) and not", "AND(GROUP(x = 5), NOT1(ERROR))");
    check_anyway("x & y | z", "OR(AND(x, y), z)");
    check_anyway("x)) and y", "AND(x, y)");
    check_anyway("(x or y", "GROUP(OR(x, y))");
    check_anyway("x = --5", "x = -5");
    check_anyway("x[3 and y", "AND(x[3], y)");
    check_anyway("x = (5) and y", "AND(ERROR, ERROR, y)");
    check_anyway("1 < x < 5 or y", "OR(ERROR, y)");
    check_anyway("x ? y", "IF(x, y, ERROR)");
    check_anyway("", "ERROR");
}

#[test]
fn spans_cover_the_text_of_their_node() {
    let text = " not not ( x = 1 ? y : z ) and packet[ -3 b ] in {1, 2} ";
    let parse = parse(text);
    assert_eq!(parse.errors, []);
    let spans: Vec<_> = parse
        .ast
        .iter()
        .map(|(_, expr)| expr.span.of(text))
        .collect();
    assert_eq!(
        spans,
        [
            "x = 1",
            "y",
            "z",
            "( x = 1 ? y : z )",
            "not not ( x = 1 ? y : z )",
            "packet[ -3 b ] in {1, 2}",
            text.trim(),
        ]
    );
}

#[test]
fn parts_of_a_test_have_their_own_spans() {
    let text = "packet[ -3 b ] >= - 5";
    let parse = parse(text);
    let ExprKind::Test(test) = &parse.ast.expr(parse.ast.root()).kind else {
        panic!("{parse:?}");
    };
    let index = test.subject.index.unwrap();
    assert_eq!(test.subject.span().of(text), "packet[ -3 b ]");
    assert_eq!(index.span.of(text), "[ -3 b ]");
    assert_eq!(index.minus, Some(Span::new(8, 9)));
    assert_eq!(index.number.of(text), "3");
    assert_eq!(index.bytes, Some(Span::new(11, 12)));
    let relation = test.relation.as_ref().unwrap();
    assert_eq!(relation.op_span.of(text), ">=");
    assert_eq!(relation.minus, Some(Span::new(18, 19)));
    assert_eq!(relation.value.span().of(text), "5");
}
