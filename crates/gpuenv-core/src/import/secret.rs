//! Passwords and tokens in what people bring: known by where they stand.

/// Returns whether a variable's name says that its value is a secret.
pub(super) fn name_of_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "API_KEY",
        "APIKEY",
        "CREDENTIAL",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// Returns whether a URL in the text holds a user, a password or a token.
pub(super) fn holds_secret(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("://") {
        let end = behind.find(|c: char| c.is_whitespace() || "\"'`<>,".contains(c));
        let url = &behind[..end.unwrap_or(behind.len())];
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        // The account that everybody has at a host of repositories.
        let is_git = before.ends_with("git+ssh")
            && authority.starts_with("git@")
            && authority.matches('@').count() == 1;
        let has_user = authority.contains('@') && !is_git;
        let has_token = url
            .split('/')
            .skip_while(|part| *part != "t")
            .nth(1)
            .is_some_and(|token| !token.is_empty());
        let key = |pair: &str| {
            let key = pair
                .split('=')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            [
                "token",
                "secret",
                "password",
                "signature",
                "apikey",
                "api_key",
            ]
            .iter()
            .any(|word| key.contains(word))
        };
        let query = url.split_once('?').map_or("", |(_, query)| query);
        if has_user || has_token || query.split('&').any(key) {
            return true;
        }
        rest = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_url_of_a_text_is_looked_at() {
        for secret in [
            "https://user:hunter2@x.example/c",
            "https://x.example/t/abc/conda",
            "https://x.example/c?api_key=abc",
            "git+ssh://git@x.example/a https://user:hunter2@x.example/c",
            "git+ssh://git:hunter2@x.example/a",
            "git+ssh://git@user:hunter2@x.example/a",
        ] {
            assert!(holds_secret(secret), "{secret}");
        }
        for plain in ["git+ssh://git@x.example/a", "https://x.example/c", "a@b"] {
            assert!(!holds_secret(plain), "{plain}");
        }
    }
}
