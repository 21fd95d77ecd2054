//! What `defaults`, no channel at all, or only small channels stand for.

use super::{At, Defaults, Found, reading::Reading};
use crate::{Code, Diagnostic};

/// Channels that hold a few packages, and need another one for the rest.
const SATELLITES: [&str; 12] = [
    "pytorch",
    "pytorch-nightly",
    "pytorch-lts",
    "nvidia",
    "rapidsai",
    "rapidsai-nightly",
    "xformers",
    "pyg",
    "huggingface",
    "fastai",
    "numba",
    "fastchan",
];

impl Reading<'_> {
    /// Writes out the names that stand for several channels on this machine alone.
    fn write_out_groups(&mut self, groups: &[(String, Vec<String>)]) {
        let mut channels: Vec<Found<String>> = Vec::new();
        for found in std::mem::take(&mut self.imported.channels) {
            let condition = found.condition.clone();
            let group = groups.iter().find(|(name, _)| *name == found.value);
            let members = match group {
                Some((_, members)) if !members.is_empty() => {
                    let place = self.texts.place(found.at);
                    let note = format!(
                        "`{}` stands for `{}` in the configuration of this user's conda",
                        found.value,
                        members.join("`, `")
                    );
                    self.note(Diagnostic::note(Code::IMPORT_NO_COUNTERPART, note).at(place));
                    members.clone()
                }
                _ => vec![found.value],
            };
            for value in members {
                if channels.iter().all(|known| known.value != value) {
                    channels.push(Found {
                        value,
                        condition: condition.clone(),
                        at: found.at,
                    });
                }
            }
        }
        self.imported.channels = channels;
    }

    /// Decides what `defaults`, or no channel at all, stands for.
    pub(super) fn settle_channels(&mut self, defaults: &Defaults) {
        self.write_out_groups(&defaults.groups);
        let asked = self
            .imported
            .channels
            .iter()
            .position(|c| c.value == "defaults");
        if let Some(index) = asked {
            let at = self.imported.channels[index].at;
            let has_forge = self
                .imported
                .channels
                .iter()
                .any(|c| c.value == "conda-forge");
            match has_forge {
                true => drop(self.imported.channels.remove(index)),
                false => self.imported.channels[index].value = "conda-forge".to_string(),
            }
            let place = self.texts.place(at);
            self.note(
                Diagnostic::warning(
                    Code::LINT_DEFAULTS,
                    "`defaults` is read as `conda-forge`",
                )
                .at(place)
                .cause("`defaults` is a setting of conda, means Anaconda's channels, and their terms ask many organisations to pay")
                .help("write `pkgs/main` in the recipe's `channels` to take Anaconda's packages"),
            );
        }
        let is_satellite = |c: &Found<String>| {
            let first = c.value.split('/').next().unwrap_or_default();
            SATELLITES.contains(&first)
        };
        let needs_base = self.imported.channels.iter().all(is_satellite);
        let wanted = self.imported.channels.is_empty() || (self.adds_defaults && needs_base);
        if !wanted {
            return;
        }
        let more: Vec<String> = match defaults.channels.is_empty() {
            true => vec!["conda-forge".to_string()],
            false => defaults.channels.clone(),
        };
        let missing: Vec<String> = more
            .into_iter()
            .filter(|name| {
                self.imported
                    .channels
                    .iter()
                    .all(|known| known.value != *name)
            })
            .collect();
        for value in &missing {
            self.imported.channels.push(Found {
                value: value.clone(),
                condition: None,
                at: At::default(),
            });
        }
        if !missing.is_empty() && !self.imported.packages.is_empty() {
            let names = missing.join("`, `");
            let why = match defaults.channels.is_empty() {
                true => {
                    "conda would take what is configured on each machine, and a recipe must mean the same everywhere"
                }
                false => "these are the channels of this user's conda",
            };
            let note = format!("the file names no channel for everything, so `{names}` is added");
            self.note(Diagnostic::note(Code::IMPORT_NO_COUNTERPART, note).cause(why));
        }
    }
}
