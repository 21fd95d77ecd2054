//! The configuration of neighbours: conda's `.condarc`, and the `config.toml` of rattler and pixi.
//!
//! It says where things are fetched from, never what a lock holds: channels of a
//! neighbour count only where nothing else names one.

mod uv;

use toml_edit::{Document, Item};

use crate::{
    Code, Diagnostic, Place,
    channel::CANONICAL_BASE,
    import::Text,
    recipe::{Yaml, YamlKind, yaml},
};

pub use uv::{
    UvIndex, UvSettings, of_file as uv_file, of_variables as uv_variables, percent_decoded,
};

/// What a neighbour's configuration says that counts for gpuenv too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// The channels where nothing names one, strongest first.
    pub channels: Vec<String>,
    /// Where to fetch instead: what URLs begin with, and what replaces it.
    pub mirrors: Vec<(String, String)>,
    /// The proxy for `https`.
    pub https_proxy: Option<String>,
    /// The proxy for `http`.
    pub http_proxy: Option<String>,
    /// Hosts without a proxy.
    pub no_proxy: Vec<String>,
    /// A file with the certificates to trust.
    pub certificates: Option<String>,
    /// Directories for packages, first one first.
    pub package_folders: Vec<String>,
    /// The file with credentials.
    pub credentials: Option<String>,
    /// Who is asked for the logins of indexes of wheels, as written.
    pub keyring: Option<String>,
    /// Never use the network.
    pub offline: bool,
    /// What to tell.
    pub notes: Vec<Diagnostic>,
}

impl Neighbour {
    /// Adds what a weaker configuration says, where this one is silent.
    #[must_use]
    pub fn or(mut self, weaker: Neighbour) -> Neighbour {
        for channel in weaker.channels {
            if !self.channels.contains(&channel) {
                self.channels.push(channel);
            }
        }
        for (base, to) in weaker.mirrors {
            if !self.mirrors.iter().any(|(known, _)| *known == base) {
                self.mirrors.push((base, to));
            }
        }
        self.https_proxy = self.https_proxy.or(weaker.https_proxy);
        self.http_proxy = self.http_proxy.or(weaker.http_proxy);
        self.no_proxy.extend(weaker.no_proxy);
        self.certificates = self.certificates.or(weaker.certificates);
        self.package_folders.extend(weaker.package_folders);
        self.credentials = self.credentials.or(weaker.credentials);
        self.keyring = self.keyring.or(weaker.keyring);
        self.offline |= weaker.offline;
        self.notes.extend(weaker.notes);
        self
    }
}

fn bad(place: Place, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::CONFIG_BAD, message).at(place)
}

/// Reads a `.condarc`.
///
/// # Errors
/// GE517 if it is no YAML, or a value that counts here makes no sense.
pub fn condarc(text: &Text) -> Result<Neighbour, Diagnostic> {
    let mut found = Neighbour::default();
    let is_empty = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
    if text.text.lines().all(is_empty) {
        return Ok(found);
    }
    let root = yaml(&text.file, &text.text).map_err(|errors| {
        let mut error = errors
            .into_iter()
            .next()
            .unwrap_or_else(|| bad(Place::file(&text.file), "it cannot be read"));
        error.code = Code::CONFIG_BAD;
        error.message = format!("conda's configuration: {}", error.message);
        error
    })?;
    let place = |value: &Yaml| text.place(value.stretch());
    let mut custom = Vec::new();
    let mut alias = None;
    for (key, value) in root.map() {
        match key.text().unwrap_or_default() {
            "channels" => {
                found.channels = texts(value)
                    .into_iter()
                    .filter(|c| c != "defaults" && c != "local")
                    .collect()
            }
            "channel_alias" => alias = value.text().map(ToString::to_string),
            "custom_channels" => {
                for (name, base) in value.map() {
                    if let (Some(name), Some(base)) = (name.text(), base.text()) {
                        let to = format!("{}/{name}", base.trim_end_matches('/'));
                        custom.push((format!("{CANONICAL_BASE}{name}/"), to));
                    }
                }
            }
            "mirrored_channels" => {
                for (name, places) in value.map() {
                    if let (Some(name), Some(first)) =
                        (name.text(), texts(places).into_iter().next())
                    {
                        custom.push((format!("{CANONICAL_BASE}{name}/"), first));
                    }
                }
            }
            "proxy_servers" => {
                for (scheme, url) in value.map() {
                    let url_text = url.text().map(ToString::to_string);
                    if let Some(url_text) = &url_text {
                        check_proxy(url_text).map_err(|reason| {
                            bad(place(url), format!("conda's configuration: {reason}"))
                                .help("write `https: http://proxy.example.org:3128`")
                        })?;
                    }
                    match scheme.text().unwrap_or_default() {
                        "http" => found.http_proxy = url_text,
                        "https" => found.https_proxy = url_text,
                        _ => {}
                    }
                }
            }
            "ssl_verify" => match value.text().unwrap_or_default() {
                "false" | "False" | "no" | "<false>" => {
                    let note = Diagnostic::warning(
                        Code::CONFIG_BAD,
                        "`ssl_verify: false` is not followed: what a server sends would be anybody's",
                    );
                    found.notes.push(note.at(place(value)).help(
                        "name the certificates instead: `export SSL_CERT_FILE=/path/ca.pem`",
                    ));
                }
                "true" | "True" | "yes" | "truststore" | "" => {}
                file => found.certificates = Some(file.to_string()),
            },
            "pkgs_dirs" => found.package_folders = texts(value),
            "offline" => found.offline = matches!(value.text(), Some("true" | "True" | "yes")),
            // Everything else is about what conda itself does.
            _ => {}
        }
    }
    found.mirrors = custom;
    if let Some(alias) =
        alias.filter(|alias| alias.trim_end_matches('/') != CANONICAL_BASE.trim_end_matches('/'))
    {
        found.mirrors.push((CANONICAL_BASE.to_string(), alias));
    }
    found.mirrors.retain(|(_, to)| to.contains("://"));
    Ok(found)
}

/// Refuses what is no address of a proxy.
fn check_proxy(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).ok();
    match url.filter(|url| {
        matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.has_host()
    }) {
        Some(_) => Ok(()),
        None => Err("a proxy is a URL".to_string()),
    }
}

fn texts(value: &Yaml) -> Vec<String> {
    match &value.kind {
        YamlKind::Text(text) => vec![text.clone()],
        YamlKind::List(items) => items
            .iter()
            .filter_map(|item| item.text().map(ToString::to_string))
            .collect(),
        YamlKind::Nothing | YamlKind::Map(_) => Vec::new(),
    }
}

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

/// What a machine is said to have instead of what it has, and whether that can be read.
///
/// # Errors
/// GE517 if the value of a `CONDA_OVERRIDE_…` is no version.
pub fn check_override(name: &str, value: &str) -> Result<(), Diagnostic> {
    let parts: Vec<&str> = value.trim().split('.').collect();
    let is_number =
        |part: &&str| (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let is_version = (1..=4).contains(&parts.len()) && parts.iter().all(is_number);
    if is_version || value.trim().is_empty() {
        return Ok(());
    }
    let shown: String = value.chars().take(60).collect();
    let example = match name {
        "CONDA_OVERRIDE_GLIBC" => "2.28",
        "CONDA_OVERRIDE_CUDA_ARCH" => "8.6",
        _ => "12.4",
    };
    Err(Diagnostic::error(
        Code::CONFIG_BAD,
        format!("`${name}` is `{shown}`, which is no version"),
    )
    .help(format!("`export {name}={example}`, or `unset {name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Text {
        Text::decode("config", body.as_bytes()).unwrap()
    }

    #[test]
    fn a_condarc_says_where_things_are() {
        let found = condarc(&text(
            "channels: [conda-forge, defaults]\nchannel_alias: https://conda.lab.example/\ncustom_channels:\n  mine: https://lab.example/channels\n\
             mirrored_channels:\n  conda-forge: [https://mirror.example/cf, https://other.example]\nproxy_servers:\n  http: http://p:3128\n  https: http://p:3129\n\
             ssl_verify: /etc/ca.pem\npkgs_dirs: [/scratch/pkgs]\nauto_activate_base: false\n",
        ))
        .unwrap();
        assert_eq!(found.channels, ["conda-forge"]);
        insta::assert_snapshot!(found.mirrors.iter().map(|(base, to)| format!("{base} -> {to}")).collect::<Vec<_>>().join("\n"), @"
        https://conda.anaconda.org/mine/ -> https://lab.example/channels/mine
        https://conda.anaconda.org/conda-forge/ -> https://mirror.example/cf
        https://conda.anaconda.org/ -> https://conda.lab.example/
        ");
        assert_eq!(found.https_proxy.as_deref(), Some("http://p:3129"));
        assert_eq!(found.certificates.as_deref(), Some("/etc/ca.pem"));
        assert_eq!(found.package_folders, ["/scratch/pkgs"]);
    }

    #[test]
    fn a_configuration_of_rattler_says_the_same() {
        let found = rattler(&text(
            "default-channels = [\"conda-forge\"]\ntls-no-verify = true\nauthentication-override-file = \"/a.json\"\n\
             [mirrors]\n\"https://conda.anaconda.org/conda-forge\" = [\"https://m.example/cf\"]\n[proxy-config]\nhttps = \"http://p:1\"\nnon-proxy-hosts = [\"lab\"]\n[pypi-config]\nkeyring-provider = \"subprocess\"\n",
        ))
        .unwrap();
        assert_eq!(
            found.mirrors,
            [(
                "https://conda.anaconda.org/conda-forge".to_string(),
                "https://m.example/cf".to_string()
            )]
        );
        assert_eq!(found.no_proxy, ["lab"]);
        assert_eq!(found.keyring.as_deref(), Some("subprocess"));
        assert_eq!(found.credentials.as_deref(), Some("/a.json"));
        assert_eq!(found.notes.len(), 1);
    }

    #[test]
    fn the_stronger_one_wins_and_channels_add_up() {
        let strong = condarc(&text(
            "channels: [a]\nproxy_servers: {https: 'http://one:1'}\n",
        ))
        .unwrap();
        let weak = condarc(&text(
            "channels: [b, a]\nproxy_servers: {https: 'http://two:2', http: 'http://two:2'}\n",
        ))
        .unwrap();
        let both = strong.or(weak);
        assert_eq!(both.channels, ["a", "b"]);
        assert_eq!(both.https_proxy.as_deref(), Some("http://one:1"));
        assert_eq!(both.http_proxy.as_deref(), Some("http://two:2"));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        for bad in ["channels: [a", "proxy_servers: {https: nowhere}", "\tx: 1"] {
            let error = condarc(&text(bad)).unwrap_err();
            assert_eq!(error.code, Code::CONFIG_BAD, "{bad}");
            assert!(
                error.place.is_some_and(|place| place.span.is_some()),
                "{bad}"
            );
        }
        assert_eq!(rattler(&text("a = [")).unwrap_err().code, Code::CONFIG_BAD);
        assert_eq!(condarc(&text("")), Ok(Neighbour::default()));
        assert_eq!(condarc(&text("# nothing\n")), Ok(Neighbour::default()));
    }

    #[test]
    fn an_override_is_a_version() {
        for good in ["", "12", "12.4", "12.4.1", " 8.6 "] {
            assert_eq!(
                check_override("CONDA_OVERRIDE_CUDA", good),
                Ok(()),
                "{good}"
            );
        }
        for bad in ["abc", "12.", "-1", "12;rm", "1.2.3.4.5", "9999999"] {
            assert!(check_override("CONDA_OVERRIDE_CUDA", bad).is_err(), "{bad}");
        }
    }
}
