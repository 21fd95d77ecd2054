//! What there is: packages, wheels, properties of the machine, and what was asked for.

use rattler_conda_types::{RepoDataRecord, Subdir};
use serde::Serialize;

use crate::{
    Place, Plan, channel,
    lock::{Lock, PlatformLock},
    recipe, solution, wheels,
};

/// What a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A conda package.
    Conda,
    /// A property of the machine.
    Virtual,
    /// A wheel.
    Wheel,
}

/// A package, as far as it matters to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its normalised name.
    pub name: String,
    /// Its version; empty if nobody says it.
    pub version: String,
    /// Its build string; empty for what has none.
    pub build: String,
    /// The short name of its channel; empty if nobody says it.
    pub channel: String,
    /// What it is.
    pub kind: Kind,
    /// What it needs: match specs, or for a wheel requirements of PEP 508.
    pub needs: Vec<String>,
    /// What it restricts without needing it.
    pub constrains: Vec<String>,
}

impl Package {
    /// Returns `name version build`.
    pub fn label(&self) -> String {
        let parts = [&self.name, &self.version, &self.build];
        let parts = parts
            .map(String::as_str)
            .into_iter()
            .filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// Something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// As written.
    pub text: String,
    /// Where it is written, if that is known.
    pub place: Option<Place>,
    /// Whether it asks for a wheel.
    pub wheel: bool,
}

impl Line {
    /// Makes a line of which only the text is known.
    pub fn of_text(text: impl Into<String>, wheel: bool) -> Self {
        Self {
            text: text.into(),
            place: None,
            wheel,
        }
    }
}

/// A wheel, as its own metadata describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainWheel {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its requirements, as written.
    pub requires: Vec<String>,
}

/// What there is for one platform.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The packages, in any order.
    pub packages: Vec<Package>,
    /// What was asked for, in order.
    pub lines: Vec<Line>,
    /// The platform, where it decides which requirements count.
    pub platform: Option<Subdir>,
}

impl Contents {
    /// Returns what a lock holds for a platform.
    ///
    /// It does not say what wheels need; only an environment does.
    pub fn of_lock(lock: &Lock, platform: &str, locked: &PlatformLock) -> Self {
        let mut contents = Self::of_records(&locked.records);
        contents.platform = platform.parse().ok();
        for wheel in &locked.wheels {
            contents.add_wheel(&PlainWheel {
                name: wheel.name.clone(),
                version: wheel.version.clone(),
                requires: Vec::new(),
            });
        }
        for text in &locked.virtual_packages {
            let version = text.split('=').nth(1).unwrap_or_default();
            contents.set_virtual(text.split('=').next().unwrap_or_default(), version);
        }
        let settings = lock.settings.as_ref();
        if let Some(settings) = settings.and_then(|known| known.platforms.get(platform)) {
            let conda = settings.dependencies.iter().map(|text| (text, false));
            let wheels = settings.pypi_dependencies.iter().map(|text| (text, true));
            let lines = conda.chain(wheels);
            contents.lines = lines
                .map(|(text, wheel)| Line::of_text(text, wheel))
                .collect();
        }
        contents
    }

    /// Returns what package records say.
    pub fn of_records(records: &[RepoDataRecord]) -> Self {
        let mut contents = Self::default();
        for record in records {
            let package = &record.package_record;
            for name in package.depends.iter().chain(&package.constrains) {
                let name = solution::name_of(name);
                if name.starts_with("__") {
                    contents.set_virtual(name, "");
                }
            }
            let channel = record.channel.as_deref().unwrap_or_default();
            contents.packages.push(Package {
                name: package.name.as_normalized().to_string(),
                version: package.version.to_string(),
                build: package.build.to_string(),
                channel: channel::short_name(channel).to_string(),
                kind: Kind::Conda,
                needs: package.depends.clone(),
                constrains: package.constrains.clone(),
            });
        }
        contents
    }

    /// Adds a wheel.
    pub fn add_wheel(&mut self, wheel: &PlainWheel) {
        let name = wheels::normalized(&wheel.name);
        self.packages.push(Package {
            name: name.unwrap_or_else(|| wheel.name.to_lowercase()),
            version: wheel.version.clone(),
            build: String::new(),
            channel: wheels::CHANNEL.to_string(),
            kind: Kind::Wheel,
            needs: wheel.requires.clone(),
            constrains: Vec::new(),
        });
    }

    /// Takes the recipe's lines as they are now, where each has its place.
    #[must_use]
    pub fn with_plan(mut self, plan: &Plan) -> Self {
        let conda = plan.dependencies.iter();
        let conda = conda.map(|line| (&line.text, &line.place, false));
        let wheels = plan.wheels.iter();
        let wheels = wheels.map(|line| (&line.text, &line.place, true));
        let lines = conda.chain(wheels).map(|(text, place, wheel)| Line {
            text: text.clone(),
            place: place.clone(),
            wheel,
        });
        self.lines = lines.collect();
        self
    }

    fn set_virtual(&mut self, name: &str, version: &str) {
        let known = self.packages.iter_mut().find(|p| p.name == name);
        match known {
            Some(known) if !version.is_empty() => known.version = version.to_string(),
            Some(_) => {}
            None => self.packages.push(Package {
                name: name.to_string(),
                version: version.to_string(),
                build: String::new(),
                channel: String::new(),
                kind: Kind::Virtual,
                needs: Vec::new(),
                constrains: Vec::new(),
            }),
        }
    }
}

/// Returns the package that a line of a recipe is about.
pub(super) fn package_of(text: &str) -> String {
    let text = text.rsplit("::").next().unwrap_or(text).trim();
    solution::name_of(text).to_lowercase()
}

/// Returns the distribution that a requirement is about.
pub(super) fn distribution_of(text: &str) -> String {
    match recipe::wheel(text) {
        Ok(requirement) => requirement.name.to_string(),
        Err(_) => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
            let name = text[..end.unwrap_or(text.len())].trim();
            wheels::normalized(name).unwrap_or_else(|| name.to_lowercase())
        }
    }
}
