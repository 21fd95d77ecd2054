//! uv's settings about indexes, as far as gpuenv's own downloads need them: logins
//! in addresses, and whether the keyring is to be asked.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use fs_err as fs;
use gpuenv_core::neighbours::{self, UvSettings};
use gpuenv_provision::{access::WheelWays, keyring::Keyring};

use crate::env::{self, Env};

/// No honest file of settings is longer.
const LIMIT: u64 = 1 << 20;

/// Returns what uv's settings say; `pixi` is what those of pixi say about the keyring.
pub fn ways(env: &Env, pixi: Option<&str>) -> WheelWays {
    let variables = env::variables().into_iter();
    let variables = variables.filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let counts = name.starts_with("UV_") || name.starts_with("PIP_");
        counts.then_some((name, value))
    });
    let variables: BTreeMap<String, String> = variables.collect();
    let mut found = neighbours::uv_variables(&variables);
    for file in files(env, &variables) {
        found = found.or(read(&file, &variables));
    }
    let provider = found.keyring.as_deref().or(pixi);
    let keyring = (provider == Some("subprocess")).then(|| keyring(env, &found));
    WheelWays {
        indexes: found.indexes,
        replaces_pypi: found.replaces_pypi,
        keyring,
    }
}

fn keyring(env: &Env, found: &UvSettings) -> Arc<Keyring> {
    let file = format!("keyring{}", std::env::consts::EXE_SUFFIX);
    let mut programs = env.path.iter().map(|folder| folder.join(&file));
    let keyring = Keyring::new(programs.find(|program| program.is_file()));
    for index in &found.indexes {
        keyring.learn(&index.url, index.user.as_deref());
    }
    Arc::new(keyring)
}

/// Returns where uv has its settings, the strongest first.
fn files(env: &Env, variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let said = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    if said("UV_NO_CONFIG").is_some_and(|value| value != "0") {
        return Vec::new();
    }
    if let Some(named) = said("UV_CONFIG_FILE") {
        return vec![PathBuf::from(named)];
    }
    let own = env
        .config_folder
        .as_ref()
        .map(|folder| folder.join("uv/uv.toml"));
    own.into_iter()
        .chain([PathBuf::from("/etc/uv/uv.toml")])
        .collect()
}

/// Reads one; uv says itself what is wrong with it.
fn read(file: &Path, variables: &BTreeMap<String, String>) -> UvSettings {
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|file| file.take(LIMIT).read_to_string(&mut text));
    match read {
        Ok(_) => neighbours::uv_file(&text, variables),
        Err(_) => UvSettings::default(),
    }
}
