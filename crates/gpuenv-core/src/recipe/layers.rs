//! A recipe with those that it extends, before anything is chosen of it.
//!
//! Which file a name stands for is the caller's to say; what the files say together
//! is decided here.

use std::collections::{BTreeMap, HashSet};

use super::{
    Choices, Recipe, Selection,
    combine::{Layering, laid_over},
    extends::{BadParent, MOST_FILES, Parent},
    name,
    node::{self, Kind, Node},
    parameter::{self, BadParameter, Parameter},
    parse,
    selection::FeatureChoice,
    sink::Sink,
    source::{Mark, Source},
    suggest, syntax, write,
};
use crate::{Code, Diagnostic, Place};

/// A recipe's file, not yet looked at.
#[derive(Debug, Clone)]
pub struct RecipeFile {
    /// The file as the user knows it.
    pub label: String,
    /// What tells it from any other file.
    pub identity: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The values of parameters, by name.
type Values = BTreeMap<String, String>;

/// How the file of an extended recipe is found.
pub type Find<'f> = &'f mut dyn FnMut(&Parent) -> Result<RecipeFile, Diagnostic>;

/// A recipe with those that it extends.
#[derive(Debug, Clone)]
pub struct Layers {
    files: Vec<File>,
    /// The weakest first; the recipe itself comes last.
    order: Vec<usize>,
}

#[derive(Debug, Clone)]
struct File {
    label: String,
    text: String,
    root: Node,
}

/// Files that are being read.
struct Reading<'f> {
    files: Vec<File>,
    order: Vec<usize>,
    known: HashSet<String>,
    /// The files that extend each other down to the current one.
    path: Vec<(String, String)>,
    find: Find<'f>,
}

impl Layers {
    /// Reads a recipe and everything that it extends.
    ///
    /// # Errors
    /// What keeps one of the files from being read as YAML, and GE114 to GE116 for what
    /// cannot be extended.
    pub fn read(main: RecipeFile, find: Find<'_>) -> Result<Self, Vec<Diagnostic>> {
        let mut reading = Reading {
            files: Vec::new(),
            order: Vec::new(),
            known: HashSet::new(),
            path: Vec::new(),
            find,
        };
        reading.add(main)?;
        Ok(Layers {
            files: reading.files,
            order: reading.order,
        })
    }

    /// Returns the recipe's name, unless it has none that is right.
    pub fn name(&self) -> Option<&str> {
        let node = self.files.first()?.root.value("name")?;
        let name = node.text()?;
        name::check_name(name).is_ok().then_some(name)
    }

    /// Returns the texts of all files, the recipe's own first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.text.as_str())
    }

    /// Returns the names of all files as the user knows them, the recipe's own first.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.label.as_str())
    }

    /// Returns what can be chosen, as far as it can be read.
    pub fn choices(&self) -> Choices {
        let sources = self.sources();
        let mut sink = Sink::over(&sources);
        let parameters = self.parameters(&mut sink);
        Choices {
            features: self.features(),
            parameters: parameters.iter().map(Parameter::choice).collect(),
        }
    }

    fn features(&self) -> Vec<FeatureChoice> {
        let root = self.laid_together(|file| file.root.clone());
        let Some(Kind::Map(entries)) = root.value("features").map(|node| &node.kind) else {
            return Vec::new();
        };
        let feature = |(key, value): &(Node, Node)| {
            let about = value.value("about").and_then(Node::text);
            Some(FeatureChoice {
                name: key.text()?.to_string(),
                about: about.map(ToString::to_string),
            })
        };
        let mut features: Vec<FeatureChoice> = entries.iter().filter_map(feature).collect();
        features.sort_by(|a, b| a.name.cmp(&b.name));
        features
    }

    /// Returns the part of an earlier choice that the recipe still offers.
    pub fn still_offered(&self, earlier: &Selection) -> Selection {
        let sources = self.sources();
        let parameters = self.parameters(&mut Sink::over(&sources));
        let features = self.features();
        let has = |name: &String| features.iter().any(|feature| feature.name == *name);
        let takes = |name: &String, value: &String| {
            let mut named = parameters.iter().filter(|p| p.name == *name);
            named.any(|parameter| parameter.check(value).is_ok())
        };
        let values = earlier.parameters.iter();
        Selection {
            features: earlier
                .features
                .iter()
                .filter(|n| has(n))
                .cloned()
                .collect(),
            parameters: values
                .filter(|(name, value)| takes(name, value))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// Checks that there is a feature of that name.
    ///
    /// # Errors
    /// GE117 if there is none.
    pub fn check_feature(&self, name: &str) -> Result<(), Diagnostic> {
        let features = self.features();
        match features.iter().any(|feature| feature.name == name) {
            true => Ok(()),
            false => Err(self.unknown_feature(name)),
        }
    }

    /// Decides everything that the choice decides.
    ///
    /// # Errors
    /// Everything that is wrong with the recipe, GE117 to GE119 for what cannot be chosen.
    pub fn recipe(&self, chosen: &Selection) -> Result<Recipe, Vec<Diagnostic>> {
        let sources = self.sources();
        let mut sink = Sink::over(&sources);
        let (root, chosen) = self.composed(chosen, &mut sink)?;
        let recipe = parse::recipe(&root, &mut sink);
        match recipe {
            Some(mut recipe) if sink.is_empty() => {
                recipe.selection = chosen;
                Ok(recipe)
            }
            _ if !sink.is_empty() => Err(sink.into_diagnostics()),
            _ => {
                let bug = Diagnostic::error(Code::BUG, "a recipe was refused without a reason");
                Err(vec![bug.at(self.place())])
            }
        }
    }

    /// Returns the text of the recipe that everything comes to, with nothing left to choose.
    ///
    /// # Errors
    /// As [`Layers::recipe`].
    pub fn composed_text(&self, chosen: &Selection) -> Result<String, Vec<Diagnostic>> {
        self.recipe(chosen)?;
        let sources = self.sources();
        let (root, chosen) = self.composed(chosen, &mut Sink::over(&sources))?;
        let mut text = format!(
            "# Composed of {}.\n",
            self.labels().collect::<Vec<_>>().join(", ")
        );
        for feature in &chosen.features {
            text.push_str(&format!("# With the feature {feature}.\n"));
        }
        for (name, value) in &chosen.parameters {
            text.push_str(&format!("# With {name} = {value}.\n"));
        }
        Ok(text + &write::recipe(&root))
    }

    fn composed(
        &self,
        chosen: &Selection,
        sink: &mut Sink<'_>,
    ) -> Result<(Node, Selection), Vec<Diagnostic>> {
        let parameters = self.parameters(sink);
        let (values, chosen_values) = self.values(&parameters, chosen)?;
        let mut root = self.laid_together(|file| {
            let mut root = file.root.clone();
            parameter::put(&mut root, &values, sink);
            root
        });
        for name in &chosen.features {
            let feature = root.value("features").and_then(|all| all.value(name));
            let Some(feature) = feature.cloned() else {
                return Err(vec![self.unknown_feature(name)]);
            };
            root = laid_over(feature, &root, Layering::Feature);
        }
        let chosen = Selection {
            features: chosen.features.clone(),
            parameters: chosen_values,
        };
        Ok((root, chosen))
    }

    /// Returns the value of each parameter, and those that are not the default.
    fn values(
        &self,
        parameters: &[Parameter],
        chosen: &Selection,
    ) -> Result<(Values, Values), Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let mut values = Values::new();
        let mut other = Values::new();
        for parameter in parameters {
            values.insert(parameter.name.clone(), parameter.default.clone());
        }
        for (name, value) in &chosen.parameters {
            let declared = parameters.iter().find(|parameter| parameter.name == *name);
            let checked = match declared {
                Some(parameter) => parameter.check(value),
                None => Err(BadParameter::Unknown {
                    name: name.clone(),
                    declared: values.keys().cloned().collect(),
                }),
            };
            match (checked, declared) {
                (Err(bad), _) => errors.push(self.bad_choice(&bad)),
                (Ok(()), Some(parameter)) if parameter.default == *value => {}
                (Ok(()), _) => {
                    values.insert(name.clone(), value.clone());
                    other.insert(name.clone(), value.clone());
                }
            }
        }
        match errors.is_empty() {
            true => Ok((values, other)),
            false => Err(errors),
        }
    }

    fn bad_choice(&self, bad: &BadParameter) -> Diagnostic {
        let help = match bad {
            BadParameter::Unknown { declared, .. } if declared.is_empty() => {
                "the recipe declares no parameter: leave `--set` out".to_string()
            }
            _ => bad.help(),
        };
        Diagnostic::error(bad.code(), bad.to_string())
            .at(self.place())
            .help(help)
    }

    fn unknown_feature(&self, name: &str) -> Diagnostic {
        let known: Vec<String> = self.features().into_iter().map(|f| f.name).collect();
        let message = format!("the recipe has no feature `{name}`");
        let error = Diagnostic::error(Code::RECIPE_UNKNOWN_FEATURE, message).at(self.place());
        match (
            suggest(name, known.iter().map(String::as_str)),
            known.is_empty(),
        ) {
            (Some(meant), _) => error.help(format!("did you mean `{meant}`?")),
            (None, true) => error.help("it has none: leave `--with` out"),
            (None, false) => error.help(format!("it has `{}`", known.join("`, `"))),
        }
    }

    fn place(&self) -> Place {
        Place::file(self.labels().next().unwrap_or_default())
    }

    fn parameters(&self, sink: &mut Sink<'_>) -> Vec<Parameter> {
        let root = self.laid_together(|file| {
            let mut root = file.root.clone();
            if let Kind::Map(entries) = &mut root.kind {
                entries.retain(|(key, _)| key.is_text(&["parameters"]));
            }
            root
        });
        match root.value("parameters") {
            Some(node) => parameter::declared(node, sink),
            None => Vec::new(),
        }
    }

    fn laid_together(&self, mut root: impl FnMut(&File) -> Node) -> Node {
        let nothing = Node {
            mark: Mark::START,
            kind: Kind::Map(Vec::new()),
        };
        let mut files = self.order.iter().filter_map(|index| self.files.get(*index));
        let first = files.next().map_or(nothing, &mut root);
        files.fold(first, |below, file| {
            laid_over(root(file), &below, Layering::Extends)
        })
    }

    fn sources(&self) -> Vec<Source<'_>> {
        let files = self.files.iter();
        files
            .map(|file| Source {
                file: &file.label,
                text: file.text.as_str().into(),
            })
            .collect()
    }
}

impl Reading<'_> {
    fn add(&mut self, file: RecipeFile) -> Result<(), Vec<Diagnostic>> {
        let index = self.files.len();
        self.known.insert(file.identity.clone());
        self.path.push((file.identity.clone(), file.label.clone()));
        let (source, problem) = syntax::source(&file.label, &file.bytes);
        let mut sink = Sink::new(&source);
        let root = match problem {
            Some((mark, problem)) => {
                sink.report(mark, problem);
                None
            }
            None => node::read(&source, &mut sink),
        };
        let Some(mut root) = root.filter(|_| sink.is_empty()) else {
            return Err(sink.into_diagnostics());
        };
        if index > 0 {
            parse::check_head(&root, &mut sink);
        }
        let parents = parse::extends(&root, &mut sink);
        if !sink.is_empty() {
            return Err(sink.into_diagnostics());
        }
        root.set_source(index);
        self.files.push(File {
            label: file.label.clone(),
            text: source.text.clone().into_owned(),
            root,
        });
        for located in parents {
            let parent = Parent {
                name: located.value,
                from: index,
                place: located.place,
            };
            self.add_parent(parent)?;
        }
        self.path.pop();
        self.order.push(index);
        Ok(())
    }

    fn add_parent(&mut self, parent: Parent) -> Result<(), Vec<Diagnostic>> {
        let refuse = |bad: BadParent| vec![bad.diagnostic(parent.place.clone())];
        let file = (self.find)(&parent).map_err(|error| vec![error])?;
        let position = self
            .path
            .iter()
            .position(|(known, _)| *known == file.identity);
        if let Some(position) = position {
            let circle = self.path[position..].iter().map(|(_, label)| label.clone());
            let circle = circle.chain([file.label.clone()]).collect();
            return Err(refuse(BadParent::Circle(circle)));
        }
        if self.known.contains(&file.identity) {
            return Ok(());
        }
        if self.files.len() >= MOST_FILES {
            return Err(refuse(BadParent::TooMany));
        }
        self.add(file)
    }
}

/// Reads a recipe that extends no other.
pub(super) fn alone(file: &str, bytes: &[u8]) -> Result<Recipe, Vec<Diagnostic>> {
    let main = RecipeFile {
        label: file.to_string(),
        identity: file.to_string(),
        bytes: bytes.to_vec(),
    };
    let layers = Layers::read(main, &mut |parent| {
        let bad = BadParent::Missing {
            name: parent.name.clone(),
            meant: None,
        };
        Err(bad.diagnostic(parent.place.clone()))
    })?;
    layers.recipe(&Selection::default())
}
