//! The indexes of a recipe as uv gets them: from their mirrors, and with logins
//! that no command line and no file holds.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use gpuenv_core::{
    Plan,
    channel::{CANONICAL_BASE, Mirrors, canonical_url},
    plan::PypiSettings,
    wheels::PYPI,
};
use rattler_networking::Authentication;
use url::Url;

use super::{WheelsError, places};
use crate::{Access, client, keyring::Login};

/// The name by which uv knows the index that has what no other one has.
const DEFAULT: &str = "gpuenv-default";

/// The indexes and pages of one platform.
pub(super) struct Sources {
    /// What the recipe says, with the addresses of mirrors.
    pub(super) settings: PypiSettings,
    /// The mirror of PyPI, where nothing else takes its place.
    pypi: Option<String>,
    /// Logins, by address.
    logins: BTreeMap<String, Login>,
    mirrors: Mirrors,
    /// The canonical addresses of indexes that are asked.
    asked: Vec<String>,
    /// What channels begin with, whose mirrors are none of wheels.
    channels: Vec<String>,
}

impl Sources {
    /// Finds mirrors and logins for what a recipe says.
    pub(super) async fn new(plan: &Plan, access: &Access) -> Self {
        let moved = |text: &String| moved(&access.mirrors, text);
        let pypi = &plan.pypi;
        let indexes = pypi.package_indexes.iter();
        let settings = PypiSettings {
            index_url: pypi.index_url.as_ref().map(moved),
            extra_index_urls: pypi.extra_index_urls.iter().map(moved).collect(),
            find_links: pypi.find_links.iter().map(moved).collect(),
            package_indexes: indexes
                .map(|(name, url)| (name.clone(), moved(url)))
                .collect(),
            ..pypi.clone()
        };
        let usual = PYPI.to_string();
        let is_free = pypi.index_url.is_none() && !access.wheels.replaces_pypi;
        let mirror = Some(moved(&usual)).filter(|place| is_free && *place != usual);
        let channels = plan.channels.iter();
        let channels =
            channels.filter_map(|channel| Some(canonical_url(channel).ok()?.to_string()));
        let mut sources = Self {
            settings,
            pypi: mirror,
            logins: BTreeMap::new(),
            mirrors: access.mirrors.clone(),
            asked: asked(pypi),
            channels: channels.chain([CANONICAL_BASE.to_string()]).collect(),
        };
        sources.logins = logins(sources.addresses(), access).await;
        sources
    }

    /// Returns every address that a login could be for.
    fn addresses(&self) -> Vec<String> {
        let settings = &self.settings;
        let all = self
            .pypi
            .iter()
            .chain(&settings.index_url)
            .chain(&settings.extra_index_urls)
            .chain(settings.package_indexes.values())
            .chain(&settings.find_links);
        let all = all.filter(|address| address.starts_with("http") && address.as_str() != PYPI);
        all.cloned().collect()
    }

    /// Returns uv's options for the places; `folder` is the one of the recipe.
    ///
    /// No address holds a secret.
    ///
    /// # Errors
    /// Fails if a folder of wheels is not there.
    pub(super) fn arguments(&self, folder: Option<&Path>) -> Result<Vec<String>, WheelsError> {
        let mut arguments = Vec::new();
        if let Some(url) = self.settings.index_url.as_ref().or(self.pypi.as_ref()) {
            arguments.push(format!("--default-index={}", self.named(url, DEFAULT)));
        }
        if self.settings.index_url.is_some() {
            arguments.push("--no-config".to_string());
        }
        for (number, url) in self.settings.extra_index_urls.iter().enumerate() {
            arguments.push(format!("--index={}", self.named(url, &extra(number))));
        }
        for place in &self.settings.find_links {
            if !self.logins.contains_key(place) {
                arguments.push(format!("--find-links={}", places::links(place, folder)?));
            }
        }
        Ok(arguments)
    }

    fn named(&self, url: &str, name: &str) -> String {
        match self.logins.contains_key(url) {
            true => format!("{name}={url}"),
            false => url.to_string(),
        }
    }

    /// Adds the logins to uv's variables, and takes out what the machine would add.
    pub(super) fn settle(&self, variables: &mut BTreeMap<OsString, OsString>) {
        places::without_the_machines(&self.settings, variables);
        let mut known: Vec<(String, &String)> = Vec::new();
        let default = self.settings.index_url.as_ref().or(self.pypi.as_ref());
        known.extend(default.map(|url| (DEFAULT.to_string(), url)));
        let extras = self.settings.extra_index_urls.iter().enumerate();
        known.extend(extras.map(|(number, url)| (extra(number), url)));
        known.extend(places::own_indexes(&self.settings));
        for (name, url) in known {
            if let Some(login) = self.logins.get(url) {
                let name = name.to_uppercase().replace('-', "_");
                let parts = [("USERNAME", &login.name), ("PASSWORD", &login.password)];
                for (what, value) in parts {
                    variables.insert(format!("UV_INDEX_{name}_{what}").into(), value.into());
                }
            }
        }
        let links = self.settings.find_links.iter();
        let mut links: Vec<OsString> = links.filter_map(|url| self.with_login(url)).collect();
        if !links.is_empty() {
            links.extend(variables.remove(&OsString::from("UV_FIND_LINKS")));
            variables.insert("UV_FIND_LINKS".into(), links.join(&OsString::from(",")));
        }
    }

    /// Returns an address with its login, if it has one.
    fn with_login(&self, address: &String) -> Option<OsString> {
        let login = self.logins.get(address)?;
        let mut url = Url::parse(address).ok()?;
        url.set_username(&login.name).ok()?;
        url.set_password(Some(&login.password)).ok()?;
        Some(url.to_string().into())
    }

    /// Returns the canonical address of an index that a mirror has.
    pub(super) fn canonical_index(&self, place: &Url) -> Url {
        // The rules are written with a slash at the end.
        let slashed = Url::parse(&format!("{}/", place.as_str().trim_end_matches('/')));
        let found = slashed.map(|slashed| (self.canonical(&slashed), slashed));
        match found {
            Ok((canonical, slashed)) if canonical != slashed => {
                let text = canonical.as_str().trim_end_matches('/');
                Url::parse(text).unwrap_or(canonical)
            }
            _ => place.clone(),
        }
    }

    /// Returns the canonical address of what a mirror has.
    pub(super) fn canonical(&self, place: &Url) -> Url {
        // A mirror of an index that is asked knows better than another one.
        let asked = self.mirrors.restore(place, |base| {
            let mut asked = self.asked.iter();
            asked.any(|index| index.starts_with(base))
        });
        if asked != *place {
            return asked;
        }
        self.mirrors.restore(place, |base| {
            let mut channels = self.channels.iter();
            !channels.any(|channel| channel.starts_with(base) || base.starts_with(channel))
        })
    }
}

/// Returns the canonical addresses of indexes, with a slash at the end as mirrors have it.
fn asked(pypi: &PypiSettings) -> Vec<String> {
    let usual = PYPI.to_string();
    let default = pypi.index_url.as_ref().unwrap_or(&usual);
    let all = [default].into_iter();
    let all = all.chain(&pypi.extra_index_urls);
    let all = all.chain(pypi.package_indexes.values());
    all.map(|url| format!("{}/", url.trim_end_matches('/')))
        .collect()
}

fn extra(number: usize) -> String {
    format!("gpuenv-extra-{number}")
}

/// Returns where to ask instead of an index, written as indexes are: without a slash
/// at the end, unless it has one.
fn moved(mirrors: &Mirrors, text: &str) -> String {
    let slashed = format!("{}/", text.trim_end_matches('/'));
    let Ok(url) = Url::parse(&slashed) else {
        return text.to_string();
    };
    let place = mirrors.apply(&url);
    match place == url {
        true => text.to_string(),
        false => place.as_str().trim_end_matches('/').to_string(),
    }
}

/// Looks for logins: those of mirrors, of uv's settings, of rattler's file and netrc,
/// and of the keyring, in this order.
async fn logins(addresses: Vec<String>, access: &Access) -> BTreeMap<String, Login> {
    let storage = client::storage(access).ok();
    let mut logins = BTreeMap::new();
    for address in addresses {
        let Ok(url) = Url::parse(&address) else {
            continue;
        };
        let stored = || {
            let (_, found) = storage.as_ref()?.get_by_url(url.clone()).ok()?;
            match found? {
                Authentication::BasicHTTP { username, password } => Some(Login {
                    name: username,
                    password,
                }),
                // uv has no other way to say who asks.
                _ => None,
            }
        };
        let known = of_mirror(&url, access);
        let known = known.or_else(|| access.wheels.login_for(&url));
        let mut login = known.or_else(stored);
        if let (None, Some(keyring)) = (&login, &access.wheels.keyring) {
            keyring.learn(&url, None);
            login = keyring.login(&url).await;
        }
        if let Some(login) = login {
            logins.insert(address, login);
        }
    }
    logins
}

fn of_mirror(url: &Url, access: &Access) -> Option<Login> {
    let slashed = format!("{}/", url.as_str().trim_end_matches('/'));
    let logins = access.mirrors.logins().iter();
    let nearest = logins.filter(|login| slashed.starts_with(&login.place));
    let nearest = nearest.max_by_key(|login| login.place.len())?;
    let decoded = |text: &str| gpuenv_core::percent::decoded(text);
    Some(Login {
        name: decoded(nearest.secret.username())?,
        password: decoded(nearest.secret.password()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors() -> Mirrors {
        let mut mirrors = Mirrors::default();
        for (base, to) in [
            (PYPI, "https://m.example/pypi/simple"),
            ("https://files.example", "https://m.example/files"),
            (CANONICAL_BASE, "https://m.example"),
        ] {
            mirrors.add(base, to).unwrap();
        }
        mirrors
    }

    #[test]
    fn an_index_is_asked_at_its_mirror_and_its_files_keep_their_names() {
        let mirrors = mirrors();
        assert_eq!(moved(&mirrors, PYPI), "https://m.example/pypi/simple");
        assert_eq!(
            moved(&mirrors, &format!("{PYPI}/")),
            "https://m.example/pypi/simple"
        );
        for other in [
            "https://x.example/simple/",
            "./wheels",
            "https://x.example/page.html",
        ] {
            assert_eq!(moved(&mirrors, other), other);
        }
        let sources = Sources {
            settings: PypiSettings::default(),
            pypi: None,
            logins: BTreeMap::new(),
            mirrors,
            asked: asked(&PypiSettings::default()),
            channels: vec![CANONICAL_BASE.to_string()],
        };
        let canonical = |text: &str| sources.canonical(&Url::parse(text).unwrap()).to_string();
        assert_eq!(
            canonical("https://m.example/files/packages/a/b/x-1.whl"),
            "https://files.example/packages/a/b/x-1.whl"
        );
        // What only the mirror of a channel has begins like it and is no channel's.
        let other = "https://m.example/wheels/x-1.whl";
        assert_eq!(canonical(other), other);
        let index = |text: &str| sources.canonical_index(&Url::parse(text).unwrap());
        assert_eq!(index("https://m.example/pypi/simple").as_str(), PYPI);
        assert_eq!(
            index("https://x.example/simple").as_str(),
            "https://x.example/simple"
        );
    }

    #[test]
    fn logins_are_in_variables_only() {
        let login = |name: &str| Login {
            name: name.to_string(),
            password: "p@ss".to_string(),
        };
        let at = |path: &str| format!("https://x.example/{path}");
        let sources = Sources {
            settings: PypiSettings {
                index_url: Some(at("main")),
                extra_index_urls: vec![at("open"), at("extra")],
                find_links: vec![at("page")],
                package_indexes: [("a".to_string(), at("own"))].into(),
                ..PypiSettings::default()
            },
            pypi: None,
            logins: ["main", "extra", "page", "own"]
                .map(|path| (at(path), login(path)))
                .into(),
            mirrors: Mirrors::default(),
            asked: Vec::new(),
            channels: Vec::new(),
        };
        assert_eq!(
            sources.arguments(None).unwrap(),
            [
                "--default-index=gpuenv-default=https://x.example/main",
                "--no-config",
                "--index=https://x.example/open",
                "--index=gpuenv-extra-1=https://x.example/extra",
            ]
        );
        let mut variables = BTreeMap::new();
        sources.settle(&mut variables);
        let shown = |(name, value): (OsString, OsString)| {
            format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
        };
        let shown: Vec<String> = variables.into_iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "UV_FIND_LINKS=https://page:p%40ss@x.example/page",
                "UV_INDEX_GPUENV_0_PASSWORD=p@ss",
                "UV_INDEX_GPUENV_0_USERNAME=own",
                "UV_INDEX_GPUENV_DEFAULT_PASSWORD=p@ss",
                "UV_INDEX_GPUENV_DEFAULT_USERNAME=main",
                "UV_INDEX_GPUENV_EXTRA_1_PASSWORD=p@ss",
                "UV_INDEX_GPUENV_EXTRA_1_USERNAME=extra",
            ]
        );
    }
}
