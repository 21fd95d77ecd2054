//! A `Dockerfile` that installs just these files, with the lists that it copies.

use std::fmt::Write as _;

use super::{Exported, Part, explicit, quoted, requirements};
use crate::{Code, Diagnostic};

/// The list of conda packages beside the `Dockerfile`.
const EXPLICIT: &str = "gpuenv-explicit.txt";

/// The list of wheels beside it.
const WHEELS: &str = "gpuenv-requirements.txt";

/// Writes it.
pub(super) fn write(part: &Part<'_>) -> Exported {
    let mut notes = Vec::new();
    if !part.platform.is_linux() {
        let message = format!(
            "an image of Linux cannot hold packages for `{}`",
            part.platform
        );
        notes.push(
            Diagnostic::warning(Code::EXPORT_IMPOSSIBLE, message)
                .help("take `--platform linux-64`"),
        );
    }
    let mut beside = vec![(EXPLICIT.to_string(), explicit::list(part, true))];
    let mut text = format!(
        "# {}: exactly the files of the lock, each checked against its hash.\n",
        part.name
    );
    text.push_str(
        "# Build:  docker build -t NAME .\n# Run:    docker run --rm --gpus all NAME nvidia-smi\n",
    );
    text.push_str("FROM mambaorg/micromamba:2.0.5\n");
    let _ = writeln!(
        text,
        "COPY --chown=$MAMBA_USER:$MAMBA_USER {EXPLICIT} /tmp/{EXPLICIT}"
    );
    // The host's driver is not visible while an image is built, and the lock was solved for one.
    let cuda = part
        .locked
        .virtual_packages
        .iter()
        .find_map(|package| package.strip_prefix("__cuda="));
    if let Some(cuda) = cuda.and_then(|cuda| cuda.split('=').next()) {
        let _ = writeln!(text, "ENV CONDA_OVERRIDE_CUDA={}", quoted(cuda));
    }
    let _ = writeln!(
        text,
        "RUN micromamba install --yes --name base --file /tmp/{EXPLICIT} \\\n && micromamba clean --all --yes"
    );
    text.push_str("ARG MAMBA_DOCKERFILE_ACTIVATE=1\n");
    if !part.wheels().is_empty() {
        beside.push((WHEELS.to_string(), requirements::list(part)));
        let _ = writeln!(
            text,
            "COPY --chown=$MAMBA_USER:$MAMBA_USER {WHEELS} /tmp/{WHEELS}"
        );
        let has_pip = part
            .records()
            .iter()
            .any(|record| record.package_record.name.as_normalized() == "pip");
        let pip = if has_pip {
            ""
        } else {
            "python -m ensurepip --upgrade \\\n && "
        };
        let _ = writeln!(
            text,
            "RUN {pip}python -m pip install --no-cache-dir --no-deps --require-hashes -r /tmp/{WHEELS}"
        );
    }
    text.push_str(
        "ENV NVIDIA_VISIBLE_DEVICES=\"all\" NVIDIA_DRIVER_CAPABILITIES=\"compute,utility\"\n",
    );
    for (name, value) in part.variables() {
        let _ = writeln!(text, "ENV {name}={}", quoted(value).replace('$', "\\$"));
    }
    Exported {
        text,
        beside,
        notes,
    }
}
