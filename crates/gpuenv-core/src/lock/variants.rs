//! What a lock holds for a platform, under one name or, where the recipe has
//! variants, under several.

use std::collections::BTreeSet;

use rattler_conda_types::{GenericVirtualPackage, Subdir};

use super::{Lock, PlatformSettings, settings};
use crate::Solution;

impl Lock {
    /// Returns the names under which a platform is locked, the preferred one first:
    /// several where the recipe has variants.
    pub fn names(&self, platform: Subdir) -> Vec<&str> {
        let settings = self.settings.as_ref();
        let order = settings.and_then(|known| known.variants.get(platform.as_str()));
        let locked = self.platforms.iter();
        let of_platform = locked.filter(|(_, locked)| locked.subdir == platform);
        let mut names: Vec<&str> = of_platform.map(|(name, _)| name.as_str()).collect();
        names.sort_by_key(|name| {
            let variant = variant_of(name, platform);
            let mut order = order.into_iter().flatten();
            let place = order.position(|known| Some(known.as_str()) == variant);
            // One without a variant comes first, unknown ones last.
            (variant.is_some(), place.unwrap_or(usize::MAX))
        });
        names
    }

    /// Returns the variants that are locked for any platform, the preferred one first.
    pub fn variants(&self) -> Vec<&str> {
        let order = self
            .settings
            .iter()
            .flat_map(|known| known.variants.values());
        let mut variants: Vec<&str> = Vec::new();
        for name in order.flatten() {
            if !variants.contains(&name.as_str()) {
                variants.push(name);
            }
        }
        variants
    }

    /// Returns the names of the platforms that a variant is locked for.
    pub fn names_of<'l>(&'l self, variant: &'l str) -> impl Iterator<Item = &'l str> {
        let locked = self.platforms.iter();
        let own =
            locked.filter(move |(name, locked)| variant_of(name, locked.subdir) == Some(variant));
        own.map(|(name, _)| name.as_str())
    }

    /// Returns the lock as it would be if the recipe had this variant alone: one
    /// environment for each platform, under the platform's own name.
    ///
    /// Without a name the preferred variant is taken; a platform that lacks the one
    /// asked for is left out. For formats and questions that know one environment only.
    pub fn of_variant(&self, variant: Option<&str>) -> Self {
        let mut lock = self.clone();
        lock.platforms.clear();
        if let Some(settings) = &mut lock.settings {
            settings.schema = settings::WITHOUT_VARIANTS;
            settings.variants.clear();
            settings.platforms.clear();
        }
        let subdirs: BTreeSet<Subdir> = self.platforms.values().map(|l| l.subdir).collect();
        for subdir in subdirs {
            let mut names = self.names(subdir).into_iter();
            let name = names.find(|name| {
                let own = variant_of(name, subdir);
                variant.is_none() || own == variant || own.is_none()
            });
            let Some((name, locked)) = name.and_then(|name| self.platforms.get_key_value(name))
            else {
                continue;
            };
            lock.platforms.insert(subdir.to_string(), locked.clone());
            if let (Some(settings), Some(known)) = (&mut lock.settings, self.settings_of(name)) {
                settings.platforms.insert(subdir.to_string(), known.clone());
            }
        }
        lock
    }

    /// Returns what is locked under a name.
    pub fn solution(&self, name: &str) -> Option<Solution> {
        let locked = self.platforms.get(name)?;
        Some(Solution {
            platform: locked.subdir,
            records: locked.records.clone(),
            wheels: locked.wheels.clone(),
        })
    }

    /// Returns what gpuenv knows of what is locked under a name, if it wrote the lock.
    pub fn settings_of(&self, name: &str) -> Option<&PlatformSettings> {
        self.settings.as_ref()?.platforms.get(name)
    }

    /// Returns the virtual packages that what is locked under a name was solved for.
    pub fn virtual_packages(&self, name: &str) -> Vec<GenericVirtualPackage> {
        let locked = self.platforms.get(name);
        let texts = locked
            .into_iter()
            .flat_map(|locked| &locked.virtual_packages);
        let packages = texts.filter_map(|text| {
            let mut parts = text.split('=');
            Some(GenericVirtualPackage {
                name: parts.next()?.parse().ok()?,
                version: parts.next()?.parse().ok()?,
                build_string: parts.next().unwrap_or("0").parse().ok()?,
            })
        });
        packages.collect()
    }
}

/// Returns the variant that the name of a platform in a lock stands for.
pub fn variant_of(name: &str, platform: Subdir) -> Option<&str> {
    name.strip_prefix(platform.as_str())?.strip_prefix('-')
}

/// Returns the variant that the name of a platform in a lock stands for, whichever
/// platform that is.
pub fn variant_in(name: &str) -> Option<&str> {
    variant_of(name, subdir_of(name)?)
}

/// Returns the platform whose name, or the name of whose variant, this is in a lock.
pub fn subdir_of(name: &str) -> Option<Subdir> {
    let known = std::iter::successors(Some(name), |name| Some(name.rsplit_once('-')?.0));
    known.into_iter().find_map(|name| name.parse().ok())
}
