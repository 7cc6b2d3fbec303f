//! SARIF 2.1.0, the format of code scanning services.
//!
//! Only what such a service shows; field names are those of the standard.

use serde::Serialize;

use crate::diag::{Code, Diagnostic, Position, Severity};

/// A log with one run of one tool.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

impl Log {
    /// The log of one filter, in a file or under another name.
    ///
    /// # Examples
    ///
    /// ```
    /// use divert_compiler::diag::format::sarif::Log;
    /// use divert_compiler::{compile, Layer};
    ///
    /// let error = compile("TCP", Layer::Network).unwrap_err();
    /// let log = Log::new(&error, error.source(), "rules.txt");
    /// # let _ = log;
    /// ```
    #[must_use]
    pub fn new<'a>(
        diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
        source: &str,
        name: &str,
    ) -> Self {
        Self {
            schema: "https://json.schemastore.org/sarif-2.1.0.json",
            version: "2.1.0",
            runs: [Run {
                tool: Tool {
                    driver: Driver {
                        name: "divertc",
                        version: env!("CARGO_PKG_VERSION"),
                        information_uri: env!("CARGO_PKG_REPOSITORY"),
                        rules: Code::ALL.iter().copied().map(rule).collect(),
                    },
                },
                // SARIF counts UTF-16 code units unless told otherwise.
                column_kind: "unicodeCodePoints",
                results: diagnostics
                    .into_iter()
                    .map(|d| outcome(name, source, d))
                    .collect(),
            }],
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Clone, Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    information_uri: &'static str,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Text,
    help: Markdown,
    default_configuration: Configuration,
}

#[derive(Clone, Debug, Serialize)]
struct Configuration {
    level: Severity,
}

#[derive(Clone, Debug, Serialize)]
struct Text {
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Markdown {
    text: &'static str,
    markdown: &'static str,
}

/// What the standard calls a result.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    level: Severity,
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
    artifact_location: Artifact,
    region: Region,
}

#[derive(Clone, Debug, Serialize)]
struct Artifact {
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

fn rule(code: Code) -> Rule {
    Rule {
        id: code.as_str(),
        name: code.slug(),
        short_description: Text {
            text: code.title().to_owned(),
        },
        help: Markdown {
            text: code.explanation(),
            markdown: code.explanation(),
        },
        default_configuration: Configuration {
            level: code.severity(),
        },
    }
}

fn outcome(file: &str, source: &str, diagnostic: &Diagnostic) -> Outcome {
    let start = diagnostic.position(source);
    let end = Position::of(source, diagnostic.span.end);
    let mut text = diagnostic.message.clone();
    for extra in diagnostic.notes.iter().chain(&diagnostic.help) {
        text.push('\n');
        text.push_str(extra);
    }
    Outcome {
        rule_id: diagnostic.code.as_str(),
        level: diagnostic.severity,
        message: Text { text },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: Artifact { uri: uri(file) },
                region: Region {
                    start_line: start.line,
                    start_column: start.column,
                    end_line: end.line,
                    end_column: end.column,
                },
            },
        }],
    }
}

/// A path as a relative reference: what is not allowed there is escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            b'\\' => out.push('/'),
            _ => {
                let hex = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or('0');
                out.push('%');
                out.push(hex(byte >> 4).to_ascii_uppercase());
                out.push(hex(byte & 15).to_ascii_uppercase());
            }
        }
    }
    out
}
