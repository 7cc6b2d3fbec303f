//! Diagnostics drawn under the filter, for a terminal.
//!
//! `ariadne` is used here only. It gets an excerpt of the filter, never all of
//! it: a line of a megabyte is no picture. Invisible characters are replaced.

use ariadne::{Config, IndexType, Label, Report, ReportKind, Source};

use super::position::{Position, floor};
use super::quote::escape;
use super::{Diagnostic, Diagnostics, Severity};

/// Most of a place that is shown, in bytes.
const MAX_PLACE: usize = 80;

/// How much is shown before and after it.
const MARGIN: usize = 50;

/// Most empty lines put before an excerpt to number its lines.
const MAX_LINES: usize = 100_000;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderOptions<'a> {
    /// Whether to use ANSI colours.
    pub color: bool,
    /// What the filter is called, such as the name of its file.
    pub name: &'a str,
}

impl Default for RenderOptions<'_> {
    /// No colour; the filter is called `filter`.
    fn default() -> Self {
        Self {
            color: false,
            name: "filter",
        }
    }
}

impl Diagnostic {
    /// Draws the diagnostic under the filter it is about.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::diag::RenderOptions;
    /// use divert_compiler::{compile, Layer};
    ///
    /// let error = compile("tcp and", Layer::Network).unwrap_err();
    /// let first = error.first().unwrap();
    /// let text = first.render(error.source(), RenderOptions::default());
    /// assert!(text.starts_with("[E0301] Error: the filter ends where a test is expected"));
    /// ```
    #[must_use]
    pub fn render(&self, source: &str, options: RenderOptions<'_>) -> String {
        let excerpt = Excerpt::new(source, self);
        let name = escape(options.name);
        let kind = match self.severity {
            Severity::Error => ReportKind::Error,
            Severity::Warning => ReportKind::Warning,
            Severity::Note => ReportKind::Advice,
        };
        let color = match self.severity {
            Severity::Error => ariadne::Color::Red,
            Severity::Warning => ariadne::Color::Yellow,
            Severity::Note => ariadne::Color::Cyan,
        };
        let config = Config::new()
            .with_index_type(IndexType::Char)
            .with_color(options.color);
        let place = (name.clone(), excerpt.place(self.span.start, self.span.end));
        let mut report = Report::build(kind, place)
            .with_config(config)
            .with_code(self.code)
            .with_message(&self.message);
        let mut notes = self.notes.clone();
        for (order, label) in self.labels.iter().enumerate() {
            if !excerpt.has(label.span.start) {
                let position = Position::of(source, label.span.start);
                notes.push(format!("{} at {position}", label.message));
                continue;
            }
            let place = excerpt.place(label.span.start, label.span.end);
            let color = if order == 0 {
                color
            } else {
                ariadne::Color::Cyan
            };
            let label = Label::new((name.clone(), place)).with_message(&label.message);
            report.add_label(label.with_color(color));
        }
        report.with_helps(self.helps(source));
        report.with_notes(notes);
        let mut out = Vec::new();
        let cache = (name.clone(), Source::from(excerpt.text.as_str()));
        // Writing to memory cannot fail.
        let _ = report.finish().write(cache, &mut out);
        let drawn = String::from_utf8_lossy(&out);
        // The picture is padded with blanks to the right.
        let drawn: String = drawn
            .lines()
            .flat_map(|line| [line.trim_end(), "\n"])
            .collect();
        excerpt.correct_position(drawn, &name, self.position(source))
    }

    /// The help, and the suggestion as a filter if that is short enough.
    fn helps(&self, source: &str) -> Vec<String> {
        let mut helps: Vec<String> = self.help.iter().cloned().collect();
        let Some(suggestion) = &self.suggestion else {
            return helps;
        };
        let title = &suggestion.title;
        let replacement = suggestion.replacement.trim();
        let len = source.len().saturating_add(replacement.len());
        let is_line = !source.trim().contains('\n');
        helps.push(if len <= MAX_SHOWN && is_line {
            format!("{title}: {}", escape(suggestion.apply(source).trim()))
        } else if replacement.len() > MAX_SHOWN || title.contains(replacement) {
            title.clone()
        } else {
            format!("{title}: {}", escape(replacement))
        });
        helps
    }
}

/// Longest filter that is shown with its suggestion applied, in bytes.
const MAX_SHOWN: usize = 160;

impl Diagnostics {
    /// Draws every diagnostic under the filter.
    #[must_use]
    pub fn render(&self, options: RenderOptions<'_>) -> String {
        let render = |diagnostic: &Diagnostic| diagnostic.render(self.source(), options);
        self.iter().map(render).collect::<Vec<_>>().join("\n")
    }
}

/// A part of a filter, safe to print, with the way from offsets to it.
struct Excerpt {
    text: String,
    /// Byte offset in the filter of each character, and of the end.
    offsets: Vec<usize>,
    /// Characters before the first of them.
    lead: usize,
    /// Whether columns in the excerpt are not those of the filter.
    is_cut: bool,
}

impl Excerpt {
    fn new(source: &str, diagnostic: &Diagnostic) -> Self {
        let offset = |at: u32| floor(source, usize::try_from(at).unwrap_or(usize::MAX));
        let place = offset(diagnostic.span.start)..offset(diagnostic.span.end);
        let end = place
            .end
            .min(place.start.saturating_add(MAX_PLACE))
            .saturating_add(MARGIN);
        let end = match source.len().checked_sub(end) {
            Some(rest) if rest > MARGIN => floor(source, end),
            _ => source.len(),
        };
        let start = match place.start.checked_sub(MARGIN) {
            Some(start) if start > MARGIN => floor(source, start),
            _ => 0,
        };
        let before = source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        // A line that begins nearby is shown from its beginning.
        let start = if start.saturating_sub(line_start) <= MARGIN {
            line_start
        } else {
            start
        };
        let is_cut = start > line_start;
        let lines = before
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count()
            .min(MAX_LINES);
        let mut text = "\n".repeat(lines);
        if is_cut {
            text.push('…');
        }
        let lead = text.chars().count();
        let mut offsets = Vec::new();
        for (at, c) in source.get(start..end).unwrap_or_default().char_indices() {
            offsets.push(start.saturating_add(at));
            text.push(visible(c));
        }
        offsets.push(end);
        if end < source.len() && !text.ends_with('\n') {
            text.push('…');
        }
        Self {
            text,
            offsets,
            lead,
            is_cut,
        }
    }

    fn has(&self, offset: u32) -> bool {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let (first, last) = (self.offsets.first(), self.offsets.last());
        first.is_some_and(|first| *first <= at) && last.is_some_and(|last| at <= *last)
    }

    /// The characters that show this span, cut to the excerpt.
    fn place(&self, start: u32, end: u32) -> core::ops::Range<usize> {
        let index = |offset: u32| {
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            let index = self.offsets.partition_point(|offset| *offset < at);
            index
                .min(self.offsets.len().saturating_sub(1))
                .saturating_add(self.lead)
        };
        let start = index(start);
        start..index(end).max(start)
    }

    /// Puts the true position in the place of that within the excerpt.
    fn correct_position(&self, drawn: String, name: &str, position: Position) -> String {
        if !self.is_cut {
            return drawn;
        }
        let Some((message, picture)) = drawn.split_once('\n') else {
            return drawn;
        };
        let Some((frame, rest)) = picture.split_once(&format!(" {name}:")) else {
            return drawn;
        };
        let Some((_, rest)) = rest.split_once(' ') else {
            return drawn;
        };
        format!("{message}\n{frame} {name}:{position} {rest}")
    }
}

/// A character as it is printed; one for one.
fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\r' => ' ',
        '\0'..='\x1f' => char::from_u32(u32::from(c).saturating_add(0x2400)).unwrap_or('\u{FFFD}'),
        '\x7f' => '␡',
        _ if c.escape_debug().count() > 1 && !matches!(c, '\'' | '"' | '\\') => '\u{FFFD}',
        _ => c,
    }
}
