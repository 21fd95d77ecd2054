//! Asks for builtins where a function of the same name could be meant.

/// What our text calls.
const BUILTINS: &[&str] = &[
    ".", "[", "command", "echo", "eval", "export", "return", "set", "unset",
];

/// Returns our text with `\builtin NAME` for `\NAME`; what stands in single quotes is
/// data and stays as it is.
pub(in super::super) fn with_builtins(text: &str) -> String {
    let mut changed = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    let mut double = false;
    while let Some(at) = rest.find(['\'', '"', '\\']) {
        let (head, tail) = rest.split_at(at);
        changed.push_str(head);
        let taken = match tail.as_bytes()[0] {
            b'\'' if !double => {
                let end = tail[1..].find('\'').map_or(tail.len(), |end| end + 2);
                changed.push_str(&tail[..end]);
                end
            }
            b'\\' => {
                // In double quotes, a backslash stands before the one that is meant.
                let written = if double && tail.starts_with("\\\\") {
                    2
                } else {
                    1
                };
                changed.push_str(&tail[..written]);
                let is_ours = BUILTINS.iter().any(|name| is_name(&tail[written..], name));
                let quotes = if is_ours || written == 2 { 0 } else { 1 };
                if is_ours {
                    changed.push_str("builtin ");
                }
                // What the backslash quotes is no quote.
                let quoted: String = tail[written..].chars().take(quotes).collect();
                changed.push_str(&quoted);
                written + quoted.len()
            }
            quote => {
                double ^= quote == b'"';
                changed.push(char::from(quote));
                1
            }
        };
        rest = &tail[taken..];
    }
    changed + rest
}

fn is_name(text: &str, name: &str) -> bool {
    let rest = text.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_changed_and_data_is_not() {
        for (text, changed) in [
            ("\\set -- \"$1\"", "\\builtin set -- \"$1\""),
            (
                r"X='\set -- it'\''s \eval x'",
                r"X='\set -- it'\''s \eval x'",
            ),
            (
                r#"\eval "\\set -- \"\$@\"""#,
                r#"\builtin eval "\\builtin set -- \"\$@\"""#,
            ),
            (
                r"if \[ a ]; then \. 'x'; fi",
                r"if \builtin [ a ]; then \builtin . 'x'; fi",
            ),
            (r#""'" \set"#, r#""'" \builtin set"#),
            (r"\settle \é", r"\settle \é"),
        ] {
            assert_eq!(with_builtins(text), changed);
        }
    }
}
