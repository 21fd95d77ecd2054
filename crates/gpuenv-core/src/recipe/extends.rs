//! Which recipes a recipe extends, and why one cannot be.

use crate::{Code, Diagnostic, Place};

/// More files than this are no recipe.
pub(super) const MOST_FILES: usize = 32;

/// A recipe that another one extends.
#[derive(Debug, Clone)]
pub struct Parent {
    /// What the other one calls it: a name, or a path.
    pub name: String,
    /// Which file says so, counted in the order in which they were found.
    pub from: usize,
    /// Where it says so.
    pub place: Place,
}

/// Why a recipe cannot be extended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadParent {
    /// There is none of that name.
    #[error("there is no recipe `{name}` to extend")]
    Missing {
        /// The name or path.
        name: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// Recipes extend each other in a circle.
    #[error("recipes extend each other in a circle")]
    Circle(Vec<String>),
    /// Too many of them.
    #[error("a recipe is made of at most {MOST_FILES} files")]
    TooMany,
    /// The path leads where a recipe must not reach.
    #[error("a recipe cannot extend `{name}`: {reason}")]
    Outside {
        /// The path.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl BadParent {
    /// Says so, with the place of the `extends`.
    pub fn diagnostic(&self, place: Place) -> Diagnostic {
        let code = match self {
            BadParent::Missing { .. } => Code::RECIPE_NO_PARENT,
            BadParent::Circle(_) | BadParent::TooMany => Code::RECIPE_EXTENDS_CIRCLE,
            BadParent::Outside { .. } => Code::RECIPE_EXTENDS_OUTSIDE,
        };
        let error = Diagnostic::error(code, self.to_string()).at(place);
        match self {
            BadParent::Missing { meant: Some(meant), .. } => {
                error.help(format!("did you mean `{meant}`?"))
            }
            BadParent::Missing { .. } => error
                .help("name a file beside this one, as `./base.yaml`, or a recipe of `gpuenv recipe list`"),
            BadParent::Circle(files) => error
                .cause(files.join(" extends "))
                .help("delete one of these `extends`"),
            BadParent::TooMany => error.help("put what they share into one recipe"),
            BadParent::Outside { .. } => error
                .help("put the file into the folder of this recipe, or name its folder in `GPUENV_RECIPE_PATH` and extend it by name"),
        }
    }
}
