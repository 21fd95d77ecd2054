//! What the variables of the shell do to an environment.

use super::{
    Case, EnvironmentFacts, Finding, LibraryFile, SearchDirectory,
    toolchain::{described, differ},
};

/// Words in the names of modules that bring CUDA.
const CUDA_MODULES: [&str; 5] = ["cuda", "cudnn", "nccl", "nvhpc", "tensorrt"];

/// How many names of libraries are listed.
const MOST_NAMES: usize = 30;

/// P21, P23, P56: `LD_LIBRARY_PATH` leads to other CUDA libraries than the environment's.
pub(super) fn hidden_libraries(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let hidden: Vec<_> = hidden(case, environment)
        .into_iter()
        .filter(|(_, other, _)| !other.soname.starts_with("libstdc++"))
        .collect();
    let (directory, other, own) = hidden.first()?;
    let modules = case.variable("LOADEDMODULES").unwrap_or_default();
    let words = modules.split(':').filter(|module| {
        let module = module.to_ascii_lowercase();
        CUDA_MODULES.iter().any(|word| module.contains(word))
    });
    let modules: Vec<&str> = words.collect();
    let cudnn = other.soname.starts_with("libcudnn");
    let mode = match (modules.is_empty(), cudnn) {
        (false, _) => 56,
        (true, true) => 21,
        (true, false) => 23,
    };
    let summary = format!("`{}` of the system hides the environment's", other.soname);
    let finding = Finding::doubtful(
        mode,
        summary,
        format!("`LD_LIBRARY_PATH` holds `{}`, which comes before the paths inside the environment's files", directory.directory),
    )
    .seen(format!("loaded: {}", described(other)))
    .seen(format!("the environment's: {}", described(own)));
    let finding = match hidden.len() {
        1 => finding,
        count => finding.seen(format!("and {} more", count - 1)),
    };
    Some(match modules.is_empty() {
        true => finding.fix(format!(
            "take `{}` out of `LD_LIBRARY_PATH`",
            directory.directory
        )),
        false => finding
            .related(23)
            .seen(format!("loaded modules: {}", modules.join(", ")))
            .fix("`module purge` before `gpuenv run`")
            .fix(format!(
                "or take `{}` out of `LD_LIBRARY_PATH`",
                directory.directory
            )),
    })
}

/// P25: an older libstdc++ before the environment's.
pub(super) fn old_libstdcxx(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let hidden = hidden(case, environment);
    let mut of_cxx = hidden
        .iter()
        .filter(|(_, other, _)| other.soname.starts_with("libstdc++"));
    let (directory, other, own) = of_cxx.find(|(_, other, own)| older(other, own))?;
    Some(
        Finding::doubtful(
            25,
            "an older libstdc++ of the system hides the environment's",
            format!("`LD_LIBRARY_PATH` holds `{}`", directory.directory),
        )
        .seen(format!("loaded: {}", described(other)))
        .seen(format!("the environment's: {}", described(own)))
        .fix(format!(
            "take `{}` out of `LD_LIBRARY_PATH`",
            directory.directory
        )),
    )
}

fn older(a: &LibraryFile, b: &LibraryFile) -> bool {
    let parse = |file: &LibraryFile| file.version.as_deref()?.parse().ok();
    let versions: Option<(rattler_conda_types::Version, rattler_conda_types::Version)> =
        parse(a).zip(parse(b));
    versions.is_some_and(|(a, b)| a < b)
}

/// Returns the libraries outside of the environment that come before its own.
fn hidden<'a>(
    case: &Case<'a>,
    environment: &'a EnvironmentFacts,
) -> Vec<(&'a SearchDirectory, &'a LibraryFile, &'a LibraryFile)> {
    let mut hidden = Vec::new();
    let mut decided: Vec<&str> = Vec::new();
    for directory in &case.host.search {
        let inside = is_inside(&directory.directory, &environment.prefix);
        for library in &directory.libraries {
            if decided.contains(&library.soname.as_str()) {
                continue;
            }
            decided.push(&library.soname);
            let own = environment
                .libraries
                .iter()
                .find(|own| own.soname == library.soname);
            if let Some(own) = own.filter(|own| !inside && differ(own, library)) {
                hidden.push((directory, library, own));
            }
        }
    }
    hidden
}

fn is_inside(directory: &str, prefix: &str) -> bool {
    directory
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// P24: the environment's whole `lib` on the loader's path.
pub(super) fn whole_lib(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let lib = format!("{}/lib", environment.prefix);
    let searched = case
        .host
        .search
        .iter()
        .any(|d| d.directory.trim_end_matches('/') == lib);
    let hides = environment.hides.first().filter(|_| searched)?;
    let more = &environment.hides[1..];
    let names = more.iter().take(MOST_NAMES);
    let names = names.map(|path| path.rsplit('/').next().unwrap_or(path));
    let names = names.collect::<Vec<&str>>().join(", ");
    let rest = match more.len().checked_sub(MOST_NAMES) {
        None | Some(0) => String::new(),
        Some(rest) => format!(" and {rest} more"),
    };
    let finding = Finding::doubtful(
        24,
        "the environment's `lib` hides libraries of the system",
        format!("`LD_LIBRARY_PATH` holds `{lib}`, which every program of the system searches too"),
    )
    .seen(format!(
        "`{hides}` is there, and `/bin/bash` and `git` may load it"
    ))
    .fix(format!("take `{lib}` out of `LD_LIBRARY_PATH`"))
    .fix("set `library-path: cuda` in the recipe, the default: only CUDA libraries then");
    Some(match more.is_empty() {
        true => finding,
        false => finding.seen(format!("so are {names}{rest}")),
    })
}

/// P22: an activation script that appends to `LD_LIBRARY_PATH`.
pub(super) fn user_script(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let mut scripts = environment.scripts.iter();
    let (script, line) = scripts.find_map(|script| Some((script, script.appends.as_ref()?)))?;
    Some(
        Finding::doubtful(
            22,
            format!("the activation script `{}` puts the environment's libraries last", script.name),
            "it appends to `LD_LIBRARY_PATH`, so that any CUDA of the system comes first, and never takes it back",
        )
        .seen(line.as_str())
        .fix(format!("`rm {}/etc/conda/activate.d/{}`", environment.prefix, script.name)),
    )
}

/// P51: an activation script for bash, on Windows.
pub(super) fn batch_script(case: &Case<'_>) -> Option<Finding> {
    let environment = case
        .environment
        .filter(|e| e.platform.starts_with("win-"))?;
    let names = || {
        environment
            .scripts
            .iter()
            .map(|script| script.name.as_str())
    };
    let script = names().find(|name| name.ends_with(".sh"))?;
    let stem = script.trim_end_matches(".sh");
    let twin = names().any(|name| {
        name.strip_prefix(stem)
            .is_some_and(|e| e == ".bat" || e == ".ps1")
    });
    (!twin).then(|| {
        Finding::doubtful(
            51,
            format!("the activation script `{script}` never runs on Windows"),
            "it is written for bash; `cmd` and PowerShell do not read it",
        )
        .fix("set the variables in the recipe's `env`: gpuenv writes them for every shell")
    })
}

/// P49: the user's own site directory comes before the environment's packages.
pub(super) fn user_site(case: &Case<'_>) -> Option<Finding> {
    let environment = case.environment?;
    let off = |name: &str| case.variable(name).is_some_and(|value| !value.is_empty());
    if off("PYTHONNOUSERSITE") {
        return None;
    }
    let mut sites = case.host.user_sites.iter();
    let site = sites
        .find(|site| environment.pythons.contains(&site.python) && !site.packages.is_empty())?;
    Some(
        Finding::doubtful(
            49,
            format!("`{}` of the user's own comes before the environment's", site.packages[0]),
            "`pip install --user` puts packages where every Python of that version finds them first",
        )
        .seen(format!("{}: {}", site.directory, site.packages.join(", ")))
        .fix("`export PYTHONNOUSERSITE=1`, or set it in the recipe's `env`")
        .fix(format!("or remove it: `rm -r {}`", site.directory)),
    )
}

/// P18: `__cuda` of 0.
pub(super) fn override_zero(case: &Case<'_>) -> Option<Finding> {
    let value = case.variable("CONDA_OVERRIDE_CUDA")?;
    let zero = !value.is_empty() && value.chars().all(|c| c == '0' || c == '.');
    zero.then(|| {
        Finding::doubtful(
            18,
            format!("`CONDA_OVERRIDE_CUDA` is `{value}`, which is a version and not \"none\""),
            "solvers then take CUDA builds on a machine without a GPU",
        )
        .fix("`export CONDA_OVERRIDE_CUDA=` for none, or `unset CONDA_OVERRIDE_CUDA`")
    })
}
