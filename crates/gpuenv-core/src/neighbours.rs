//! The configuration of neighbours: conda's `.condarc`, and the `config.toml` of rattler and pixi.
//!
//! It says where things are fetched from, never what a lock holds: channels of a
//! neighbour count only where nothing else names one.

mod condarc;
mod rattler;
mod uv;

#[cfg(test)]
mod tests;

use url::Url;

use crate::{Code, Diagnostic, Place};

pub use condarc::{conda_variables, condarc};
pub use rattler::rattler;
pub use uv::{UvIndex, UvSettings, of_file as uv_file, of_variables as uv_variables};

/// Returns the value of an environment variable, if it is set.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// What a neighbour's configuration says that counts for gpuenv too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// The channels where nothing names one, strongest first, as written.
    pub channels: Vec<String>,
    /// What `defaults` stands for, where it is said.
    pub default_channels: Vec<String>,
    /// Names that stand for several channels.
    pub multichannels: Vec<(String, Vec<String>)>,
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
        let add = |strong: &mut Vec<String>, weak: Vec<String>| {
            for channel in weak {
                if !strong.contains(&channel) {
                    strong.push(channel);
                }
            }
        };
        add(&mut self.channels, weaker.channels);
        add(&mut self.default_channels, weaker.default_channels);
        for (name, members) in weaker.multichannels {
            if !self.multichannels.iter().any(|(known, _)| *known == name) {
                self.multichannels.push((name, members));
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

    /// Returns the channels where nothing names one, strongest first, as recipes name them.
    ///
    /// `defaults` counts only where it is said what it stands for: it is another thing on
    /// each machine.
    pub fn own_channels(&self) -> Vec<String> {
        let named = match self.channels.is_empty() {
            // As conda has it.
            true => vec!["defaults".to_string()],
            false => self.channels.clone(),
        };
        self.expanded(named.iter().map(String::as_str))
            .into_iter()
            .filter(|channel| channel != "defaults")
            .collect()
    }

    /// Writes out the names that stand for several channels.
    pub fn expanded<'n>(&self, named: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        let mut channels: Vec<String> = Vec::new();
        for name in named {
            let mut members = self.members(name);
            if members.is_empty() {
                members = vec![name];
            }
            for member in members {
                if !channels.iter().any(|known| known == member) {
                    channels.push(member.to_string());
                }
            }
        }
        channels
    }

    /// Returns what a name stands for, if it stands for several channels.
    pub fn members(&self, name: &str) -> Vec<&str> {
        if name == "defaults" {
            return self.default_channels.iter().map(String::as_str).collect();
        }
        let of_name =
            |(known, members): &'_ &(String, Vec<String>)| known == name && !members.is_empty();
        let Some((_, members)) = self.multichannels.iter().find(of_name) else {
            return Vec::new();
        };
        let defaults = &self.default_channels;
        members
            .iter()
            // A group may hold `defaults`, and itself only by mistake.
            .flat_map(
                |member| match member == "defaults" && !defaults.is_empty() {
                    true => defaults.iter().map(String::as_str).collect(),
                    false => vec![member.as_str()],
                },
            )
            .collect()
    }
}

fn bad(place: Place, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::CONFIG_BAD, message).at(place)
}

/// Writes out `$NAME` and `${NAME}`, as conda does it; what is not set stays, and is named.
pub fn expand(text: &str, lookup: Lookup<'_>) -> (String, Option<String>) {
    let mut expanded = String::new();
    let mut missing = None;
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        expanded.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let braced = behind
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let bare = || behind.split_at(behind.find(|c| !is_name(c)).unwrap_or(behind.len()));
        let (name, after) = braced.unwrap_or_else(bare);
        let written = &rest[before.len()..rest.len() - after.len()];
        match lookup(name).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(&value),
            None => {
                expanded.push_str(written);
                if !name.is_empty() {
                    missing = missing.or(Some(name.to_string()));
                }
            }
        }
        rest = after;
    }
    expanded.push_str(rest);
    (expanded, missing)
}

/// Returns a URL without `user:password@` and without `/t/TOKEN`.
fn without_secrets(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => crate::channel::without_secrets(&url).to_string(),
        Err(_) => text.to_string(),
    }
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
