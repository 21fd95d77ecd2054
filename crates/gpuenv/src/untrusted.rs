//! Makes text from outside safe to show: no secrets, no control characters, no flood.
//!
//! Recipes, locks, servers and children write parts of our messages. Whatever
//! they send must neither steer the terminal nor give a token away.

use std::{borrow::Cow, ops::Range};

/// How far behind its cut a text is looked at, so that a secret that is cut in
/// two is still known as one.
const MARGIN: usize = 1_000;

/// Returns the text with secrets replaced, control characters visible, and cut
/// to so many characters. Line ends stay.
pub fn shown(text: &str, limit: usize) -> String {
    let redacted = redact(&text[..end_of(text, limit + MARGIN)]);
    let end = end_of(&redacted, limit);
    let mut shown = String::new();
    let mut chars = redacted[..end].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => shown.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            c => push_visible(&mut shown, c),
        }
    }
    if end < redacted.len() {
        let rest = text.chars().count() - limit;
        shown += &format!("… ({rest} more characters)");
    }
    shown
}

/// Returns where the text ends after so many characters.
fn end_of(text: &str, characters: usize) -> usize {
    let mut indices = text.char_indices();
    indices
        .nth(characters)
        .map_or(text.len(), |(index, _)| index)
}

/// Appends a character, one that a terminal would obey in a visible form.
pub fn push_visible(text: &mut String, c: char) {
    match c {
        '\t' => text.push_str("    "),
        '\0'..='\u{1f}' => text.push(control_picture(c)),
        '\u{7f}' => text.push('␡'),
        c if is_invisible(c) => text.extend(c.escape_unicode()),
        c => text.push(c),
    }
}

fn control_picture(c: char) -> char {
    char::from_u32(0x2400 + c as u32).unwrap_or('␦')
}

/// Says whether a character steers a terminal or hides from the reader's eye.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'           // C1 controls, among them CSI
        | '\u{ad}' | '\u{61c}'        // soft hyphen, Arabic letter mark
        | '\u{180b}'..='\u{180f}'     // Mongolian selectors
        | '\u{200b}'..='\u{200f}'     // zero width, direction marks
        | '\u{2028}'..='\u{202e}'     // separators, embedding and override of direction
        | '\u{2060}'..='\u{206f}'     // joiners, isolates, deprecated format characters
        | '\u{fe00}'..='\u{fe0f}'     // variation selectors
        | '\u{feff}'                  // byte order mark
        | '\u{fff9}'..='\u{fffb}'     // interlinear annotation
        | '\u{e0000}'..='\u{e0fff}'   // tags, more selectors
    )
}

/// Returns the text with the secrets of its URLs replaced by `***`.
pub fn redact(text: &str) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut done = 0;
    for secret in secrets {
        redacted.push_str(&text[done..secret.start]);
        redacted.push_str("***");
        done = secret.end;
    }
    redacted.push_str(&text[done..]);
    Cow::Owned(redacted)
}

/// Returns where secrets stand in the text: before the `@` of a URL, behind
/// `/t/`, and in signed queries. In order, never overlapping.
pub fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let start = from + found + "://".len();
        let end = text[start..]
            .find(|c: char| c.is_whitespace() || c.is_control() || "\"'`<>\\".contains(c))
            .map_or(text.len(), |length| start + length);
        secrets_of_url(text, start..end, &mut secrets);
        from = end;
    }
    secrets
}

fn secrets_of_url(text: &str, url: Range<usize>, secrets: &mut Vec<Range<usize>>) {
    let rest = &text[url.clone()];
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let mut from = 0;
    if let Some(user) = user_information(rest, authority) {
        secrets.push(url.start..url.start + user);
        from = user;
    }
    // conda's own form of a token: `https://host/t/TOKEN/channel`.
    if let Some(found) = rest[from..].find("/t/") {
        let token = from + found + "/t/".len();
        let length = rest[token..]
            .find(['/', '?', '#'])
            .unwrap_or(rest.len() - token);
        if length > 0 {
            secrets.push(url.start + token..url.start + token + length);
        }
        from = token + length;
    }
    let Some(query) = rest[from..].find('?') else {
        return;
    };
    let mut at = from + query + 1;
    for pair in rest[at..].split('&') {
        if let Some(equals) = pair
            .find('=')
            .filter(|equals| is_secret_key(&pair[..*equals]))
        {
            secrets.push(url.start + at + equals + 1..url.start + at + pair.len());
        }
        at += pair.len() + 1;
    }
}

/// Returns the length of `user:password` before the `@`.
fn user_information(rest: &str, authority: usize) -> Option<usize> {
    if let Some(at) = rest[..authority].rfind('@') {
        return Some(at);
    }
    // A password with a raw `/` in it is no URL any more, but still a secret.
    let (_, port) = rest[..authority].split_once(':')?;
    match !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        true => None,
        false => rest.rfind('@'),
    }
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "token",
        "secret",
        "password",
        "signature",
        "credential",
        "apikey",
        "api_key",
        "sig",
    ]
    .iter()
    .any(|part| key.contains(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_of_urls_are_not_shown() {
        for (text, redacted) in [
            ("https://u:p@host/x", "https://***@host/x"),
            ("https://ghp_token@host", "https://***@host"),
            ("https://u:p@q@host/", "https://***@host/"),
            ("https://u:p/q@host/x", "https://***@host/x"),
            (
                "`https://host/t/tk-1-2/chan` and file:///t/x",
                "`https://host/t/***/chan` and file:///t/***",
            ),
            (
                "https://u:p@host/t/tok/c?a=1&X-Amz-Signature=2&b=3",
                "https://***@host/t/***/c?a=1&X-Amz-Signature=***&b=3",
            ),
            (
                "two https://a@x https://b@y",
                "two https://***@x https://***@y",
            ),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
            ("https://[::1]:80/x", "https://[::1]:80/x"),
            ("mail me@host, no URL", "mail me@host, no URL"),
            ("://", "://"),
            ("https://host/t/", "https://host/t/"),
        ] {
            assert_eq!(redact(text), redacted);
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            shown("a\u{1b}[2Jb\u{9b}1mc\u{202e}d\0\r\ne\tf\u{7f}\rg", 100),
            "a␛[2Jb\\u{9b}1mc\\u{202e}d␀\ne    f␡␍g"
        );
    }

    #[test]
    fn a_flood_is_cut() {
        assert_eq!(
            shown(&"é".repeat(1_000_000), 3),
            "ééé… (999997 more characters)"
        );
        assert_eq!(shown("abc", 3), "abc");
    }

    #[test]
    fn a_cut_does_not_uncover_a_secret() {
        let text = format!("https://user:{}@host/", "s".repeat(500));
        assert_eq!(shown(&text, 100), "https://***@host/");
        assert!(!shown(&text, 9).contains("us"));
    }

    proptest! {
        #[test]
        fn any_text_can_be_shown(text in "(://|@|/t/|[?&=:/]|sig|\\PC|[\\x00-\\x1f]){0,40}") {
            let shown = shown(&text, 1000);
            prop_assert!(!shown.chars().any(|c| c != '\n' && c.is_control()));
        }

        #[test]
        fn a_password_is_never_shown(
            before in "[a-z ]{0,5}", user in "[a-z]{1,5}", password in "[A-Z:/]{0,8}SECRET",
        ) {
            let text = format!("{before}https://{user}:{password}@host/path");
            prop_assert!(!redact(&text).contains("SECRET"), "{}", redact(&text));
        }
    }
}
