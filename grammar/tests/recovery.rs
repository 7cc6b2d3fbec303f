//! Every independent mistake is reported once, where it is.

use divert_grammar::limits::{MAX_DEPTH, MAX_ERRORS, MAX_SOURCE_LEN};
use divert_grammar::{
    ExprKind, Found, Keyword, Parse, Span, SyntaxError, SyntaxErrorKind as Kind, Token, parse,
};

/// An error as `Kind "text at the span"`, or `Kind @offset` if that is empty.
fn show(text: &str, error: &SyntaxError) -> String {
    let kind = format!("{:?}", error.kind);
    let name = kind.split([' ', '(']).next().unwrap_or_default();
    if error.span.is_empty() {
        format!("{name} @{}", error.span.start)
    } else {
        format!("{name} {:?}", error.span.of(text))
    }
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let errors = parse(text).errors;
    let shown: Vec<_> = errors.iter().map(|error| show(text, error)).collect();
    assert_eq!(shown, expect, "{text:?}");
}

/// The kind of the only error of a text.
#[track_caller]
fn only(text: &str) -> Kind {
    let errors = parse(text).errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].kind
}

#[test]
fn a_missing_test_is_reported_where_it_should_be() {
    check("tcp and", &["ExpectedTest @7"]);
    check("and tcp", &["ExpectedTest \"and\""]);
    check("tcp and and and udp", &["ExpectedTest \"and\""]);
    check(
        "tcp and and udp or or icmp",
        &["ExpectedTest \"and\"", "ExpectedTest \"or\""],
    );
    check("not", &["ExpectedTest @3"]);
    check("not not and not tcp", &["ExpectedTest \"and\""]);
    check("tcp or not", &["ExpectedTest @10"]);
    check("x and (y or) and z", &["ExpectedTest \")\""]);
    check("x and (or y) and z", &["ExpectedTest \"or\""]);
    check("? x : y", &["ExpectedTest \"?\""]);
    check("x ? : y", &["ExpectedTest \":\""]);
    check("x ? y :", &["ExpectedTest @7"]);
    check("(x ? y :)", &["ExpectedTest \")\""]);
    check("- 5", &["ExpectedTest \"-\""]);
    check("tcp and -5", &["ExpectedTest \"-\""]);
    check("in", &["ExpectedTest \"in\""]);
    check("tcp and in {80}", &["ExpectedTest \"in\""]);
    check("= 80 and tcp", &["ExpectedTest \"=\""]);
}

#[test]
fn a_missing_operator_is_reported_at_the_second_test() {
    check("tcp udp", &["ExpectedOperator \"udp\""]);
    check(
        "tcp udp icmp",
        &["ExpectedOperator \"udp\"", "ExpectedOperator \"icmp\""],
    );
    check("tcp not udp", &["ExpectedOperator \"not\""]);
    check("tcp (udp)", &["ExpectedOperator \"(\""]);
    check("(tcp) udp", &["ExpectedOperator \"udp\""]);
    check("(tcp) (udp)", &["ExpectedOperator \"(\""]);
    check("x = 5 6", &["ExpectedOperator \"6\""]);
    check(
        "x and (y z) and (u v)",
        &["ExpectedOperator \"z\"", "ExpectedOperator \"v\""],
    );
    check("80, 90", &["ExpectedOperator \",\""]);
    check("x = 80, 90", &["ExpectedOperator \",\""]);
    check("tcp - 5", &["ExpectedOperator \"-\""]);
    check("tcp / 5", &["ExpectedOperator \"/\""]);
    check("10.0.0.0/8 = ip.SrcAddr", &["ExpectedOperator \"/\""]);
}

#[test]
fn a_missing_value_is_reported_once() {
    check("x =", &["ExpectedValue @3"]);
    check(
        "x = and y =",
        &["ExpectedValue \"and\"", "ExpectedValue @11"],
    );
    check("x = = 5", &["ExpectedValue \"=\""]);
    check("x === 5", &["ExpectedValue \"=\""]);
    check("x <> 5", &["ExpectedValue \">\""]);
    check("x =! 80", &["ExpectedValue \"!\""]);
    check("x = (5)", &["ExpectedValue \"(\""]);
    check("x = (5 or 6)", &["ExpectedValue \"(\""]);
    check("x = -", &["ExpectedValue @5"]);
    check(
        "x >= and y <= or z != ",
        &[
            "ExpectedValue \"and\"",
            "ExpectedValue \"or\"",
            "ExpectedValue @21",
        ],
    );
    check("x = 10.0.0.0/", &["ExpectedPrefixLength @13"]);
    check("x = 10.0.0.0/ and tcp", &["ExpectedPrefixLength \"and\""]);
}

#[test]
fn comparisons_and_signs_do_not_repeat() {
    check("1 < x < 5", &["ChainedComparison \"<\""]);
    check(
        "1 < x < 5 < 6 and tcp = 1 = 2",
        &["ChainedComparison \"<\"", "ChainedComparison \"=\""],
    );
    check("x = - -5", &["RepeatedMinus \"-\""]);
    check("x = ---5", &["RepeatedMinus \"-\""]);
    check("packet[--3] = 1", &["RepeatedMinus \"-\""]);
}

#[test]
fn parentheses_are_paired() {
    check("(", &["ExpectedTest @1", "UnclosedParen @1"]);
    check(")", &["UnmatchedParen \")\""]);
    check("()", &["EmptyParens \"()\""]);
    check("( )", &["EmptyParens \"( )\""]);
    check("() ()", &["EmptyParens \"()\"", "EmptyParens \"()\""]);
    check("not ()", &["EmptyParens \"()\""]);
    check("tcp)", &["UnmatchedParen \")\""]);
    check("tcp) and udp", &["UnmatchedParen \")\""]);
    check("(tcp and", &["ExpectedTest @8", "UnclosedParen @8"]);
    check("((tcp", &["UnclosedParen @5", "UnclosedParen @5"]);
    check(
        "tcp and (udp or (icmp",
        &["UnclosedParen @21", "UnclosedParen @21"],
    );
    check(
        "(tcp and udp)) or ((icmp",
        &[
            "UnmatchedParen \")\"",
            "UnclosedParen @24",
            "UnclosedParen @24",
        ],
    );
}

#[test]
fn indices_are_mended() {
    check("packet[", &["UnclosedBracket @7"]);
    check("packet[3", &["UnclosedBracket @8"]);
    check("packet[]", &["ExpectedIndex \"]\""]);
    check(
        "packet[] = 5 and packet[1 2] = 6",
        &["ExpectedIndex \"]\"", "ExpectedIndexEnd \"2\""],
    );
    check("packet[3 and tcp", &["UnclosedBracket @8"]);
    check("packet[3 = 5", &["UnclosedBracket @8"]);
    check("packet[=3] = 5", &["ExpectedIndex \"=\""]);
    check("packet[-] = 1", &["ExpectedIndex \"]\""]);
    check("packet[1][2] = 5", &["MisplacedIndex \"[2]\""]);
    check("packet[[3]] = 5", &["MisplacedIndex \"[3]\""]);
    check("packet[x[3]]", &["MisplacedIndex \"[3]\""]);
    check("[3] = 5", &["MisplacedIndex \"[3]\""]);
    check(
        "packet 3] = 1",
        &["ExpectedOperator \"3\"", "UnmatchedBracket \"]\""],
    );
    check("x = y[", &["UnclosedBracket @6"]);
    check("x = y[3", &["UnclosedBracket @7"]);
    check("packet[not 3]", &["ExpectedIndex \"not\""]);
    check("packet[3,4] = 1", &["ExpectedIndexEnd \",\""]);
    check("packet[3/4] = 1", &["ExpectedIndexEnd \"/\""]);
    check("packet[3 b - 4]", &["ExpectedIndexEnd \"-\""]);
}

#[test]
fn sets_are_mended() {
    check("x in {80", &["UnclosedBrace @8"]);
    check(
        "x in {80, 90 and tcp",
        &["ExpectedSetEnd \"and\"", "UnclosedBrace @20"],
    );
    check("x in {80 90}", &["ExpectedSetEnd \"90\""]);
    check("x in {}", &["ExpectedValue \"}\""]);
    check("x in {80,}", &["ExpectedValue \"}\""]);
    check("x in {80 or 90}", &["ExpectedSetEnd \"or\""]);
    check("x in {, 80}", &["ExpectedValue \",\""]);
    check("{80} and tcp", &["MisplacedSet \"{80}\""]);
    check("tcp {80}", &["MisplacedSet \"{80}\""]);
    check("x in {{80}}", &["MisplacedSet \"{80}\""]);
    check("x in {80-}", &["ExpectedValue \"}\""]);
    check("x in 80}", &["UnmatchedBrace \"}\""]);
    check(
        "x in {80 = 5, 90} and and tcp",
        &["ExpectedSetEnd \"=\"", "ExpectedTest \"and\""],
    );
}

#[test]
fn ternaries_are_mended() {
    check("tcp ? udp", &["ExpectedColon @9"]);
    check("(tcp ? udp)", &["ExpectedColon \")\""]);
    check(
        "(tcp ? udp) and (",
        &[
            "ExpectedColon \")\"",
            "ExpectedTest @17",
            "UnclosedParen @17",
        ],
    );
    check(
        "(x ? y ? z)",
        &["ExpectedColon \")\"", "ExpectedColon \")\""],
    );
    check("(x ? y ? z : w)", &["ExpectedColon \")\""]);
    check("tcp : udp", &["UnexpectedColon \":\""]);
    check("tcp ? udp : icmp : ip", &["UnexpectedColon \":\""]);
    check(
        "x ? (y : z)",
        &["UnexpectedColon \":\"", "ExpectedColon @11"],
    );
    check("tcp? udp:icmp", &["ExpectedColon @13"]);
}

#[test]
fn bad_characters_are_skipped() {
    check("tcp & udp", &["LoneAmpersand \"&\""]);
    check("tcp | udp", &["LonePipe \"|\""]);
    check(
        "tcp AND udp Or NOT icmp",
        &[
            "WrongCaseKeyword \"AND\"",
            "WrongCaseKeyword \"Or\"",
            "WrongCaseKeyword \"NOT\"",
        ],
    );
    check("tcp @ udp", &["UnexpectedCharacter \"@\""]);
    check("tcp and @", &["UnexpectedCharacter \"@\""]);
    check("tcp @@# and udp", &["UnexpectedCharacter \"@@#\""]);
    check("@", &["UnexpectedCharacter \"@\""]);
    check("tcp = $80", &["UnexpectedCharacter \"$\""]);
    check(
        "\"tcp\"",
        &[
            "UnexpectedCharacter \"\\\"\"",
            "UnexpectedCharacter \"\\\"\"",
        ],
    );
    check("tcp and é and udp", &["UnexpectedCharacter \"é\""]);
    check("tcp\0and udp", &["NulByte \"\\0\""]);
    check("\0", &["NulByte \"\\0\""]);
    check(
        "tcp\0\0;",
        &[
            "NulByte \"\\0\"",
            "NulByte \"\\0\"",
            "UnexpectedCharacter \";\"",
        ],
    );
}

#[test]
fn unrelated_mistakes_are_all_reported() {
    check(
        "tcp and and udp or (foo",
        &["ExpectedTest \"and\"", "UnclosedParen @23"],
    );
    check(
        "tcp = 1 2 and udp = = 3 or ( ) ",
        &[
            "ExpectedOperator \"2\"",
            "ExpectedValue \"=\"",
            "EmptyParens \"( )\"",
        ],
    );
    check(
        "not and $ or x = and (y[] or",
        &[
            "ExpectedTest \"and\"",
            "UnexpectedCharacter \"$\"",
            "ExpectedValue \"and\"",
            "ExpectedIndex \"]\"",
            "ExpectedTest @28",
            "UnclosedParen @28",
        ],
    );
    check(
        "x = 1 = 2 or (tcp udp)) and in and z[",
        &[
            "ChainedComparison \"=\"",
            "ExpectedOperator \"udp\"",
            "UnmatchedParen \")\"",
            "ExpectedTest \"in\"",
            "UnclosedBracket @37",
        ],
    );
}

#[test]
fn errors_say_where_the_other_half_is() {
    let open = Span::new(4, 5);
    assert_eq!(only("tcp [3"), Kind::UnclosedBracket { open });
    assert_eq!(only("not (udp"), Kind::UnclosedParen { open });
    assert_eq!(only("x in{80"), Kind::UnclosedBrace { open });
    let question = Span::new(5, 6);
    let found = Found::Token(Token::RParen);
    assert_eq!(only("(tcp ? udp)"), Kind::ExpectedColon { question, found });
    let found = Found::End;
    assert_eq!(only(" tcp ? udp"), Kind::ExpectedColon { question, found });
}

#[test]
fn errors_say_what_was_found() {
    let found = Found::Token(Token::And);
    assert_eq!(only("tcp and and udp"), Kind::ExpectedTest { found });
    assert_eq!(only("x = and udp"), Kind::ExpectedValue { found });
    assert_eq!(only("tcp and"), Kind::ExpectedTest { found: Found::End });
    assert_eq!(only("@"), Kind::UnexpectedCharacter('@'));
    assert_eq!(only("x Or y"), Kind::WrongCaseKeyword(Keyword::Or));
}

#[test]
fn an_empty_filter_is_one_mistake() {
    for text in ["", " ", "\t\n\x0B\x0C\r ", "b", " b b ", "\x0B"] {
        assert_eq!(only(text), Kind::EmptyFilter, "{text:?}");
    }
}

#[test]
fn what_is_right_survives_what_is_wrong() {
    let count = |text: &str| {
        let ast = parse(text).ast;
        ast.iter()
            .filter(|(_, expr)| matches!(expr.kind, ExprKind::Test(_)))
            .count()
    };
    assert_eq!(count("tcp and and udp or (icmp"), 3);
    assert_eq!(count("tcp udp @ icmp"), 3);
    assert_eq!(count("x = 5) and (y = or z"), 2);
    assert_eq!(count("packet[3 = 5 and packet[4"), 2);
    // The five is part of the mistake, not a test of its own.
    assert_eq!(count("tcp - 5 and x = (5 or 6)"), 1);
}

#[test]
fn depth_is_limited_to_what_is_promised() {
    let nested = |depth: usize| format!("{}packet[3]{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(parse(&nested(MAX_DEPTH)).errors, []);
    assert_eq!(only(&nested(MAX_DEPTH + 1)), Kind::TooDeep);
    let chain = |depth: usize| format!("{}z", "x ? y : ".repeat(depth));
    assert_eq!(parse(&chain(MAX_DEPTH)).errors, []);
    assert_eq!(only(&chain(MAX_DEPTH + 1)), Kind::TooDeep);
}

#[test]
fn ten_thousand_parentheses_are_too_deep() {
    let Parse { ast, errors, .. } = parse(&"(".repeat(10_000));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].kind, Kind::TooDeep);
    assert_eq!(errors[0].span, Span::new(1000, 1001));
    assert_eq!(ast.len(), 1);
}

#[test]
fn long_text_is_read_up_to_the_limit() {
    let text = format!("{}tcp", "tcp and ".repeat(MAX_SOURCE_LEN / 8 - 1));
    assert_eq!(parse(&text).errors, []);
    let text = " ".repeat(MAX_SOURCE_LEN + 1);
    assert_eq!(only(&text), Kind::TooLong { len: text.len() });
}

#[test]
fn mistakes_without_end_take_no_time_to_speak_of() {
    // A deep stack makes it dear to look for a place to go on.
    let deep = "x and (".repeat(MAX_DEPTH - 2);
    let contexts = [
        String::new(),
        format!("{deep} x in {{"),
        format!("{deep} x ["),
        deep,
    ];
    let mistakes = [
        "@ ", "and ", "x ", "= ", ") ", "x[ ", "- ", "{ ", "[", "? ", ": ", "x = ", "/ ", "} ",
        "x in {y", "x in {- ", "x[- ", "x[y ", "not ", "!", "\0", "x = - ", "x,", "/= ", "()", "&",
        "x in {,", "b ", "] ",
    ];
    for before in &contexts {
        for mistake in mistakes {
            let times = MAX_SOURCE_LEN / 8 / mistake.len();
            let text = format!("{before}{}", mistake.repeat(times));
            let errors = parse(&text).errors;
            assert!(!errors.is_empty(), "{mistake:?}");
            assert!(
                errors.len() <= MAX_DEPTH + 2 * (MAX_ERRORS + 1),
                "{mistake:?}"
            );
        }
    }
}
