//! Explanation, picture and trace as one HTML file without references.

use core::fmt::{self, Write};

use super::{Explanation, Trace, explain, goto, to_svg};
use crate::filter::Filter;

/// Most clauses that light up together with their text.
const MAX_LINKS: usize = 300;

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#24292f;--bg:#fff;--soft:#f6f8fa;--line:#d0d7de;--mark:#fff1a8}\
@media(prefers-color-scheme:dark){\
:root{--fg:#d0d7de;--bg:#0d1117;--soft:#161b22;--line:#30363d;--mark:#6b5300}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);\
max-width:72rem;margin:2rem auto;padding:0 1rem}\
pre,code,td.m{font-family:ui-monospace,monospace;font-size:13px}\
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.7rem;\
white-space:pre-wrap;overflow-wrap:anywhere}\
table{border-collapse:collapse;margin:.7rem 0}\
td,th{border:1px solid var(--line);padding:.15rem .6rem;text-align:left;vertical-align:top}\
ul.c{list-style:none;padding:0}ul.c li{padding:.05rem 0}\
.k{font-weight:600}.why{opacity:.7}.fig{overflow:auto;border:1px solid var(--line);border-radius:6px}\
.hit{font-weight:600}.verdict{font-weight:600}\n";

/// Explanation, instructions and picture, and a trace if there is one, as a
/// page that needs nothing else: no script, no other file.
///
/// # Examples
///
/// ```
/// use divert_compiler::{compile, explain::to_html, Layer};
///
/// let html = to_html(&compile("tcp and length < 100", Layer::Network)?, None);
/// assert!(html.contains("length &lt; 100"));
/// # Ok::<(), divert_compiler::Diagnostics>(())
/// ```
#[must_use]
pub fn to_html(filter: &Filter, trace: Option<&Trace>) -> String {
    let explanation = explain(filter);
    let page = Page {
        links: Link::of(&explanation),
        explanation: &explanation,
    };
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = page.write(&mut html, &to_svg(filter), trace);
    html
}

/// Escapes text for HTML and XML, attributes included.
///
/// White space that XML has no place for becomes a space.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(char),
            _ if char.is_control() || matches!(char, '\u{FFFE}' | '\u{FFFF}') => escaped.push(' '),
            _ => escaped.push(char),
        }
    }
    escaped
}

/// A piece of the filter text that lights up with its clause.
struct Link {
    start: usize,
    end: usize,
    clause: usize,
}

impl Link {
    /// The clauses that have no clauses below them, disjoint and in the order
    /// of the text.
    fn of(explanation: &Explanation) -> Vec<Self> {
        let clauses = explanation.clauses.iter().enumerate();
        let leaves = clauses.filter(|(_, clause)| clause.kind.label().is_empty());
        let mut links: Vec<Self> = leaves
            .map(|(at, clause)| Self {
                start: clause.span.start,
                end: clause.span.end,
                clause: at,
            })
            .filter(|link| link.start < link.end)
            .take(MAX_LINKS)
            .collect();
        links.sort_by_key(|link| (link.start, link.end));
        let mut end = 0;
        links.retain(|link| {
            let disjoint = link.start >= end;
            if disjoint {
                end = link.end;
            }
            disjoint
        });
        links
    }
}

struct Page<'a> {
    explanation: &'a Explanation,
    links: Vec<Link>,
}

impl Page<'_> {
    fn write(&self, html: &mut String, svg: &str, trace: Option<&Trace>) -> fmt::Result {
        let summary = escape(&self.explanation.summary);
        write!(
            html,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width\"/>\n\
             <title>Filter explained</title>\n<style>{STYLE}"
        )?;
        for Link { clause, .. } in &self.links {
            writeln!(
                html,
                "body:has(.c{clause}:hover) .c{clause}{{background:var(--mark)}}"
            )?;
        }
        write!(
            html,
            "</style>\n</head>\n<body>\n<h1>Filter explained</h1>\n"
        )?;
        self.write_source(html)?;
        writeln!(html, "<p>{summary}</p>")?;
        self.write_clauses(html)?;
        self.write_facts(html)?;
        if let Some(trace) = trace {
            self.write_trace(html, trace)?;
        }
        self.write_instructions(html)?;
        write!(html, "<div class=\"fig\">{svg}</div>\n</body>\n</html>\n")
    }

    fn write_source(&self, html: &mut String) -> fmt::Result {
        let source = &self.explanation.source;
        let text = |range| escape(source.get(range).unwrap_or_default());
        html.write_str("<pre>")?;
        let mut at = 0;
        for Link { start, end, clause } in &self.links {
            let (before, inside) = (text(at..*start), text(*start..*end));
            write!(html, "{before}<span class=\"c{clause}\">{inside}</span>")?;
            at = *end;
        }
        writeln!(html, "{}</pre>", text(at..source.len()))
    }

    fn write_clauses(&self, html: &mut String) -> fmt::Result {
        html.write_str("<ul class=\"c\">\n")?;
        for (at, clause) in self.explanation.clauses.iter().enumerate() {
            let (depth, text) = (clause.depth.min(20), escape(&clause.text));
            let kind = if clause.kind.label().is_empty() {
                ""
            } else {
                " class=\"k\""
            };
            write!(
                html,
                "<li style=\"margin-left:{depth}.5rem\"><span class=\"c{at}\"><span{kind}>{text}</span></span>"
            )?;
            if let Some(absent) = &clause.absent {
                write!(html, " <span class=\"why\">(not {})</span>", escape(absent))?;
            }
            html.write_str("</li>\n")?;
        }
        html.write_str("</ul>\n")
    }

    fn write_facts(&self, html: &mut String) -> fmt::Result {
        let e = self.explanation;
        let count = format!("{} of {}", e.instruction_count, e.instruction_limit);
        let rows = [
            ("layer", e.layer.name().to_owned()),
            ("direction", e.directions.to_string()),
            ("IP versions", e.families.to_string()),
            ("events", e.events.join(", ")),
            ("needs", e.needs.join(", ")),
            ("hooks", e.hooks.join(", ")),
            ("warnings", e.warning_codes()),
            ("instructions", count),
            ("left out", e.excluded.join("; ")),
            ("object", e.object.clone()),
        ];
        html.write_str("<table>\n")?;
        for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            let value = escape(value);
            writeln!(
                html,
                "<tr><th>{name}</th><td style=\"overflow-wrap:anywhere\">{value}</td></tr>"
            )?;
        }
        html.write_str("</table>\n")
    }

    fn write_instructions(&self, html: &mut String) -> fmt::Result {
        html.write_str(
            "<h2>Instructions</h2>\n<table>\n\
             <tr><th></th><th>test</th><th>holds</th><th>fails</th><th>meaning</th></tr>\n",
        )?;
        for line in &self.explanation.instructions {
            let class = self.class_of(line.span.start, line.span.end);
            let (index, text, meaning) = (line.index, escape(&line.text), escape(&line.meaning));
            let (success, failure) = (goto(line.success), goto(line.failure));
            writeln!(
                html,
                "<tr{class}><td>{index}</td><td class=\"m\">{text}</td><td>{success}</td>\
                 <td>{failure}</td><td>{meaning}</td></tr>"
            )?;
        }
        html.write_str("</table>\n")
    }

    fn write_trace(&self, html: &mut String, trace: &Trace) -> fmt::Result {
        let subject = escape(&trace.subject);
        writeln!(
            html,
            "<h2>Trace</h2>\n<p><code>{subject}</code></p>\n<table>\n\
             <tr><th></th><th>test</th><th>value</th><th>why</th><th>next</th></tr>"
        )?;
        for step in &trace.steps {
            let class = self.class_of(step.span.start, step.span.end);
            let index = step.index;
            let hit = if trace.decided_by == Some(index) {
                " class=\"hit\""
            } else {
                ""
            };
            let value = step.value.as_deref().unwrap_or("none");
            let (test, value) = (escape(&step.test), escape(value));
            let (why, next) = (escape(&step.reason), goto(step.next));
            writeln!(
                html,
                "<tr{class}><td{hit}>{index}</td><td class=\"m\">{test}</td>\
                 <td class=\"m\">{value}</td><td>{why}</td><td>{next}</td></tr>"
            )?;
        }
        html.write_str("</table>\n")?;
        if let Some(fault) = &trace.fault {
            writeln!(html, "<p>Broke off: {}.</p>", escape(fault))?;
        }
        let verdict = if trace.verdict { "match" } else { "no match" };
        writeln!(html, "<p class=\"verdict\">{verdict}</p>")
    }

    /// The class that a row shares with the clause its text belongs to.
    fn class_of(&self, start: usize, end: usize) -> String {
        let contains = |link: &&Link| link.start <= start && end <= link.end && start < end;
        let link = self.links.iter().find(contains);
        link.map_or_else(String::new, |link| format!(" class=\"c{}\"", link.clause))
    }
}
