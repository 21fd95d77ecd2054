//! Real wheels from the index that uv is configured for, converted and compared
//! file by file with what `uv pip install` makes of them.
//!
//! Needs a network, so it only runs where `GPUENV_REAL_WHEELS` names what to
//! install, separated by spaces; `GPUENV_REAL_IMPORTS` names what to import, and
//! `GPUENV_REAL_PIP=1` lets pip install the same beside it.

mod installed;

use std::{
    env,
    path::PathBuf,
    time::{Duration, Instant},
};

use gpuenv_testkit::{Channel, Sandbox};

use crate::wheels::lab::find;

const LONG: Duration = Duration::from_secs(1800);

#[test]
fn real_wheels_are_what_uv_makes_of_them() {
    let Ok(wanted) = env::var("GPUENV_REAL_WHEELS") else {
        println!("skipped: GPUENV_REAL_WHEELS is not set");
        return;
    };
    let named = env::var_os("GPUENV_TEST_UV").map(PathBuf::from);
    let Some(uv) = named.or_else(|| find("uv")) else {
        println!("skipped: no uv on PATH, and GPUENV_TEST_UV is not set");
        return;
    };
    let channel = Channel::new("conda-forge");
    if let Err(reason) = channel.python_from_machine("linux-64") {
        println!("skipped: {reason}");
        return;
    }
    let server = channel.serve();
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.allow_program("python3").expect("it was repackaged");
    sandbox.set("GPUENV_MIRROR", server.url());
    sandbox.set("GPUENV_UV", &uv);
    for name in ["SSL_CERT_FILE", "UV_DEFAULT_INDEX", "HTTPS_PROXY"] {
        if let Some(value) = env::var_os(name) {
            sandbox.set(name, value);
        }
    }
    let lines: String = wanted
        .split_whitespace()
        .map(|one| format!("  - {one}\n"))
        .collect();
    sandbox.write(
        "demo.yaml",
        format!(
            "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: optional\n\
             target: {{ glibc: \"2.36\" }}\ndependencies: [python]\npypi-dependencies:\n{lines}"
        ),
    );
    let timed = |what: &str, arguments: &[&str]| {
        let before = Instant::now();
        let output = sandbox.command(arguments).deadline(LONG).run().success();
        println!("{what}: {:.1} s", before.elapsed().as_secs_f64());
        output
    };
    println!("{}", timed("lock", &["lock", "./demo.yaml"]).stdout());
    let cold = timed(
        "create, empty cache",
        &["create", "./demo.yaml", "--locked"],
    );
    println!("{}", cold.stderr());
    let _ = timed(
        "create, nothing to do",
        &["create", "./demo.yaml", "--locked"],
    );
    let warm = ["create", "./demo.yaml", "--locked", "-n", "warm"];
    let _ = timed("create, full cache", &warm);
    let prefix = sandbox.gpuenv_home().join("envs/demo");
    for module in env::var("GPUENV_REAL_IMPORTS")
        .unwrap_or_default()
        .split_whitespace()
    {
        let code =
            format!("import {module} as m; print(m.__name__, getattr(m, '__version__', ''))");
        let run = sandbox
            .command(["run", "demo", "--", "python", "-c", &code])
            .deadline(LONG);
        println!("{}", run.run().success().stdout().trim());
    }

    let text = sandbox.read("gpuenv.lock");
    let venv = sandbox.work().join("venv");
    let urls: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- pypi: "))
        .collect();
    for (what, name) in [("empty", "venv"), ("full", "venv-warm")] {
        let before = Instant::now();
        let make = ["venv", "--quiet", "--python", "python3", name];
        let _ = sandbox.other(&uv, make).run().success();
        let mut install = vec!["pip", "install", "--quiet", "--no-deps", "--python", name];
        install.extend(&urls);
        let _ = sandbox.other(&uv, install).deadline(LONG).run().success();
        let seconds = before.elapsed().as_secs_f64();
        println!("uv pip install, {what} cache: {seconds:.1} s");
    }
    if env::var_os("GPUENV_REAL_PIP").is_some() {
        for (what, name) in [("empty", "pip"), ("full", "pip-warm")] {
            let seconds = with_pip(&sandbox, name, &urls).as_secs_f64();
            println!("pip install, {what} cache: {seconds:.1} s");
        }
    }
    let caches = sandbox.home().join(".cache");
    for (what, folders) in [
        ("gpuenv", [prefix.clone(), sandbox.package_cache()]),
        ("uv", [venv.clone(), caches.join("uv")]),
        ("pip", [sandbox.work().join("pip"), caches.join("pip")]),
    ] {
        let [environment, cache] = folders.each_ref().map(|one| room(&[one]) >> 20);
        let both = room(&folders.each_ref()) >> 20;
        println!("{what}: {environment} MiB, its cache {cache} MiB, together {both} MiB");
    }

    let (ours, theirs) = (installed::files(&prefix), installed::files(&venv));
    let mut different = Vec::new();
    let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for name in &names {
        match (ours.get(*name), theirs.get(*name)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => different.push(format!("differs: {name}: {a}, of uv {b}")),
            (Some(_), None) => different.push(format!("only ours: {name}")),
            // uv makes up a name for pip that is not in its wheel.
            (None, _) if name.starts_with("bin/pip3.") => {}
            (None, _) => different.push(format!("only uv's: {name}")),
        }
    }
    let commands = names.iter().filter(|name| name.starts_with("bin/")).count();
    println!(
        "{} wheels, {} files, {commands} of them commands, {} differ",
        urls.len(),
        names.len(),
        different.len()
    );
    println!("{}", different.join("\n"));
    assert_eq!(different, [] as [&str; 0]);
}

/// Installs the same with pip, into an environment of its own.
fn with_pip(sandbox: &Sandbox, name: &str, urls: &[&str]) -> Duration {
    let before = Instant::now();
    let make = ["-m", "venv", name];
    let _ = sandbox
        .other("python3", make)
        .deadline(LONG)
        .run()
        .success();
    let pip = sandbox.work().join(name).join("bin/pip");
    let mut install = vec!["install", "--quiet", "--no-deps"];
    install.extend(urls);
    let _ = sandbox.other(&pip, install).deadline(LONG).run().success();
    before.elapsed()
}

/// Returns the bytes that folders take on the disk together; what they share counts once.
#[cfg(unix)]
fn room(folders: &[&PathBuf]) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut seen = std::collections::HashSet::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| (*folder).clone()).collect();
    let mut bytes = 0;
    while let Some(path) = open.pop() {
        let Ok(found) = fs_err::symlink_metadata(&path) else {
            continue;
        };
        if seen.insert((found.dev(), found.ino())) {
            bytes += found.blocks() * 512;
        }
        if found.is_dir() {
            let entries = fs_err::read_dir(&path).into_iter().flatten();
            open.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
    }
    bytes
}

#[cfg(not(unix))]
fn room(_folders: &[&PathBuf]) -> u64 {
    0
}
