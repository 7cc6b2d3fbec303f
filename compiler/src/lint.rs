//! Lints over the typed form: filters that compile but cannot be meant.

use divert_grammar::Span;
use divert_vm::{Field, Interval, Presence};

use crate::diag::{Finding, FindingKind};
use crate::hir::{Hir, HirId, Node, Test};

/// Adds what is strange about a filter as a whole.
///
/// `verdict` is the one that the filter has on everything, if there is one.
pub(crate) fn lint(hir: &Hir, verdict: Option<bool>, text: &str, findings: &mut Vec<Finding>) {
    for (_, node) in hir.iter() {
        if let Node::And(list) = node
            && let Some((span, other)) = contradiction(hir, hir.children(*list))
        {
            let kind = FindingKind::Contradiction { other };
            findings.push(Finding { kind, span });
        }
    }
    let Some(matches) = verdict else {
        return;
    };
    // Whoever writes `true` or `false` means it.
    if !matches!(text.trim(), "true" | "false") {
        findings.push(Finding {
            kind: FindingKind::ConstantFilter { matches },
            span: hir.span(hir.root()),
        });
    }
}

/// Two operands of an `and` that no packet passes both of.
fn contradiction(hir: &Hir, operands: &[HirId]) -> Option<(Span, Span)> {
    let mut seen: Vec<(&Test, Span)> = Vec::new();
    for id in operands {
        let Node::Test(test) = hir.node(*id) else {
            continue;
        };
        let span = hir.span(*id);
        // Long conjunctions are generated; looking at the nearest is enough.
        for (earlier, other) in seen.iter().rev().take(64) {
            if excludes(earlier, test) {
                return Some((span, *other));
            }
        }
        seen.push((test, span));
    }
    None
}

fn excludes(a: &Test, b: &Test) -> bool {
    if a.field == b.field && a.offset == b.offset {
        return a.values.intersect(&b.values).is_empty();
    }
    if let (Some(a), Some(b)) = (direction(a), direction(b)) {
        return a != b;
    }
    matches!((needs(a), needs(b)), (Some(a), Some(b)) if exclusive(a, b))
}

/// Whether a test asks for outbound (true) or inbound (false) events.
fn direction(test: &Test) -> Option<bool> {
    let one = test.values.contains(1);
    let all = test.values.covers(Interval::domain(test.field));
    match test.field {
        Field::Outbound if !all => Some(one),
        Field::Inbound if !all => Some(!one),
        _ => None,
    }
}

/// The header that must be present for a test to hold.
fn needs(test: &Test) -> Option<Presence> {
    let is_itself =
        |header: &Presence| header.field() == Some(test.field) && !test.values.contains(0);
    match test.field.presence() {
        Presence::None => Presence::HEADERS.into_iter().find(is_itself),
        header => Some(header),
    }
}

/// Whether no packet has both headers.
fn exclusive(a: Presence, b: Presence) -> bool {
    use Presence::{Icmp, Icmpv6, Ip, Ipv6, Tcp, Udp};
    let transport = |header| matches!(header, Icmp | Icmpv6 | Tcp | Udp);
    a != b
        && (transport(a) && transport(b)
            || matches!((a, b), (Ip, Ipv6) | (Ipv6, Ip))
            || matches!((a, b), (Ip, Icmpv6) | (Icmpv6, Ip))
            || matches!((a, b), (Ipv6, Icmp) | (Icmp, Ipv6)))
}
