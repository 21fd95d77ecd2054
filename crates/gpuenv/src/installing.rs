//! What several commands install: something ready, at a prefix, for a reason.

use std::{io, path::Path};

use gpuenv_core::{Diagnostic, generation::Action};
use gpuenv_provision::{
    activate,
    install::{Install, Installed, Repair, install},
    prefix::Wanted,
};
use jiff::Timestamp;

use crate::{Session, activating::KEPT_RECIPE, interrupt, ready::Ready};

/// What to install, and where.
pub struct Installing<'a> {
    /// The prefix, absolute.
    pub prefix: &'a Path,
    /// The environment's name.
    pub name: &'a str,
    /// The recipe's name.
    pub recipe: Option<&'a str>,
    /// The recipe's text, if there is one.
    pub recipe_text: Option<&'a str>,
    /// The recipe's text, if it is nowhere but in the environment.
    pub only_text: Option<&'a str>,
    /// The file that the user named.
    pub source: Option<&'a Path>,
    /// A lock that can be installed here.
    pub ready: &'a Ready,
    /// What for.
    pub how: How<'a>,
}

/// What an install is for.
#[derive(Debug, Clone, Copy)]
pub enum How<'a> {
    /// To have an environment.
    Create {
        /// Whether everything is linked anew.
        force: bool,
    },
    /// To mend one.
    Repair(&'a Repair),
    /// To have newer packages.
    Update,
    /// To have an earlier generation again.
    Rollback {
        /// Which one.
        to: u32,
    },
}

impl Installing<'_> {
    /// Does it: afterwards the environment is what was wanted, or what it was.
    ///
    /// # Errors
    /// Whatever keeps it from being installed.
    pub fn install(&self, session: &Session) -> Result<Installed, Diagnostic> {
        session.block_on(self.run(session))?
    }

    async fn run(&self, session: &Session) -> Result<Installed, Diagnostic> {
        let ready = self.ready;
        let access = session.access()?;
        let prefix_text = self.prefix.to_string_lossy().into_owned();
        let platform = ready.solution.platform;
        let registry = session.registry();
        let finish = |stage: &Path, _prefix: &Path| -> io::Result<()> {
            activate::write(stage, &prefix_text, platform, &ready.activation)?;
            match self.only_text {
                Some(text) => fs_err::write(stage.join(KEPT_RECIPE), text),
                None => Ok(()),
            }
        };
        let request = Install {
            prefix: self.prefix,
            name: self.name,
            recipe: self.recipe,
            wanted: Wanted {
                lock_text: &ready.lock_text,
                recipe_text: self.recipe_text,
                platform: &ready.name,
                activation: &ready.activation,
            },
            solution: &ready.solution,
            requested: &ready.requested,
            force: matches!(self.how, How::Create { force: true }),
            repair: match self.how {
                How::Repair(repair) => Some(repair),
                How::Create { .. } | How::Update | How::Rollback { .. } => None,
            },
            source: self.source,
            action: match self.how {
                How::Create { .. } | How::Repair(_) => Action::Create,
                How::Update => Action::Update,
                How::Rollback { to } => Action::Rollback { to },
            },
            protected: &session.protected(),
            registry: registry.as_deref(),
            cancel: interrupt::cancel_on_signal(),
            finish: &finish,
            now: Timestamp::now(),
            command_line: &session.command_line(),
            uv: Some(&session.uv(self.name)?),
        };
        Ok(install(&request, &access, session.reporter()).await?)
    }
}
