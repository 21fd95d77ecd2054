//! The `config.toml` of rattler and pixi.

use toml_edit::{Document, Item};

use super::{Neighbour, bad};
use crate::{Code, Diagnostic, import::Text};

/// Reads the `config.toml` of rattler or pixi.
///
/// # Errors
/// GE517 if it is no TOML.
pub fn rattler(text: &Text) -> Result<Neighbour, Diagnostic> {
    let document = Document::parse(text.text.clone()).map_err(|error| {
        let place = text.place(error.span().unwrap_or(0..0));
        let reason = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_string();
        bad(
            place,
            format!("the configuration of rattler is no TOML: {reason}"),
        )
        .help("mend the line, or move the file away")
    })?;
    let root = document.as_table();
    let get = |one: &str, other: &str| root.get(one).or_else(|| root.get(other));
    let mut found = Neighbour {
        channels: list(get("default-channels", "default_channels")),
        credentials: get(
            "authentication-override-file",
            "authentication_override_file",
        )
        .and_then(Item::as_str)
        .map(ToString::to_string),
        ..Neighbour::default()
    };
    if let Some(mirrors) = root.get("mirrors").and_then(Item::as_table_like) {
        for (base, places) in mirrors.iter() {
            if let Some(first) = list(Some(places)).into_iter().next() {
                found.mirrors.push((base.to_string(), first));
            }
        }
    }
    if let Some(proxy) = get("proxy-config", "proxy_config").and_then(Item::as_table_like) {
        let text = |key: &str| {
            proxy
                .get(key)
                .and_then(Item::as_str)
                .map(ToString::to_string)
        };
        found.https_proxy = text("https");
        found.http_proxy = text("http");
        found.no_proxy = list(proxy.get("non-proxy-hosts"));
    }
    if let Some(pypi) = get("pypi-config", "pypi_config").and_then(Item::as_table_like) {
        let keyring = pypi.get("keyring-provider");
        let keyring = keyring.or_else(|| pypi.get("keyring_provider"));
        found.keyring = keyring.and_then(Item::as_str).map(ToString::to_string);
    }
    let insecure = get("tls-no-verify", "tls_no_verify");
    if insecure.and_then(Item::as_bool) == Some(true) {
        let range = insecure.and_then(Item::span).unwrap_or(0..0);
        let note = Diagnostic::warning(
            Code::CONFIG_BAD,
            "`tls-no-verify` is not followed: what a server sends would be anybody's",
        );
        found.notes.push(
            note.at(text.place(range))
                .help("name the certificates instead: `export SSL_CERT_FILE=/path/ca.pem`"),
        );
    }
    Ok(found)
}

fn list(item: Option<&Item>) -> Vec<String> {
    let texts = item.and_then(Item::as_array).into_iter().flatten();
    texts
        .filter_map(|value| value.as_str().map(ToString::to_string))
        .collect()
}
