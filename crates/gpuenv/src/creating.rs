//! What `create` is asked for.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{Code, Diagnostic, Plan, Recipe};
use gpuenv_provision::prefix::{self, State, Wanted};
use rattler_conda_types::Subdir;

use crate::{
    Failure, Session,
    activating::KEPT_LOCK,
    choosing::{self, Choice, Open},
    deciding::Deciding,
    lockfile::{self, LockFile},
    locking,
    ready::{self, Ready},
    source::Origin,
    wanted::{self, Named, Packages},
};

/// What an environment is made from.
pub enum Source {
    /// A recipe, and its lock where there is one.
    Recipe {
        /// The recipe, of which something could be chosen.
        open: Box<Open>,
        /// What it says with what was chosen.
        recipe: Box<Recipe>,
        /// Its plans for the platform: one for each variant.
        plans: Vec<Plan>,
        /// The text of the lock that counts: the one beside the recipe, else what the
        /// environment keeps.
        lock_text: Option<String>,
    },
    /// A lock alone.
    Lock {
        /// The lock.
        file: LockFile,
        /// The platform that is wanted of it.
        platform: Subdir,
    },
}

/// What the user names, before anything is chosen of it.
pub enum Found {
    /// A recipe.
    Recipe(Box<Open>),
    /// A lock.
    Lock(Box<LockFile>),
}

/// Returns the platform of this machine.
///
/// # Errors
/// GE201 if conda has no name for it.
pub fn this_platform() -> Result<Subdir, Diagnostic> {
    Subdir::current().ok_or_else(|| {
        Diagnostic::error(
            Code::PLAN_PLATFORM,
            "conda has no name for the platform of this machine",
        )
    })
}

impl Found {
    /// Finds what the user names: a lock, a recipe, packages, or the recipe of this directory.
    ///
    /// # Errors
    /// GE107 and its kin if there is none, GE1xx if it cannot be read.
    pub fn find(words: &[String], packages: &Packages, session: &Session) -> Result<Self, Failure> {
        match wanted::named(words)? {
            Named::Recipe(Some(path)) if path.ends_with(".lock") => {
                Ok(Self::Lock(Box::new(lockfile::read(Path::new(path))?)))
            }
            Named::Recipe(_) | Named::Packages(_) => {
                let open = packages.open(words, "gpuenv create", session)?;
                Ok(Self::Recipe(Box::new(open)))
            }
        }
    }

    /// Returns the recipe's name; a lock knows it too, where gpuenv wrote it.
    pub fn recipe_name(&self) -> Option<&str> {
        match self {
            Self::Recipe(open) => Some(&open.name),
            Self::Lock(file) => {
                let settings = file.lock.settings.as_ref();
                settings.map(|settings| settings.recipe.as_str())
            }
        }
    }

    /// Decides the recipe: what is chosen now, over what its lock or the environment remembers.
    ///
    /// # Errors
    /// GE1xx and GE2xx if it cannot be used here.
    pub fn decide(
        self,
        choice: &Choice,
        prefix: &Path,
        platform: Subdir,
    ) -> Result<Source, Failure> {
        let mut open = match self {
            Self::Lock(file) => {
                choice.refuse_for_lock(&file.path.display().to_string())?;
                return Ok(Source::Lock {
                    file: *file,
                    platform,
                });
            }
            Self::Recipe(open) => open,
        };
        open.text.options = choice.options();
        let lock_text = lock_text(&open, prefix)?;
        let settings = lock_text.as_deref();
        let settings = settings.and_then(|text| choosing::remembered(&open.name, text));
        let settings = settings.filter(|settings| settings.recipe == open.name);
        let recipe = open.decide(choice, settings.as_ref())?;
        let plans = locking::plans(&recipe, &[platform]).map_err(Failure::several)?;
        Ok(Source::Recipe {
            open,
            recipe: Box::new(recipe),
            plans,
            lock_text,
        })
    }
}

/// Returns the lock that counts: the one beside the recipe, else what the environment keeps.
fn lock_text(open: &Open, prefix: &Path) -> Result<Option<String>, Diagnostic> {
    let beside = match open.text.origin {
        // Packages on the command line have no lock that others could have made.
        Origin::Words(_) => None,
        Origin::Shipped | Origin::File(_) => lockfile::find_text(&open.text, &open.name)?,
    };
    Ok(match beside {
        Some((_, text)) => Some(text),
        None if open.text.has_no_place() => fs::read_to_string(prefix.join(KEPT_LOCK)).ok(),
        None => None,
    })
}

impl Source {
    /// Returns the file that the user names, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        let file = match self {
            Self::Recipe { open, .. } => match &open.text.origin {
                Origin::File(file) if !open.text.is_shipped() => file,
                Origin::File(_) | Origin::Shipped | Origin::Words(_) => return None,
            },
            Self::Lock { file, .. } => &file.path,
        };
        std::path::absolute(file).ok()
    }

    /// Returns the platform that the environment is for.
    pub fn platform(&self) -> Subdir {
        match self {
            Self::Recipe { plans, .. } => plans.first().map_or(Subdir::NoArch, Plan::platform),
            Self::Lock { platform, .. } => *platform,
        }
    }

    /// Returns what tells the recipe, with what is chosen of it, from any other.
    pub fn recipe_text(&self) -> Option<String> {
        match self {
            Self::Recipe { open, recipe, .. } => Some(open.whole_text(recipe)),
            Self::Lock { .. } => None,
        }
    }

    /// Returns the record of an environment that already is what is wanted.
    ///
    /// Reads a record and a directory listing; no channel, no package, no driver.
    pub fn already_right(&self, prefix: &Path, deciding: &Deciding) -> Option<State> {
        let state = prefix::read_state(prefix).ok()??;
        let name = state.platform.as_str();
        if !deciding.allows(name) {
            return None;
        }
        let (lock_text, activation) = match self {
            Self::Lock { file, platform } => {
                if !file.lock.names(*platform).contains(&name) {
                    return None;
                }
                let kept = file.lock.settings_of(name);
                let activation = kept.map(|kept| kept.activation.clone());
                (Some(&file.text), activation.unwrap_or_default())
            }
            Self::Recipe {
                plans, lock_text, ..
            } => {
                let plan = plans.iter().find(|plan| plan.name() == name)?;
                (lock_text.as_ref(), plan.activation.clone())
            }
        };
        let lock_text = lock_text?;
        let recipe_text = self.recipe_text();
        let wanted = Wanted {
            lock_text,
            recipe_text: recipe_text.as_deref(),
            platform: name,
            activation: &activation,
        };
        prefix::is_right(prefix, &wanted).then_some(state)
    }

    /// Returns the recipe's text where nobody else has it: made of packages on the command line.
    pub fn only_text(&self) -> Option<String> {
        match self {
            Self::Recipe { open, .. } if matches!(open.text.origin, Origin::Words(_)) => {
                self.recipe_text()
            }
            Self::Recipe { .. } | Self::Lock { .. } => None,
        }
    }

    /// Returns a lock to install: the one that is there if it fits, else a new one.
    ///
    /// # Errors
    /// GE402 and GE407 with `locked`; else whatever keeps a lock from being made.
    pub fn ready(
        self,
        locked: bool,
        deciding: &Deciding,
        session: &Session,
    ) -> Result<Ready, Failure> {
        match self {
            Self::Lock { file, platform } => {
                let label = file.path.display().to_string();
                let decided = deciding.decide(
                    &file.lock,
                    (&label, &lockfile::create_command(&label)),
                    platform,
                    session,
                )?;
                ready::of_lock(file, decided, Some(&session.builds()?))
            }
            Self::Recipe {
                open,
                recipe,
                plans,
                ..
            } => ready::of_recipe(&open.text, &recipe, plans, locked, deciding, session),
        }
    }
}
