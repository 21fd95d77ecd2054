//! conda's `.condarc`, and the variables that say the same.

use super::{Lookup, Neighbour, bad, expand, without_secrets};
use crate::{
    Code, Diagnostic, Place,
    channel::CANONICAL_BASE,
    import::Text,
    recipe::{Yaml, YamlKind, yaml},
};

/// Where Anaconda's own channels are, as conda has it.
const ANACONDA: [&str; 2] = ["https://repo.anaconda.com/", "https://repo.continuum.io/"];

/// What conda has of its own below [`ANACONDA`].
const OWN_FOLDER: &str = "pkgs/";

/// The variables that take the place of settings in a `.condarc`, and which ones.
const VARIABLES: [(&str, &str); 4] = [
    ("CONDA_CHANNELS", "channels"),
    ("CONDA_CHANNEL_ALIAS", "channel_alias"),
    ("CONDA_SSL_VERIFY", "ssl_verify"),
    ("CONDA_OFFLINE", "offline"),
];

/// Reads a `.condarc`; `lookup` returns the variables that it may name.
///
/// # Errors
/// GE517 if it is no YAML, or a value that counts here makes no sense.
pub fn condarc(text: &Text, lookup: Lookup<'_>) -> Result<Neighbour, Diagnostic> {
    let is_empty = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
    if text.text.lines().all(is_empty) {
        return Ok(Neighbour::default());
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
    let mut reading = Reading {
        text,
        lookup,
        found: Neighbour::default(),
    };
    for (key, value) in root.map() {
        reading.setting(key.text().unwrap_or_default(), value)?;
    }
    Ok(reading.found)
}

/// A file of which a part is read.
struct Reading<'t> {
    text: &'t Text,
    lookup: Lookup<'t>,
    found: Neighbour,
}

impl Reading<'_> {
    fn place(&self, value: &Yaml) -> Place {
        self.text.place(value.stretch())
    }

    /// Takes a setting; everything that is not named here is about what conda itself does.
    fn setting(&mut self, key: &str, value: &Yaml) -> Result<(), Diagnostic> {
        match key {
            // Both are names of the one setting, and so is `channel` of old.
            "channels" | "channel" => self.found.channels = self.channels(value),
            "default_channels" => self.found.default_channels = self.defaults(value),
            "custom_multichannels" => {
                for (name, members) in value.map() {
                    let name = name.text().unwrap_or_default().to_string();
                    match name.as_str() {
                        "defaults" => self.found.default_channels = self.defaults(members),
                        _ => {
                            let members = self.channels(members);
                            self.found.multichannels.push((name, members));
                        }
                    }
                }
            }
            "channel_alias" => {
                let alias = self.written_out(value).map(|alias| place_of(&alias));
                let is_usual = |alias: &String| {
                    alias.trim_end_matches('/') == CANONICAL_BASE.trim_end_matches('/')
                };
                if let Some(alias) = alias.filter(|alias| !is_usual(alias)) {
                    self.mirror(CANONICAL_BASE.to_string(), alias);
                }
            }
            "custom_channels" => {
                for (name, base) in value.map() {
                    let name = name.text().map(|name| name.trim_matches('/'));
                    if let (Some(name), Some(base)) = (name, self.written_out(base)) {
                        let to = format!("{}/{name}", place_of(&base).trim_end_matches('/'));
                        self.mirror(format!("{CANONICAL_BASE}{name}/"), to);
                    }
                }
            }
            "mirrored_channels" => {
                for (name, places) in value.map() {
                    let first = self.texts(places).into_iter().next();
                    if let (Some(name), Some(first)) = (name.text(), first) {
                        let to = place_of(&first);
                        self.mirror(format!("{CANONICAL_BASE}{name}/"), to);
                    }
                }
            }
            "proxy_servers" => self.proxies(value)?,
            "ssl_verify" => self.certificates(value),
            "pkgs_dirs" => self.found.package_folders = texts(value),
            "offline" => self.found.offline = matches!(value.text(), Some("true" | "True" | "yes")),
            _ => {}
        }
        Ok(())
    }

    /// Returns channels as recipes name them.
    fn channels(&mut self, value: &Yaml) -> Vec<String> {
        let named = self.texts(value);
        let named = named.iter().map(|channel| self.channel(channel));
        let mut channels: Vec<String> = Vec::new();
        for channel in named.collect::<Vec<_>>() {
            if channel != "local" && !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        channels
    }

    /// Returns a channel as recipes name it; its secrets go where those of mirrors are.
    fn channel(&mut self, written: &str) -> String {
        let place = place_of(written.trim());
        if !place.contains("://") {
            return place.trim_matches('/').to_string();
        }
        let named = place.strip_prefix(CANONICAL_BASE);
        if let Some(name) = named.filter(|name| !name.starts_with("t/") && !name.is_empty()) {
            return name.trim_matches('/').to_string();
        }
        let public = without_secrets(&place);
        if public.trim_end_matches('/') != place.trim_end_matches('/') {
            let base = format!("{}/", public.trim_end_matches('/'));
            self.mirror(base, place);
        }
        let name = public.strip_prefix(CANONICAL_BASE).unwrap_or(&public);
        name.trim_end_matches('/').to_string()
    }

    /// Returns what `defaults` stands for.
    ///
    /// A copy of one of Anaconda's channels is a mirror of it: the recipe and the lock
    /// name the channel that it is a copy of.
    fn defaults(&mut self, value: &Yaml) -> Vec<String> {
        let mut channels: Vec<String> = Vec::new();
        for written in self.texts(value) {
            let place = place_of(&written);
            let place = place.trim_end_matches('/').to_string();
            let own = place.rfind("/pkgs/").map(|at| place[at + 1..].to_string());
            let own = own.filter(|own| own.matches('/').count() == 1);
            let channel = match own.filter(|_| place.contains("://")) {
                Some(own) => {
                    let is_anacondas = ANACONDA.iter().any(|base| place.starts_with(base));
                    if !is_anacondas {
                        for base in [CANONICAL_BASE, ANACONDA[0]] {
                            self.mirror(format!("{base}{own}/"), place.clone());
                        }
                    }
                    own
                }
                None if ["main", "r", "msys2", "free"].contains(&place.as_str()) => {
                    format!("{OWN_FOLDER}{place}")
                }
                None => self.channel(&place),
            };
            if channel != "defaults" && !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        channels
    }

    fn mirror(&mut self, base: String, to: String) {
        if to.contains("://") {
            self.found.mirrors.push((base, to));
        }
    }

    fn proxies(&mut self, value: &Yaml) -> Result<(), Diagnostic> {
        for (scheme, url) in value.map() {
            let written = self.written_out(url);
            if let Some(written) = &written {
                check_proxy(written).map_err(|reason| {
                    bad(self.place(url), format!("conda's configuration: {reason}"))
                        .help("write `https: http://proxy.example.org:3128`")
                })?;
            }
            match scheme.text().unwrap_or_default() {
                "http" => self.found.http_proxy = written,
                "https" => self.found.https_proxy = written,
                _ => {}
            }
        }
        Ok(())
    }

    fn certificates(&mut self, value: &Yaml) {
        match value.text().unwrap_or_default() {
            "false" | "False" | "no" | "<false>" => {
                let note = Diagnostic::warning(
                    Code::CONFIG_BAD,
                    "`ssl_verify: false` is not followed: what a server sends would be anybody's",
                );
                let note = note.at(self.place(value));
                self.found.notes.push(
                    note.help("name the certificates instead: `export SSL_CERT_FILE=/path/ca.pem`"),
                );
            }
            "true" | "True" | "yes" | "truststore" | "" => {}
            file => self.found.certificates = Some(file.to_string()),
        }
    }

    /// Returns a value with its variables written out.
    fn written_out(&mut self, value: &Yaml) -> Option<String> {
        let (text, missing) = expand(value.text()?.trim(), self.lookup);
        if let Some(name) = missing {
            let message =
                format!("conda's configuration names the variable `{name}`, which is not set");
            let note = Diagnostic::warning(Code::CONFIG_BAD, message).at(self.place(value));
            let help = format!("`export {name}=…`, or take it out of the file");
            self.found.notes.push(note.help(help));
        }
        Some(text)
    }

    /// Returns the texts of a list with their variables written out; one text is a list too.
    fn texts(&mut self, value: &Yaml) -> Vec<String> {
        match &value.kind {
            YamlKind::Text(_) => self.written_out(value).into_iter().collect(),
            YamlKind::List(items) => {
                let items = items.iter().filter_map(|item| self.written_out(item));
                items.collect()
            }
            YamlKind::Nothing | YamlKind::Map(_) => Vec::new(),
        }
    }
}

/// Returns the URL of a directory; what is none stays as it is.
fn place_of(text: &str) -> String {
    match text.starts_with('/') && !text.starts_with("//") {
        true => format!("file://{text}"),
        false => text.to_string(),
    }
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

/// Reads the variables that take the place of settings in a `.condarc`.
///
/// # Errors
/// GE517 if one of them cannot be read.
pub fn conda_variables(lookup: Lookup<'_>) -> Result<Neighbour, Diagnostic> {
    let mut lines = String::new();
    for (name, key) in VARIABLES {
        let Some(value) = lookup(name).filter(|value| !value.trim().is_empty()) else {
            continue;
        };
        // JSON is YAML, so that nothing in the value has a meaning.
        let parts = value.split([',', '&']).map(str::trim);
        let json = match name {
            "CONDA_CHANNELS" => serde_json::json!(parts.collect::<Vec<_>>()).to_string(),
            _ => serde_json::json!(value.trim()).to_string(),
        };
        lines.push_str(&format!("{key}: {json}\n"));
    }
    let text = Text {
        file: "variables `CONDA_…`".to_string(),
        text: lines,
    };
    condarc(&text, lookup)
}
