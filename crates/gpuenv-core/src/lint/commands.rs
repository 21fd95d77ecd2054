//! Command lines: what leaves the environment, what another shell would understand.

use super::{Edit, Finding, Subject, subject::Kind};
use crate::{
    Code,
    import::{At, Command, Format, Shell},
};

/// Programs and words of a Unix shell that PowerShell and cmd do not have, or have otherwise.
const OF_UNIX: [&str; 9] = [
    "export", "source", "touch", "chmod", "sudo", "apt", "apt-get", "unset", ".",
];

pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for command in &subject.commands {
        if command.shell == Shell::Python {
            continue;
        }
        library_path(subject, command, found);
        other_shell(subject, command, found);
        user(subject, command, found);
        redirection(subject, command, found);
        foreign_python(subject, command, found);
        proves_nothing(subject, command, found);
    }
    variables_of_yaml(subject, found);
}

fn is_windows(subject: &Subject<'_>, command: &Command) -> bool {
    match command.shell {
        Shell::Pwsh | Shell::Cmd => true,
        Shell::Unknown => subject.speaks_of_windows(),
        Shell::Posix | Shell::Python => false,
    }
}

fn raw<'s>(subject: &'s Subject<'_>, command: &Command) -> &'s str {
    subject.texts.slice(command.at)
}

/// `export LD_LIBRARY_PATH=…`, and what writes that into a script of the environment.
fn library_path(subject: &Subject<'_>, command: &Command, found: &mut Vec<Finding>) {
    let text = raw(subject, command);
    let Some(offset) = text.find("LD_LIBRARY_PATH") else {
        return;
    };
    let is_set = text[offset..]
        .trim_start_matches("LD_LIBRARY_PATH")
        .trim_start()
        .starts_with('=')
        || command.words[0].text == "setenv";
    if !is_set {
        return;
    }
    let at = At {
        start: command.at.start + offset,
        end: command.at.start + offset + "LD_LIBRARY_PATH".len(),
        ..command.at
    };
    let mut finding = Finding::warning(
        Code::LINT_LIBRARY_PATH,
        "this line sets `LD_LIBRARY_PATH` by hand",
    );
    let value = text[offset..]
        .split_once('=')
        .map_or("", |(_, value)| value);
    if value
        .trim_start_matches(['"', '\'', '\\'])
        .starts_with("$LD_LIBRARY_PATH")
    {
        finding = finding
            .because("the environment is appended, so a CUDA of the system comes first and wins");
    }
    if text.contains('>') && !text.contains(">>") {
        finding = finding.because("`>` writes over what other lines had put into that script");
    }
    let finding = finding
        .because("system programs then load libraries of the environment, and nothing undoes it")
        .help("delete the line: gpuenv's activation finds the CUDA libraries, in every shell, and undoes it");
    found.push(
        subject
            .mark(finding, Some(at))
            .fix(whole_line(subject, command)),
    );
}

/// bash behind a prompt of Windows, and the other way round.
fn other_shell(subject: &Subject<'_>, command: &Command, found: &mut Vec<Finding>) {
    let text = raw(subject, command);
    let first = command.words[0].text.as_str();
    let is_unix = OF_UNIX.contains(&first)
        || (first == "mkdir" && command.words.get(1).is_some_and(|word| word.text == "-p"))
        || text.contains("$CONDA_PREFIX")
        || (first == "echo" && text.contains("export "));
    let is_dos = first.starts_with("$env:") || first == "setx" || text.contains("%CONDA_PREFIX%");
    let (here, there) = match command.shell {
        _ if is_unix && is_windows(subject, command) => ("PowerShell and cmd", "bash"),
        Shell::Posix if is_dos => ("bash", "Windows"),
        _ => return,
    };
    let finding = Finding::warning(
        Code::LINT_OTHER_SHELL,
        format!("this line is for {there}, and means something else to {here}"),
    )
    .because("parts of it run without an error, and what was meant does not happen")
    .help("delete the line: gpuenv writes activation for every shell itself")
    .help("a variable goes into the recipe: `activation: { env: { NAME: \"value\" } }`");
    found.push(
        subject
            .mark(finding, Some(command.at))
            .fix(whole_line(subject, command)),
    );
}

/// Deletes the line of a command that stands alone on it.
fn whole_line(subject: &Subject<'_>, command: &Command) -> Vec<Edit> {
    let (start, end) = subject.line(command.at);
    let shared = subject
        .commands
        .iter()
        .filter(|other| other.at.start >= start && other.at.end <= end)
        .count();
    let is_listing = matches!(subject.kind, Kind::File(Format::Commands) | Kind::Other);
    if shared != 1 || !is_listing {
        return Vec::new();
    }
    let end = subject.text()[end..]
        .find('\n')
        .map_or(end, |n| end + n + 1);
    vec![Edit::replace(start, end, "")]
}

/// `pip install --user`.
fn user(subject: &Subject<'_>, command: &Command, found: &mut Vec<Finding>) {
    let has_pip = command
        .words
        .iter()
        .any(|word| word.text.starts_with("pip"));
    let Some(word) = command
        .words
        .iter()
        .find(|word| word.text == "--user")
        .filter(|_| has_pip)
    else {
        return;
    };
    let finding = Finding::warning(
        Code::LINT_USER,
        "`--user` installs outside of the environment",
    )
    .because(
        "every Python of that version sees it, and it wins over the packages of all environments",
    )
    .help("delete `--user`");
    let edit = Edit::replace(word.at.start.saturating_sub(1), word.at.end, "");
    found.push(subject.mark(finding, Some(word.at)).fix([edit]));
}

/// `pip install tensorflow<2.11`.
fn redirection(subject: &Subject<'_>, command: &Command, found: &mut Vec<Finding>) {
    let installs = command
        .words
        .iter()
        .any(|word| word.text == "install" || word.text == "create");
    if !installs {
        return;
    }
    for word in &command.words {
        let is_requirement = word.text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if word.is_quoted || !is_requirement || !word.text.contains(['<', '>']) {
            continue;
        }
        let finding = Finding::warning(
            Code::LINT_REDIRECTION,
            format!("a shell takes `{}` apart at the `<` or `>`", word.text),
        )
        .because("it reads from or writes to a file of that name, and another version is installed")
        .help(format!("write `\"{}\"`", word.text));
        let edit = Edit::replace(word.at.start, word.at.end, format!("\"{}\"", word.text));
        found.push(subject.mark(finding, Some(word.at)).fix([edit]));
    }
}

/// A pip that may belong to another Python.
fn foreign_python(subject: &Subject<'_>, command: &Command, found: &mut Vec<Finding>) {
    let text = |index: usize| {
        command
            .words
            .get(index)
            .map_or("", |word| word.text.as_str())
    };
    let installs = command.words.iter().any(|word| word.text == "install");
    if !installs {
        return;
    }
    let finding = |message: &str| Finding::warning(Code::LINT_FOREIGN_PYTHON, message);
    if text(0) == "sudo" && text(1).starts_with("pip") {
        let finding = finding("`sudo pip` installs into the Python of the system")
            .because("it writes over files of the system's packages, and no environment sees it")
            .help("delete `sudo`, inside of the activated environment");
        let edit = Edit::replace(command.words[0].at.start, command.words[1].at.start, "");
        found.push(subject.mark(finding, Some(command.words[0].at)).fix([edit]));
        return;
    }
    let has_conda = subject.commands.iter().any(|other| {
        matches!(
            other.words[0].text.as_str(),
            "conda" | "mamba" | "micromamba"
        )
    });
    let is_python3 = text(0) == "python3" && text(1) == "-m" && text(2) == "pip";
    if !(is_python3 || text(0) == "pip3") || !(has_conda || is_windows(subject, command)) {
        return;
    }
    let name = text(0);
    let word = &command.words[0];
    let finding = finding(&format!("`{name}` may be the system's"))
        .because("it is whatever comes first on `PATH`: without `python` in the environment that is another one")
        .help("write `python -m pip`, with `python` in the environment");
    let better = if is_python3 {
        "python"
    } else {
        "python -m pip"
    };
    let edit = Edit::replace(word.at.start, word.at.end, better);
    found.push(subject.mark(finding, Some(word.at)).fix([edit]));
}

/// A table of `nvidia-smi` proves a driver only.
fn proves_nothing(subject: &Subject<'_>, command: &Command, found: &mut Vec<Finding>) {
    let is_plain = command.words[0].text == "nvidia-smi" && command.words.len() == 1;
    if !is_plain || subject.text().contains("gpuenv probe") {
        return;
    }
    let finding = Finding::note(
        Code::LINT_CODE,
        "`nvidia-smi` shows that there is a driver, and not that anything computes",
    )
    .because("its CUDA version is the newest that the driver supports, not one that is installed")
    .help("`gpuenv probe` computes on each GPU and compares the numbers");
    let (start, end) = subject.line(command.at);
    let is_alone = !whole_line(subject, command).is_empty() && end == command.at.end;
    let prompt = &subject.text()[start..command.at.start];
    let edit = Edit::replace(end, end, format!("\n{prompt}gpuenv probe"));
    let edits = is_alone.then_some(edit);
    found.push(subject.mark(finding, Some(command.at)).fix(edits));
}

/// `variables: LD_LIBRARY_PATH` of an `environment.yml`.
fn variables_of_yaml(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    if subject.kind != Kind::File(Format::EnvironmentYml) {
        return;
    }
    for (start, line) in subject.texts.main().lines() {
        let indent = line.len() - line.trim_start().len();
        if indent == 0 || !line.trim_start().starts_with("LD_LIBRARY_PATH:") {
            continue;
        }
        let at = At {
            text: 0,
            start: start + indent,
            end: start + indent + "LD_LIBRARY_PATH".len(),
        };
        let finding = Finding::warning(Code::LINT_LIBRARY_PATH, "`LD_LIBRARY_PATH` is set by hand")
            .because("system programs then load libraries of the environment")
            .help("delete the line: packages of conda find their libraries without it");
        let end = subject.text()[start..]
            .find('\n')
            .map_or(subject.text().len(), |n| start + n + 1);
        found.push(
            subject
                .mark(finding, Some(at))
                .fix([Edit::replace(start, end, "")]),
        );
    }
}
