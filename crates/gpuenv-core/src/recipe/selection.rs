//! What is chosen of a recipe: its optional parts and the values of its parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What is chosen of a recipe. A lock remembers it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The features, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub features: BTreeSet<String>,
    /// The values of parameters that are not their defaults, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

impl Selection {
    /// Tells whether nothing is chosen.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty() && self.parameters.is_empty()
    }
}

/// What a recipe declares, for those who choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// The features.
    pub features: Vec<FeatureChoice>,
    /// The parameters.
    pub parameters: Vec<ParameterChoice>,
}

/// A feature that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureChoice {
    /// Its name.
    pub name: String,
    /// What it is for, in one line.
    pub about: Option<String>,
}

/// A parameter that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterChoice {
    /// Its name.
    pub name: String,
    /// What it is for, in one line.
    pub about: Option<String>,
    /// The value that it has unless one is set.
    pub default: String,
    /// What values it can have, in words.
    pub allowed: String,
}
