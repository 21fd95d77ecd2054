//! The documentation is what the program is: pages are generated, present and right.

use std::env::var_os;

use gpuenv_core::Code;

use crate::{
    markdown,
    source::{all_sources, names, read, root},
};

/// Compares a page with what it should be; `GPUENV_BLESS=1` makes it so.
#[track_caller]
pub(crate) fn check_page(path: &str, expected: &str) {
    if var_os("GPUENV_BLESS").is_some() {
        fs_err::write(root().join(path), expected).expect("the repository is writable");
    }
    let found = if root().join(path).exists() {
        read(path)
    } else {
        String::new()
    };
    let same = found == expected;
    assert!(
        same,
        "{path} is stale: run `GPUENV_BLESS=1 cargo test -p gpuenv --test cli`"
    );
}

#[test]
fn the_page_of_the_command_line_is_current() {
    check_page(
        "docs/cli.md",
        &markdown::command_line(&gpuenv::command_line()),
    );
}

#[test]
fn the_page_of_the_environment_is_current() {
    check_page(
        "docs/environment.md",
        &markdown::environment(gpuenv::env::ALL),
    );
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let mut wrong = Vec::new();
    for (code, title) in Code::ALL {
        let path = format!("docs/errors/{code}.md");
        if !root().join(&path).exists() {
            wrong.push(format!("{path} is missing"));
            continue;
        }
        let page = read(&path);
        let first = page.lines().next().unwrap_or_default();
        if first != format!("# {code}: {title}") {
            wrong.push(format!(
                "{path} begins with `{first}`, not with `# {code}: {title}`"
            ));
        }
        if page.lines().count() < 5 {
            wrong.push(format!("{path} says nothing"));
        }
    }
    for name in names("docs/errors") {
        let code = name
            .strip_suffix(".md")
            .and_then(|stem| stem.parse::<Code>().ok());
        if code.is_none_or(|code| format!("{code}.md") != name) {
            wrong.push(format!("docs/errors/{name} belongs to no code"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_that_we_tell_users_to_type_exists() {
    let root = gpuenv::command_line();
    let mut wrong = Vec::new();
    let mut checked = 0;
    let pages = pages().into_iter().map(|path| (read(&path), path));
    let sources = all_sources()
        .into_iter()
        .map(|source| (source.code, source.path));
    for (text, path) in pages.chain(sources) {
        for line in commands_in(&text) {
            checked += 1;
            if let Err(reason) = check_command(&root, &line) {
                wrong.push(format!("{path}: `{line}`: {reason}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 10, "only {checked} commands found");
}

/// Returns every page that users read.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["docs", "docs/errors", "docs/guide", "docs/decisions"] {
        let markdown = names(folder)
            .into_iter()
            .filter(|name| name.ends_with(".md"));
        pages.extend(markdown.map(|name| format!("{folder}/{name}")));
    }
    pages.extend(Some("README.md".to_string()).filter(|path| root().join(path).exists()));
    pages
}

/// Returns what follows `gpuenv` in backticks, and the lines of a page's listings.
fn commands_in(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for (index, _) in text.match_indices("`gpuenv ") {
        let inside = &text[index + 1..];
        let end = inside.find(['`', '\n']).unwrap_or(inside.len());
        commands.push(inside[..end].to_string());
    }
    let mut listing = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("```") {
            listing = !listing;
        } else if listing && line.starts_with("gpuenv ") {
            commands.push(line.to_string());
        }
    }
    commands
}

/// Checks that the command exists and has the options; what they are given does not matter.
fn check_command(root: &clap::Command, line: &str) -> Result<(), String> {
    let mut command = root;
    let ours = line.split(" -- ").next().unwrap_or_default();
    let ours = ours.split('#').next().unwrap_or_default();
    for word in ours.split_whitespace().skip(1) {
        let word = word.trim_end_matches(['.', ',', ';', ':', '\\', '"', ')', ']']);
        let option = word
            .trim_start_matches('[')
            .split('=')
            .next()
            .unwrap_or_default();
        if let Some(long) = option.strip_prefix("--") {
            let has = |c: &clap::Command| c.get_arguments().any(|a| a.get_long() == Some(long));
            if !has(command) && !has(root) && !["help", "version"].contains(&long) {
                return Err(format!("no option `{option}`"));
            }
        } else if let Some(child) = command.find_subcommand(word) {
            command = child;
        } else if word.starts_with(|c: char| c.is_ascii_digit()) {
            // What `gpuenv --version` prints.
            return Ok(());
        } else if command.has_subcommands() && word.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("no command `{word}`"));
        }
    }
    Ok(())
}

#[test]
fn a_wrong_command_in_a_page_is_found() {
    let root = gpuenv::command_line();
    let text = "type `gpuenv lock x --frob 12` or\n```sh\ngpuenv run x\n```\ngpuenv says\n";
    let commands = commands_in(text);
    assert_eq!(commands, ["gpuenv lock x --frob 12", "gpuenv run x"]);
    let refused = check_command(&root, &commands[0]);
    assert_eq!(refused, Err("no option `--frob`".into()));
    assert_eq!(
        check_command(&root, "gpuenv frob"),
        Err("no command `frob`".into())
    );
    assert_eq!(check_command(&root, "gpuenv run x -- y --z"), Ok(()));
    assert_eq!(check_command(&root, "gpuenv recipe list --json"), Ok(()));
    assert_eq!(check_command(&root, "gpuenv {command}"), Ok(()));
}
