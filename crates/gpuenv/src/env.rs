//! The environment variables: each one a constant, all read once.
//!
//! The only file that reads the environment of the process. The page
//! `docs/environment.md` is made from the doc comments here.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use etcetera::BaseStrategy;
use gpuenv_core::neighbours;

/// How long a server may be silent, unless the user says otherwise.
const HTTP_SILENCE: Duration = Duration::from_secs(30);

/// What any archive may unpack to in bytes, unless the user says otherwise.
const UNPACK_LIMIT: u64 = 2_000_000_000;

/// How often a download is tried again, unless the user says otherwise.
const HTTP_RETRIES: u32 = 3;

/// Who looks at a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// gpuenv itself.
    Gpuenv,
    /// A library inside gpuenv; gpuenv only lets it.
    Library,
}

/// An environment variable that changes what gpuenv does.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who looks at it.
    pub reader: Reader,
    /// What it does, in Markdown.
    pub doc: &'static str,
}

macro_rules! variables {
    ($($reader:ident { $($(#[doc = $doc:literal])* $name:ident $text:literal;)* })*) => {
        $($($(#[doc = $doc])* pub const $name: &str = $text;)*)*

        /// Every variable that counts, in the order of the documentation.
        pub const ALL: &[Variable] = &[$($(Variable {
            name: $text,
            reader: Reader::$reader,
            doc: concat!($($doc, "\n"),*),
        }),*),*];
    };
}

variables! {
    Gpuenv {
        /// The directory that holds the environments (`envs/NAME`).
        /// Default: `gpuenv` in the user's data directory, on Linux `~/.local/share/gpuenv`.
        GPUENV_HOME "GPUENV_HOME";
        /// Directories in which recipes are looked up by name, separated like `PATH`,
        /// behind `./recipes` and before the recipes inside gpuenv.
        GPUENV_RECIPE_PATH "GPUENV_RECIPE_PATH";
        /// Other places to fetch channels from: `URL` for `https://conda.anaconda.org`, or
        /// `BASE=URL`; several are separated by spaces. `--mirror` comes before it, the
        /// configuration behind it.
        GPUENV_MIRROR "GPUENV_MIRROR";
        /// `1`, `true`, `yes` or `on`: never use the network, as `--offline` does.
        GPUENV_OFFLINE "GPUENV_OFFLINE";
        /// The configuration file, which must then exist.
        /// Default: `gpuenv/config.yaml` in the user's configuration directory, on Linux
        /// `~/.config/gpuenv/config.yaml`.
        GPUENV_CONFIG "GPUENV_CONFIG";
        /// A directory with tables of facts for `gpuenv doctor`: a file there takes the place of
        /// the table of its name inside gpuenv. `gpuenv doctor --facts` lists them.
        GPUENV_FACTS "GPUENV_FACTS";
        /// How many seconds a server may be silent before it is given up. Default: 30.
        GPUENV_HTTP_TIMEOUT "GPUENV_HTTP_TIMEOUT";
        /// How often a download is tried again after a failure that may pass. Default: 3.
        GPUENV_HTTP_RETRIES "GPUENV_HTTP_RETRIES";
        /// How many gigabytes any archive may unpack to, beside fifty times its own size.
        /// Default: 2.
        GPUENV_UNPACK_LIMIT "GPUENV_UNPACK_LIMIT";
        /// The program `uv`, which resolves wheels. Default: the first one on `PATH`, else one
        /// that gpuenv installs from the recipe's channels into `tools/uv` below `GPUENV_HOME`.
        GPUENV_UV "GPUENV_UV";
        /// `subprocess`: the program `keyring` is asked for the logins of indexes of wheels, by uv
        /// and for downloads. `PIP_KEYRING_PROVIDER`, `keyring-provider` in `uv.toml`, and that of
        /// pixi's `[pypi-config]` say the same.
        UV_KEYRING_PROVIDER "UV_KEYRING_PROVIDER";
        /// What is logged to stderr, as a filter like `gpuenv=debug,rattler=info`.
        /// Goes before `-v`.
        GPUENV_LOG "GPUENV_LOG";
        /// The program that shows long tables page by page on a terminal, such as `less -S`;
        /// `cat` for none. Default: `PAGER`, then `less`.
        GPUENV_PAGER "GPUENV_PAGER";
        /// The program that shows long texts page by page. `GPUENV_PAGER` goes before it.
        PAGER "PAGER";
        /// Where `uv` is looked up, and the program that `gpuenv run` starts.
        PATH "PATH";
        /// The package cache, shared with pixi and other rattler tools.
        /// Default: `rattler/cache` in the user's cache directory, on Linux `~/.cache/rattler/cache`.
        RATTLER_CACHE_DIR "RATTLER_CACHE_DIR";
        /// Directories for packages, as conda has them, separated like `PATH`: the first one holds
        /// gpuenv's cache too, in a folder `gpuenv`. `RATTLER_CACHE_DIR` goes before it.
        CONDA_PKGS_DIRS "CONDA_PKGS_DIRS";
        /// The configuration file of conda that counts before `~/.condarc`.
        CONDARC "CONDARC";
        /// The active environment of conda: a `.condarc` in it counts before `~/.condarc`.
        CONDA_PREFIX "CONDA_PREFIX";
        /// Where conda is installed: the `.condarc` there counts behind those of the user.
        /// Default: two directories above `CONDA_EXE`, then `MAMBA_ROOT_PREFIX`.
        CONDA_ROOT "CONDA_ROOT";
        /// The program conda, from which `CONDA_ROOT` follows.
        CONDA_EXE "CONDA_EXE";
        /// Where mamba or micromamba is installed, if conda is not.
        MAMBA_ROOT_PREFIX "MAMBA_ROOT_PREFIX";
        /// Channels where nothing names one, separated by commas; they count before those of `.condarc`.
        CONDA_CHANNELS "CONDA_CHANNELS";
        /// `channel_alias` of `.condarc`, and stronger than it.
        CONDA_CHANNEL_ALIAS "CONDA_CHANNEL_ALIAS";
        /// `ssl_verify` of `.condarc`, and stronger than it.
        CONDA_SSL_VERIFY "CONDA_SSL_VERIFY";
        /// `offline` of `.condarc`.
        CONDA_OFFLINE "CONDA_OFFLINE";
        /// Anything but empty: no colours, unless `--color always` asks for them.
        NO_COLOR "NO_COLOR";
        /// Anything but empty and `0`: colours even where no terminal is, unless `NO_COLOR` is set.
        CLICOLOR_FORCE "CLICOLOR_FORCE";
        /// `dumb`: a terminal without colours and bars.
        TERM "TERM";
        /// The width to write for. Default: that of the terminal, else 100.
        COLUMNS "COLUMNS";
        /// The shell that `gpuenv shell-hook` writes for when `--shell` is not given.
        SHELL "SHELL";
        /// The user's home directory, on Windows `USERPROFILE`.
        HOME "HOME";
        /// The user's home directory on Windows.
        USERPROFILE "USERPROFILE";
        /// The user's configuration directory, if absolute. Default: `~/.config`. Not on Windows.
        XDG_CONFIG_HOME "XDG_CONFIG_HOME";
        /// The user's data directory, if absolute. Default: `~/.local/share`. Not on Windows.
        XDG_DATA_HOME "XDG_DATA_HOME";
        /// The user's cache directory, if absolute. Default: `~/.cache`. Not on Windows.
        XDG_CACHE_HOME "XDG_CACHE_HOME";
        /// Where `gpuenv init zsh` finds the startup file. Default: the home directory.
        ZDOTDIR "ZDOTDIR";
        /// Where `gpuenv jupyter --install` puts kernels (`kernels/NAME`).
        /// Default: `jupyter` in the user's data directory.
        JUPYTER_DATA_DIR "JUPYTER_DATA_DIR";
        /// Anything but empty and `0`: a bug report comes with a backtrace.
        RUST_BACKTRACE "RUST_BACKTRACE";
    }
    Library {
        /// The file with the credentials of channels, as `pixi auth login` and
        /// `rattler auth login` write it. Default: `~/.rattler/credentials.json`.
        RATTLER_AUTH_FILE "RATTLER_AUTH_FILE";
        /// The proxy for `https` URLs.
        HTTPS_PROXY "HTTPS_PROXY";
        /// The proxy for `http` URLs; only the lower-case form `http_proxy` counts inside a CGI program.
        HTTP_PROXY "HTTP_PROXY";
        /// The proxy for everything that has no proxy of its own.
        ALL_PROXY "ALL_PROXY";
        /// Hosts that are reached without a proxy, separated by commas.
        NO_PROXY "NO_PROXY";
        /// A file with the certificates to trust instead of the system's. Linux only.
        SSL_CERT_FILE "SSL_CERT_FILE";
        /// A directory with the certificates to trust instead of the system's. Linux only.
        SSL_CERT_DIR "SSL_CERT_DIR";
        /// The CUDA version that this machine is taken to have, empty for none. Changes what
        /// gpuenv thinks of this machine, never a lock.
        CONDA_OVERRIDE_CUDA "CONDA_OVERRIDE_CUDA";
        /// The compute capability that this machine is taken to have. Never changes a lock.
        CONDA_OVERRIDE_CUDA_ARCH "CONDA_OVERRIDE_CUDA_ARCH";
        /// The glibc version that this machine is taken to have. Never changes a lock.
        CONDA_OVERRIDE_GLIBC "CONDA_OVERRIDE_GLIBC";
    }
}

/// What the environment says, read once.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// The directory of environments, absolute, if one is known.
    pub home: Option<PathBuf>,
    /// Where recipes are looked up, in order.
    pub recipe_path: Vec<PathBuf>,
    /// Mirrors, as written.
    pub mirror: Option<String>,
    /// Whether to stay offline, as written.
    pub offline: Option<String>,
    /// The configuration file that the user names.
    pub named_config: Option<PathBuf>,
    /// Where the configuration file is otherwise.
    pub default_config: Option<PathBuf>,
    /// The package cache that the user names, absolute.
    pub cache: Option<PathBuf>,
    /// The directories for packages that conda is told to use.
    pub package_folders: Vec<PathBuf>,
    /// The configuration file of conda that the user names.
    pub condarc: Option<PathBuf>,
    /// The active environment of conda.
    pub conda_prefix: Option<PathBuf>,
    /// Where conda and mamba are installed, as far as they say it.
    pub conda_roots: Vec<PathBuf>,
    /// Where programs have what holds for all users.
    pub system_folders: Vec<PathBuf>,
    /// What this machine is said to have, as written.
    pub overrides: Vec<(&'static str, String)>,
    /// A variable names a proxy.
    pub has_proxy: bool,
    /// Hosts that are reached without a proxy.
    pub no_proxy: Vec<String>,
    /// A variable names certificates.
    pub has_certificates: bool,
    /// Where newer tables of facts are, absolute.
    pub facts: Option<PathBuf>,
    /// How long a server may be silent.
    pub http_silence: Duration,
    /// How often a download is tried again.
    pub http_retries: u32,
    /// What any archive may unpack to, in bytes.
    pub unpack_limit: u64,
    /// The program `uv` that the user names, absolute.
    pub uv: Option<PathBuf>,
    /// Where programs are looked up.
    pub path: Vec<PathBuf>,
    /// What shows long tables page by page, as written.
    pub pager: Option<String>,
    /// What to log.
    pub log: Option<String>,
    /// Colours are not wanted.
    pub no_color: bool,
    /// Colours are wanted even without a terminal.
    pub force_color: bool,
    /// The terminal can do nothing but text.
    pub dumb: bool,
    /// The width to write for.
    pub columns: Option<usize>,
    /// The user's shell.
    pub shell: Option<String>,
    /// The user's home directory.
    pub user_home: Option<PathBuf>,
    /// Where zsh has its startup files, if not at home.
    pub zsh_folder: Option<PathBuf>,
    /// Where Jupyter has its data.
    pub jupyter_data: Option<PathBuf>,
    /// The user's configuration directory.
    pub config_folder: Option<PathBuf>,
    /// A backtrace is wanted with a bug report.
    pub backtrace: bool,
}

impl Env {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        Self::from_variables(&|name| std::env::var_os(name), base_directories().as_ref())
    }

    /// Takes variables from a function; one that is empty counts as absent.
    fn from_variables(
        variable: &dyn Fn(&str) -> Option<OsString>,
        base: Option<&BaseDirectories>,
    ) -> Self {
        let os = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| os(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name: &str| os(name).map(|value| absolute(&value));
        let switched_on = |name: &str| text(name).is_some_and(|value| value != "0");
        Self {
            home: path(GPUENV_HOME).or_else(|| base.map(|base| base.data.join("gpuenv"))),
            recipe_path: os(GPUENV_RECIPE_PATH)
                .map(|value| split_paths(&value))
                .unwrap_or_default(),
            mirror: text(GPUENV_MIRROR),
            offline: text(GPUENV_OFFLINE),
            named_config: path(GPUENV_CONFIG),
            default_config: base.map(|base| base.config.join("gpuenv").join("config.yaml")),
            cache: path(RATTLER_CACHE_DIR),
            package_folders: os(CONDA_PKGS_DIRS)
                .map(|value| split_paths(&value))
                .unwrap_or_default(),
            condarc: path(CONDARC),
            conda_prefix: path(CONDA_PREFIX),
            conda_roots: conda_roots(&path),
            system_folders: system_folders(),
            overrides: [
                CONDA_OVERRIDE_CUDA,
                CONDA_OVERRIDE_CUDA_ARCH,
                CONDA_OVERRIDE_GLIBC,
            ]
            .into_iter()
            .filter_map(|name| Some((name, text(name)?)))
            .collect(),
            has_proxy: [HTTPS_PROXY, HTTP_PROXY, ALL_PROXY]
                .iter()
                .any(|name| os(name).is_some() || os(&name.to_lowercase()).is_some()),
            no_proxy: text(NO_PROXY)
                .or_else(|| text(&NO_PROXY.to_lowercase()))
                .map(|hosts| {
                    hosts
                        .split(',')
                        .map(|host| host.trim().to_string())
                        .collect()
                })
                .unwrap_or_default(),
            has_certificates: os(SSL_CERT_FILE).is_some() || os(SSL_CERT_DIR).is_some(),
            facts: path(GPUENV_FACTS),
            http_silence: text(GPUENV_HTTP_TIMEOUT)
                .and_then(|value| value.trim().parse().ok())
                .filter(|seconds| *seconds > 0.0 && *seconds < 1e6)
                .map_or(HTTP_SILENCE, Duration::from_secs_f64),
            http_retries: text(GPUENV_HTTP_RETRIES)
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(HTTP_RETRIES),
            unpack_limit: text(GPUENV_UNPACK_LIMIT)
                .and_then(|value| value.trim().parse::<f64>().ok())
                .filter(|gigabytes| *gigabytes >= 0.0 && *gigabytes < 1e6)
                // Below 2^60, so it fits.
                .map_or(UNPACK_LIMIT, |gigabytes| (gigabytes * 1e9) as u64),
            uv: path(GPUENV_UV),
            path: os(PATH)
                .map(|value| split_paths(&value))
                .unwrap_or_default(),
            pager: text(GPUENV_PAGER).or_else(|| text(PAGER)),
            log: text(GPUENV_LOG),
            no_color: os(NO_COLOR).is_some(),
            force_color: switched_on(CLICOLOR_FORCE),
            dumb: text(TERM).is_some_and(|value| value == "dumb"),
            columns: text(COLUMNS).and_then(|value| value.trim().parse().ok()),
            shell: text(SHELL),
            zsh_folder: path(ZDOTDIR),
            jupyter_data: path(JUPYTER_DATA_DIR)
                .or_else(|| base.map(|base| base.data.join("jupyter"))),
            config_folder: base.map(|base| base.config.clone()),
            user_home: base.map(|base| base.home.clone()),
            backtrace: switched_on(RUST_BACKTRACE),
        }
    }
}

/// Returns where conda is installed, else where mamba is.
fn conda_roots(path: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    // `ROOT/bin/conda`, on Windows `ROOT\Scripts\conda.exe`.
    let beside_program = || Some(path(CONDA_EXE)?.parent()?.parent()?.to_path_buf());
    let conda = path(CONDA_ROOT).or_else(beside_program);
    let found = conda.or_else(|| path(MAMBA_ROOT_PREFIX));
    found.into_iter().collect()
}

/// Returns where programs have what holds for all users, the strongest first.
fn system_folders() -> Vec<PathBuf> {
    let folders: &[&str] = match cfg!(windows) {
        true => &["C:/ProgramData"],
        false => &["/var/lib", "/etc"],
    };
    folders.iter().map(PathBuf::from).collect()
}

/// Returns a variable that a configuration file or another program names.
pub fn variable(name: &str) -> Option<String> {
    // A name that holds `=` or is empty would be a panic of the standard library's.
    match name.is_empty() || name.contains(['=', '\0']) {
        true => None,
        false => std::env::var(name).ok(),
    }
}

/// Returns every variable of this process, for a child that gets them with edits.
pub fn variables() -> std::collections::BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

/// Writes out `~`, `$NAME` and `${NAME}` in a path of a configuration file.
pub fn expanded(text: &str, home: Option<&Path>) -> PathBuf {
    let mut path = String::new();
    let mut rest = text;
    if let (Some(behind), Some(home)) = (text.strip_prefix('~'), home) {
        path.push_str(&home.to_string_lossy());
        rest = behind;
    }
    // What is not set is nothing in a path.
    let lookup = |name: &str| Some(variable(name).unwrap_or_default());
    path.push_str(&neighbours::expand(rest, &lookup).0);
    absolute(OsStr::new(&path))
}

/// Returns whether the user has not set a variable of another program.
pub fn is_unset(name: &str) -> bool {
    std::env::var_os(name).is_none()
}

/// Returns the arguments of this process, with the program's name.
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Returns where this program is, for others to call.
pub fn program() -> String {
    let program = std::env::current_exe();
    program.map_or_else(
        |_| "gpuenv".to_string(),
        |path| path.to_string_lossy().into_owned(),
    )
}

struct BaseDirectories {
    home: PathBuf,
    config: PathBuf,
    data: PathBuf,
}

fn base_directories() -> Option<BaseDirectories> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(BaseDirectories {
        home: base.home_dir().to_path_buf(),
        config: base.config_dir(),
        data: base.data_dir(),
    })
}

/// Makes a path absolute: one that is written into an environment must not
/// depend on where gpuenv was started.
fn absolute(text: &OsStr) -> PathBuf {
    std::path::absolute(text).unwrap_or_else(|_| Path::new(text).to_path_buf())
}

fn split_paths(text: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(text)
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| absolute(path.as_os_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> Env {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let base = BaseDirectories {
            home: "/home/u".into(),
            config: "/home/u/.config".into(),
            data: "/home/u/.local/share".into(),
        };
        Env::from_variables(&lookup, Some(&base))
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        let all: Vec<(&str, &str)> = ALL.iter().map(|variable| (variable.name, "")).collect();
        assert_eq!(format!("{:?}", env(&all)), format!("{:?}", env(&[])));
    }

    #[test]
    fn places_are_absolute_and_have_defaults() {
        let defaults = env(&[]);
        assert_eq!(
            defaults.home.as_deref(),
            Some(Path::new("/home/u/.local/share/gpuenv"))
        );
        let named = env(&[(GPUENV_HOME, "here"), (GPUENV_RECIPE_PATH, "a::/b")]);
        assert!(named.home.is_some_and(|home| home.is_absolute()));
        assert_eq!(named.recipe_path.len(), 2);
        assert!(named.recipe_path.iter().all(|path| path.is_absolute()));
    }

    #[test]
    fn switches_know_zero() {
        assert!(env(&[(CLICOLOR_FORCE, "1")]).force_color);
        assert!(!env(&[(CLICOLOR_FORCE, "0")]).force_color);
        assert!(env(&[(NO_COLOR, "0")]).no_color);
        assert_eq!(env(&[(COLUMNS, "wide")]).columns, None);
    }

    #[test]
    fn every_variable_is_documented_once() {
        for (index, variable) in ALL.iter().enumerate() {
            assert!(variable.doc.trim().ends_with('.'), "{}", variable.name);
            assert!(ALL[..index].iter().all(|other| other.name != variable.name));
        }
    }
}
