//! One word of a command line that the user can paste into a shell.

use std::borrow::Cow;

/// Returns the text as one word of the platform's shells, quoted only where it must be.
pub fn word(text: &str) -> Cow<'_, str> {
    match cfg!(windows) {
        true => windows(text),
        false => posix(text),
    }
}

/// Returns a word of `cmd` and PowerShell. No file there has a `"` in its name.
fn windows(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./\\:+".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("\"{text}\"")),
    }
}

fn posix(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./@%+=:,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_change_is_quoted() {
        for plain in ["tf-gpu", "./a.yaml", "/e/\u{fc}_1.0"] {
            assert_eq!(posix(plain), plain);
        }
        for (text, quoted) in [
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("~", "'~'"),
        ] {
            assert_eq!(posix(text), quoted);
        }
        assert_eq!(windows("C:/envs"), "C:/envs");
        assert_eq!(windows("C:/a b"), "\"C:/a b\"");
    }
}
