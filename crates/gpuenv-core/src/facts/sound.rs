//! What is wrong with a table although each of its values can be read.

use std::collections::BTreeSet;

use super::{Architectures, Drivers, Errors, GpuBuilds, TensorFlow, Torch};

impl Drivers {
    pub(super) fn unsound(&self) -> Option<String> {
        let floors = self.floors.iter().map(|floor| floor.cuda.to_string());
        let toolkits = self.toolkits.iter().map(|toolkit| toolkit.cuda.to_string());
        twice("cuda", floors).or_else(|| twice("cuda", toolkits))
    }
}

impl Architectures {
    pub(super) fn unsound(&self) -> Option<String> {
        let rows = || self.architectures.iter();
        if let Some(fault) = twice("capability", rows().map(|row| row.capability.to_string())) {
            return Some(fault);
        }
        let reversed = rows().find(|row| row.last.is_some_and(|last| last < row.first));
        if let Some(row) = reversed {
            return Some(format!(
                "`capability: {}` ends before it begins",
                row.capability
            ));
        }
        let known: BTreeSet<&str> = rows().map(|row| row.name.as_str()).collect();
        let dropped = self
            .dropped
            .iter()
            .flat_map(|dropped| &dropped.architectures);
        let mut named = dropped.chain(self.pci.iter().map(|range| &range.name));
        if let Some(name) = named.find(|name| !known.contains(name.as_str())) {
            return Some(format!("`{name}` is the name of no architecture"));
        }
        let reversed = self.pci.iter().find(|range| range.last < range.first)?;
        Some(format!(
            "the ids of `{}` end before they begin",
            reversed.name
        ))
    }
}

impl Errors {
    pub(super) fn unsound(&self) -> Option<String> {
        twice(
            "code",
            self.errors.iter().map(|error| error.code.to_string()),
        )
    }
}

impl Torch {
    pub(super) fn unsound(&self) -> Option<String> {
        let releases = self.releases.iter();
        twice(
            "pytorch",
            releases.map(|build| format!("{}, cuda: {}", build.pytorch, build.cuda)),
        )
    }
}

impl TensorFlow {
    pub(super) fn unsound(&self) -> Option<String> {
        let builds = |all: &[super::FrameworkBuild]| {
            let versions = all.iter().map(|build| build.tensorflow.to_string());
            twice("tensorflow", versions)
        };
        builds(&self.linux).or_else(|| builds(&self.windows))
    }
}

impl GpuBuilds {
    pub(super) fn unsound(&self) -> Option<String> {
        let others = self.other_names.iter().flatten();
        twice("cpu", others.map(|other| other.cpu.clone()))
    }
}

/// Names the first value of a key that is there twice, as the table writes it.
fn twice(key: &str, mut values: impl Iterator<Item = String>) -> Option<String> {
    let mut seen = BTreeSet::new();
    let value = values.find(|value| !seen.insert(value.clone()))?;
    Some(format!("`{key}: {value}` is there twice"))
}
