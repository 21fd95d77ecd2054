//! The configuration of conda, rattler and pixi: which files count, and what for.
//!
//! Stronger is what the user says to gpuenv itself: flags, variables, gpuenv's own
//! configuration. A lock never depends on any of it.

use std::{
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Place,
    channel::Mirrors,
    import::Text,
    neighbours::{self, Neighbour},
};
use gpuenv_provision::access::Ways;

use crate::{
    env::{self, Env},
    mirror::Mirror,
};

/// No honest configuration is longer.
const LIMIT: u64 = 1 << 20;

/// How a configuration file is read.
type Reader = fn(&Text) -> Result<Neighbour, Diagnostic>;

/// Reads every configuration file that is there, the strongest first.
///
/// # Errors
/// GE517 if one cannot be read.
pub fn read(env: &Env) -> Result<Neighbour, Diagnostic> {
    let mut found = Neighbour::default();
    for (file, read) in files(env) {
        let Some(text) = text(&file)? else {
            continue;
        };
        found = found.or(read(&text)?);
    }
    Ok(found)
}

/// Returns where configuration files may be, the strongest first.
fn files(env: &Env) -> Vec<(PathBuf, Reader)> {
    let home = env.user_home.as_deref();
    let config = env.config_folder.as_deref();
    let below = |folder: Option<&Path>, name: &str| folder.map(|folder| folder.join(name));
    let toml = [
        below(config, "rattler/config.toml"),
        below(home, ".pixi/config.toml"),
        below(config, "pixi/config.toml"),
        Some(PathBuf::from("/etc/pixi/config.toml")),
    ];
    let condarc = [
        env.condarc.clone(),
        below(home, ".condarc"),
        below(home, ".conda/.condarc"),
        below(home, ".conda/condarc"),
        below(config, "conda/.condarc"),
        below(config, "conda/condarc"),
        Some(PathBuf::from("/etc/conda/.condarc")),
        Some(PathBuf::from("/etc/conda/condarc")),
    ];
    let toml = toml
        .into_iter()
        .flatten()
        .map(|file| (file, neighbours::rattler as Reader));
    let condarc = condarc
        .into_iter()
        .flatten()
        .map(|file| (file, neighbours::condarc as Reader));
    toml.chain(condarc).collect()
}

fn text(file: &Path) -> Result<Option<Text>, Diagnostic> {
    let label = file.display().to_string();
    let mut bytes = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    let refuse = |cause: String| {
        Diagnostic::error(
            Code::CONFIG_BAD,
            format!("the configuration file `{label}` cannot be read"),
        )
        .at(Place::file(&label))
        .cause(cause)
        .help("mend the file, or move it away")
    };
    match read {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(refuse(error.to_string())),
        Ok(length) if length as u64 > LIMIT => Err(refuse("it is larger than 1 MiB".to_string())),
        Ok(_) => match Text::decode(&label, &bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let mut diagnostic = Diagnostic::from(error);
                diagnostic.code = Code::CONFIG_BAD;
                Err(diagnostic)
            }
        },
    }
}

/// Adds the mirrors of neighbours, where the user named none to gpuenv itself.
///
/// # Errors
/// GE307 if one is no URL that can be fetched.
pub fn add_mirrors(
    mirrors: &mut Mirrors,
    own: &[Mirror],
    found: &Neighbour,
) -> Result<(), Diagnostic> {
    for (base, to) in &found.mirrors {
        // The longest base wins otherwise, and then a neighbour would win over a flag.
        if !own
            .iter()
            .any(|mirror| base.starts_with(mirror.base.as_str()))
        {
            mirrors.add(base, to)?;
        }
    }
    Ok(())
}

/// Returns the cache below the folder that conda has for packages.
pub fn cache(env: &Env, found: &Neighbour) -> Option<PathBuf> {
    let named = env.package_folders.first().cloned();
    let configured = || {
        let first = found.package_folders.first()?;
        Some(env::expanded(first, env.user_home.as_deref()))
    };
    Some(named.or_else(configured)?.join("gpuenv"))
}

/// Returns the ways into the network, as far as no variable says otherwise.
///
/// # Errors
/// GE517 if a file that is named cannot be read.
pub fn ways(env: &Env, found: &Neighbour) -> Result<Ways, Diagnostic> {
    let file = |text: &Option<String>| {
        text.as_ref()
            .map(|text| env::expanded(text, env.user_home.as_deref()))
    };
    let mut ways = Ways {
        credentials: file(&found.credentials),
        ..Ways::default()
    };
    if !env.has_proxy {
        ways.https_proxy.clone_from(&found.https_proxy);
        ways.http_proxy.clone_from(&found.http_proxy);
        ways.no_proxy.clone_from(&found.no_proxy);
    }
    if !env.has_certificates {
        ways.certificates = file(&found.certificates);
    }
    for path in [&ways.certificates, &ways.credentials]
        .into_iter()
        .flatten()
    {
        if let Err(error) = fs::File::open(path) {
            let message = format!(
                "`{}`, which the configuration names, cannot be read",
                path.display()
            );
            let diagnostic = Diagnostic::error(Code::CONFIG_BAD, message).cause(error);
            return Err(diagnostic.help("mend `ssl_verify` in `.condarc` or `authentication-override-file` in `config.toml`"));
        }
    }
    Ok(ways)
}
