//! Laws that hold for every text.

use divert_grammar::{Ast, ExprId, ExprKind, parse, print};
use proptest::prelude::*;

/// The text of a tree, as odd in its spacing and spelling as can be.
fn filter() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "tcp",
        "ip.SrcAddr",
        "80",
        "0x1F",
        "::",
        "fe80::",
        "::1",
        "10.0.0.1",
        "Not_",
        "a:b",
        "in_",
    ]);
    let space = prop::sample::select(vec![" ", "  ", "\t", "\r\n", " b "]);
    let gap = prop::sample::select(vec!["", " ", "\n"]);
    let sign = prop::sample::select(vec!["", "-", "- "]);
    let relop = prop::sample::select(vec!["=", "==", "!=", "<", "<=", ">", ">=", " in "]);
    let index = (
        sign.clone(),
        word.clone(),
        prop::sample::select(vec!["", " b", " b "]),
    );
    let index = index.prop_map(|(sign, word, bytes)| format!("[{sign}{word}{bytes}]"));
    let subject = (
        word.clone(),
        gap.clone(),
        prop::option::weighted(0.2, index),
    )
        .prop_map(|(word, gap, index)| format!("{word}{gap}{}", index.unwrap_or_default()));
    let item =
        (sign.clone(), word.clone(), prop::option::of(word.clone())).prop_map(|(sign, lo, hi)| {
            sign.to_owned() + lo + &hi.map_or(String::new(), |hi| format!(" -{hi}"))
        });
    let set =
        prop::collection::vec(item, 1..4).prop_map(|items| format!("{{{}}}", items.join(" ,")));
    let prefix =
        (word.clone(), gap.clone(), word).prop_map(|(addr, gap, len)| format!("{addr}{gap}/{len}"));
    let value = prop_oneof![4 => subject.clone(), 1 => prefix, 1 => set];
    let relation = (relop, gap.clone(), sign, value)
        .prop_map(|(op, gap, sign, value)| format!("{op}{gap}{sign}{value}"));
    let test = (subject, prop::option::of(relation))
        .prop_map(|(subject, relation)| subject + &relation.unwrap_or_default());
    let and = prop::sample::select(vec![" and ", "&&", " b and "]);
    let or = prop::sample::select(vec![" or ", "||"]);
    let nots = prop::sample::select(vec!["not ", "!", "!! ", "not\tnot "]);
    test.prop_recursive(6, 40, 4, move |inner| {
        let three = (inner.clone(), inner.clone(), inner.clone(), space.clone());
        prop_oneof![
            (prop::collection::vec(inner.clone(), 2..4), and.clone())
                .prop_map(|(operands, and)| operands.join(and)),
            (prop::collection::vec(inner.clone(), 2..4), or.clone())
                .prop_map(|(operands, or)| operands.join(or)),
            (gap.clone(), inner.clone()).prop_map(|(gap, inner)| format!("({gap}{inner}{gap})")),
            (nots.clone(), inner.clone()).prop_map(|(nots, inner)| format!("{nots}({inner})")),
            three
                .clone()
                .prop_map(|(c, t, e, space)| format!("({c}?{t}{space}:{space}{e})")),
            three.prop_map(|(c, t, e, space)| format!("({c})?{t}{space}:{space}({e})")),
        ]
    })
}

/// Pieces of filters in no order at all.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "(", ")", "[", "]", "{", "}", ",", "/", "-", "?", ":", "!", "=", "!=", "<", "<=", ">",
        ">=", "&&", "||", "&", "|", "and", "or", "not", "in", "b", "NOT", "x", "80", "::", "$",
        "é", "\0", "x[3]", "y = 5", "(z)",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.join(" "))
}

/// What an expression is made of.
fn children(ast: &Ast, id: ExprId) -> Vec<ExprId> {
    match &ast.expr(id).kind {
        ExprKind::Error | ExprKind::Test(_) => vec![],
        ExprKind::Not { operand, .. } | ExprKind::Group(operand) => vec![*operand],
        ExprKind::And(operands) | ExprKind::Or(operands) => operands.clone(),
        ExprKind::If {
            cond,
            then,
            otherwise,
            ..
        } => vec![*cond, *then, *otherwise],
    }
}

#[track_caller]
fn check_arena(text: &str) {
    let ast = parse(text).ast;
    let mut parents = vec![0; ast.len()];
    for (id, expr) in ast.iter() {
        assert!(expr.span.start <= expr.span.end, "{text:?}");
        assert!(expr.span.end as usize <= text.len(), "{text:?}");
        for child in children(&ast, id) {
            assert!(child < id, "children come first: {text:?}");
            parents[child.index()] += 1;
        }
    }
    let root = parents.pop();
    assert_eq!(root, Some(0), "the last node is the root: {text:?}");
    assert!(
        parents.iter().all(|&count| count == 1),
        "each other node has one parent: {text:?}"
    );
}

#[track_caller]
fn check_round_trip(text: &str, expect: &str) {
    let first = parse(text);
    assert_eq!(first.errors, [], "{text:?}");
    let printed = print(&first.ast, text);
    assert_eq!(printed, expect);
    let second = parse(&printed);
    assert_eq!(second.errors, [], "{printed:?}");
    assert!(
        first.ast.same_shape(text, &second.ast, &printed),
        "{text:?} {printed:?}"
    );
}

#[test]
fn printing_makes_spacing_regular() {
    let same = |text: &str| check_round_trip(text, text);
    same("tcp");
    same("tcp and udp or not icmp");
    same("not not (tcp or udp)");
    same("(tcp? udp: icmp)");
    same("tcp? udp: icmp? ip: ipv6");
    same("packet[-3b] = -5");
    same("packet[3 b] != 0x10");
    same("x in {80, -1, 8000-8080}");
    same("x = 10.0.0.0/8");
    check_round_trip("tcp&&udp||!icmp", "tcp and udp or not icmp");
    check_round_trip("x==1 and(y>=2)", "x = 1 and (y >= 2)");
    check_round_trip("( tcp?udp :icmp )", "(tcp? udp: icmp)");
    check_round_trip("b tcp b and b udp", "tcp and udp");
    check_round_trip("packet [ - 3 b]=80", "packet[-3 b] = 80");
}

#[test]
fn a_colon_after_a_colon_keeps_its_distance() {
    check_round_trip("(x? y = fe80:: : z)", "(x? y = fe80:: : z)");
    check_round_trip("(x? y = ::1 : z)", "(x? y = ::1: z)");
    check_round_trip("(x? y = :: : :: )", "(x? y = :: : ::)");
    check_round_trip("(x? (y = ::) : z)", "(x? (y = ::): z)");
}

#[test]
fn deep_trees_are_printed_and_dropped_without_recursion() {
    let text = format!("{}tcp{}", "not (".repeat(1000), ")".repeat(1000));
    check_round_trip(&text, &text);
    let text = format!("{}z", "x? y: ".repeat(1000));
    check_round_trip(&text, &text);
}

#[test]
fn shapes_differ_when_words_or_forms_do() {
    let same = |a: &str, b: &str| parse(a).ast.same_shape(a, &parse(b).ast, b);
    assert!(same("x = 1 and !y", "x  ==1 && not y"));
    assert!(same("packet[3 b]", "packet [ 3  b ]"));
    for (a, b) in [
        ("x", "y"),
        ("x = 1", "x = 2"),
        ("x = 1", "x != 1"),
        ("x = 1", "x = -1"),
        ("x", "(x)"),
        ("not x", "not not x"),
        ("x and y", "x or y"),
        ("x and y and z", "x and (y and z)"),
        ("(x? y: z)", "x? y: z"),
        ("packet[3]", "packet[3 b]"),
        ("packet[3]", "packet[-3]"),
        ("x = 1/2", "x = 1/3"),
        ("x in {1}", "x in {1, 2}"),
        ("x in {1-2}", "x in {1}"),
    ] {
        assert!(!same(a, b), "{a:?} {b:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn law_print_then_parse_is_identity(text in filter()) {
        let first = parse(&text);
        prop_assert_eq!(&first.errors, &[]);
        let printed = print(&first.ast, &text);
        let second = parse(&printed);
        prop_assert_eq!(&second.errors, &[]);
        prop_assert!(first.ast.same_shape(&text, &second.ast, &printed));
        prop_assert_eq!(print(&second.ast, &printed), printed);
        check_arena(&text);
    }

    #[test]
    fn law_any_text_makes_a_tree(text in ".{0,60}") {
        check_arena(&text);
    }

    #[test]
    fn law_any_tokens_make_a_tree(text in soup()) {
        check_arena(&text);
        let parse = parse(&text);
        // No mistake without a report: holes and errors go together.
        let holes = parse.ast.iter().any(|(_, expr)| expr.kind == ExprKind::Error);
        prop_assert!(!holes || !parse.errors.is_empty());
        for error in &parse.errors {
            prop_assert!(error.span.end as usize <= text.len());
        }
    }
}
