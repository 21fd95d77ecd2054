//! `gpuenv check`: does a machine run this, and what does it cost?

use std::{fmt::Write as _, path::PathBuf};

use gpuenv_core::{
    Code, Diagnostic, Lock, Machine, Severity,
    event::Silent,
    facts::Facts,
    fits, lock,
    machine::dotted,
    plan::Gpu,
    target::{ComputeCapability, CudaVersion},
};
use gpuenv_provision::{
    Cancel,
    outlook::{Link, Outlook, outlook},
};
use rattler_conda_types::Subdir;
use serde::Serialize;

use crate::{
    Failure, Outcome, Session,
    activating::{self, KEPT_LOCK},
    checking,
    choosing::Open,
    commands::choice::ChoiceArgs,
    creating,
    deciding::Deciding,
    environments::Environments,
    facts,
    lockfile::{self, LockFile},
    locking, ready,
    source::RecipePath,
    untrusted::shown,
};

/// Tell, before anything is downloaded, whether a machine runs a lock and what it costs
///
/// Compares the packages with the driver, the GPUs and the system of this machine, or of the one that
/// `--target` or the other options describe. A recipe without a lock is solved first, and nothing is written.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv check tf-gpu                            does it run here, how much is downloaded?\n  \
    gpuenv check gpuenv.lock --target node.json    on the machine that file describes\n  \
    gpuenv check gpuenv.lock --driver 535.104.05 --compute-capability 7.0 --glibc 2.28\n  \
    gpuenv check --driver 470.57.02 --cuda 12.1    does this driver run CUDA 12.1?")]
pub struct Args {
    /// A lock file, a recipe or an environment [default: the recipe in this directory]
    #[arg(value_name = "LOCK|RECIPE|ENV")]
    pub source: Option<String>,
    /// The machine that `gpuenv devices --export FILE` described
    #[arg(long, value_name = "FILE", conflicts_with_all = ["driver", "compute_capability", "glibc", "platform"])]
    pub target: Option<PathBuf>,
    /// A machine with this version of the NVIDIA driver
    #[arg(long, value_name = "VERSION")]
    pub driver: Option<String>,
    /// Check this CUDA version instead of a lock
    #[arg(long, value_name = "VERSION", conflicts_with = "source")]
    pub cuda: Option<CudaVersion>,
    /// A machine whose weakest GPU has this compute capability
    #[arg(long, value_name = "VERSION")]
    pub compute_capability: Option<ComputeCapability>,
    /// A machine with this version of glibc
    #[arg(long, value_name = "VERSION")]
    pub glibc: Option<String>,
    /// A machine of this platform
    #[arg(long)]
    pub platform: Option<Subdir>,
    /// Check this variant of the recipe [default: the first that the machine can run]
    #[arg(long, value_name = "VARIANT", conflicts_with = "cuda")]
    pub variant: Option<String>,
    /// What is chosen of the recipe.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Returns whether a machine is described, at least in part.
    fn elsewhere(&self) -> bool {
        self.target.is_some()
            || self.driver.is_some()
            || self.compute_capability.is_some()
            || self.glibc.is_some()
            || self.platform.is_some()
    }
}

/// What is checked.
struct Subject {
    label: String,
    /// What makes an environment of it.
    command: String,
    lock: Lock,
    platform: Subdir,
    gpu: Gpu,
    /// What it is now, of an environment: `linux-64-cuda12`.
    now: Option<String>,
    /// Where it would be installed.
    prefix: PathBuf,
}

/// What becomes of one variant, for the report.
#[derive(Debug, Serialize)]
struct VariantChecked {
    name: String,
    fits: bool,
    /// Why not, or what does not work; empty where everything does.
    reasons: Vec<String>,
}

/// What was found, for the report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Checked<'a> {
    runs: bool,
    checked: &'a str,
    cuda: Option<CudaVersion>,
    /// The variant that is taken.
    variant: Option<String>,
    /// All variants of the platform.
    variants: Vec<VariantChecked>,
    machine: &'a Machine,
    /// Whether the machine is this one.
    here: bool,
    plan: Option<Outlook>,
}

/// Checks.
///
/// # Errors
/// Returns what keeps the lock from being read or made, or the machine from being known.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let (tables, mut findings) = facts::read(session.env.facts.as_deref())?;
    let here = !args.elsewhere();
    let of_here = match (here, args.cuda) {
        (true, None) => Some(subject(&args, creating::this_platform()?, session)?),
        _ => None,
    };
    let mut machine = match (here, &args.target) {
        (_, Some(file)) => checking::read_machine(file)?,
        // A driver that hangs is nobody's business where no GPU is used.
        (true, None) if of_here.as_ref().is_some_and(|s| s.gpu == Gpu::None) => {
            checking::without_driver()?
        }
        (true, None) => {
            let (machine, broken) = checking::this_machine()?;
            findings.extend(broken);
            machine
        }
        (false, None) => described(&args)?,
    };
    machine.infer_cuda(&tables.drivers);
    if let (None, Some(driver)) = (machine.cuda, &machine.driver) {
        let message = format!("no table tells which CUDA driver `{driver}` supports");
        let error = Diagnostic::error(Code::CHECK_UNKNOWN_DRIVER, message);
        return Err(error
            .help("name a driver as `nvidia-smi` prints it: `--driver 550.54.14`")
            .into());
    }
    if let Some(cuda) = args.cuda {
        findings.extend(fits::check_cuda(cuda, &machine, &tables));
        let asked = format!("CUDA {cuda}");
        let checked = Checked {
            cuda: Some(cuda),
            ..Checked::of(&asked, &machine, here)
        };
        return Ok(report(findings, checked));
    }
    let subject = match of_here {
        Some(subject) => subject,
        None => subject(&args, machine.platform, session)?,
    };
    let mut checked = Checked {
        variants: variants(&subject, &machine, &tables),
        ..Checked::of(&subject.label, &machine, here)
    };
    // On another platform it is nothing yet.
    let now = subject.now.clone();
    let now = now.filter(|now| lock::subdir_of(now) == Some(subject.platform));
    let deciding = match (&args.variant, now) {
        (None, Some(now)) => Deciding::stays(Some(now)),
        (named, _) => Deciding::new(named.clone(), Some(machine.clone()), None),
    };
    let decided = deciding.decide(
        &subject.lock,
        (&subject.label, &subject.command),
        subject.platform,
        session,
    );
    let name = match decided {
        Ok(decided) => {
            findings.extend(decided.notes);
            decided.name
        }
        // No variant fits, which is an answer, and not a failure.
        Err(Failure::Diagnosed(told)) if args.variant.is_none() => {
            findings.extend(told);
            return Ok(report(findings, checked));
        }
        Err(failure) => return Err(failure),
    };
    checked.variant = lock::variant_of(&name, subject.platform).map(ToString::to_string);
    let solution = ready::require(&subject.lock, &subject.label, &name)?;
    let (records, wheels) = (&solution.records, &solution.wheels);
    findings.extend(fits::check(records, wheels, subject.gpu, &machine, &tables));
    let cost = session.block_on(outlook(
        &solution.packages(),
        &subject.prefix,
        &session.access()?,
        &Silent,
        &Cancel::pair().1,
    ))?;
    let cost = cost.map_err(Diagnostic::from)?;
    if here {
        findings.extend(cost.shortages());
    }
    if machine.platform.is_windows() {
        findings.push(long_paths());
    }
    checked.cuda = fits::cuda(records, wheels);
    checked.plan = Some(cost);
    Ok(report(findings, checked))
}

/// Says of each variant whether the machine runs it.
fn variants(subject: &Subject, machine: &Machine, tables: &Facts) -> Vec<VariantChecked> {
    let candidates = fits::candidates(&subject.lock, subject.platform);
    let checked = candidates.iter().map(|candidate| {
        let obstacles = candidate.obstacles(machine, tables);
        let mut errors = obstacles.iter().filter(|o| o.severity == Severity::Error);
        VariantChecked {
            name: candidate.variant.to_string(),
            fits: errors.next().is_none(),
            reasons: obstacles.into_iter().map(|found| found.message).collect(),
        }
    });
    checked.collect()
}

impl<'a> Checked<'a> {
    fn of(checked: &'a str, machine: &'a Machine, here: bool) -> Self {
        Self {
            runs: true,
            checked,
            cuda: None,
            variant: None,
            variants: Vec::new(),
            machine,
            here,
            plan: None,
        }
    }
}

/// Returns the machine that the options describe; what they do not say is unknown.
fn described(args: &Args) -> Result<Machine, Failure> {
    let platform = match args.platform {
        Some(platform) => platform,
        None => creating::this_platform()?,
    };
    let mut machine = Machine::of_platform(platform);
    for (option, text) in [("--driver", &args.driver), ("--glibc", &args.glibc)] {
        if let Some(text) = text.as_ref().filter(|text| dotted(text).is_none()) {
            let message = format!("`{option} {text}` is no version");
            return Err(Failure::usage(message).help(format!("digits and dots: `{option} 2.28`")));
        }
    }
    machine.driver.clone_from(&args.driver);
    machine.compute_capability = args.compute_capability;
    machine.glibc.clone_from(&args.glibc);
    Ok(machine)
}

fn subject(args: &Args, platform: Subdir, session: &Session) -> Result<Subject, Failure> {
    let environments = Environments::below(&session.home()?);
    let wanted = args.source.as_deref();
    if let Some(file) = wanted.filter(|wanted| wanted.ends_with(".lock")) {
        let prefix = environments.prefix("check")?;
        return of_lock(lockfile::read(file.as_ref())?, platform, prefix);
    }
    let recipes = RecipePath::new(&session.env.recipe_path);
    let text = match (recipes.find(wanted), wanted) {
        (Ok(text), _) => text,
        // Not a recipe, so it may be an environment; else the first error is the better one.
        (Err(error), Some(name)) if error.code == Code::RECIPE_NOT_FOUND => {
            return match environments.find(name) {
                Ok(prefix) => {
                    let file = lockfile::read(&prefix.join(KEPT_LOCK))?;
                    let now = activating::made_as(&prefix);
                    Ok(Subject {
                        now,
                        ..of_lock(file, platform, prefix)?
                    })
                }
                Err(_) => Err(error.into()),
            };
        }
        (Err(error), _) => return Err(error.into()),
    };
    let open = Open::read(text, &recipes).map_err(Failure::several)?;
    let prefix = environments.prefix(&open.name)?;
    let existing = lockfile::find(&open.text, &open.name)?;
    let settings = existing
        .as_ref()
        .and_then(|file| file.lock.settings.as_ref());
    let recipe = open.decide(&args.choice.choice(), settings)?;
    let plans = locking::plans(&recipe, &locking::platforms(&recipe)).map_err(Failure::several)?;
    let builds = session.builds()?;
    let fitting = existing.filter(|file| lock::check(&file.lock, &plans, &builds).is_empty());
    let command = open.text.create_command();
    if let Some(file) = fitting {
        let subject = of_lock(file, platform, prefix)?;
        return Ok(Subject { command, ..subject });
    }
    locking::plans(&recipe, &[platform]).map_err(Failure::several)?;
    let made = locking::make(
        session,
        &recipe,
        &[platform],
        locking::keep(&open.text, None),
        None,
    )?;
    let file = LockFile {
        path: PathBuf::from(&recipe.name),
        text: made.text,
        lock: made.lock,
    };
    let subject = of_lock(file, platform, prefix)?;
    Ok(Subject { command, ..subject })
}

fn of_lock(file: LockFile, platform: Subdir, prefix: PathBuf) -> Result<Subject, Failure> {
    let label = file.path.display().to_string();
    let settings = file.lock.settings.as_ref();
    let gpu = settings.map_or(Gpu::Optional, |settings| settings.gpu);
    if file.lock.names(platform).is_empty() {
        ready::require(&file.lock, &label, platform.as_str())?;
    }
    Ok(Subject {
        lock: file.lock,
        platform,
        gpu,
        now: None,
        command: lockfile::create_command(&label),
        label,
        prefix,
    })
}

fn long_paths() -> Diagnostic {
    let message =
        "Windows refuses paths of more than 259 characters, unless long paths are enabled";
    Diagnostic::note(Code::CHECK_LONG_PATHS, message)
        .cause("packages bring long paths of their own; how long they are is not known before they are downloaded")
        .help("keep the prefix short, for example `--prefix C:\\envs\\NAME`")
}

fn report(findings: Vec<Diagnostic>, mut checked: Checked<'_>) -> Outcome {
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    let runs = errors.count() == 0;
    checked.runs = runs;
    let mut text = format!("machine: {}\n", machine_text(checked.machine));
    for variant in &checked.variants {
        let taken = checked.variant.as_ref() == Some(&variant.name);
        let name = &variant.name;
        let _ = match (taken, variant.fits, variant.reasons.is_empty()) {
            (true, _, _) => writeln!(text, "variant: {name}"),
            (false, true, true) => writeln!(text, "variant {name}: would fit too"),
            (false, true, false) => writeln!(text, "variant {name}: would run in part"),
            (false, false, _) => writeln!(text, "variant {name}: does not fit"),
        };
    }
    if let Some(plan) = &checked.plan {
        text += &plan_text(plan);
    }
    let label = checked.checked;
    let _ = match runs {
        true => writeln!(text, "`{label}` fits"),
        false => writeln!(text, "`{label}` does not fit"),
    };
    let outcome = match runs {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let outcome = outcome.text(shown(&text, 1 << 20)).facts(&checked);
    findings.into_iter().fold(outcome, Outcome::diagnostic)
}

fn machine_text(machine: &Machine) -> String {
    let mut parts = vec![machine.platform.to_string()];
    match (&machine.driver, machine.cuda) {
        (Some(driver), Some(cuda)) => parts.push(format!("driver {driver} for CUDA {cuda}")),
        (None, Some(cuda)) => parts.push(format!("a driver for CUDA {cuda}")),
        _ => parts.push("no driver".to_string()),
    }
    let gpus = machine.capabilities();
    if !gpus.is_empty() {
        let gpus: Vec<String> = gpus.iter().map(ToString::to_string).collect();
        parts.push(format!("compute capability {}", gpus.join(", ")));
    }
    parts.extend(machine.glibc.as_ref().map(|glibc| format!("glibc {glibc}")));
    parts.join(", ")
}

fn plan_text(plan: &Outlook) -> String {
    let about = if plan.estimated { "about " } else { "" };
    let unknown = match plan.unknown_sizes {
        0 => String::new(),
        count => format!(", and {count} of a size that the lock does not say"),
    };
    let free = |bytes: Option<u64>| match bytes {
        Some(bytes) => format!("{} free", mebibytes(bytes)),
        None => "free room unknown".to_string(),
    };
    let link = match plan.link {
        Link::Reflink => "files share their blocks with the cache (reflink)",
        Link::Hardlink => "files are those of the cache (hard link)",
        Link::Copy => "files are copied from the cache",
        Link::Unknown => "how files come from the cache could not be tried",
    };
    format!(
        "download: {}{unknown} ({} of {} packages are in the cache)\n\
         unpacked: {about}{} in {about}{} files{}\n\
         cache: {} ({})\nprefix: {} ({})\nlink: {link}\n",
        mebibytes(plan.download_bytes),
        plan.cached,
        plan.packages,
        mebibytes(plan.bytes),
        plan.files,
        if plan.estimated {
            " (estimated: what is not in the cache is counted as four times its download)"
        } else {
            ""
        },
        plan.cache.path,
        free(plan.cache.free_bytes),
        plan.prefix.path,
        free(plan.prefix.free_bytes),
    )
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
