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
    neighbours::{self, Lookup, Neighbour},
};
use gpuenv_provision::access::Ways;

use crate::{
    env::{self, Env},
    mirror::Mirror,
};

/// No honest configuration is longer.
const LIMIT: u64 = 1 << 20;

/// How a configuration file is read.
type Reader = fn(&Text, Lookup<'_>) -> Result<Neighbour, Diagnostic>;

/// Reads every configuration file that is there, the strongest first.
///
/// # Errors
/// GE517 if one cannot be read.
pub fn read(env: &Env) -> Result<Neighbour, Diagnostic> {
    let lookup = |name: &str| env::variable(name);
    let mut found = Neighbour::default();
    for file in tomls(env) {
        found = found.or(read_file(
            &file,
            |text, _| neighbours::rattler(text),
            &lookup,
        )?);
    }
    found = found.or(neighbours::conda_variables(&lookup)?);
    for place in condarcs(env) {
        for file in configurations(&place) {
            found = found.or(read_file(&file, neighbours::condarc, &lookup)?);
        }
    }
    Ok(found)
}

fn read_file(file: &Path, read: Reader, lookup: Lookup<'_>) -> Result<Neighbour, Diagnostic> {
    match text(file)? {
        Some(text) => read(&text, lookup),
        None => Ok(Neighbour::default()),
    }
}

/// Returns where rattler and pixi have their configuration, the strongest first.
fn tomls(env: &Env) -> Vec<PathBuf> {
    let home = env.user_home.as_deref();
    let config = env.config_folder.as_deref();
    let below = |folder: Option<&Path>, name: &str| folder.map(|folder| folder.join(name));
    let own = [
        below(config, "rattler/config.toml"),
        below(home, ".pixi/config.toml"),
        below(config, "pixi/config.toml"),
    ];
    let system = env.system_folders.iter();
    let system = system.map(|folder| folder.join("pixi/config.toml"));
    own.into_iter().flatten().chain(system).collect()
}

/// Returns where conda looks for its configuration, the strongest first: files, and
/// directories of files.
fn condarcs(env: &Env) -> Vec<PathBuf> {
    let in_folder = |folder: PathBuf| [".condarc", "condarc", "condarc.d"].map(|n| folder.join(n));
    let home = env.user_home.as_ref();
    let dot_config = home.map(|home| home.join(".config"));
    let folders = [
        home.map(|home| home.join(".conda")),
        env.config_folder
            .as_ref()
            .map(|folder| folder.join("conda")),
        dot_config.map(|folder| folder.join("conda")),
    ];
    let folders = folders.into_iter().flatten();
    let folders = folders.chain(env.conda_roots.iter().cloned());
    let folders = folders.chain(env.system_folders.iter().map(|folder| folder.join("conda")));
    let mut places: Vec<PathBuf> = Vec::new();
    let active = env.conda_prefix.iter().cloned().flat_map(in_folder);
    for place in env
        .condarc
        .iter()
        .cloned()
        .chain(active)
        .chain(home.map(|home| home.join(".condarc")))
        .chain(folders.flat_map(in_folder))
    {
        // One file counts once, by whichever way it is found.
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Returns the files of a directory of configuration, the strongest first, or the file itself.
fn configurations(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        return vec![place.to_path_buf()];
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let is_yaml = |path: &PathBuf| {
        let extension = path.extension();
        extension.is_some_and(|extension| extension == "yml" || extension == "yaml")
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_yaml).collect();
    // conda reads them by name, and what it reads later is stronger.
    files.sort();
    files.reverse();
    files
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
        ways.no_proxy = [found.no_proxy.as_slice(), &env.no_proxy].concat();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_from_the_strongest_to_the_weakest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let env = Env {
            condarc: Some(root.join("named")),
            conda_prefix: Some(root.join("active")),
            user_home: Some(root.join("home")),
            config_folder: Some(root.join("xdg")),
            conda_roots: vec![root.join("root")],
            system_folders: vec![root.join("etc"), root.join("var/lib")],
            ..Env::default()
        };
        let weakest_first = [
            "var/lib/conda/condarc.d/a.yml",
            "var/lib/conda/.condarc",
            "etc/conda/condarc.d/a.yml",
            "etc/conda/condarc.d/b.yaml",
            "etc/conda/condarc",
            "etc/conda/.condarc",
            "root/condarc.d/x.yml",
            "root/.condarc",
            "home/.config/conda/.condarc",
            "xdg/conda/.condarc",
            "home/.conda/condarc",
            "home/.condarc",
            "active/condarc",
            "active/.condarc",
            "named",
        ];
        let mut expected: Vec<String> = Vec::new();
        for (index, file) in weakest_first.iter().enumerate() {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text =
                format!("channels: [c{index}]\nproxy_servers: {{http: 'http://p:{index}'}}\n");
            fs::write(path, text).unwrap();
            expected.insert(0, format!("c{index}"));
            let found = read(&env).unwrap();
            assert_eq!(found.channels, expected, "{file}");
            assert_eq!(
                found.http_proxy,
                Some(format!("http://p:{index}")),
                "{file}"
            );
        }
        // What has another name is no configuration.
        fs::write(root.join("etc/conda/condarc.d/README"), "[").unwrap();
        assert!(read(&env).is_ok());
        fs::write(root.join("etc/conda/condarc.d/z.yml"), "channels: [").unwrap();
        let error = read(&env).unwrap_err();
        assert!(error.place.unwrap().file.ends_with("condarc.d/z.yml"));
    }

    #[test]
    fn pixi_of_the_system_is_the_weakest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let env = Env {
            user_home: Some(root.join("home")),
            system_folders: vec![root.join("etc")],
            ..Env::default()
        };
        for (index, file) in ["etc/pixi/config.toml", "home/.pixi/config.toml"]
            .iter()
            .enumerate()
        {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!(
                "default-channels = [\"c{index}\"]\n[proxy-config]\nhttp = \"http://p:{index}\"\n"
            );
            fs::write(path, text).unwrap();
            let found = read(&env).unwrap();
            assert_eq!(found.channels.first(), Some(&format!("c{index}")), "{file}");
            assert_eq!(
                found.http_proxy,
                Some(format!("http://p:{index}")),
                "{file}"
            );
        }
    }
}
