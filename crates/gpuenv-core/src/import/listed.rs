//! Which environment each command of a script is for.

use super::{
    At, Command, Word,
    install::{option_name, value},
    program,
};

/// The commands of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// The environment's name, where one is said, and where it is said first.
    pub(crate) name: Option<(String, At)>,
    /// Its commands, in order.
    pub(crate) commands: Vec<Command>,
}

/// Parts the commands of a script by the environments that they are for, in order of appearance.
///
/// What stands before the first name belongs to the first environment, and what
/// configures conda to all of them.
pub(crate) fn environments(commands: &[Command]) -> Vec<Listed> {
    let mut all: Vec<Listed> = vec![Listed {
        name: None,
        commands: Vec::new(),
    }];
    let mut configured: Vec<Command> = Vec::new();
    let mut current = 0;
    for command in commands {
        let (said, stays) = said(command);
        let mut index = current;
        if let Some((name, at)) = said {
            let known = |listed: &Listed| listed.name.as_ref().is_some_and(|(n, _)| *n == name);
            index = match all.iter().position(known) {
                Some(index) => index,
                None if all[0].name.is_none() => {
                    all[0].name = Some((name, at));
                    0
                }
                None => {
                    all.push(Listed {
                        name: Some((name, at)),
                        commands: configured.clone(),
                    });
                    all.len() - 1
                }
            };
            if stays {
                current = index;
            }
        }
        if is_configuration(command) {
            configured.push(command.clone());
        }
        all[index].commands.push(command.clone());
    }
    all
}

/// Returns the environment that a command names, and whether those behind it are for it too.
fn said(command: &Command) -> (Option<(String, At)>, bool) {
    let words = &command.words;
    let first = words[0].text.as_str();
    let named = |word: &Word| (word.text.clone(), word.at);
    let activated = match first {
        "activate" => words.get(1),
        "source" if words.get(1).is_some_and(|word| word.text == "activate") => words.get(2),
        _ => None,
    };
    if let Some(word) = activated {
        return (Some(named(word)), true);
    }
    let Some(from) = program::behind_conda(words) else {
        return (None, false);
    };
    let verb = words.get(from).map_or("", |word| word.text.as_str());
    if verb == "activate" {
        let name = words[from + 1..]
            .iter()
            .find(|word| !word.text.starts_with('-'));
        return (name.map(named), true);
    }
    let mut rest = words[from..].iter();
    while let Some(word) = rest.next() {
        let said = match option_name(&word.text) {
            "-n" | "--name" => value(word, &mut rest),
            _ => None,
        };
        // conda's own environment is none that a tutorial makes.
        if let Some((name, at)) = said.filter(|(name, _)| *name != "base") {
            return (Some((name.to_string(), at)), verb == "create");
        }
    }
    (None, false)
}

fn is_configuration(command: &Command) -> bool {
    let from = program::behind_conda(&command.words);
    let verb = from.and_then(|from| command.words.get(from));
    verb.is_some_and(|word| word.text == "config")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Text, commands};

    fn parted(text: &str) -> String {
        let text = Text::decode("a", text.as_bytes()).unwrap();
        let line = |listed: Listed| {
            let commands = listed.commands.iter();
            let firsts = commands.map(|c| c.words.last().map_or("", |word| word.text.as_str()));
            let name = listed.name.map_or("-".to_string(), |(name, _)| name);
            format!("{name}: {}", firsts.collect::<Vec<_>>().join(" "))
        };
        let all = environments(&commands(&text, 0)).into_iter().map(line);
        all.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn commands_go_to_the_environment_that_is_active_or_named() {
        insta::assert_snapshot!(parted("pip install a"), @"-: a");
        insta::assert_snapshot!(parted(
            "conda config --add channels x\nconda create -n one p\nconda activate one\npip install q\nconda create --name=two\nsource activate two\npip install r\nconda install -n one s\npip install t\n",
        ), @"
        one: x p one q s
        two: x --name=two two r t
        ");
    }
}
