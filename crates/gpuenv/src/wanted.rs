//! What the words of a command line name: a recipe, or packages.

use gpuenv_core::{
    Diagnostic,
    import::{self, Drafted, Words},
    plan::Gpu,
    target::CudaVersion,
};
use rattler_conda_types::Subdir;

use crate::{
    Failure, Session,
    choosing::Open,
    creating,
    source::{self, Origin, RecipePath, RecipeText},
    word::word,
};

/// What a recipe that stands on the command line is called in messages.
const LABEL: &str = "<command line>";

/// What belongs to packages on the command line, checked.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    /// What the environment is called.
    pub name: Option<String>,
    /// The platforms; none stands for that of this machine.
    pub platforms: Vec<Subdir>,
    /// The channels, strongest first; none stands for the usual ones.
    pub channels: Vec<String>,
    /// Packages of PyPI.
    pub wheels: Vec<String>,
    /// Whether a GPU is needed, if the user says so.
    pub gpu: Option<Gpu>,
    /// The least CUDA version of the driver, if the user says so.
    pub cuda: Option<CudaVersion>,
}

/// What the words of a command line name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'w> {
    /// A recipe, by name or path, or the one of this directory.
    Recipe(Option<&'w str>),
    /// Packages.
    Packages(&'w [String]),
}

/// Decides what the words are.
///
/// A single word without a version is a recipe, so that a recipe may have the name of
/// a package. Whatever has a version, a build or a channel is a package, and so are
/// several words.
///
/// # Errors
/// A command line that names a recipe file among packages.
pub fn named(words: &[String]) -> Result<Named<'_>, Failure> {
    match words {
        [] => Ok(Named::Recipe(None)),
        [only] if !is_package(only) => Ok(Named::Recipe(Some(only))),
        several => match several.iter().find(|word| is_file(word)) {
            None => Ok(Named::Packages(several)),
            Some(file) => Err(Failure::usage(format!(
                "`{file}` is a file, and the other words are packages"
            ))
            .help("name one recipe, or only packages")),
        },
    }
}

fn is_file(word: &str) -> bool {
    let ends = [".yaml", ".yml", ".lock"];
    !word.contains("::")
        && (ends.iter().any(|end| word.ends_with(end)) || word.contains(['/', '\\']))
}

fn is_package(word: &str) -> bool {
    !is_file(word)
        && (word.contains("::")
            || word.contains(|c: char| c.is_whitespace() || "=<>!~[*".contains(c)))
}

impl Packages {
    /// Finds the recipe that the words name, or writes the one that asks for these packages.
    ///
    /// `command` is what stands before the words.
    ///
    /// # Errors
    /// GE107 and its kin, GE105 and GE111, and a command line that does not say what the
    /// environment is called.
    pub fn open(
        &self,
        words: &[String],
        command: &str,
        session: &Session,
    ) -> Result<Open, Failure> {
        let path = RecipePath::new(&session.env.recipe_path);
        let text = self.text(words, command, &path, session)?;
        Open::read(text, &path).map_err(Failure::several)
    }

    fn text(
        &self,
        words: &[String],
        command: &str,
        path: &RecipePath,
        session: &Session,
    ) -> Result<RecipeText, Failure> {
        let packages = match named(words)? {
            Named::Recipe(None) if !self.wheels.is_empty() => &[],
            Named::Recipe(wanted) => {
                self.refuse_for_recipe(wanted)?;
                return path
                    .find(wanted)
                    .map_err(|error| self.perhaps_package(error, wanted, command));
            }
            Named::Packages(packages) => packages,
        };
        if self.name.is_none() {
            let shown: Vec<_> = packages.iter().map(|text| word(text)).collect();
            let shown = shown.join(" ");
            return Err(
                Failure::usage("packages do not say what the environment is called")
                    .help(format!("name it: `{command} -n NAME {shown}`")),
            );
        }
        let drafted = self.drafted(packages, session)?;
        Ok(RecipeText {
            label: LABEL.to_string(),
            bytes: drafted.text.into_bytes(),
            origin: Origin::Words(self.words(packages)),
            options: String::new(),
        })
    }

    /// Adds how to ask for a package of that name, where there is no such recipe.
    fn perhaps_package(&self, error: Diagnostic, wanted: Option<&str>, command: &str) -> Failure {
        let name = self.name.as_deref().map_or("NAME".into(), word);
        let is_misspelt = error
            .help
            .iter()
            .any(|help| help.starts_with("did you mean"));
        match wanted.filter(|wanted| !is_file(wanted) && !is_misspelt) {
            Some(package) => Failure::from(error.help(format!(
                "a package without a recipe is asked for with a version: `{command} -n {name} \"{package} *\"`"
            ))),
            None => error.into(),
        }
    }

    /// Writes the recipe that asks for these packages.
    ///
    /// # Errors
    /// GE105 and GE111 for each package that cannot be read.
    pub fn drafted(&self, packages: &[String], session: &Session) -> Result<Drafted, Failure> {
        let platforms = match self.platforms.is_empty() {
            true => vec![creating::this_platform()?],
            false => self.platforms.clone(),
        };
        let words = Words {
            name: self.name.clone(),
            packages: packages.to_vec(),
            wheels: self.wheels.clone(),
            channels: self.usual_channels(session)?,
            platforms,
            gpu: self.gpu,
            cuda: self.cuda,
        };
        import::words(&words).map_err(Failure::several)
    }

    /// Returns the channels: as told, those of this user's conda, or conda-forge.
    fn usual_channels(&self, session: &Session) -> Result<Vec<String>, Failure> {
        if !self.channels.is_empty() {
            return Ok(session.expanded_channels(&self.channels)?);
        }
        let channels = session.conda_channels()?;
        Ok(match channels.is_empty() {
            true => vec!["conda-forge".to_string()],
            false => channels,
        })
    }

    /// Refuses options that mean nothing where a recipe says it all.
    fn refuse_for_recipe(&self, wanted: Option<&str>) -> Result<(), Failure> {
        let option = match self {
            Self { channels, .. } if !channels.is_empty() => "--channel",
            Self { wheels, .. } if !wheels.is_empty() => "--pypi",
            Self { gpu: Some(_), .. } => "--gpu",
            Self { cuda: Some(_), .. } => "--cuda",
            Self { .. } => return Ok(()),
        };
        let recipe = wanted.unwrap_or(source::DEFAULT_FILE);
        let message = format!(
            "`{option}` is for packages on the command line, and recipe `{recipe}` says it itself"
        );
        Err(Failure::usage(message)
            .help("change the recipe, or set a parameter of it with `--set`: `gpuenv recipe show RECIPE --composed` names them")
            .help("or name packages: `gpuenv create -n NAME \"PACKAGE 1.2.*\"`"))
    }

    /// Returns the words that name the same again, behind `create` or `lock`.
    fn words(&self, packages: &[String]) -> String {
        let mut words = Vec::new();
        let mut option = |name: &str, value: &str| words.push(format!("{name} {}", word(value)));
        self.name.iter().for_each(|name| option("-n", name));
        self.channels
            .iter()
            .for_each(|channel| option("-c", channel));
        self.wheels.iter().for_each(|wheel| option("--pypi", wheel));
        self.platforms
            .iter()
            .for_each(|platform| option("--platform", platform.as_str()));
        if let Some(cuda) = self.cuda {
            option("--cuda", &cuda.to_string());
        }
        match self.gpu {
            None => {}
            Some(Gpu::Required) => option("--gpu", "required"),
            Some(Gpu::Optional) => option("--gpu", "optional"),
            Some(Gpu::None) => option("--gpu", "none"),
        }
        words.extend(packages.iter().map(|text| word(text).into_owned()));
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_is_a_recipe_and_several_are_packages() {
        for recipe in [
            "cupy",
            "tf-gpu",
            "./a.yaml",
            "./my recipe.yaml",
            "a/b",
            "x.lock",
        ] {
            let given = words(&[recipe]);
            assert_eq!(named(&given).unwrap(), Named::Recipe(Some(recipe)));
        }
        for packages in [
            &["pytorch>=2.5"][..],
            &["numpy *"],
            &["conda-forge::numpy"],
            &["nvidia/label/cuda-12.4.0::cuda-nvcc"],
            &["pytorch", "cupy"],
        ] {
            let given = words(packages);
            assert_eq!(named(&given).unwrap(), Named::Packages(&given));
        }
        assert_eq!(named(&[]).unwrap(), Named::Recipe(None));
        assert!(named(&words(&["numpy", "./a.yaml"])).is_err());
    }
}
