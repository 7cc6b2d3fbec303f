//! Tables in Markdown that also read well on a terminal.

use std::fmt;

/// A table; the first column is text, the others are numbers.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(head: &[&str]) -> Self {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        Self { rows: vec![head] }
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: usize, column: usize| self.rows[row].get(column).map_or("", |c| c);
        let width = |column| {
            let cells = (0..self.rows.len()).map(|row| cell(row, column).chars().count());
            cells.max().unwrap_or_default().max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in 0..self.rows.len() {
            write!(f, "|")?;
            for (column, width) in widths.iter().enumerate() {
                let text = cell(row, column);
                match column {
                    0 => write!(f, " {text:width$} |")?,
                    _ => write!(f, " {text:>width$} |")?,
                }
            }
            writeln!(f)?;
            if row == 0 {
                let rule = |(column, width): (usize, &usize)| match column {
                    0 => format!("{:-<1$}", "", width + 2),
                    _ => format!("{:-<1$}:", "", width + 1),
                };
                let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
                writeln!(f, "|{}|", rules.join("|"))?;
            }
        }
        Ok(())
    }
}

/// The geometric mean; `None` of nothing.
pub fn geomean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = values.into_iter().map(f64::ln).collect();
    let count = logs.len() as f64;
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / count).exp())
}

/// Whether a filter of the workload is one of `f1` to `f9`, the headline.
#[must_use]
pub fn is_series(name: &str) -> bool {
    matches!(name.as_bytes(), [b'f', b'1'..=b'9'])
}

/// Whether a filter of the workload is there a second time.
#[must_use]
pub fn is_repeated(name: &str) -> bool {
    matches!(name, "f0" | "f2")
}

/// Three digits, or all those before the point.
#[must_use]
pub fn short(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value < 9.995 => format!("{value:.2}"),
        Some(value) if value < 99.95 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

/// A quotient of what may be unknown.
#[must_use]
pub fn ratio(over: Option<f64>, under: Option<f64>) -> Option<f64> {
    Some(over? / under?).filter(|ratio| ratio.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["what", "n"]);
        table.push(["length".to_owned(), short(Some(12_345.0))]);
        let text = "| what   |     n |\n|--------|------:|\n| length | 12345 |\n";
        assert_eq!(table.to_string(), text);
    }

    #[test]
    fn numbers_have_three_digits_or_more() {
        let values = [Some(0.456), Some(9.996), Some(12.34), Some(1234.5), None];
        assert_eq!(values.map(short), ["0.46", "10.0", "12.3", "1234", "–"]);
    }

    #[test]
    fn geometric_mean_is_of_something() {
        assert!((geomean([2.0, 8.0]).unwrap() - 4.0).abs() < 1e-9);
        assert_eq!(geomean([]), None);
    }
}
