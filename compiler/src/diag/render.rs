//! Diagnostics drawn for a terminal. The only file that knows ariadne.

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, Source};
use divert_grammar::Span;

use super::{Diagnostic, Diagnostics, Severity};

/// How diagnostics are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderOptions<'a> {
    /// Whether to use colours.
    pub color: bool,
    /// What the filter is called, e.g. its file name.
    pub name: &'a str,
}

impl Default for RenderOptions<'_> {
    fn default() -> Self {
        Self {
            color: false,
            name: "filter",
        }
    }
}

/// Bytes of a line around a diagnostic that are drawn; a filter can be a
/// single line of a megabyte.
const WINDOW: usize = 72;

impl Diagnostics {
    /// Draws all of them.
    #[must_use]
    pub fn render(&self, options: RenderOptions<'_>) -> String {
        let draw = |d: &Diagnostic| d.render(self.source(), options);
        self.iter().map(draw).collect::<Vec<_>>().join("\n")
    }
}

impl Diagnostic {
    /// Draws the diagnostic on the filter text it is about.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::{compile, Layer};
    ///
    /// let wrong = compile("tcp AND udp", Layer::Network).unwrap_err();
    /// let text = wrong.render(Default::default());
    /// assert!(text.starts_with("[E0105] Error:"), "{text}");
    /// ```
    #[must_use]
    pub fn render(&self, source: &str, options: RenderOptions<'_>) -> String {
        let view = View::around(source, self.span);
        let kind = match self.severity {
            Severity::Error => ReportKind::Error,
            Severity::Warning => ReportKind::Warning,
            Severity::Note => ReportKind::Advice,
        };
        let color = match self.severity {
            Severity::Error => Color::Red,
            Severity::Warning => Color::Yellow,
            Severity::Note => Color::Blue,
        };
        let config = Config::default()
            .with_color(options.color)
            .with_index_type(IndexType::Byte);
        // Of a part, the column alone would not tell where it is.
        let name = match view.start {
            0 => options.name.to_owned(),
            start => format!("{}, from byte {start}", options.name),
        };
        let at = |span| (name.as_str(), view.range(span));
        let mut report = Report::build(kind, at(self.span))
            .with_config(config)
            .with_code(self.code)
            .with_message(&self.message);
        for label in self.labels.iter().filter(|label| view.shows(label.span)) {
            let color = if label.span == self.span {
                color
            } else {
                Color::Cyan
            };
            let label = Label::new(at(label.span)).with_message(&label.message);
            report = report.with_label(label.with_color(color));
        }
        for note in &self.notes {
            report = report.with_note(note);
        }
        if let Some(help) = &self.help {
            report = report.with_help(help);
        }
        if let Some(suggestion) = &self.suggestion {
            let text = shorten(&suggestion.replacement);
            report = report.with_help(format!("{}: `{text}`", suggestion.title));
        }
        let mut drawn = Vec::new();
        let cache = (name.as_str(), Source::from(view.text.as_str()));
        if report.finish().write(cache, &mut drawn).is_err() {
            return format!("{self}\n");
        }
        let drawn = String::from_utf8_lossy(&drawn);
        let lines: Vec<&str> = drawn.lines().map(str::trim_end).collect();
        lines.join("\n") + "\n"
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(WINDOW) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The part of a filter that is drawn. Control characters become pictures of
/// themselves of the same length, so that nothing in a filter can play tricks
/// on a terminal.
struct View {
    text: String,
    /// The byte of the filter that `text` begins with.
    start: usize,
}

impl View {
    fn around(source: &str, span: Span) -> Self {
        let range = span.range();
        let (start, end) = if source.len() <= 4 * WINDOW {
            (0, source.len())
        } else {
            let start = floor(source, range.start.saturating_sub(WINDOW / 2));
            let end = range.end.min(range.start.saturating_add(WINDOW));
            (start, floor(source, end.saturating_add(WINDOW / 2)))
        };
        let shown = source.get(start..end).unwrap_or_default();
        let visible = |c: char| match c {
            '\n' => c,
            // One byte each, so that spans still fit.
            c if c.is_ascii_control() => ' ',
            c => c,
        };
        let mut text: String = shown.chars().map(visible).collect();
        // Something to point at when a diagnostic is about the end.
        text.push(' ');
        Self { text, start }
    }

    fn shows(&self, span: Span) -> bool {
        let end = self.start.saturating_add(self.text.len());
        (self.start..end).contains(&span.range().start)
    }

    fn range(&self, span: Span) -> core::ops::Range<usize> {
        let last = self.text.len().saturating_sub(1);
        let start = span.range().start.saturating_sub(self.start).min(last);
        let end = span.range().end.saturating_sub(self.start).min(last);
        floor(&self.text, start)
            ..floor(&self.text, end).max(start.saturating_add(1).min(last.saturating_add(1)))
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
