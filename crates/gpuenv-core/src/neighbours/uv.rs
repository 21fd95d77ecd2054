//! What uv's own settings say about indexes, as far as it counts for downloads:
//! where they are, and the logins in their addresses.
//!
//! uv reads its settings itself; what is wrong with them is its to say.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, TableLike};
use url::Url;

use crate::percent;

/// An index that uv's settings name.
#[derive(Clone, PartialEq, Eq)]
pub struct UvIndex {
    /// Where it is, without secrets.
    pub url: Url,
    /// The name that it is used under.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

impl std::fmt::Debug for UvIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UvIndex({})", self.url)
    }
}

/// What uv's settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UvSettings {
    /// The indexes and pages of wheels, strongest first.
    pub indexes: Vec<UvIndex>,
    /// Whether one of them takes the place of PyPI, or there is to be none.
    pub replaces_pypi: bool,
    /// The keyring provider, as written.
    pub keyring: Option<String>,
}

impl UvSettings {
    /// Adds what weaker settings say.
    #[must_use]
    pub fn or(mut self, weaker: Self) -> Self {
        self.indexes.extend(weaker.indexes);
        self.replaces_pypi |= weaker.replaces_pypi;
        self.keyring = self.keyring.or(weaker.keyring);
        self
    }

    fn add(&mut self, text: &str, name: Option<&str>, variables: &BTreeMap<String, String>) {
        let Ok(mut url) = Url::parse(text) else {
            return;
        };
        if !matches!(url.scheme(), "http" | "https") {
            return;
        }
        let decoded = |text: &str| percent::decoded(text).filter(|text| !text.is_empty());
        let (mut user, mut password) = (decoded(url.username()), url.password().and_then(decoded));
        let _ = url.set_username("");
        let _ = url.set_password(None);
        if let Some(name) = name {
            let upper: String = name.chars().map(in_variable).collect();
            let of = |what: &str| variables.get(&format!("UV_INDEX_{upper}_{what}")).cloned();
            user = of("USERNAME").or(user);
            password = of("PASSWORD").or(password);
        }
        self.indexes.push(UvIndex {
            url,
            user,
            password,
        });
    }
}

fn in_variable(c: char) -> char {
    match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    }
}

/// Reads the variables of uv, and those of pip that stand in for them.
pub fn of_variables(variables: &BTreeMap<String, String>) -> UvSettings {
    let mut found = UvSettings::default();
    let get = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let several = |name: &str| {
        let text = get(name).map_or("", String::as_str);
        text.split([' ', '\t', '\n', ','])
            .filter(|one| !one.is_empty())
    };
    for one in several("UV_INDEX").chain(several("UV_EXTRA_INDEX_URL")) {
        let (name, url) = named(one);
        found.add(url, name, variables);
    }
    let own = get("UV_DEFAULT_INDEX").or_else(|| get("UV_INDEX_URL"));
    if let Some(default) = own.or_else(|| get("PIP_INDEX_URL")) {
        let (name, url) = named(default);
        found.add(url, name, variables);
        found.replaces_pypi = true;
    }
    for one in several("UV_FIND_LINKS") {
        found.add(one, None, variables);
    }
    found.replaces_pypi |= get("UV_NO_INDEX").is_some_and(|value| value != "0");
    let keyring = get("UV_KEYRING_PROVIDER").or_else(|| get("PIP_KEYRING_PROVIDER"));
    found.keyring = keyring.cloned();
    found
}

/// Splits `name=url`.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, url)) if !name.contains("://") => (Some(name), url),
        _ => (None, text),
    }
}

/// Reads a `uv.toml`; what cannot be read says nothing.
pub fn of_file(text: &str, variables: &BTreeMap<String, String>) -> UvSettings {
    let mut found = UvSettings::default();
    let Ok(document) = Document::parse(text.to_string()) else {
        return found;
    };
    let root = document.as_table();
    if let Some(indexes) = root.get("index").and_then(Item::as_array_of_tables) {
        for index in indexes.iter() {
            let text = |key: &str| index.get(key).and_then(Item::as_str);
            if let Some(url) = text("url") {
                found.add(url, text("name"), variables);
            }
            let is_default = index.get("default").and_then(Item::as_bool);
            found.replaces_pypi |= is_default.unwrap_or_default();
        }
    }
    let pip = root.get("pip").and_then(Item::as_table_like);
    let root: &dyn TableLike = root;
    for table in [Some(root), pip].into_iter().flatten() {
        if let Some(url) = table.get("index-url").and_then(Item::as_str) {
            found.add(url, None, variables);
            found.replaces_pypi = true;
        }
        for key in ["extra-index-url", "find-links"] {
            let items = table
                .get(key)
                .and_then(Item::as_array)
                .into_iter()
                .flatten();
            for url in items.filter_map(|item| item.as_str()) {
                found.add(url, None, variables);
            }
        }
        let none = table.get("no-index").and_then(Item::as_bool);
        found.replaces_pypi |= none.unwrap_or_default();
        let keyring = table.get("keyring-provider").and_then(Item::as_str);
        found.keyring = found.keyring.or(keyring.map(ToString::to_string));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &UvSettings) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_string());
        let line = |index: &UvIndex| {
            format!(
                "{} {} {}",
                index.url,
                text(&index.user),
                text(&index.password)
            )
        };
        found.indexes.iter().map(line).collect()
    }

    #[test]
    fn variables_name_indexes_and_their_logins() {
        let variables = [
            (
                "UV_INDEX",
                "my-lab=https://lab.example/simple https://b.example/simple",
            ),
            ("UV_INDEX_MY_LAB_USERNAME", "me"),
            ("UV_INDEX_MY_LAB_PASSWORD", "pw"),
            ("UV_DEFAULT_INDEX", "https://you:p%40ss@c.example/simple"),
            ("UV_FIND_LINKS", "./wheels,https://d.example/page.html"),
            ("UV_KEYRING_PROVIDER", "subprocess"),
        ];
        let variables = variables.map(|(name, value)| (name.to_string(), value.to_string()));
        let found = of_variables(&variables.into());
        assert_eq!(
            shown(&found),
            [
                "https://lab.example/simple me pw",
                "https://b.example/simple - -",
                "https://c.example/simple you p@ss",
                "https://d.example/page.html - -"
            ]
        );
        assert!(found.replaces_pypi);
        assert_eq!(found.keyring.as_deref(), Some("subprocess"));
        assert!(!format!("{found:?}").contains("p@ss"));
        let none = of_variables(&BTreeMap::new());
        assert_eq!(none, UvSettings::default());
    }

    #[test]
    fn a_file_of_uv_says_the_same() {
        let text = "extra-index-url = [\"https://a@x.example/simple\"]\nkeyring-provider = \"subprocess\"\n\
            [[index]]\nname = \"lab\"\nurl = \"https://lab.example/simple\"\n[pip]\nfind-links = [\"/w\", \"http://me:pw@y.example/\"]\n";
        let variables = [("UV_INDEX_LAB_PASSWORD".to_string(), "pw".to_string())];
        let found = of_file(text, &variables.into());
        assert_eq!(
            shown(&found),
            [
                "https://lab.example/simple - pw",
                "https://x.example/simple a -",
                "http://y.example/ me pw"
            ]
        );
        assert!(!found.replaces_pypi);
        assert_eq!(found.keyring.as_deref(), Some("subprocess"));
        let own = of_file(
            "[[index]]\nurl = \"https://x.example\"\ndefault = true",
            &BTreeMap::new(),
        );
        assert!(own.replaces_pypi);
        assert_eq!(
            of_file("= no toml", &BTreeMap::new()),
            UvSettings::default()
        );
    }
}
