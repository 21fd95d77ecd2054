//! What is chosen of a recipe: the options of `create`, `lock`, `check` and `recipe show`.

use crate::choosing::Choice;

/// What is chosen of a recipe.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ChoiceArgs {
    /// Add these features of the recipe; they stay until `--without`
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub with: Vec<String>,
    /// Leave these features out again
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Set a parameter of the recipe: `--set cuda=11.8`; it stays until it is set anew
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    pub set: Vec<(String, String)>,
}

impl ChoiceArgs {
    /// Returns what is meant by them.
    pub fn choice(&self) -> Choice {
        Choice {
            with: self.with.clone(),
            without: self.without.clone(),
            set: self.set.clone(),
        }
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err("write `NAME=VALUE`, for example `cuda=11.8`".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_string(), value.to_string()));
        assert_eq!(parameter("cuda=11.8"), pair("cuda", "11.8"));
        assert_eq!(parameter("x=a=b"), pair("x", "a=b"));
        assert!(parameter("cuda").is_err());
        assert!(parameter("=1").is_err());
    }
}
