//! The recipe as its author writes it, with the place of everything in it.

/// A recipe.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The recipe's name.
    pub name: String,
}
