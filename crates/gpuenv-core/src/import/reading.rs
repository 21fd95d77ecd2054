//! Gathers what a reader finds, checked, with everything that is wrong or lost.

use super::{
    At, Defaults, Exact, Format, Found, ImportError, Imported, Index, Texts, Variable, WheelLine,
    secret::{holds_secret, name_of_secret},
    spec,
};
use crate::{
    Code, Diagnostic, channel,
    recipe::{self, check_index, check_links},
};

/// More notes than this help nobody.
const MOST_NOTES: usize = 60;

/// More entries than this nobody wrote.
const MOST_ENTRIES: usize = 20_000;

/// Where Anaconda keeps its own channels.
const ANACONDA: &str = "https://repo.anaconda.com/";

/// A reader's work so far.
pub(crate) struct Reading<'t> {
    pub(super) texts: &'t Texts,
    pub(super) imported: Imported,
    /// The file wants conda's configured channels too.
    pub(super) adds_defaults: bool,
    /// Names stay as they are written: somebody looks for what is wrong with them.
    pub(super) as_written: bool,
    errors: Vec<Diagnostic>,
    dropped: usize,
    /// There are more entries than anybody writes, and that was told.
    is_flooded: bool,
}

impl<'t> Reading<'t> {
    pub(super) fn new(texts: &'t Texts, format: Format) -> Self {
        Self {
            texts,
            imported: Imported {
                format,
                name: None,
                channels: Vec::new(),
                platforms: Vec::new(),
                packages: Vec::new(),
                wheels: Vec::new(),
                indexes: Vec::new(),
                variables: Vec::new(),
                cuda: None,
                glibc: None,
                locked: Vec::new(),
                notes: Vec::new(),
            },
            adds_defaults: false,
            as_written: false,
            errors: Vec::new(),
            dropped: 0,
            is_flooded: false,
        }
    }

    /// Returns whether so much was told already that the rest is only counted.
    ///
    /// Finding the place of something reads the file up to there.
    fn is_full(&mut self) -> bool {
        let told = self.errors.len().max(self.imported.notes.len());
        self.dropped += usize::from(told >= MOST_NOTES);
        told >= MOST_NOTES
    }

    /// Refuses a file with more entries than anybody writes.
    fn is_flooded(&mut self, count: usize, at: At) -> bool {
        if count < MOST_ENTRIES {
            return false;
        }
        // Every entry behind it is one too many as well, and is not even looked up.
        if !self.is_flooded {
            self.is_flooded = true;
            let place = self.texts.place(at);
            self.fail(ImportError::TooManyEntries {
                place,
                limit: MOST_ENTRIES,
            });
        }
        true
    }

    /// Takes an error.
    pub(super) fn fail(&mut self, error: impl Into<Diagnostic>) {
        match self.errors.len() < MOST_NOTES {
            true => self.errors.push(error.into()),
            false => self.dropped += 1,
        }
    }

    /// Tells something that the user should know.
    pub(super) fn note(&mut self, note: Diagnostic) {
        match self.imported.notes.len() < MOST_NOTES {
            true => self.imported.notes.push(note),
            false => self.dropped += 1,
        }
    }

    /// Tells that something has no counterpart in a recipe.
    pub(super) fn lost(&mut self, at: At, message: impl Into<String>, help: &str) {
        if self.is_full() {
            return;
        }
        let place = self.texts.place(at);
        let mut warning = Diagnostic::warning(Code::IMPORT_NO_COUNTERPART, message).at(place);
        if !help.is_empty() {
            warning = warning.help(help);
        }
        self.note(warning);
    }

    /// Returns what stands there, cut to what fits into a message.
    pub(super) fn first_line(&self, at: At) -> String {
        let written = self.texts.slice(at);
        let first = written.lines().next().unwrap_or_default();
        first.chars().take(60).collect()
    }

    /// Says that an entry is no package.
    pub(super) fn bad_entry(&mut self, at: At, text: &str, reason: &str, help: &str) {
        if holds_secret(text) {
            return self.secret(at, "this address");
        }
        if self.is_full() {
            return;
        }
        self.fail(ImportError::Entry {
            place: self.texts.place(at),
            text: text.chars().take(200).collect(),
            reason: reason.to_string(),
            help: help.to_string(),
        });
    }

    /// Says that a secret is written there.
    pub(super) fn secret(&mut self, at: At, what: &'static str) {
        // A secret must not be passed over because of many other notes.
        if self.errors.len() >= MOST_NOTES {
            self.dropped += 1;
            return;
        }
        let place = self.texts.place(at);
        self.fail(ImportError::Secret { place, what });
    }

    /// Takes a conda package, however it is written.
    pub(super) fn package(&mut self, written: &str, condition: Option<String>, at: At) {
        let written = written.trim();
        if self.is_flooded(self.imported.packages.len(), at) {
            return;
        }
        if written.contains("://") && !written.contains("::") {
            return self.package_address(written, condition, at);
        }
        match spec::conda(written) {
            Ok(value) => {
                if let Some((channel, _)) = value.split_once("::") {
                    let channel = channel.to_string();
                    self.channel_of_package(&channel, at);
                }
                self.imported.packages.push(Found {
                    value,
                    condition,
                    at,
                });
            }
            Err(_) if written.starts_with("__") => self.lost(
                at,
                format!("`{written}` is a property of the machine and not a package"),
                "say what the machine must have: `target: { cuda: \"12.4\" }` in the recipe",
            ),
            Err(_) if written.ends_with(".conda") || written.ends_with(".tar.bz2") => self.lost(
                at,
                format!(
                    "`{written}` is a file of this machine, and a recipe names packages of channels"
                ),
                "put the file into a channel, and name the channel by its URL",
            ),
            Err(reason) => {
                let help = "write `name`, `name=1.2`, `name>=1.2,<2` or `name=1.2=build`";
                self.bad_entry(at, written, &reason, help);
            }
        }
    }

    /// Takes a conda package that is named by the address of its file.
    fn package_address(&mut self, url: &str, condition: Option<String>, at: At) {
        if holds_secret(url) {
            return self.secret(at, "the package's URL");
        }
        match super::explicit::archive(url) {
            Some(archive) => {
                let value = spec::exact(&archive.name, &archive.version, &archive.build);
                self.channel(&archive.channel, None, at);
                self.imported.packages.push(Found { value, condition, at });
            }
            None => self.bad_entry(
                at,
                url,
                "its URL does not end in the file of a conda package",
                "write `https://HOST/CHANNEL/linux-64/NAME-VERSION-BUILD.conda`, or the package's name",
            ),
        }
    }

    /// Takes a PyPI requirement that is no option and no address alone.
    pub(super) fn wheel(&mut self, line: WheelLine, condition: Option<String>, at: At) {
        if self.is_flooded(self.imported.wheels.len(), at) {
            return;
        }
        let line = self.renamed(line, at);
        match recipe::wheel(&line.text) {
            Ok(_) => self.imported.wheels.push(Found {
                value: line,
                condition,
                at,
            }),
            Err(bad) => {
                let help = "write `name`, `name==1.2.*` or `name>=1.2,<2`";
                self.bad_entry(at, &line.text, &bad.to_string(), help);
            }
        }
    }

    /// Gives a package that PyPI has under another name today that name.
    fn renamed(&mut self, mut line: WheelLine, at: At) -> WheelLine {
        let name = spec::name_of(&line.text).replace('_', "-");
        if name != "tensorflow-gpu" || self.as_written {
            return line;
        }
        let rest = line.text["tensorflow-gpu".len().min(line.text.len())..]
            .trim()
            .to_string();
        let is_old = rest.contains("==") || rest.contains('<') || rest.contains("~=");
        line.text = match is_old {
            true => format!("tensorflow{rest}"),
            false => format!("tensorflow[and-cuda]{rest}"),
        };
        line.sha256.clear();
        let place = self.texts.place(at);
        self.note(
            Diagnostic::note(
                Code::LINT_TENSORFLOW_GPU,
                format!("`tensorflow-gpu` is written as `{}`", line.text),
            )
            .at(place)
            .cause("PyPI has no installable `tensorflow-gpu` any more: since 2.1 `tensorflow` itself has the GPU code"),
        );
        line
    }

    /// Takes a channel, however it is written.
    pub(super) fn channel(&mut self, written: &str, condition: Option<String>, at: At) {
        let written = written.trim().trim_end_matches('/');
        if self.imported.channels.len() >= 100 {
            return self.lost(at, "more than 100 channels are left out", "");
        }
        if holds_secret(written) {
            return self.secret(at, "the channel's URL");
        }
        let name = written
            .strip_prefix(channel::CANONICAL_BASE)
            .or_else(|| written.strip_prefix(ANACONDA))
            .unwrap_or(written);
        let name = match name {
            "main" | "r" | "free" | "msys2" => format!("pkgs/{name}"),
            "anaconda" if written.starts_with(ANACONDA) => "pkgs/main".to_string(),
            name => name.to_string(),
        };
        if name == "local" {
            return self.lost(
                at,
                "the channel `local` holds what was built on that machine",
                "publish it, and name the channel by its URL",
            );
        }
        if name != "defaults"
            && let Err(error) = channel::canonical_url(&name)
        {
            let help = match written.starts_with(['.', '/', '~']) {
                true => "name a folder by its URL: `file:///srv/channel`",
                false => "write a name such as `conda-forge`, or a URL",
            };
            return self.bad_entry(at, written, &error.to_string(), help);
        }
        if self
            .imported
            .channels
            .iter()
            .all(|known| known.value != name)
        {
            self.imported.channels.push(Found {
                value: name,
                condition,
                at,
            });
        }
    }

    /// A package's own channel must be one of the recipe's, behind those that are listed.
    fn channel_of_package(&mut self, channel: &str, at: At) {
        self.channel(channel, None, at);
    }

    /// Takes a variable, if a recipe can set it.
    pub(super) fn variable(&mut self, name: &str, value: &str, at: At) {
        if name.ends_with("LIBRARY_PATH") {
            return self.lost(
                at,
                format!("`{name}` is left out: activation finds the CUDA libraries by itself"),
                "`library-path: cuda` in `activation:` is the default, and `gpuenv deactivate` undoes it",
            );
        }
        if let Some(reason) = recipe::variable_problem(name) {
            return self.lost(at, format!("`{name}` is left out: {reason}"), "");
        }
        if name_of_secret(name) || holds_secret(value) {
            return self.secret(at, "this variable");
        }
        self.imported
            .variables
            .retain(|known| known.value.name != name);
        self.imported.variables.push(Found {
            value: Variable {
                name: name.to_string(),
                value: value.to_string(),
            },
            condition: None,
            at,
        });
    }

    /// Takes a place where wheels are looked for.
    pub(super) fn index(&mut self, index: Index, at: At) {
        let url = index.place();
        if holds_secret(url) {
            return self.secret(at, "the index's URL");
        }
        let checked = match &index {
            Index::Links(place) => check_links(place),
            Index::Main(url) | Index::Extra(url) | Index::Package(_, url) => check_index(url),
        };
        if let Err(bad) = checked {
            return self.lost(at, format!("an index is left out: {bad}"), "");
        }
        if self
            .imported
            .indexes
            .iter()
            .all(|known| known.value != index)
        {
            self.imported.indexes.push(Found {
                value: index,
                condition: None,
                at,
            });
        }
    }

    /// Returns what was found as it is written, and what is wrong with it.
    pub(super) fn into_parts(self) -> (Imported, Vec<Diagnostic>) {
        (self.imported, self.errors)
    }

    /// Returns what was found, or everything that is wrong.
    pub(super) fn finish(mut self, defaults: &Defaults) -> Result<Imported, Vec<Diagnostic>> {
        if self.errors.is_empty() {
            self.settle_channels(defaults);
        }
        let found = &self.imported;
        let is_bare = |exact: &Exact| exact.records.is_empty() && exact.wheels.is_empty();
        let is_empty = found.packages.is_empty()
            && found.wheels.is_empty()
            && found.locked.iter().all(is_bare);
        if self.errors.is_empty() && is_empty {
            let file = self.texts.main().file.clone();
            self.errors.push(ImportError::Empty { file }.into());
            // What was left out says why nothing is there.
            self.errors.append(&mut self.imported.notes);
        }
        if self.dropped > 0 {
            let more = format!("{} more are not shown", self.dropped);
            let note = Diagnostic::note(Code::IMPORT_NO_COUNTERPART, more);
            match self.errors.is_empty() {
                true => self.imported.notes.push(note),
                false => self.errors.push(note),
            }
        }
        let line = |note: &Diagnostic| {
            let span = note.place.as_ref().and_then(|place| place.span.as_ref());
            span.map_or((usize::MAX, 0), |span| (span.line, span.column))
        };
        self.imported.notes.sort_by_key(line);
        match self.errors.is_empty() {
            true => Ok(self.imported),
            false => Err(self.errors),
        }
    }
}
