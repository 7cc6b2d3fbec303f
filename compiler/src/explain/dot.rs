//! The instructions as a graph for Graphviz.

use core::fmt::{self, Write};

use divert_vm::Target;

use super::test_text;
use crate::filter::Filter;

/// The instructions as a Graphviz `digraph`.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, explain::to_dot, Layer};
///
/// let dot = to_dot(&compile("tcp", Layer::Network)?);
/// assert!(dot.contains(r#"n0 -> accept [label="T""#));
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[must_use]
pub fn to_dot(filter: &Filter) -> String {
    let mut dot = String::new();
    // Writing to a string cannot fail.
    let _ = write_dot(filter, &mut dot);
    dot
}

fn write_dot(filter: &Filter, dot: &mut String) -> fmt::Result {
    dot.write_str(concat!(
        "digraph filter {\n",
        "  node [shape=box, fontname=monospace];\n",
        "  accept [shape=oval, color=darkgreen];\n",
        "  reject [shape=oval, color=firebrick];\n",
    ))?;
    for (at, insn) in filter.written().insns.iter().enumerate() {
        let label = escape(&test_text(insn, filter.layer()));
        writeln!(dot, "  n{at} [label=\"{at}: {label}\"];")?;
        let (success, failure) = (node(insn.success), node(insn.failure));
        if success == failure {
            writeln!(dot, "  n{at} -> {success};")?;
            continue;
        }
        writeln!(dot, "  n{at} -> {success} [label=\"T\", color=darkgreen];")?;
        writeln!(dot, "  n{at} -> {failure} [label=\"F\", color=firebrick];")?;
    }
    dot.write_str("}\n")
}

fn node(target: Target) -> String {
    match (target, target.index()) {
        (_, Some(index)) => format!("n{index}"),
        (Target::ACCEPT, None) => "accept".to_owned(),
        _ => "reject".to_owned(),
    }
}

/// The text inside a quoted string of the DOT language.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
