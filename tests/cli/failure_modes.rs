//! `docs/failure-modes.md`: every failure mode, who finds it, and the tests that show it.

use std::collections::BTreeMap;

use gpuenv_core::facts::{Facts, FoundBy, Mode};

use crate::{
    docs::check_page,
    source::{names, read},
};

/// Where the tests of the rules are.
const FOLDER: &str = "crates/gpuenv-provision/src/facts/tests";

/// Other files with tests of failure modes.
const FILES: [&str; 2] = [
    "crates/gpuenv-core/src/doctor/text/tests.rs",
    "tests/cli/doctor.rs",
];

const HEAD: &str = "# The failure modes

Made from `recipes/facts/failure_modes.yaml` and the names of the tests; after a change:
`GPUENV_BLESS=1 cargo test -p gpuenv --test cli`.

`gpuenv doctor` names the number of the failure mode with each finding. A rule looks at the cause, on the machine, and is shown
on simulated hosts by the tests that are named. What no rule finds has its reason. Every log text that is known is recognised by
`gpuenv doctor --text FILE`.

| row | level | what it is | found by | shown by, or why not |
|---|---|---|---|---|
";

/// Returns the names of the tests of each failure mode.
fn tests() -> BTreeMap<String, Vec<String>> {
    let in_folder = names(FOLDER)
        .into_iter()
        .map(|name| format!("{FOLDER}/{name}"));
    let files = in_folder.chain(FILES.map(String::from));
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        for line in read(&file).lines() {
            let Some(rest) = line.trim().strip_prefix("fn p") else {
                continue;
            };
            let name = rest.split('(').next().unwrap_or_default();
            if let Some((digits, _)) = name.split_once('_')
                && digits.len() == 2
                && digits.bytes().all(|byte| byte.is_ascii_digit())
            {
                let row = tests.entry(format!("P{digits}")).or_default();
                row.push(format!("p{name}"));
            }
        }
    }
    tests
}

fn found_by(mode: &Mode) -> String {
    let logged = if mode.patterns.is_empty() {
        ""
    } else {
        ", log"
    };
    let who = match mode.found {
        FoundBy::Doctor if mode.id.0 == 4 => return "log: cleared".to_string(),
        FoundBy::Doctor => "a rule",
        FoundBy::Lock => "`gpuenv lock`",
        FoundBy::Create => "`gpuenv create`",
        FoundBy::Run => "`gpuenv run`",
        FoundBy::Probe => "`gpuenv probe`",
        FoundBy::Text => return "log".to_string(),
        FoundBy::None => "nobody",
    };
    format!("{who}{logged}")
}

#[test]
fn the_page_of_the_failure_modes_is_current() {
    let tests = tests();
    let mut page = HEAD.to_string();
    for mode in &Facts::shipped().modes.modes {
        let id = mode.id.to_string();
        let shown = match (&mode.why, tests.get(&id)) {
            (Some(why), _) => why.clone(),
            (None, Some(names)) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                names.join(", ")
            }
            (None, None) => panic!(
                "no test has a name that begins with `{}_`",
                id.to_lowercase()
            ),
        };
        let title = mode.title.replace('|', "\\|");
        page += &format!(
            "| {id} | {} | {title} | {} | {shown} |\n",
            mode.level,
            found_by(mode)
        );
    }
    let rules = Facts::shipped()
        .modes
        .modes
        .iter()
        .filter(|m| m.found == FoundBy::Doctor);
    page += &format!(
        "\n{} of {} have a rule. Healthy hosts give no finding: `healthy_hosts_give_no_false_alarm`.\n",
        rules.count(),
        Facts::shipped().modes.modes.len()
    );
    check_page("docs/failure-modes.md", &page);
}
