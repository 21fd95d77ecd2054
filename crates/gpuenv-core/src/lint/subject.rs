//! What rules look at: one view of recipes, environments, requirements and commands.

use rattler_conda_types::{MatchSpec, Subdir, Version};

use super::{Edit, Finding};
use crate::{
    Place, Recipe,
    import::{self, At, Command, Format, Imported, Shell, Text, Texts, name_of},
    recipe,
};

/// More commands than this are no tutorial.
const MOST_COMMANDS: usize = 2_000;

/// Something that a file asks for, with its place.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    /// The name, in lower case.
    pub(crate) name: String,
    /// The spec or requirement, in the form of recipes.
    pub(crate) text: String,
    /// Where it counts.
    pub(crate) condition: Option<String>,
    /// Where it stands; `None` in another file.
    pub(crate) at: Option<At>,
}

/// What the file is, as far as edits depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Recipe,
    File(Format),
    Other,
}

/// What rules look at.
pub(crate) struct Subject<'t> {
    pub(crate) texts: &'t Texts,
    pub(crate) kind: Kind,
    pub(crate) channels: Vec<Spot>,
    pub(crate) packages: Vec<Spot>,
    pub(crate) wheels: Vec<Spot>,
    pub(crate) platforms: Vec<Subdir>,
    /// The CUDA that the target promises, and where.
    pub(crate) cuda: Option<Spot>,
    pub(crate) commands: Vec<Command>,
}

impl<'t> Subject<'t> {
    pub(super) fn of_recipe(texts: &'t Texts, recipe: &Recipe) -> Self {
        let text = texts.main();
        let spot = |spec: &str, place: Option<&Place>| Spot {
            name: name_of(spec),
            text: spec.to_string(),
            condition: None,
            at: place.and_then(|place| bytes(text, place)),
        };
        let conditional = |spec: &str, place: Option<&Place>, on: &dyn Fn(Subdir) -> bool| {
            let covered: Vec<Subdir> = recipe
                .platforms
                .iter()
                .map(|p| p.value)
                .filter(|p| on(*p))
                .collect();
            let mut found = spot(spec, place);
            if covered.len() < recipe.platforms.len() {
                let names: Vec<&str> = covered.iter().map(|platform| platform.as_str()).collect();
                found.condition = Some(names.join(" or "));
            }
            found
        };
        let channels = recipe.channels.all();
        let dependencies = recipe.dependencies.all().into_iter().map(|dependency| {
            let on = |p: Subdir| recipe.dependencies.on(p).contains(&dependency);
            conditional(&dependency.text, dependency.place.as_ref(), &on)
        });
        let wheels = recipe.pypi_dependencies.all().into_iter().map(|wheel| {
            let on = |p: Subdir| recipe.pypi_dependencies.on(p).contains(&wheel);
            conditional(&wheel.text, wheel.place.as_ref(), &on)
        });
        let cuda = recipe
            .target
            .all()
            .into_iter()
            .find_map(|machine| machine.cuda.as_ref());
        Self {
            texts,
            kind: Kind::Recipe,
            channels: channels
                .iter()
                .map(|c| Spot {
                    name: c.text.clone(),
                    ..spot(&c.text, Some(&c.place))
                })
                .collect(),
            packages: dependencies.collect(),
            wheels: wheels.collect(),
            platforms: recipe
                .platforms
                .iter()
                .map(|platform| platform.value)
                .collect(),
            cuda: cuda.map(|cuda| spot(&cuda.value.to_string(), Some(&cuda.place))),
            commands: Vec::new(),
        }
    }

    /// Reads the commands of a text, and not what they ask for.
    pub(super) fn of_commands(texts: &'t Texts, kind: Kind) -> Self {
        let mut commands = import::commands(texts.main(), 0);
        commands.truncate(MOST_COMMANDS);
        Self::bare(texts, kind, commands)
    }

    fn bare(texts: &'t Texts, kind: Kind, commands: Vec<Command>) -> Self {
        Self {
            texts,
            kind,
            channels: Vec::new(),
            packages: Vec::new(),
            wheels: Vec::new(),
            platforms: Vec::new(),
            cuda: None,
            commands,
        }
    }

    pub(super) fn of_file(
        texts: &'t Texts,
        format: Option<Format>,
    ) -> (Self, Vec<crate::Diagnostic>) {
        let kind = format.map_or(Kind::Other, Kind::File);
        let is_script = matches!(format, None | Some(Format::Commands));
        let mut subject = match is_script {
            true => Self::of_commands(texts, kind),
            false => Self::bare(texts, kind, Vec::new()),
        };
        let Some(format) = format else {
            return (subject, Vec::new());
        };
        let (found, errors) = match is_script {
            true => import::gather_commands(texts, &subject.commands),
            false => import::gather(texts, format),
        };
        subject.take(found);
        (subject, errors)
    }

    /// Returns the subjects of the environments that the commands are for, if they are several.
    pub(super) fn environments(&self) -> Vec<Self> {
        let all = import::environments(&self.commands);
        if self.kind != Kind::File(Format::Commands) || all.len() < 2 {
            return Vec::new();
        }
        let subject = |listed: import::Listed| {
            let (found, _) = import::gather_commands(self.texts, &listed.commands);
            let mut subject = Self::bare(self.texts, self.kind, listed.commands);
            subject.take(found);
            subject
        };
        all.into_iter().map(subject).collect()
    }

    /// Takes what a file asks for.
    fn take(&mut self, found: Imported) {
        let own = |at: At| Some(at).filter(|at| at.text == 0 && at.end > at.start);
        self.channels = found
            .channels
            .iter()
            .map(|c| Spot {
                name: c.value.clone(),
                text: c.value.clone(),
                condition: c.condition.clone(),
                at: own(c.at),
            })
            .collect();
        let conda = |p: &import::Found<String>| Spot {
            name: name_of(&p.value),
            text: p.value.clone(),
            condition: p.condition.clone(),
            at: own(p.at),
        };
        self.packages = found.packages.iter().map(conda).collect();
        self.wheels = found
            .wheels
            .iter()
            .map(|w| Spot {
                name: name_of(&w.value.text).replace('_', "-"),
                text: w.value.text.clone(),
                condition: w.condition.clone(),
                at: own(w.at),
            })
            .collect();
        self.platforms = found.platforms;
    }

    /// Returns the text of the file.
    pub(crate) fn text(&self) -> &'t str {
        &self.texts.main().text
    }

    /// Marks a finding.
    pub(crate) fn mark(&self, mut finding: Finding, at: Option<At>) -> Finding {
        finding.diagnostic.place = Some(match at {
            Some(at) => self.texts.place(at),
            None => Place::file(&self.texts.main().file),
        });
        finding
    }

    /// Finds a conda package.
    pub(crate) fn package(&self, name: &str) -> Option<&Spot> {
        self.packages.iter().find(|spot| spot.name == name)
    }

    /// Finds a wheel.
    pub(crate) fn wheel(&self, name: &str) -> Option<&Spot> {
        self.wheels.iter().find(|spot| spot.name == name)
    }

    /// Finds a channel.
    pub(crate) fn channel(&self, name: &str) -> Option<&Spot> {
        self.channels.iter().find(|spot| spot.name == name)
    }

    /// Returns whether a spot counts on Windows.
    pub(crate) fn is_on_windows(&self, spot: &Spot) -> bool {
        let is_windows_prompt = |command: &Command| {
            matches!(command.shell, Shell::Pwsh | Shell::Cmd)
                && spot
                    .at
                    .is_some_and(|at| command.at.start <= at.start && at.end <= command.at.end)
        };
        let covers = self.platforms.iter().any(|platform| {
            let on = spot
                .condition
                .as_deref()
                .and_then(|text| text.parse::<recipe::Condition>().ok());
            platform.is_windows() && on.is_none_or(|condition| condition.holds(*platform))
        });
        covers
            || self.commands.iter().any(is_windows_prompt)
            || (self.speaks_of_windows() && !self.commands.is_empty())
    }

    /// Returns whether the text says that it is for PowerShell.
    pub(crate) fn speaks_of_windows(&self) -> bool {
        self.text().to_ascii_lowercase().contains("powershell")
            || self
                .commands
                .iter()
                .any(|c| matches!(c.shell, Shell::Pwsh | Shell::Cmd))
    }

    /// Returns whether an entry of the file is one text that can be edited.
    ///
    /// In TOML name and version stand apart, and locks are nobody's to edit.
    fn is_written_by_hand(&self) -> bool {
        match self.kind {
            Kind::Recipe | Kind::Other => true,
            Kind::File(format) => matches!(
                format,
                Format::EnvironmentYml | Format::Requirements | Format::Commands
            ),
        }
    }

    /// Replaces a spec or requirement, in the quotes that it has.
    pub(crate) fn replace(&self, spot: &Spot, text: &str) -> Vec<Edit> {
        let Some(at) = spot.at.filter(|_| self.is_written_by_hand()) else {
            return Vec::new();
        };
        let raw = self.texts.slice(at);
        let quote = raw
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .map(String::from);
        let needs = |text: &str| {
            let is_command = self.kind == Kind::File(Format::Commands);
            (is_command && text.contains(['<', '>', '*', '[', ' ']))
                || (!is_command && text.starts_with(['*', '[', '&']))
        };
        let quote = quote.unwrap_or_else(|| {
            if needs(text) {
                "\"".to_string()
            } else {
                String::new()
            }
        });
        vec![Edit::replace(
            at.start,
            at.end,
            format!("{quote}{text}{quote}"),
        )]
    }

    /// Writes a conda spec as this file has them.
    pub(crate) fn conda_text(&self, name: &str, version: &str) -> String {
        let is_bound = version.starts_with(['<', '>', '=', '!']);
        match (self.kind, version.is_empty()) {
            (_, true) => name.to_string(),
            (Kind::Recipe, false) => format!("{name} {version}"),
            (_, false) if is_bound => format!("{name}{version}"),
            (_, false) => format!(
                "{name}={}",
                version.trim_end_matches(".*").replace(' ', "=")
            ),
        }
    }

    /// Deletes an entry, its line where it has one of its own.
    pub(crate) fn delete(&self, at: Option<At>) -> Vec<Edit> {
        let Some(at) = at.filter(|_| self.is_written_by_hand()) else {
            return Vec::new();
        };
        let (line_start, line_end) = self.line(at);
        let before = self.text()[line_start..at.start].trim();
        let rest = self.text()[at.end..line_end].trim();
        let is_alone = matches!(before, "" | "-") && (rest.is_empty() || rest.starts_with('#'));
        if is_alone {
            let end = self.text()[line_end..]
                .find('\n')
                .map_or(line_end, |n| line_end + n + 1);
            return vec![Edit::replace(line_start, end, "")];
        }
        let behind = &self.text()[at.end..];
        let comma = behind.len() - behind.trim_start_matches([' ', '\t']).len();
        if behind[comma..].starts_with(',') {
            let space =
                behind[comma + 1..].len() - behind[comma + 1..].trim_start_matches(' ').len();
            return vec![Edit::replace(at.start, at.end + comma + 1 + space, "")];
        }
        let ahead = self.text()[..at.start].trim_end_matches([' ', ',']);
        let start = match self.text()[..at.start].trim_end().ends_with(',') {
            true => ahead.len(),
            false => self.text()[..at.start].trim_end_matches(' ').len(),
        };
        vec![Edit::replace(start, at.end, "")]
    }

    /// Deletes a channel, with its `-c` on a command line.
    pub(crate) fn delete_channel(&self, at: Option<At>) -> Vec<Edit> {
        let Some(at) = at.filter(|_| !self.commands.is_empty()) else {
            return self.delete(at);
        };
        let before = self.text()[..at.start].trim_end_matches([' ', '=']);
        let option = ["--channel", "-c"]
            .iter()
            .find_map(|option| before.strip_suffix(option));
        match option {
            Some(rest) => vec![Edit::replace(rest.trim_end_matches(' ').len(), at.end, "")],
            None => Vec::new(),
        }
    }

    /// Adds an entry behind another one, as it is written.
    pub(crate) fn add_behind(&self, at: Option<At>, text: &str) -> Vec<Edit> {
        let Some(at) = at else {
            return Vec::new();
        };
        let (line_start, line_end) = self.line(at);
        let line = &self.text()[line_start..line_end];
        let indent = line.len() - line.trim_start().len();
        let is_line = self.text()[line_start..at.start]
            .trim()
            .trim_start_matches('-')
            .trim()
            .is_empty();
        let end = if self.text()[line_end..].starts_with("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        match self.kind {
            Kind::File(Format::Commands) | Kind::Other => {
                let quote = if text.contains(['<', '>', '*', '[', ' ']) {
                    "\""
                } else {
                    ""
                };
                vec![Edit::replace(
                    at.end,
                    at.end,
                    format!(" {quote}{text}{quote}"),
                )]
            }
            Kind::File(Format::Requirements) => {
                vec![Edit::replace(line_end, line_end, format!("{end}{text}"))]
            }
            _ if is_line && line.trim_start().starts_with('-') => {
                let lead = &line[..indent];
                vec![Edit::replace(
                    line_end,
                    line_end,
                    format!("{end}{lead}- {text}"),
                )]
            }
            Kind::File(Format::EnvironmentYml) | Kind::Recipe => {
                let text = if text.contains(',') {
                    format!("\"{text}\"")
                } else {
                    text.to_string()
                };
                vec![Edit::replace(at.end, at.end, format!(", {text}"))]
            }
            Kind::File(_) => Vec::new(),
        }
    }

    /// Returns the first and the last byte of the line of a place, without its end.
    pub(crate) fn line(&self, at: At) -> (usize, usize) {
        let text = self.text();
        let start = text[..at.start].rfind('\n').map_or(0, |n| n + 1);
        let end = text[at.end..].find('\n').map_or(text.len(), |n| at.end + n);
        let end = match text[..end].ends_with('\r') {
            true => end - 1,
            false => end,
        };
        (start, end.max(at.end))
    }
}

impl Spot {
    /// Returns whether a version satisfies the conda spec or requirement.
    pub(crate) fn takes(&self, version: &Version) -> bool {
        let spec: Option<MatchSpec> = recipe::dependency(&self.text).ok();
        spec.and_then(|spec| spec.version)
            .is_none_or(|spec| spec.matches(version))
    }

    /// Returns whether a version satisfies the PyPI requirement.
    pub(crate) fn takes_wheel(&self, version: &str) -> bool {
        let Ok(requirement) = recipe::wheel(&self.text) else {
            return true;
        };
        match (requirement.version_or_url, version.parse()) {
            (Some(pep508_rs::VersionOrUrl::VersionSpecifier(wanted)), Ok(version)) => {
                wanted.contains(&version)
            }
            _ => true,
        }
    }

    /// Returns whether the spec names a version at all.
    pub(crate) fn has_version(&self) -> bool {
        self.text.contains(|c: char| c.is_ascii_digit())
            && self.text.trim().len() > self.name.len()
            && self.text.contains([' ', '=', '<', '>', '~'])
            && !self.text.contains(" * ")
    }

    /// Returns the first two numbers of the version that is pinned.
    pub(crate) fn pin(&self) -> Option<(u32, u32)> {
        let rest = self
            .text
            .split_once("::")
            .map_or(self.text.as_str(), |(_, rest)| rest);
        let rest = rest.get(self.name.len()..)?.trim_start();
        if rest.starts_with(['<', '!']) {
            return None;
        }
        let digits = rest.trim_start_matches(['=', '>', '~', ' ']);
        let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        Some((
            major,
            numbers
                .next()
                .and_then(|minor| minor.parse().ok())
                .unwrap_or(0),
        ))
    }
}

/// Turns a place in the file back into bytes.
fn bytes(text: &Text, place: &Place) -> Option<At> {
    let span = place.span.as_ref().filter(|_| place.file == text.file)?;
    let (start, line) = text.lines().nth(span.line - 1)?;
    let byte = |column: usize| {
        line.char_indices()
            .nth(column)
            .map_or(line.len(), |(at, _)| at)
    };
    let at = At {
        text: 0,
        start: start + byte(span.column - 1),
        end: start + byte(span.column - 1 + span.length),
    };
    // What holds a parameter cannot be replaced by what it stands for.
    let written = text.text.get(at.start..at.end).unwrap_or_default();
    (!written.contains("${{")).then_some(at)
}
