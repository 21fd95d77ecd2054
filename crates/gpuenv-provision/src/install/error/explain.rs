//! What a failed install tells the user: code, causes and help.

use gpuenv_core::{
    Bytes, Code, Diagnostic,
    layout::Unsafe,
    wheels::{self, WheelFileName},
};

use url::Url;

use super::{FetchTrouble, InstallError};

impl From<InstallError> for Diagnostic {
    fn from(error: InstallError) -> Self {
        let diagnostic = Diagnostic::error(code(&error), error.to_string());
        let diagnostic = explain(diagnostic, &error);
        match error {
            InstallError::Permission { source, .. } | InstallError::Io { source, .. } => {
                diagnostic.caused_by(&source)
            }
            InstallError::Credentials(source) => diagnostic.caused_by(&source),
            _ => diagnostic,
        }
    }
}

fn code(error: &InstallError) -> Code {
    match error {
        InstallError::Fetch { .. } => Code::INSTALL_FETCH,
        InstallError::Hash { .. } => Code::INSTALL_HASH,
        InstallError::DiskFull { .. } => Code::INSTALL_DISK_FULL,
        InstallError::Permission { .. } => Code::INSTALL_PERMISSION,
        InstallError::NotOurs { .. } | InstallError::Protected { .. } => Code::INSTALL_NOT_OURS,
        InstallError::Unsafe { .. } => Code::INSTALL_UNSAFE_PACKAGE,
        InstallError::Link { .. } => Code::INSTALL_LINK,
        InstallError::Offline { .. } => Code::INSTALL_OFFLINE,
        InstallError::Busy { .. } => Code::INSTALL_BUSY,
        InstallError::Interrupted => Code::INSTALL_INTERRUPTED,
        InstallError::NotFound { .. } => Code::ENVIRONMENT_NOT_FOUND,
        InstallError::BadPrefix { .. } => Code::ENVIRONMENT_BAD_NAME,
        InstallError::Io { .. } => Code::INSTALL_IO,
        InstallError::BadPackage { .. } => Code::INSTALL_BAD_PACKAGE,
        InstallError::Credentials(_) => Code::CONFIG_BAD,
        InstallError::TooLarge { .. } => Code::INSTALL_TOO_LARGE,
        InstallError::Unconvertible { .. } => Code::INSTALL_BY_UV,
    }
}

/// Adds causes and help.
fn explain(diagnostic: Diagnostic, error: &InstallError) -> Diagnostic {
    match error {
        InstallError::Fetch { .. } => explain_fetch(diagnostic, error),
        InstallError::Hash { .. } => explain_hash(diagnostic, error),
        InstallError::DiskFull {
            room: Some((needed, free)),
            ..
        } => diagnostic
            .cause(format!(
                "at least {} are needed there, {} are free",
                Bytes(*needed),
                Bytes(*free)
            ))
            .help("free some space, or set `RATTLER_CACHE_DIR` or the prefix to another disk"),
        InstallError::DiskFull { room: None, .. } => {
            diagnostic.help("free some space there; what was downloaded is kept")
        }
        InstallError::Permission { .. } => diagnostic.help(
            "choose another prefix with `--prefix`, or another cache with `RATTLER_CACHE_DIR`",
        ),
        InstallError::NotOurs { .. } => diagnostic
            .help("choose another name or `--prefix`")
            .help("or install with `--force`; what is there is then moved aside, not deleted"),
        InstallError::Unsafe { found } => explain_refused(diagnostic, found),
        InstallError::Link { causes, .. } => causes.iter().fold(diagnostic, Diagnostic::cause),
        InstallError::Offline { packages, damaged } => {
            let missing = packages.iter().map(|package| format!("missing: {package}"));
            let damaged = damaged.iter().map(|damaged| format!("damaged: {damaged}"));
            let texts = missing.take(10).chain(damaged.take(10));
            let diagnostic = texts.fold(diagnostic, Diagnostic::cause);
            diagnostic.help("run it once without `--offline`")
        }
        InstallError::Busy { .. } => diagnostic
            .help("wait until the other gpuenv, pixi or rattler has finished, then try again"),
        InstallError::BadPackage { package, .. } => match wheel(package) {
            Some(wheel) => diagnostic.help(format!(
                "exclude this version: `{} !={}` in `pypi-dependencies`, then `gpuenv lock`",
                wheel.name, wheel.version
            )),
            None => diagnostic
                .help("report it to the channel; `gpuenv lock --upgrade` may find another build"),
        },
        InstallError::BadPrefix { .. } | InstallError::Protected { .. } => {
            diagnostic.help("choose another `--prefix`")
        }
        InstallError::TooLarge { .. } => diagnostic
            .cause("no honest package of that size becomes so large")
            .help("if you trust it, allow more gigabytes: `export GPUENV_UNPACK_LIMIT=100`"),
        InstallError::Unconvertible { wheels, because } => {
            let reasons = wheels
                .iter()
                .map(|(wheel, reason)| format!("{wheel}: {reason}"));
            let diagnostic = reasons
                .chain(because.clone())
                .fold(diagnostic, Diagnostic::cause);
            diagnostic.help("choose another version in `pypi-dependencies`, then `gpuenv lock`")
        }
        InstallError::NotFound { .. } => diagnostic.help("see `gpuenv list`"),
        InstallError::Interrupted | InstallError::Io { .. } | InstallError::Credentials(_) => {
            diagnostic
        }
    }
}

fn explain_refused(diagnostic: Diagnostic, found: &[Unsafe]) -> Diagnostic {
    let text =
        |found: &Unsafe| format!("`{}` of `{}`: {}", found.path, found.package, found.reason);
    let texts = found.iter().take(10).map(text);
    texts
        .fold(diagnostic, Diagnostic::cause)
        .help("report it to the channel; to go on, exclude the package in the recipe")
}

fn explain_fetch(diagnostic: Diagnostic, error: &InstallError) -> Diagnostic {
    let InstallError::Fetch {
        package,
        url,
        trouble,
        tries,
        causes,
    } = error
    else {
        return diagnostic;
    };
    let diagnostic = diagnostic.cause(match tries {
        0 | 1 => format!("asked once: {url}"),
        tries => format!("asked {tries} times: {url}"),
    });
    let diagnostic = causes.iter().fold(diagnostic, Diagnostic::cause);
    fetch_help(diagnostic, package, url, *trouble)
}

fn explain_hash(diagnostic: Diagnostic, error: &InstallError) -> Diagnostic {
    let InstallError::Hash {
        url,
        expected,
        actual,
        expected_bytes,
        bytes,
        is_page,
        package,
    } = error
    else {
        return diagnostic;
    };
    let diagnostic = diagnostic.cause(format!("from {url}")).cause(format!(
        "the lock names {expected}, what arrived has {actual}"
    ));
    let diagnostic = match expected_bytes {
        Some(expected) if expected != bytes => {
            diagnostic.cause(format!("{bytes} bytes arrived, the lock names {expected}"))
        }
        _ => diagnostic,
    };
    match is_page {
        true => diagnostic
            .cause("a web page came instead of an archive")
            .help("log in to the network with a browser, then try again"),
        false => diagnostic
            .help(
                "try again; a proxy or mirror may have damaged it, or a login page answers instead",
            )
            .help(match wheel(package) {
                Some(wheel) => format!(
                    "if the index replaced the file, run `gpuenv lock --upgrade {}`",
                    wheel.name
                ),
                None => {
                    "if the channel replaced the archive, run `gpuenv lock --upgrade`".to_string()
                }
            }),
    }
}

fn fetch_help(
    diagnostic: Diagnostic,
    package: &str,
    url: &str,
    trouble: FetchTrouble,
) -> Diagnostic {
    let wheel = wheel(package);
    let of_package = package.rsplitn(3, '-').nth(2).unwrap_or(package);
    let name = wheel.as_ref().map_or(of_package, |wheel| &wheel.name);
    let mirror = match (&wheel, Url::parse(url)) {
        (Some(_), Ok(url)) => format!("`--mirror {}=URL`", url.origin().ascii_serialization()),
        _ => "`--mirror URL`".to_string(),
    };
    match trouble {
        FetchTrouble::Gone(_) | FetchTrouble::NoFile => diagnostic.help(format!(
            "choose another build with `gpuenv lock --upgrade {name}`"
        )),
        FetchTrouble::Denied(_) => {
            let diagnostic =
                diagnostic.help("put the credentials into the file that `RATTLER_AUTH_FILE` names");
            match wheel {
                Some(_) => diagnostic
                    .help("or into `.netrc`: `machine HOST login NAME password SECRET`")
                    .help("or ask the keyring: `export UV_KEYRING_PROVIDER=subprocess`"),
                None => diagnostic,
            }
        }
        FetchTrouble::Silence | FetchTrouble::Connection | FetchTrouble::Cut(_) => diagnostic
            .help("check the network, and `HTTPS_PROXY` if there is a proxy")
            .help(format!("or name a mirror with {mirror}")),
        FetchTrouble::Status(_) | FetchTrouble::Other => {
            diagnostic.help(format!("try again later, or name a mirror with {mirror}"))
        }
    }
}

/// Returns what the name of a wheel says, if it is one, with the name as a recipe writes it.
fn wheel(package: &str) -> Option<WheelFileName> {
    let mut wheel = WheelFileName::parse(package)?;
    wheel.name = wheels::normalized(&wheel.name)?;
    Some(wheel)
}
