//! The table of shells and properties in the guide, as the shells have it.

use std::{
    env::var_os,
    ffi::OsStr,
    io::{self, Write as _},
};

use gpuenv_core::activation::Activation;

use super::{
    others,
    shells::{HOSTILE, RealShell, Step, Variables, recipe, shells, value, variables},
};
use crate::source::read;

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
among them: none could be installed where this was run, so its text is checked by a parser only. xonsh is tried with
values that have no `$` and `~` in lists of directories: it expands those itself.

The tutorials' line is `export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/`, with `CONDA_PREFIX` set by
`conda activate` and unset by `conda deactivate`.

In the rows of conda and rattler, an environment asks for `LD_LIBRARY_PATH=PREFIX/lib`, and for the hostile values, by
`conda env config vars set`, which both of them carry out. conda is 26.7 from its source. rattler is the library
`rattler_shell` 0.29, from which `rattler shell-hook` and `pixi shell-hook` have their text; it is made anew at each step,
as `eval` does. In the rows \"gpuenv's scripts\", the environment has the files that gpuenv leaves in `activate.d`
and `deactivate.d`. micromamba is missing: no registry that was in reach has it.

The page is renewed where all ten shells and conda are on `PATH`. A row whose shell or tool is missing, or that takes long,
is left as it is by the ordinary tests, and that is said.
";

/// A way into an environment, and out of it.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) run: Run,
    /// The same for an environment that asks for the hostile values, if that is another one.
    pub(super) hostile: Option<Run>,
    /// What it puts onto `LD_LIBRARY_PATH`.
    pub(super) directory: String,
    /// It can set variables that somebody asks for.
    pub(super) sets: bool,
    /// It takes so long that it is only run for the page.
    pub(super) slow: bool,
}

/// Does all of it in order, and returns what each look saw; nothing if a shell broke
/// or a value ran.
pub(super) type Run = Box<dyn Fn(&Variables, &[Act]) -> Option<Vec<Variables>>>;

/// What may happen on a way.
#[derive(Debug, Clone)]
pub(super) enum Act {
    On,
    Off,
    /// Something else gives `LD_LIBRARY_PATH` this value.
    Change(String),
    Look,
}

const PREFIX: &str = "/tmp/envs/table";

/// Returns a way whose text is the same whatever the shell holds.
pub(super) fn way(name: String, shell: &'static RealShell, on: Step, off: Step) -> Way {
    let run = move |base: &Variables, acts: &[Act]| {
        let step = |act: &Act| match act {
            Act::On => on.clone(),
            Act::Off => off.clone(),
            Act::Change(to) => shell.export("LD_LIBRARY_PATH", to),
            Act::Look => Step::Look,
        };
        shell.try_session(base, &acts.iter().map(step).collect::<Vec<_>>())
    };
    Way {
        name,
        run: Box::new(run),
        hostile: None,
        directory: format!("{PREFIX}/lib/gpuenv-cuda"),
        sets: true,
        slow: false,
    }
}

/// Returns the hostile values with the names under which they are set.
pub(super) fn values() -> Vec<(String, &'static str)> {
    let numbered = HOSTILE.iter().enumerate();
    numbered
        .map(|(index, text)| (format!("V{index}"), *text))
        .collect()
}

pub(super) fn activation(prefix: &str) -> Activation {
    let values = values();
    let values = values.iter().map(|(name, text)| (name.as_str(), *text));
    recipe(prefix, &values.collect::<Vec<_>>())
}

fn ways() -> Vec<Way> {
    let activation = activation(PREFIX);
    let ours = shells().iter().map(|shell| {
        let name = format!("gpuenv in {}", shell.name);
        way(name, shell, shell.on(&activation), shell.off())
    });
    let bash = shells().iter().find(|shell| shell.name == "bash");
    let tutorials = bash.map(|bash| {
        let on = Step::Text(format!(
            "export CONDA_PREFIX={PREFIX}\n\
             export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/"
        ));
        let off = Step::Text("unset CONDA_PREFIX".to_string());
        Way {
            directory: format!("{PREFIX}/lib/"),
            sets: false,
            ..way("the tutorials' line in bash".to_string(), bash, on, off)
        }
    });
    ours.chain(tutorials).chain(others::ways()).collect()
}

fn library_path(look: &Variables) -> Option<&str> {
    value(look, "LD_LIBRARY_PATH").and_then(OsStr::to_str)
}

impl Way {
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

    fn looks(&self, library_path: Option<&str>, acts: &[Act]) -> Option<Vec<Variables>> {
        let mut base = variables(&[]);
        base.extend(library_path.map(|text| ("LD_LIBRARY_PATH".into(), text.into())));
        (self.run)(&base, acts)
    }

    fn values(&self) -> Option<bool> {
        let run = self.hostile.as_ref().unwrap_or(&self.run);
        let looks = run(&variables(&[]), &[Act::On, Act::Look]);
        let arrived = |look: &Variables| {
            let mut values = values().into_iter();
            values.all(|(name, text)| value(look, &name) == Some(OsStr::new(text)))
        };
        self.sets
            .then(|| looks.is_some_and(|looks| arrived(&looks[0])))
    }

    fn comes_back(&self, old: Option<&str>) -> Option<bool> {
        let looks = self.looks(old, &[Act::On, Act::Off, Act::Look]);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == old))
    }

    fn comes_first(&self) -> Option<bool> {
        let looks = self.looks(Some("/old"), &[Act::On, Act::Look]);
        let both = format!("{}:/old", self.directory);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == Some(&both)))
    }

    fn leaves_no_gap(&self) -> Option<bool> {
        let looks = self.looks(None, &[Act::On, Act::Look]);
        let sound = |list: &str| list.split(':').all(|entry| !entry.is_empty());
        Some(looks.is_some_and(|looks| library_path(&looks[0]).is_some_and(sound)))
    }

    fn keeps_changes(&self) -> Option<bool> {
        let set = format!("/new:{}:/old", self.directory);
        let acts = [Act::On, Act::Change(set), Act::Off, Act::Look];
        let looks = self.looks(Some("/old"), &acts);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == Some("/new:/old")))
    }

    fn twice_is_once(&self) -> Option<bool> {
        let acts = [Act::On, Act::On, Act::Off, Act::Look];
        let looks = self.looks(Some("/old"), &acts);
        Some(looks.is_some_and(|looks| library_path(&looks[0]) == Some("/old")))
    }
}

const COLUMNS: &str = "| way | values | unset | empty | first | no `.` | changed | twice |\n\
                       |---|---|---|---|---|---|---|---|\n";

/// Returns the rows, each with what stands in front of its first cell.
fn rows(page: &str) -> Vec<(String, String)> {
    let rows = page.lines().skip_while(|line| !line.starts_with("| way |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let named = |row: &str| {
        (
            row.split(" | ").next().unwrap_or(row).to_string(),
            format!("{row}\n"),
        )
    };
    rows.map(named).collect()
}

#[test]
fn the_table_in_the_guide_is_what_the_shells_do() {
    let bless = var_os("GPUENV_BLESS").is_some();
    let ways = ways().into_iter();
    let run: String = ways
        .filter(|way| bless || !way.slow)
        .map(|way| way.row())
        .collect();
    let run = rows(&format!("{COLUMNS}{run}"));
    if bless {
        let rows: String = run.into_iter().map(|(_, row)| row).collect();
        crate::docs::check_page(PAGE, &format!("{HEAD}{COLUMNS}{rows}{FOOT}"));
        return;
    }
    // What is not here stays as the page has it.
    let page = rows(&read(PAGE));
    let kept = page.len() - run.len().min(page.len());
    let said = format!(
        "{} rows of {PAGE} are compared, {kept} are not\n",
        run.len()
    );
    let _ = io::stderr().write_all(said.as_bytes());
    for (name, row) in run {
        let found = page.iter().find(|(found, _)| *found == name);
        let found = found.map(|(_, row)| row.as_str());
        assert_eq!(
            found,
            Some(row.as_str()),
            "renew {PAGE}, see its first lines"
        );
    }
    let text: String = page.into_iter().map(|(_, row)| row).collect();
    crate::docs::check_page(PAGE, &format!("{HEAD}{COLUMNS}{text}{FOOT}"));
}
