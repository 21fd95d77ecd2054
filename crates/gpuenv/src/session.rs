//! What a command has at hand: the environment, the options, the way to the user.
//!
//! It stays in `commands/`: a stage takes values, never a session.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use gpuenv_core::{
    Code, Diagnostic, Event, Reporter, channel::Mirrors, facts::GpuBuilds, neighbours::Neighbour,
};
use gpuenv_provision::{
    Access, Uv,
    access::{default_cache, is_writable},
};

use crate::{
    config::Config,
    env::{self, Env},
    facts, indexes,
    mirror::Mirror,
    options::Options,
    outside,
    printer::Printer,
    progress::Listener,
    untrusted,
};

/// What a command has at hand. What costs time is made when first asked for.
#[derive(Debug)]
pub struct Session {
    /// What the environment says.
    pub env: Env,
    /// What the global options say.
    pub options: Options,
    listener: OnceLock<Arc<Listener>>,
    config: OnceLock<Config>,
    neighbours: OnceLock<Neighbour>,
}

impl Session {
    /// Makes a session.
    pub fn new(env: Env, options: Options) -> Self {
        Self {
            env,
            options,
            listener: OnceLock::new(),
            config: OnceLock::new(),
            neighbours: OnceLock::new(),
        }
    }

    /// Returns the way to the terminal.
    pub fn printer(&self) -> Printer {
        self.options.printer
    }

    /// Returns who shows what the stages tell.
    pub fn reporter(&self) -> Arc<dyn Reporter> {
        let (printer, form) = (self.options.printer, self.options.progress);
        let listener = || Arc::new(Listener::new(printer, form));
        Arc::clone(self.listener.get_or_init(listener)) as Arc<dyn Reporter>
    }

    /// Takes the bars off the screen, returns the diagnostics that the stages told.
    pub(crate) fn finish(&self) -> Vec<Diagnostic> {
        self.listener
            .get()
            .map(|listener| listener.finish())
            .unwrap_or_default()
    }

    /// Returns where channels are fetched from instead: flags, then variable, then configuration.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn mirrors(&self) -> Result<Vec<Mirror>, Diagnostic> {
        let configured = &self.config()?.mirrors;
        Ok([self.options.mirrors.as_slice(), configured].concat())
    }

    /// Returns how the network and the caches may be used.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn access(&self) -> Result<Access, Diagnostic> {
        let mut mirrors = Mirrors::default();
        for mirror in self.mirrors()? {
            mirrors.add(mirror.base.as_str(), mirror.place.as_str())?;
        }
        let neighbours = self.neighbours()?;
        outside::add_mirrors(&mut mirrors, &self.mirrors()?, neighbours)?;
        let named = self.env.cache.clone();
        let named = named.or_else(|| outside::cache(&self.env, neighbours));
        let cache = named.or_else(default_cache).ok_or_else(|| {
            Diagnostic::error(
                Code::INSTALL_NO_HOME,
                "no directory for the package cache is known: the user has no home directory",
            )
            .help(format!(
                "`export {}=/some/directory`",
                env::RATTLER_CACHE_DIR
            ))
        })?;
        let home = self.env.home.as_ref();
        Ok(Access {
            mirrors,
            offline: self.offline()?,
            fallback: home
                .filter(|_| !is_writable(&cache))
                .map(|home| home.join("cache")),
            cache,
            silence: self.env.http_silence,
            retries: self.env.http_retries,
            unpacked_at_least: self.env.unpack_limit,
            ways: outside::ways(&self.env, neighbours)?,
            wheels: indexes::ways(&self.env, neighbours.keyring.as_deref()),
        })
    }

    /// Returns the channels that this user's conda takes where nothing names one.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn conda_channels(&self) -> Result<Vec<String>, Diagnostic> {
        Ok(self.neighbours()?.own_channels())
    }

    /// Writes out the names of this user's conda that stand for several channels.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn expanded_channels(&self, named: &[String]) -> Result<Vec<String>, Diagnostic> {
        let named = named.iter().flat_map(|text| text.split(','));
        Ok(self.neighbours()?.expanded(named.map(str::trim)))
    }

    /// Returns the names of this user's conda that stand for several channels, and for which.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn multichannels(&self) -> Result<Vec<(String, Vec<String>)>, Diagnostic> {
        let neighbours = self.neighbours()?;
        let names = neighbours.multichannels.iter().map(|(name, _)| name);
        let of_name = |name: &String| {
            let members = neighbours.members(name).into_iter();
            (name.clone(), members.map(ToString::to_string).collect())
        };
        Ok(names.map(of_name).collect())
    }

    /// Returns where uv may be: where the user says, on `PATH`, in an environment.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn uv(&self, environment: &str) -> Result<Uv, Diagnostic> {
        let mut directories = self.env.path.clone();
        if let Some(home) = &self.env.home {
            let prefix = home.join("envs").join(environment);
            directories.extend(["bin", "Scripts"].map(|name| prefix.join(name)));
        }
        Ok(Uv {
            named: self.env.uv.clone(),
            directories,
            tool: self
                .env
                .home
                .as_ref()
                .map(|home| home.join("tools").join("uv")),
            variables: env::variables(),
            offline: self.offline()?,
        })
    }

    /// Returns whether the network must not be used.
    ///
    /// # Errors
    /// Returns what is wrong with the configuration.
    pub fn offline(&self) -> Result<bool, Diagnostic> {
        Ok(self.options.offline || self.config()?.offline || self.neighbours()?.offline)
    }

    /// Returns what is known of packages that come with and without CUDA.
    ///
    /// # Errors
    /// GE720 if the user's own table cannot be read.
    pub fn builds(&self) -> Result<GpuBuilds, Diagnostic> {
        Ok(facts::read(self.env.facts.as_deref())?.0.builds)
    }

    /// Returns the directory that holds the environments.
    ///
    /// # Errors
    /// Returns that none is known.
    pub fn home(&self) -> Result<PathBuf, Diagnostic> {
        self.env.home.clone().ok_or_else(|| {
            Diagnostic::error(
                Code::INSTALL_NO_HOME,
                "no directory for environments is known: the user has no home directory",
            )
            .help(format!("`export {}=/some/directory`", env::GPUENV_HOME))
        })
    }

    /// Returns directories that never become, and never give way to, an environment.
    pub fn protected(&self) -> Vec<PathBuf> {
        let here = std::env::current_dir().ok();
        self.env.user_home.iter().cloned().chain(here).collect()
    }

    /// Returns the command line as the user typed it, without secrets, for an environment's history.
    pub fn command_line(&self) -> String {
        let words = env::arguments();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        untrusted::redact(&words.join(" ")).into_owned()
    }

    /// Returns conda's register of environments.
    pub fn registry(&self) -> Option<PathBuf> {
        let home = self.env.user_home.as_ref()?;
        Some(home.join(".conda").join("environments.txt"))
    }

    /// Runs something that waits for sockets.
    ///
    /// # Errors
    /// Returns that no threads can be started.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Diagnostic> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Diagnostic::error(Code::INSTALL_IO, "no worker threads can be started")
                    .caused_by(&error)
            })?;
        Ok(runtime.block_on(future))
    }

    /// Returns what the configuration of conda, rattler and pixi says.
    fn neighbours(&self) -> Result<&Neighbour, Diagnostic> {
        if let Some(found) = self.neighbours.get() {
            return Ok(found);
        }
        let found = outside::read(&self.env)?;
        for note in &found.notes {
            let diagnostic = note.clone();
            self.reporter().report(Event::Diagnosed { diagnostic });
        }
        Ok(self.neighbours.get_or_init(|| found))
    }

    fn config(&self) -> Result<&Config, Diagnostic> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = Config::read(&self.env)?;
        Ok(self.config.get_or_init(|| config))
    }
}
