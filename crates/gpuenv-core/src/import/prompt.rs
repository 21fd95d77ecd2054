//! What stands before a command: prompts of shells and notebooks, bullets of pages.

use super::Shell;

/// What the commands of a list on a page begin with.
const PROGRAMS: [&str; 8] = [
    "conda",
    "mamba",
    "micromamba",
    "pip",
    "pip3",
    "python",
    "uv",
    "pixi",
];

/// Takes the prompt off a line, and says whose it is.
pub(super) fn prompt(line: &str) -> (Option<Shell>, &str) {
    let mut rest = line.trim_start();
    let mut found = None;
    if let Some(behind) = notebook(rest) {
        rest = behind;
        found = Some(Shell::Unknown);
    }
    // `(base) ` of conda stands before every other prompt.
    if let Some((name, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        if is_name && behind.starts_with([' ', '>', '$']) {
            rest = behind.trim_start();
            found = Some(Shell::Unknown);
        }
    }
    if let Some(behind) = rest
        .strip_prefix(">>> ")
        .or_else(|| rest.strip_prefix("... "))
    {
        return (Some(Shell::Python), behind);
    }
    if let Some(behind) = rest.strip_prefix("PS ").filter(|rest| rest.contains('>')) {
        let behind = behind.split_once('>').map_or("", |(_, behind)| behind);
        return (Some(Shell::Pwsh), behind.trim_start());
    }
    let is_drive = rest.get(1..3) == Some(":\\") || rest.get(1..3) == Some(":/");
    if let (true, Some((_, behind))) = (is_drive, rest.split_once('>')) {
        return (Some(Shell::Cmd), behind.trim_start());
    }
    for (sign, shell) in [
        ("$ ", Shell::Posix),
        ("% ", Shell::Posix),
        ("> ", Shell::Unknown),
        ("PS> ", Shell::Pwsh),
        ("❯ ", Shell::Posix),
        // Of a Dockerfile.
        ("RUN ", Shell::Posix),
    ] {
        if let Some(behind) = rest.strip_prefix(sign) {
            return (Some(shell), behind.trim_start());
        }
    }
    // `user@host:~$ `, `[user@host dir]$ `, `root@host:/# ` and `user@host ~ % `.
    for sign in ["$ ", "# ", "% "] {
        if let Some((before, behind)) = rest.split_once(sign)
            && before.contains('@')
            && before.split_whitespace().count() <= 2
            && !before.contains(['"', '\'', '=', '<', '>'])
        {
            return (Some(Shell::Posix), behind.trim_start());
        }
    }
    if let Some(behind) = rest.strip_prefix("➜ ") {
        // The directory stands between.
        let behind = behind.trim_start().split_once(' ');
        return (Some(Shell::Posix), behind.map_or("", |(_, behind)| behind));
    }
    if let Some(behind) = bullet(rest) {
        return (Some(Shell::Unknown), behind);
    }
    // Notebooks: `!pip install`, `%pip install`.
    for sign in ["!", "%"] {
        if let Some(behind) = rest.strip_prefix(sign)
            && behind.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return (Some(Shell::Unknown), behind);
        }
    }
    (found, rest)
}

/// Takes the continuation prompt off a line: `> ` of bash, `>> ` of PowerShell.
pub(super) fn continued(line: &str) -> &str {
    let rest = line.trim_start();
    rest.strip_prefix(">> ")
        .or_else(|| rest.strip_prefix("> "))
        .unwrap_or(rest)
}

/// Takes `In [1]: ` off.
fn notebook(line: &str) -> Option<&str> {
    let (number, behind) = line.strip_prefix("In [")?.split_once("]:")?;
    let is_number = number
        .chars()
        .all(|c| c.is_ascii_digit() || c == ' ' || c == '*');
    is_number.then(|| behind.trim_start())
}

/// Takes the bullet off a command in a list: `- conda install …`, `1. …`, with or without backticks.
fn bullet(line: &str) -> Option<&str> {
    let behind = match line.strip_prefix(['-', '*', '•']) {
        Some(behind) => behind,
        None => {
            let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let behind = line.get(digits..).filter(|_| digits > 0)?;
            behind.strip_prefix(['.', ')'])?
        }
    };
    let behind = behind.strip_prefix(' ')?.trim();
    let inner = behind
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'));
    let command = inner.unwrap_or(behind);
    let (program, _) = command.split_once(' ')?;
    PROGRAMS.contains(&program).then_some(command)
}
