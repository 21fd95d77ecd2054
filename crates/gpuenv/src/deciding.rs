//! Which of a recipe's variants an environment is made of: as the user says, else the
//! first that the machine can run.

use std::cell::OnceCell;

use gpuenv_core::{
    Code, Diagnostic, Lock, Machine,
    fits::{self, Candidate, Choice, PassedOver},
    lock::variant_in,
    plan::Gpu,
    recipe::suggest,
};
use rattler_conda_types::Subdir;

use crate::{Failure, Session, checking, facts};

/// What decides.
#[derive(Debug, Default)]
pub struct Deciding {
    /// The variant that the user names.
    variant: Option<String>,
    /// The machine that the environment is for, where it is not this one.
    target: Option<Machine>,
    /// What the environment is now, as its lock names it: `linux-64-cuda12`.
    now: Option<String>,
    /// Whether it stays that.
    stays: bool,
    seen: OnceCell<(Machine, Option<Diagnostic>)>,
}

/// What is decided.
#[derive(Debug, Clone, Default)]
pub struct Decided {
    /// The platform, as the lock names it.
    pub name: String,
    /// What to tell about it.
    pub notes: Vec<Diagnostic>,
}

impl Deciding {
    /// Lets the machine decide, unless the user names a variant; `now` is what the
    /// environment is, if there is one.
    pub fn new(variant: Option<String>, target: Option<Machine>, now: Option<String>) -> Self {
        Self {
            variant,
            target,
            now,
            ..Self::default()
        }
    }

    /// Lets an environment be what it is, as far as its lock still has that.
    pub fn stays(now: Option<String>) -> Self {
        Self {
            now,
            stays: true,
            ..Self::default()
        }
    }

    /// Returns whether another machine than this one was described.
    pub fn is_elsewhere(&self) -> bool {
        self.target.is_some()
    }

    /// Returns whether what the environment is may be what is wanted: nobody has named
    /// another variant or machine.
    pub fn allows(&self, name: &str) -> bool {
        let named = self.variant.as_deref();
        let own = variant_in(name);
        self.target.is_none() && (named.is_none() || named == own)
    }

    /// Returns the machine that it is for, asking the driver at most once.
    ///
    /// # Errors
    /// GE517 for a variable that holds no version.
    pub fn machine(&self) -> Result<&Machine, Diagnostic> {
        if let Some(target) = &self.target {
            return Ok(target);
        }
        if let Some((machine, _)) = self.seen.get() {
            return Ok(machine);
        }
        let seen = checking::this_machine()?;
        Ok(&self.seen.get_or_init(|| seen).0)
    }

    /// Decides which of the variants of a lock it is; `what` is how the user calls the
    /// recipe or lock, `command` makes an environment of it.
    ///
    /// # Errors
    /// GE217 if the machine runs none of them, GE219 if there is none of that name, GE221
    /// if nothing tells.
    pub fn decide(
        &self,
        lock: &Lock,
        (what, command): (&str, &str),
        platform: Subdir,
        session: &Session,
    ) -> Result<Decided, Failure> {
        let candidates = fits::candidates(lock, platform);
        if let Some(wanted) = &self.variant {
            let named = candidates.iter().find(|one| one.variant == wanted);
            let named = named.ok_or_else(|| unknown(wanted, what, platform, &candidates))?;
            return Ok(decided(named.name));
        }
        if candidates.is_empty() {
            let name = lock.names(platform).first().copied();
            return Ok(decided(name.unwrap_or(platform.as_str())));
        }
        let now = self.now.as_deref();
        let now = candidates.iter().find(|one| Some(one.name) == now);
        if let Some(now) = now.filter(|_| self.stays) {
            return Ok(decided(now.name));
        }
        let settings = lock.settings.as_ref();
        let gpu = settings.map_or(Gpu::Optional, |settings| settings.gpu);
        let (facts, _) = facts::read(session.env.facts.as_deref())?;
        let machine = self.machine()?;
        match fits::choose(&candidates, gpu, machine, &facts) {
            Choice::Taken { index, passed } => {
                let name = candidates.get(index).map_or("", |one| one.name);
                let variant = candidates.get(index).map_or("", |one| one.variant);
                Ok(Decided {
                    notes: taken(variant, &passed).into_iter().collect(),
                    ..decided(name)
                })
            }
            Choice::NoneFits(passed) => Err(none_fits(what, command, platform, &passed).into()),
            Choice::Undecided => match now {
                Some(now) => Ok(decided(now.name)),
                None => Err(self.undecided(what, command, &candidates).into()),
            },
        }
    }

    fn undecided(&self, what: &str, command: &str, candidates: &[Candidate<'_>]) -> Diagnostic {
        let message =
            format!("the machine has no GPU that could decide which variant of `{what}` to take");
        let names: Vec<String> = candidates
            .iter()
            .map(|one| format!("`{}`", one.variant))
            .collect();
        let mut error = Diagnostic::error(Code::VARIANT_UNDECIDED, message).cause(format!(
            "its variants are {}, the preferred one first",
            names.join(", ")
        ));
        if let Some((_, Some(broken))) = self.seen.get() {
            error = error.cause(format!("the driver: {}", broken.message));
        }
        let first = candidates.first().map_or("NAME", |one| one.variant);
        error
            .help(format!("name one: `{command} --variant {first}`"))
            .help(format!(
                "or describe the machine that it is for: there `gpuenv devices --export node.json`, \
                 here `{command} --target node.json`"
            ))
    }
}

/// Refuses a variant that a lock has for no platform.
///
/// # Errors
/// GE219 if there is none of that name.
pub fn check_variant(lock: &Lock, wanted: &str, what: &str) -> Result<(), Diagnostic> {
    let known = lock.variants();
    match known.contains(&wanted) {
        true => Ok(()),
        false => {
            let message = format!("`{what}` has no variant `{wanted}`");
            Err(known_are(message, wanted, &known))
        }
    }
}

fn decided(name: &str) -> Decided {
    Decided {
        name: name.to_string(),
        notes: Vec::new(),
    }
}

/// Tells why not the first one is taken.
fn taken(variant: &str, passed: &[PassedOver]) -> Option<Diagnostic> {
    let first = passed.first()?;
    let message = format!("variant `{variant}` is taken, and not `{}`", first.variant);
    let mut note = Diagnostic::note(Code::VARIANT_TAKEN, message);
    for passed in passed {
        let reason = passed
            .obstacles
            .first()
            .map_or("", |first| first.message.as_str());
        note = note.cause(format!("`{}`: {reason}", passed.variant));
    }
    let help = first.obstacles.first().and_then(|found| found.help.first());
    Some(match help {
        Some(help) => note.help(format!("for `{}`: {help}", first.variant)),
        None => note,
    })
}

fn none_fits(what: &str, command: &str, platform: Subdir, passed: &[PassedOver]) -> Diagnostic {
    let message = format!("the machine runs none of the variants of `{what}` for {platform}");
    let mut error = Diagnostic::error(Code::VARIANT_NONE_FITS, message);
    for passed in passed {
        error = error.cause(passed.line());
    }
    let last = passed.last().map_or("NAME", |last| last.variant.as_str());
    error.help(format!(
        "do what one of them needs, or install it all the same: `{command} --variant {last} --no-check`"
    ))
}

fn unknown(wanted: &str, what: &str, platform: Subdir, candidates: &[Candidate<'_>]) -> Diagnostic {
    let message = format!("`{what}` has no variant `{wanted}` for {platform}");
    let known: Vec<&str> = candidates.iter().map(|one| one.variant).collect();
    known_are(message, wanted, &known)
}

fn known_are(message: String, wanted: &str, known: &[&str]) -> Diagnostic {
    let error = Diagnostic::error(Code::VARIANT_UNKNOWN, message);
    match (suggest(wanted, known.iter().copied()), known.is_empty()) {
        (Some(meant), _) => error.help(format!("did you mean `{meant}`?")),
        (None, true) => error.help("it has none: leave `--variant` out"),
        (None, false) => error.help(format!("it has `{}`", known.join("`, `"))),
    }
}
