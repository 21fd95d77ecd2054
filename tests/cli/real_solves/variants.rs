//! Real environments as recipes with variants: as declared, and for other CUDA versions.
//!
//! Their specs become the lines of a recipe, to which variants for CUDA 13, 12 and 11.8 are
//! added. What the records suffice for is solved and locked together; each machine must then
//! take the first variant whose CUDA its driver runs.

use std::{fmt, sync::Arc};

use gpuenv_core::{
    Diagnostic, Machine, Plan, Solution,
    event::Silent,
    facts::Facts,
    fits::{self, Choice},
    lock,
    plan::{self, Gpu},
    recipe, solution,
};
use gpuenv_provision::{Access, Wishes, solve};

use super::case::Case;

/// The variants, the preferred one first: name, least CUDA, a line that replaces the recipe's.
const VARIANTS: [(&str, &str, &str); 3] = [
    ("cuda13", "13.0", "cuda-version 13.*"),
    ("cuda12", "12.9", "cuda-version 12.*"),
    ("cuda11", "11.8", "cuda-version 11.8.*"),
];

/// Drivers, with the CUDA that each was made for.
const DRIVERS: [(&str, &str); 4] = [
    ("580.65.06", "13.0"),
    ("550.54.14", "12.4"),
    ("520.61.05", "11.8"),
    ("440.33.01", "10.2"),
];

/// What came of one environment.
pub(super) struct Outcome {
    id: String,
    /// Each variant with the number of its packages, or why it cannot be solved.
    variants: Vec<(String, Result<usize, String>)>,
    /// Each driver with the variant that is taken there.
    taken: Vec<(&'static str, String)>,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.id)?;
        for (name, solved) in &self.variants {
            match solved {
                Ok(packages) => writeln!(f, "    {name}: {packages} packages")?,
                Err(why) => writeln!(f, "    {name}: {why}")?,
            }
        }
        for (driver, taken) in &self.taken {
            writeln!(f, "    driver {driver}: {taken}")?;
        }
        self.wrong
            .iter()
            .try_for_each(|wrong| writeln!(f, "    WRONG: {wrong}"))
    }
}

/// Says how many environments have each variant.
pub(super) fn totals(outcomes: &[Outcome]) -> String {
    let names = VARIANTS.iter().map(|(name, _, _)| *name);
    let counts = names.chain(["declared"]).map(|name| {
        let has = |outcome: &&Outcome| {
            let mut variants = outcome.variants.iter();
            variants.any(|(known, solved)| known == name && solved.is_ok())
        };
        format!("{name} {}", outcomes.iter().filter(has).count())
    });
    let counts: Vec<String> = counts.collect();
    format!("of {} environments: {}", outcomes.len(), counts.join(", "))
}

/// Writes the recipe that asks for the same, with variants.
fn recipe_text(case: &Case, channels: &[String]) -> String {
    let list = |texts: &[String]| serde_json::to_string(texts).expect("texts are JSON");
    let mut text = format!(
        "schema: 1\nname: real\ngpu: optional\nplatforms: [{}]\nchannels: {}\ndependencies: {}\n",
        case.platform,
        list(channels),
        list(&case.specs)
    );
    if let Some(glibc) = &case.glibc {
        text += &format!("target: {{ glibc: \"{glibc}\" }}\n");
    }
    text += "variants:\n";
    for (name, cuda, line) in VARIANTS {
        text += &format!(
            "- {{ name: {name}, target: {{ cuda: \"{cuda}\" }}, dependencies: [{line}] }}\n"
        );
    }
    match &case.cuda {
        Some(cuda) => text += &format!("- {{ name: declared, target: {{ cuda: \"{cuda}\" }} }}\n"),
        None => text += "- { name: declared }\n",
    }
    text
}

/// Solves every variant of an environment, locks what could be solved, and lets machines choose.
pub(super) async fn run(case: &Case, channels: Vec<String>, access: &Access) -> Outcome {
    let mut outcome = Outcome {
        id: case.id.clone(),
        variants: Vec::new(),
        taken: Vec::new(),
        wrong: Vec::new(),
    };
    let read = recipe::parse("real.yaml", recipe_text(case, &channels));
    let planned = read.and_then(|recipe| plan::plans(&recipe, case.platform));
    let plans = match planned {
        Ok(plans) => plans,
        Err(errors) => {
            let error = errors.first().map_or("", |error| error.message.as_str());
            outcome
                .variants
                .push(("recipe".to_string(), Err(error.to_string())));
            return outcome;
        }
    };
    let mut solved: Vec<(Plan, Solution)> = Vec::new();
    for plan in plans {
        let name = plan.variant.as_ref().map_or("", |variant| &variant.value);
        let name = name.to_string();
        let wishes = Wishes {
            exclude_newer: Some(case.exclude_newer),
            ..Wishes::default()
        };
        let answer = solve(
            std::slice::from_ref(&plan),
            &wishes,
            access,
            Arc::new(Silent),
        )
        .await;
        match answer {
            Ok(mut solutions) => {
                let solution = solutions.remove(0);
                outcome.check(&plan, &solution);
                outcome.variants.push((name, Ok(solution.records.len())));
                solved.push((plan, solution));
            }
            Err(errors) => {
                let told = errors.into_iter().next().map(Diagnostic::from);
                let told = told.map(|told| told.message).unwrap_or_default();
                outcome.variants.push((name, Err(told)));
            }
        }
    }
    outcome.choose(case, &solved);
    outcome
}

impl Outcome {
    fn check(&mut self, plan: &Plan, solution: &Solution) {
        let machine = plan.target.virtual_packages();
        let found = solution::verify(
            plan.platform(),
            &plan.dependencies,
            &machine,
            &solution.records,
        );
        let found = found
            .iter()
            .map(|found| format!("{}: {found}", plan.name()));
        self.wrong.extend(found);
    }

    fn choose(&mut self, case: &Case, solved: &[(Plan, Solution)]) {
        let text = lock::lock(solved).and_then(|lock| lock::render(&lock));
        let lock = match text.and_then(|text| lock::parse("real.lock", &text)) {
            Ok(lock) => lock,
            Err(error) => return self.wrong.push(error.to_string()),
        };
        let facts = Facts::shipped();
        let candidates = fits::candidates(&lock, case.platform);
        for (driver, cuda) in DRIVERS {
            let mut machine = Machine::of_platform(case.platform);
            machine.driver = (!case.platform.is_windows()).then(|| driver.to_string());
            machine.cuda = cuda.parse().ok();
            machine.compute_capability = "8.0".parse().ok();
            let taken = match fits::choose(&candidates, Gpu::Required, &machine, facts) {
                Choice::Taken { index, .. } => {
                    let taken = &candidates[index];
                    // Said once more, by the packages alone.
                    let major = lock.platforms[taken.name]
                        .records
                        .iter()
                        .find(|r| r.package_record.name.as_normalized() == "cuda-version")
                        .and_then(|r| r.package_record.version.as_major_minor());
                    let runs = machine.cuda.map_or(0, |cuda| u64::from(cuda.major));
                    if let Some((major, _)) = major.filter(|(major, _)| *major > runs) {
                        self.wrong
                            .push(format!("CUDA {major} is taken for the driver {driver}"));
                    }
                    taken.variant.to_string()
                }
                Choice::NoneFits(passed) => match passed.len() {
                    0 => "nothing is locked".to_string(),
                    _ => "none fits".to_string(),
                },
                Choice::Undecided => "undecided".to_string(),
            };
            self.taken.push((driver, taken));
        }
    }
}
