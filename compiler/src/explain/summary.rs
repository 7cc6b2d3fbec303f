//! The whole filter in one sentence, as far as one sentence can hold it.

use divert_vm::{Field, Insn, Layer};

use super::words::list;
use super::{Clause, ClauseKind};

/// Longest sentence that still helps, in bytes.
const MAX_LEN: usize = 240;

/// Most fields that are named when a filter is too long for a sentence.
const MAX_FIELDS: usize = 3;

/// Whether anything can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    Something,
    Nothing,
}

/// One sentence that says what a filter matches.
///
/// `matches` tells whether anything can match at all.
pub(super) fn of(clauses: &[Clause], insns: &[Insn], layer: Layer, matches: Matches) -> String {
    let noun = if layer.has_packets() {
        "packet".to_owned()
    } else {
        format!("{layer} event")
    };
    match insns {
        [only] if only.success == only.failure => {
            let every = only.success == divert_vm::Target::ACCEPT;
            let quantity = if every { "every" } else { "no" };
            return format!("Matches {quantity} {noun}.");
        }
        _ => {}
    }
    if matches == Matches::Nothing {
        return format!("Matches no {noun}: the tests exclude each other.");
    }
    let sentence = Tree(clauses).sentence(&noun);
    sentence
        .filter(|sentence| sentence.len() <= MAX_LEN)
        .unwrap_or_else(|| count(insns, &noun))
}

/// For what no sentence can hold: how many tests of which fields.
fn count(insns: &[Insn], noun: &str) -> String {
    let mut fields: Vec<Field> = Vec::new();
    for insn in insns {
        if !fields.contains(&insn.field) {
            fields.push(insn.field);
        }
    }
    let named = fields.iter().take(MAX_FIELDS);
    let mut names: Vec<String> = named.map(|field| field.name().to_owned()).collect();
    let more = fields.len().saturating_sub(names.len());
    if more > 0 {
        let s = if more == 1 { "" } else { "s" };
        names.push(format!("{more} more field{s}"));
    }
    let tests = insns.len();
    let s = if tests == 1 { "" } else { "s" };
    format!(
        "Matches a {noun} by {tests} test{s} of {}.",
        list(&names, "and")
    )
}

/// Clauses in the order of the list, read as a tree by their depth.
struct Tree<'a>(&'a [Clause]);

impl<'a> Tree<'a> {
    fn sentence(&self, noun: &str) -> Option<String> {
        let root = self.0.first()?;
        let parts = Tree(self.0.get(1..).unwrap_or_default()).children();
        match root.kind {
            ClauseKind::Test => Some(format!("Matches a {noun} if {}.", it(&root.text))),
            ClauseKind::AllOf => {
                let (nots, others): (Vec<_>, Vec<_>) = parts
                    .iter()
                    .partition(|part| part.kind() == Some(ClauseKind::Not));
                let others: Option<Vec<String>> = others.iter().map(|p| p.operand()).collect();
                let others = list(&others?, "and");
                match nots.as_slice() {
                    [] => Some(format!("Matches a {noun} if {others}.")),
                    [not] if !others.is_empty() => {
                        let not = not.negated()?;
                        Some(format!("Matches a {noun} if {others}, unless {not}."))
                    }
                    _ => None,
                }
            }
            ClauseKind::AnyOf => {
                let parts: Option<Vec<String>> = parts.iter().map(|p| p.operand()).collect();
                let parts = parts?;
                let simple = self.0.iter().all(|clause| clause.depth <= 1);
                let parts = if simple {
                    list(&parts, "or")
                } else {
                    parts.join(", or ")
                };
                Some(format!("Matches a {noun} if {parts}."))
            }
            ClauseKind::Not => {
                let not = parts.first()?.operand()?;
                Some(format!("Matches every {noun} unless {not}."))
            }
            ClauseKind::If => {
                // The three labels are of one depth, so the first is read as
                // the root and its part as the only child.
                let [cond, then, otherwise] = self.branches()?;
                let cond = Tree(cond).leaf()?;
                let (then, otherwise) = (Tree(then).branch()?, Tree(otherwise).branch()?);
                Some(format!(
                    "Where {cond}, matches {then}; otherwise {otherwise}."
                ))
            }
            _ => None,
        }
    }

    /// The subtrees that the clauses are, side by side.
    fn children(&self) -> Vec<Tree<'a>> {
        let Some(depth) = self.0.first().map(|first| first.depth) else {
            return Vec::new();
        };
        let mut children = Vec::new();
        let mut rest = self.0;
        while let [_, after @ ..] = rest {
            let inner = after.iter().take_while(|clause| clause.depth > depth);
            let len = inner.count().saturating_add(1);
            let (child, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            children.push(Tree(child));
            rest = after;
        }
        children
    }

    /// What is below "if", "then" and "otherwise".
    fn branches(&self) -> Option<[&'a [Clause]; 3]> {
        let labels = self.children();
        let below = |at: usize| labels.get(at)?.0.get(1..);
        Some([below(0)?, below(1)?, below(2)?])
    }

    fn kind(&self) -> Option<ClauseKind> {
        self.0.first().map(|clause| clause.kind)
    }

    /// The only clause, if there is but one.
    fn leaf(&self) -> Option<String> {
        match self.0 {
            [only] if only.kind == ClauseKind::Test => Some(only.text.clone()),
            _ => None,
        }
    }

    fn branch(&self) -> Option<String> {
        match self.0 {
            [only] if only.kind == ClauseKind::Const => Some(only.text.clone()),
            _ => Some(format!("if {}", self.operand()?)),
        }
    }

    /// A test, or a group of tests.
    fn operand(&self) -> Option<String> {
        let [first, inner @ ..] = self.0 else {
            return None;
        };
        if first.kind == ClauseKind::Test {
            return Some(it(&first.text));
        }
        let parts: Option<Vec<String>> = inner
            .iter()
            .map(|clause| Tree(std::slice::from_ref(clause)).leaf())
            .collect();
        let parts: Vec<String> = parts?.iter().map(|text| it(text)).collect();
        match first.kind {
            ClauseKind::AllOf => Some(list(&parts, "and")),
            ClauseKind::AnyOf => Some(format!("either {}", list(&parts, "or"))),
            _ => None,
        }
    }

    /// What is below a "not".
    fn negated(&self) -> Option<String> {
        Tree(self.0.get(1..)?).operand()
    }
}

/// A clause within a sentence about "a packet".
fn it(text: &str) -> String {
    let subject = ["the packet ", "the event "];
    let rest = subject
        .iter()
        .find_map(|subject| text.strip_prefix(subject));
    rest.map_or_else(|| text.to_owned(), |rest| format!("it {rest}"))
}
