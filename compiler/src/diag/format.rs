//! Diagnostics for programs: one line each, GitHub annotations, SARIF.

use core::fmt;

use divert_grammar::Span;

use super::{Diagnostic, Severity};

/// Line and column of a byte offset, both from 1; columns count characters.
#[must_use]
pub fn line_column(source: &str, offset: u32) -> (usize, usize) {
    let offset = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(source.len());
    let before = (0..=offset)
        .rev()
        .find_map(|at| source.get(..at))
        .unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    let in_line = before.rsplit('\n').next().unwrap_or_default();
    (line, in_line.chars().count().saturating_add(1))
}

/// `file:line:column: error[E0203]: message`
#[derive(Clone, Copy, Debug)]
pub struct Short<'a> {
    /// The diagnostic.
    pub diagnostic: &'a Diagnostic,
    /// The filter text.
    pub source: &'a str,
    /// What the filter is called.
    pub name: &'a str,
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            diagnostic,
            source,
            name,
        } = self;
        let (line, column) = line_column(source, diagnostic.span.start);
        let Diagnostic { severity, code, .. } = diagnostic;
        write!(
            f,
            "{name}:{line}:{column}: {severity}[{code}]: {}",
            diagnostic.message
        )
    }
}

/// A workflow command of GitHub Actions, which annotates a file.
#[derive(Clone, Copy, Debug)]
pub struct GitHub<'a>(pub Short<'a>);

impl fmt::Display for GitHub<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Short {
            diagnostic,
            source,
            name,
        } = self.0;
        let command = match diagnostic.severity {
            Severity::Note => "notice",
            severity => severity.as_str(),
        };
        let Span { start, end } = diagnostic.span;
        let (line, column) = line_column(source, start);
        let (end_line, end_column) = line_column(source, end);
        write!(f, "::{command} file={}", property(name))?;
        write!(
            f,
            ",line={line},endLine={end_line},col={column},endColumn={end_column}"
        )?;
        let mut message = diagnostic.message.clone();
        if let Some(help) = &diagnostic.help {
            message = format!("{message}\n{help}");
        }
        write!(f, ",title={}::{}", diagnostic.code, data(&message))
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// SARIF 2.1.0, as far as a list of results needs it.
#[cfg(feature = "serde")]
pub mod sarif {
    use serde::Serialize;

    use super::super::{Code, Diagnostic, Severity};
    use super::line_column;

    /// A whole log.
    #[derive(Clone, Debug, Serialize)]
    pub struct Log {
        #[serde(rename = "$schema")]
        schema: &'static str,
        version: &'static str,
        runs: [Run; 1],
    }

    #[derive(Clone, Debug, Serialize)]
    struct Run {
        tool: Tool,
        #[serde(rename = "columnKind")]
        column_kind: &'static str,
        results: Vec<Outcome>,
    }

    #[derive(Clone, Debug, Serialize)]
    struct Tool {
        driver: Driver,
    }

    #[derive(Clone, Debug, Serialize)]
    struct Driver {
        name: &'static str,
        version: &'static str,
        rules: Vec<Rule>,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Rule {
        id: &'static str,
        name: &'static str,
        short_description: Text,
        full_description: Text,
    }

    #[derive(Clone, Debug, Serialize)]
    struct Text {
        text: String,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Outcome {
        rule_id: &'static str,
        level: &'static str,
        message: Text,
        locations: [Location; 1],
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Location {
        physical_location: PhysicalLocation,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct PhysicalLocation {
        artifact_location: ArtifactLocation,
        region: Region,
    }

    #[derive(Clone, Debug, Serialize)]
    struct ArtifactLocation {
        uri: String,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Region {
        start_line: usize,
        start_column: usize,
        end_line: usize,
        end_column: usize,
    }

    impl Log {
        /// The log of a check of one filter; `uri` names its file.
        pub fn new<'a>(
            diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
            source: &str,
            uri: &str,
        ) -> Self {
            let outcome = |diagnostic| outcome(diagnostic, source, uri);
            let rule = |code: &Code| Rule {
                id: code.as_str(),
                name: code.slug(),
                short_description: Text {
                    text: code.title().into(),
                },
                full_description: Text {
                    text: code.explanation().into(),
                },
            };
            Self {
                schema: "https://json.schemastore.org/sarif-2.1.0.json",
                version: "2.1.0",
                runs: [Run {
                    tool: Tool {
                        driver: Driver {
                            name: "divertc",
                            version: env!("CARGO_PKG_VERSION"),
                            rules: Code::ALL.iter().map(rule).collect(),
                        },
                    },
                    column_kind: "unicodeCodePoints",
                    results: diagnostics.into_iter().map(outcome).collect(),
                }],
            }
        }
    }

    fn outcome(diagnostic: &Diagnostic, source: &str, uri: &str) -> Outcome {
        let (start_line, start_column) = line_column(source, diagnostic.span.start);
        let (end_line, end_column) = line_column(source, diagnostic.span.end);
        Outcome {
            rule_id: diagnostic.code.as_str(),
            level: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            },
            message: Text {
                text: diagnostic.message.clone(),
            },
            locations: [Location {
                physical_location: PhysicalLocation {
                    artifact_location: ArtifactLocation { uri: uri.into() },
                    region: Region {
                        start_line,
                        start_column,
                        end_line,
                        end_column,
                    },
                },
            }],
        }
    }
}
