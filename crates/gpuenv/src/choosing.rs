//! A recipe with what is chosen of it: as told now, else as its lock remembers.

use gpuenv_core::{
    Diagnostic, Recipe,
    lock::{self, Settings},
    recipe::{Layers, Selection},
};

use crate::{
    Failure, extending,
    source::{RecipePath, RecipeText},
    word::word,
};

/// What the user chooses now.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Features to add.
    pub with: Vec<String>,
    /// Features to leave out.
    pub without: Vec<String>,
    /// Parameters with their values.
    pub set: Vec<(String, String)>,
}

/// A recipe of which something can still be chosen.
#[derive(Debug, Clone)]
pub struct Open {
    /// Its text.
    pub text: RecipeText,
    /// It, and what it extends.
    pub layers: Layers,
    /// Its name.
    pub name: String,
}

impl Choice {
    /// Returns whether nothing is chosen now.
    pub fn is_empty(&self) -> bool {
        self.with.is_empty() && self.without.is_empty() && self.set.is_empty()
    }

    /// Returns the options that choose the same again, each with a space before it.
    pub fn options(&self) -> String {
        let with = self
            .with
            .iter()
            .map(|name| format!(" --with {}", word(name)));
        let without = self
            .without
            .iter()
            .map(|name| format!(" --without {}", word(name)));
        let set = self.set.iter();
        let set = set.map(|(name, value)| format!(" --set {}", word(&format!("{name}={value}"))));
        with.chain(without).chain(set).collect()
    }

    /// Refuses what contradicts itself.
    ///
    /// # Errors
    /// A command line that makes no sense.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(both) = self.with.iter().find(|name| self.without.contains(name)) {
            let message = format!("`--with {both}` and `--without {both}` contradict each other");
            return Err(Failure::usage(message).help("keep one of the two"));
        }
        for (index, (name, value)) in self.set.iter().enumerate() {
            let mut earlier = self.set[..index].iter();
            if let Some((_, first)) = earlier.find(|(known, _)| known == name) {
                let message = format!("`{name}` is set twice, to `{first}` and to `{value}`");
                return Err(Failure::usage(message).help("keep one of the two"));
            }
        }
        Ok(())
    }

    /// Returns what is chosen over an earlier choice.
    fn over(&self, mut selection: Selection) -> Selection {
        selection.features.extend(self.with.iter().cloned());
        selection
            .features
            .retain(|name| !self.without.contains(name));
        selection.parameters.extend(self.set.iter().cloned());
        selection
    }

    /// Refuses to change what a lock has decided.
    ///
    /// # Errors
    /// A command line that makes no sense.
    pub fn refuse_for_lock(&self, lock: &str) -> Result<(), Failure> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(Failure::usage(format!(
                "`--with`, `--without` and `--set` are for recipes, and `{lock}` is a lock"
            ))
            .help("choose when the lock is made: `gpuenv lock RECIPE --with FEATURE`")),
        }
    }
}

impl Open {
    /// Reads a recipe and what it extends.
    ///
    /// # Errors
    /// Everything that is wrong with them as files.
    pub fn read(text: RecipeText, path: &RecipePath) -> Result<Self, Vec<Diagnostic>> {
        let layers = extending::layers(&text, path)?;
        let name = match layers.name() {
            Some(name) => name.to_string(),
            // This says everything else that is wrong, too.
            None => layers.recipe(&Selection::default())?.name,
        };
        Ok(Self { text, layers, name })
    }

    /// Decides the recipe: what is chosen now, over what `earlier` remembers.
    ///
    /// # Errors
    /// GE117 to GE119 for what cannot be chosen, and everything that is wrong with the recipe.
    pub fn decide(&self, choice: &Choice, earlier: Option<&Settings>) -> Result<Recipe, Failure> {
        choice.check()?;
        let remembered = earlier.map(Settings::selection).unwrap_or_default();
        let offered = self.layers.still_offered(&remembered);
        for name in &choice.without {
            // A feature that is gone from the recipe is left out anyway.
            if !remembered.features.contains(name) {
                self.layers.check_feature(name)?;
            }
        }
        let selection = choice.over(offered);
        self.layers.recipe(&selection).map_err(Failure::several)
    }

    /// Returns what tells this recipe, with what is chosen of it, from any other.
    pub fn whole_text(&self, recipe: &Recipe) -> String {
        let mut text = String::from_utf8_lossy(&self.text.bytes).into_owned();
        for more in self.layers.texts().skip(1) {
            text.push('\0');
            text.push_str(more);
        }
        if !recipe.selection.is_empty() {
            text.push_str(&format!("\0{:?}", recipe.selection));
        }
        text
    }
}

/// Returns what a lock remembers, if it is one.
pub fn remembered(label: &str, text: &str) -> Option<Settings> {
    lock::settings(label, text).ok().flatten()
}
