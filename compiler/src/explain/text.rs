//! The explanation as text for a terminal, without colour.

use core::fmt;

use super::{Clause, Directions, Explanation, Families, InstructionLine, goto};

/// Columns that text is wrapped at where it can be.
const WIDTH: usize = 80;

/// Where the values of the table of facts begin.
const COLUMN: usize = 14;

/// Deepest indentation; what is nested deeper stands below each other.
const MAX_INDENT: usize = 12;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wrap(f, &self.summary, 0)?;
        f.write_str("\n")?;
        if let [_, _, ..] = self.clauses.as_slice() {
            f.write_str("\n")?;
            for clause in &self.clauses {
                write_clause(f, clause)?;
            }
        }
        f.write_str("\n")?;
        fact(f, "layer", self.layer.name())?;
        fact(f, "direction", &self.directions.to_string())?;
        fact(f, "IP versions", &self.families.to_string())?;
        if let [_, _, ..] = self.layer.events() {
            fact(f, "events", &self.events.join(", "))?;
        }
        fact(f, "needs", &self.needs.join(", "))?;
        fact(f, "hooks", &self.hooks.join(", "))?;
        fact(f, "warnings", &self.warning_codes())?;
        let (count, limit) = (self.instruction_count, self.instruction_limit);
        fact(f, "instructions", &format!("{count} of {limit}"))?;
        for line in &self.instructions {
            write_instruction(f, line)?;
        }
        for sentence in &self.excluded {
            f.write_str("note: ")?;
            wrap(f, sentence, 6)?;
            f.write_str("\n")?;
        }
        // An object is there to be copied: never broken.
        write!(f, "object: {}", self.object)
    }
}

impl Explanation {
    /// The codes of the warnings as text.
    pub(super) fn warning_codes(&self) -> String {
        let codes: Vec<&str> = self.warnings.iter().map(|code| code.as_str()).collect();
        codes.join(", ")
    }
}

fn write_clause(f: &mut fmt::Formatter<'_>, clause: &Clause) -> fmt::Result {
    let depth = clause.depth.min(MAX_INDENT).saturating_add(1);
    let indent = depth.saturating_mul(2);
    write!(f, "{:indent$}", "")?;
    wrap(f, &clause.text, indent.saturating_add(2))?;
    f.write_str("\n")
}

/// One row of the table of facts; nothing if there is nothing to say.
fn fact(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    write!(f, "{name:COLUMN$}")?;
    wrap(f, value, COLUMN)?;
    f.write_str("\n")
}

fn write_instruction(f: &mut fmt::Formatter<'_>, line: &InstructionLine) -> fmt::Result {
    let (index, text) = (line.index, &line.text);
    let (success, failure) = (goto(line.success), goto(line.failure));
    let ways = format!("{success} : {failure}");
    if line.span.is_empty() {
        return writeln!(f, "  {index:>3}  {text:<40} ? {ways}");
    }
    let (start, end) = (line.span.start, line.span.end);
    writeln!(f, "  {index:>3}  {text:<40} ? {ways:<17} at {start}..{end}")
}

/// Writes words, breaking lines between them; `indent` columns are taken on
/// the first line and left free on the others.
fn wrap(f: &mut fmt::Formatter<'_>, text: &str, indent: usize) -> fmt::Result {
    let mut column = indent;
    for (at, word) in text.split(' ').enumerate() {
        let len = word.chars().count();
        let end = column.saturating_add(len).saturating_add(1);
        if at > 0 && end > WIDTH {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if at > 0 {
            f.write_str(" ")?;
            column = column.saturating_add(1);
        }
        f.write_str(word)?;
        column = column.saturating_add(len);
    }
    Ok(())
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.inbound, self.outbound) {
            (true, true) => "inbound, outbound",
            (true, false) => "inbound",
            (false, true) => "outbound",
            (false, false) => "",
        })
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.ipv4, self.ipv6) {
            (true, true) => "IPv4, IPv6",
            (true, false) => "IPv4",
            (false, true) => "IPv6",
            (false, false) => "",
        })
    }
}
