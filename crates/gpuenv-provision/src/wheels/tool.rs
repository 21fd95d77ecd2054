//! gpuenv's own uv: installed from the recipe's channels where the machine has none.
//!
//! It is an environment like any other, by the same stages, in a directory of
//! its own. Python comes with it, since uv needs an interpreter to compare with.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuenv_core::{
    Code, Diagnostic, Event, Plan, Reporter, Solution, Target,
    event::Silent,
    generation::Action,
    lock,
    plan::{ActivationSettings, Dependency, Gpu, PypiSettings},
    recipe::Selection,
};
use jiff::Timestamp;
use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions, Subdir};

use super::{Uv, WheelsError};
use crate::{
    Access, Cancel, SolveError, Wishes,
    install::{Install, install},
    prefix::Wanted,
};

/// What is installed. The oldest uv that writes a `pylock.toml` as it is read here.
const PACKAGES: [&str; 2] = ["uv >=0.7", "python >=3.9"];

/// uv, ready to be started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The program.
    pub(crate) path: PathBuf,
    /// The interpreter that came with it.
    pub(super) python: Option<PathBuf>,
}

impl Uv {
    /// Finds uv, or installs it from these channels.
    ///
    /// # Errors
    /// Says where it was looked for, and what keeps it from being installed.
    pub(crate) async fn obtain(
        &self,
        channels: &[String],
        access: &Access,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Program, WheelsError> {
        if let Some(path) = self.find()? {
            let python = None;
            return Ok(Program { path, python });
        }
        let nowhere = || WheelsError::NoUv {
            channels: channels.to_vec(),
        };
        let tool = self.tool.as_deref().ok_or_else(nowhere)?;
        if let Some(program) = installed(tool) {
            return Ok(program);
        }
        let platform = Subdir::current().ok_or_else(nowhere)?;
        let plan = plan(channels, platform);
        let solution = solve(&plan, access).await?;
        link(tool, &plan, &solution, access, reporter).await?;
        let program = installed(tool).ok_or_else(|| WheelsError::NotInstalled {
            causes: vec![format!("the package has no program `{}`", file("uv"))],
            offline: false,
        })?;
        reporter.report(Event::Diagnosed {
            diagnostic: told(tool, &solution),
        });
        Ok(program)
    }
}

/// Returns the uv of a directory, where it was put there as a whole.
fn installed(tool: &Path) -> Option<Program> {
    let (programs, python) = match cfg!(windows) {
        true => (
            ["Library/bin", "Scripts"].as_slice(),
            tool.join("python.exe"),
        ),
        false => (["bin"].as_slice(), tool.join("bin/python")),
    };
    let mut places = programs
        .iter()
        .map(|folder| tool.join(folder).join(file("uv")));
    let path = places.find(|path| path.is_file())?;
    let python = Some(python).filter(|python| python.is_file());
    Some(Program { path, python })
}

fn file(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

fn plan(channels: &[String], platform: Subdir) -> Plan {
    let dependency = |text: &&str| {
        let spec = MatchSpec::from_str(text, ParseMatchSpecOptions::lenient()).ok()?;
        let text = (*text).to_string();
        let place = None;
        Some(Dependency { spec, text, place })
    };
    Plan {
        variant: None,
        recipe: "uv".to_string(),
        selection: Selection::default(),
        pypi: PypiSettings::default(),
        channels: channels.to_vec(),
        gpu: Gpu::None,
        target: Target::without_gpu(platform),
        dependencies: PACKAGES.iter().filter_map(dependency).collect(),
        wheels: Vec::new(),
        activation: ActivationSettings::default(),
        probe: Vec::new(),
    }
}

async fn solve(plan: &Plan, access: &Access) -> Result<Solution, WheelsError> {
    let plans = std::slice::from_ref(plan);
    // The user did not ask for this solve, and it says nothing that the error does not.
    let solved = crate::solve(plans, &Wishes::default(), access, Arc::new(Silent)).await;
    let errors = match solved {
        Ok(mut solutions) => match solutions.pop() {
            Some(solution) => return Ok(solution),
            None => Vec::new(),
        },
        Err(errors) => errors,
    };
    let is_without = |error: &SolveError| {
        matches!(
            error,
            SolveError::NoSuchPackage { .. } | SolveError::Unsolvable(_)
        )
    };
    if errors.iter().all(is_without) {
        let channels = plan.channels.clone();
        return Err(WheelsError::NoUv { channels });
    }
    let errors = errors.into_iter().map(Diagnostic::from);
    Err(not_installed(errors, access))
}

async fn link(
    tool: &Path,
    plan: &Plan,
    solution: &Solution,
    access: &Access,
    reporter: &Arc<dyn Reporter>,
) -> Result<(), WheelsError> {
    let failed = |error: Diagnostic| not_installed([error], access);
    let solved = [(plan.clone(), solution.clone())];
    let lock = lock::lock(&solved).map_err(|error| failed(error.into()))?;
    let text = lock::render(&lock).map_err(|error| failed(error.into()))?;
    let requested: Vec<MatchSpec> = plan.dependencies.iter().map(|d| d.spec.clone()).collect();
    let nothing_more = |_: &Path, _: &Path| -> io::Result<()> { Ok(()) };
    let request = Install {
        prefix: tool,
        name: "uv",
        recipe: None,
        wanted: Wanted {
            lock_text: &text,
            recipe_text: None,
            platform: solution.platform.as_str(),
            activation: &plan.activation,
        },
        solution,
        requested: &requested,
        force: false,
        repair: None,
        source: None,
        action: Action::Create,
        protected: &[],
        registry: None,
        cancel: Cancel::never(),
        finish: &nothing_more,
        now: Timestamp::now(),
        command_line: "gpuenv, for its own use",
        uv: None,
    };
    // An install may ask for uv itself, so the type of the future would be endless.
    let installing = Box::pin(install(&request, access, reporter.clone()));
    match installing.await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(error.into())),
    }
}

fn not_installed(errors: impl IntoIterator<Item = Diagnostic>, access: &Access) -> WheelsError {
    let texts = errors
        .into_iter()
        .flat_map(|error| std::iter::once(error.message).chain(error.causes));
    WheelsError::NotInstalled {
        causes: texts.collect(),
        offline: access.offline,
    }
}

fn told(tool: &Path, solution: &Solution) -> Diagnostic {
    let records = solution.records.iter().map(|record| &record.package_record);
    let mut uv = records.filter(|package| package.name.as_normalized() == "uv");
    let version = uv.next().map(|package| format!(" {}", package.version));
    let message = format!(
        "no `uv` was found, so gpuenv has installed uv{} for its own use",
        version.unwrap_or_default()
    );
    Diagnostic::note(Code::WHEELS_UV_INSTALLED, message).cause(format!(
        "it is in `{}`, from the recipe's channels",
        tool.display()
    ))
}
