//! `gpuenv jupyter`: makes an environment a kernel for Jupyter and VS Code.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{Code, Diagnostic};
use serde_json::json;

use crate::{Failure, Outcome, Session, env, environments::Environments};

/// Print or install a Jupyter kernel that runs in an environment
///
/// The kernel is started by `gpuenv run`, so it has what activation sets.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  gpuenv jupyter tf-gpu --install")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Install the kernel for this user instead of printing it
    #[arg(long)]
    pub install: bool,
}

impl Args {
    /// Returns false: stdout is the kernel's JSON.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints or installs the kernel.
///
/// # Errors
/// Returns what keeps it from being there.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let prefix = Environments::below(&session.home()?).find(&args.environment)?;
    let name = prefix.file_name().unwrap_or_default().to_string_lossy();
    let prefix_text = prefix.to_string_lossy();
    let kernel = json!({
        "argv": [
            env::program(), "run", prefix_text, "--",
            "python", "-m", "ipykernel_launcher", "-f", "{connection_file}",
        ],
        "display_name": format!("Python ({name})"),
        "language": "python",
        "metadata": {"debugger": true},
    });
    let text = format!("{kernel:#}\n");
    let outcome = match args.install {
        false => Outcome::done().text(text),
        true => {
            let file = install(session, &name, &text)?;
            Outcome::done().text(format!(
                "kernel `Python ({name})` is at {}\n",
                file.display()
            ))
        }
    };
    Ok(match holds_ipykernel(&prefix) {
        true => outcome,
        false => outcome.diagnostic(
            Diagnostic::warning(
                Code::ACTIVATION_COMMAND,
                format!("the environment `{}` has no `ipykernel`", args.environment),
            )
            .help("add `ipykernel` to `dependencies` in the recipe"),
        ),
    })
}

fn install(session: &Session, name: &str, text: &str) -> Result<PathBuf, Diagnostic> {
    let data = session.env.jupyter_data.as_ref().ok_or_else(|| {
        Diagnostic::error(
            Code::INSTALL_NO_HOME,
            "no directory for Jupyter's kernels is known: the user has no home directory",
        )
        .help("`export JUPYTER_DATA_DIR=/some/directory`")
    })?;
    // Jupyter takes no other characters in the name of a kernel.
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let folder = format!("gpuenv-{}", name.chars().map(plain).collect::<String>());
    let folder = data.join("kernels").join(folder.to_ascii_lowercase());
    let file = folder.join("kernel.json");
    let written = fs::create_dir_all(&folder).and_then(|()| {
        let temporary = tempfile::NamedTempFile::new_in(&folder)?;
        fs::write(temporary.path(), text)?;
        temporary.persist(&file)?;
        Ok(())
    });
    written.map_err(|error| {
        Diagnostic::error(Code::INSTALL_IO, "the kernel cannot be installed").cause(error)
    })?;
    Ok(file)
}

/// Looks for the package where conda and where wheels put it.
fn holds_ipykernel(prefix: &Path) -> bool {
    let lib = fs::read_dir(prefix.join("lib"))
        .into_iter()
        .flatten()
        .flatten();
    let pythons = lib.map(|entry| entry.path().join("site-packages"));
    let mut places = pythons.chain([prefix.join("Lib").join("site-packages")]);
    places.any(|place| place.join("ipykernel_launcher.py").is_file())
}
