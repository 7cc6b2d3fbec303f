//! Graphs as text, both ways.
//!
//! ```text
//! graph network
//! n3: outbound [0: reject, 1: n2] absent reject
//! n2: tcp.Payload[4] [0: reject, 80: accept, 81: reject] absent n1
//! ```
//!
//! The first node is the root; a graph without nodes is one verdict. Names
//! are free, but a node is written before those it leads to. Values are
//! ordinals: signed values are shifted by 2^127, and `packet[4]` indexes
//! bytes whatever the width of the field.

use core::fmt;
use core::str::FromStr;

use divert_grammar::Span;
use divert_vm::{Field, Layer};
use rustc_hash::FxHashMap;

use super::{Edge, Graph, NodeId, Subject};

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.verdict(), self.index()) {
            (Some(true), _) => f.write_str("accept"),
            (None, Some(index)) => write!(f, "n{index}"),
            _ => f.write_str("reject"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.name())?;
        if self.field.field_type().is_data() {
            write!(f, "[{}]", self.offset)?;
        }
        Ok(())
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {}", self.layer.slug())?;
        if self.root.verdict().is_some() {
            return writeln!(f, "{}", self.root);
        }
        let reached = self.reachable();
        let live = |id: &NodeId| reached.get(id.as_usize()) == Some(&true);
        for id in self.ids().rev().filter(live) {
            let Some(node) = self.node(id) else { continue };
            write!(f, "{id}: {} [", node.subject)?;
            for (at, edge) in node.edges.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                if edge.from > u128::from(u32::MAX) {
                    write!(f, "{comma}{:#x}: {}", edge.from, edge.to)?;
                } else {
                    write!(f, "{comma}{}: {}", edge.from, edge.to)?;
                }
            }
            writeln!(f, "] absent {}", node.absent)?;
        }
        Ok(())
    }
}

/// Why text is no graph, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}", self.line, self.expected)
    }
}

impl core::error::Error for ParseError {}

impl FromStr for Graph {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut lines = text.lines().enumerate().map(|(at, line)| Line {
            number: at.saturating_add(1),
            text: line.trim(),
        });
        let header = lines.next().unwrap_or(Line {
            number: 1,
            text: "",
        });
        let name = header.text.strip_prefix("graph ");
        let layer = name.and_then(|name| Layer::ALL.into_iter().find(|l| l.slug() == name));
        let layer = header.some(layer, "`graph` and a layer")?;
        let body: Vec<Line<'_>> = lines.filter(|line| !line.text.is_empty()).collect();
        let mut graph = Self::constant(layer, false);
        let mut names =
            FxHashMap::from_iter([("accept", NodeId::ACCEPT), ("reject", NodeId::REJECT)]);
        if let [only] = body.as_slice()
            && let Some(verdict) = names.get(only.text)
        {
            graph.root = *verdict;
            return Ok(graph);
        }
        for line in body.iter().rev() {
            let (name, rest) = line.some(line.text.split_once(": "), "a name and `: `")?;
            graph.root = node(*line, rest, &mut graph, &names)?;
            names.insert(name, graph.root);
        }
        Ok(graph)
    }
}

#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    fn some<T>(self, value: Option<T>, expected: &'static str) -> Result<T, ParseError> {
        value.ok_or(ParseError {
            line: self.number,
            expected,
        })
    }
}

fn node(
    line: Line<'_>,
    text: &str,
    graph: &mut Graph,
    names: &FxHashMap<&str, NodeId>,
) -> Result<NodeId, ParseError> {
    let target = |name: &str| line.some(names.get(name).copied(), "a node of a later line");
    let (name, rest) = line.some(text.split_once(" ["), "a subject and ` [`")?;
    let subject = line.some(subject(name), "a field, with an index if it is data")?;
    let (list, absent) = line.some(rest.split_once("] absent "), "`] absent ` and a node")?;
    let mut edges = Vec::new();
    for edge in list.split(", ") {
        let (from, to) = line.some(edge.split_once(": "), "a value and `: `")?;
        let from = line.some(number(from), "a number")?;
        edges.push(Edge::new(from, target(to)?));
    }
    let absent = target(absent)?;
    Ok(graph.push(subject, edges, absent, Span::default()))
}

fn subject(text: &str) -> Option<Subject> {
    let (name, offset) = match text.strip_suffix(']') {
        Some(text) => {
            let (name, offset) = text.split_once('[')?;
            (name, offset.parse().ok()?)
        }
        None => (text, 0),
    };
    let field = Field::from_name(name)?;
    let subject = Subject { field, offset };
    (field.field_type().is_data() == text.ends_with(']')).then_some(subject)
}

fn number(text: &str) -> Option<u128> {
    match text.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
