//! Words of a filter inside messages: harmless, and not too long.

/// Longest quote in characters.
const MAX_QUOTE: usize = 40;

/// The text in backticks, control characters escaped, its middle left out if
/// it is long. A filter can come from anyone; a message goes to a terminal.
pub(super) fn quote(text: &str) -> String {
    let shown = if text.chars().nth(MAX_QUOTE).is_none() {
        escape(text)
    } else {
        let head: String = text.chars().take(MAX_QUOTE / 2).collect();
        let mut tail: Vec<char> = text.chars().rev().take(MAX_QUOTE / 4).collect();
        tail.reverse();
        let tail: String = tail.into_iter().collect();
        format!("{}…{}", escape(&head), escape(&tail))
    };
    format!("`{shown}`")
}

/// The text with everything invisible made visible.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\'' | '"' | '\\') {
            out.push(c);
        } else {
            out.extend(c.escape_debug());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_safe_to_print() {
        assert_eq!(quote("tcp"), "`tcp`");
        assert_eq!(quote("\x1b[31m\0"), "`\\u{1b}[31m\\0`");
        assert_eq!(quote("\u{202E}x\u{200B}"), "`\\u{202e}x\\u{200b}`");
        assert_eq!(quote("\"é\""), "`\"é\"`");
    }

    #[test]
    fn long_words_lose_their_middle() {
        let long = format!("{}{}", "a".repeat(500), "z".repeat(500));
        assert_eq!(quote(&long), "`aaaaaaaaaaaaaaaaaaaa…zzzzzzzzzz`");
        assert_eq!(quote(&"a".repeat(40)), format!("`{}`", "a".repeat(40)));
    }
}
