//! The table of shells and properties in the guide, as the shells have it.

use std::{
    ffi::OsStr,
    io::{self, Write as _},
};

use gpuenv_core::activation::Shell;

use super::shells::{HOSTILE, RealShell, Step, Variables, recipe, shells, value, variables};

const PAGE: &str = "docs/guide/shells.md";

const HEAD: &str = "# Shells and properties

This page is generated from a run of the real shells: `GPUENV_BLESS=1 cargo test -p gpuenv --test cli table`. Each cell
is what happened, not what was meant. The random tests behind it are in `tests/cli/activation`.

| property | meaning |
|---|---|
| values | quotes, `$`, backquotes, line ends, `%`, `!` and other hostile text arrive byte for byte, and nothing of it runs |
| unset | a variable that was unset before is unset after deactivation |
| empty | a variable that was empty before is empty after deactivation |
| first | the environment's libraries come before those that were on `LD_LIBRARY_PATH` |
| no `.` | `LD_LIBRARY_PATH` gets no empty entry, which would mean the current directory |
| changed | what something else prepends in between stays, only the environment's entry goes |
| twice | activating twice and deactivating once leaves nothing behind |

";

const FOOT: &str = "
`cmd` is run under wine, by its own test: it cannot hold an empty variable nor a value of several lines. PowerShell is not
among them: none could be installed where this was run, so its text is checked for its structure only. xonsh is tried with
values that have no `$` and `~` in lists of directories: it expands those itself.

The tutorials' line is `export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/`, in bash, with `CONDA_PREFIX` set by
`conda activate` and unset by `conda deactivate`.
";

/// A way into an environment, and out of it.
struct Way<'a> {
    name: String,
    shell: &'a RealShell,
    on: Step,
    off: Step,
    directory: &'static str,
    /// It can set variables of a recipe.
    sets: bool,
}

const PREFIX: &str = "/tmp/envs/table";

fn ways() -> Vec<Way<'static>> {
    let names: Vec<String> = (0..HOSTILE.len())
        .map(|index| format!("V{index}"))
        .collect();
    let values = names
        .iter()
        .map(String::as_str)
        .zip(HOSTILE.iter().copied());
    let activation = recipe(PREFIX, &values.collect::<Vec<_>>());
    let ours = shells().iter().map(|shell| Way {
        name: format!("gpuenv in {}", shell.name),
        shell,
        on: shell.on(&activation),
        off: shell.off(),
        directory: "/tmp/envs/table/lib/gpuenv-cuda",
        sets: true,
    });
    let bash = shells()
        .iter()
        .filter(|shell| shell.shell == Shell::Bash)
        .take(1);
    let tutorials = bash.map(|shell| Way {
        name: "the tutorials' line".to_string(),
        shell,
        on: Step::Text(format!(
            "export CONDA_PREFIX={PREFIX}\n\
             export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/"
        )),
        off: Step::Text("unset CONDA_PREFIX".to_string()),
        directory: "/tmp/envs/table/lib/",
        sets: false,
    });
    ours.chain(tutorials).collect()
}

fn library_path(look: &Variables) -> Option<&str> {
    value(look, "LD_LIBRARY_PATH").and_then(OsStr::to_str)
}

impl Way<'_> {
    fn row(&self) -> String {
        let cells = [
            self.values(),
            self.comes_back(None),
            self.comes_back(Some("")),
            self.comes_first(),
            self.leaves_no_gap(),
            self.keeps_changes(),
            self.twice_is_once(),
        ];
        let cells = cells.map(|cell| match cell {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        });
        format!("| {} | {} |\n", self.name, cells.join(" | "))
    }

    fn looks(&self, library_path: Option<&str>, steps: &[Step]) -> Option<Vec<Variables>> {
        let mut base = variables(&[]);
        base.extend(library_path.map(|text| ("LD_LIBRARY_PATH".into(), text.into())));
        self.shell.try_session(&base, steps)
    }

    fn values(&self) -> Option<bool> {
        let looks = self.looks(None, &[self.on.clone(), Step::Look]);
        let arrived = |look: &Variables| {
            let mut values = HOSTILE.iter().enumerate();
            values.all(|(index, text)| value(look, &format!("V{index}")) == Some(OsStr::new(text)))
        };
        self.sets
            .then(|| looks.is_some_and(|looks| arrived(&looks[0])))
    }

    fn comes_back(&self, old: Option<&str>) -> Option<bool> {
        let steps = [self.on.clone(), self.off.clone(), Step::Look];
        let looks = self.looks(old, &steps);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == old))
    }

    fn comes_first(&self) -> Option<bool> {
        let looks = self.looks(Some("/old"), &[self.on.clone(), Step::Look])?;
        Some(library_path(&looks[0])?.starts_with(&format!("{}:", self.directory)))
    }

    fn leaves_no_gap(&self) -> Option<bool> {
        let looks = self.looks(None, &[self.on.clone(), Step::Look])?;
        Some(
            library_path(&looks[0])?
                .split(':')
                .all(|entry| !entry.is_empty()),
        )
    }

    fn keeps_changes(&self) -> Option<bool> {
        let set = format!("/new:{}:/old", self.directory);
        let steps = [
            self.on.clone(),
            self.shell.export("LD_LIBRARY_PATH", &set),
            self.off.clone(),
            Step::Look,
        ];
        let looks = self.looks(Some("/old"), &steps);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == Some("/new:/old")))
    }

    fn twice_is_once(&self) -> Option<bool> {
        let steps = [
            self.on.clone(),
            self.on.clone(),
            self.off.clone(),
            Step::Look,
        ];
        let looks = self.looks(Some("/old"), &steps);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == Some("/old")))
    }
}

#[test]
fn the_table_in_the_guide_is_what_the_shells_do() {
    let ways = ways();
    // Ten shells, and the line.
    if ways.len() < 11 {
        let said = b"skipped: shells are missing, so the table in the guide is not compared\n";
        let _ = io::stderr().write_all(said);
        return;
    }
    let head = "| way | values | unset | empty | first | no `.` | changed | twice |\n\
                |---|---|---|---|---|---|---|---|\n";
    let rows: String = ways.iter().map(Way::row).collect();
    crate::docs::check_page(PAGE, &format!("{HEAD}{head}{rows}{FOOT}"));
}
