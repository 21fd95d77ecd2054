//! The shells that activation can be written for, and the texts as a user meets them.

use std::{borrow::Cow, str::FromStr};

use super::{
    ACTIVATE_DIRECTORY, Activation, DEACTIVATE_DIRECTORY, Edit, SCRIPT_STEM, cmd, fish, nushell,
    posix, powershell, tcsh, xonsh,
};
use crate::{Code, Diagnostic};

/// A shell that activation can be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// A POSIX shell: dash, BusyBox, mksh.
    Sh,
    /// fish.
    Fish,
    /// tcsh, or another csh.
    Tcsh,
    /// xonsh.
    Xonsh,
    /// nushell.
    Nushell,
    /// PowerShell, Windows' own or the later one.
    Powershell,
    /// `cmd` of Windows.
    Cmd,
}

impl Shell {
    /// The names that are understood.
    pub const NAMES: &[&str] = &[
        "bash",
        "zsh",
        "sh",
        "dash",
        "fish",
        "tcsh",
        "xonsh",
        "nushell",
        "powershell",
        "cmd",
    ];

    /// Returns what users call the shell.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Sh => "sh",
            Self::Fish => "fish",
            Self::Tcsh => "tcsh",
            Self::Xonsh => "xonsh",
            Self::Nushell => "nushell",
            Self::Powershell => "powershell",
            Self::Cmd => "cmd",
        }
    }
}

impl FromStr for Shell {
    type Err = UnknownShell;

    /// Reads a name or a path, as in `$SHELL`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.rsplit(['/', '\\']).next().unwrap_or(text);
        match name.strip_suffix(".exe").unwrap_or(name) {
            "bash" => Ok(Self::Bash),
            "zsh" => Ok(Self::Zsh),
            "sh" | "dash" | "ash" | "busybox" | "mksh" | "ksh" => Ok(Self::Sh),
            "fish" => Ok(Self::Fish),
            "tcsh" | "csh" => Ok(Self::Tcsh),
            "xonsh" => Ok(Self::Xonsh),
            "nu" | "nushell" => Ok(Self::Nushell),
            "powershell" | "pwsh" => Ok(Self::Powershell),
            "cmd" => Ok(Self::Cmd),
            other => Err(UnknownShell(other.chars().take(80).collect())),
        }
    }
}

/// Activation cannot be written for that shell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shell `{0}` is not supported")]
pub struct UnknownShell(pub String);

impl From<UnknownShell> for Diagnostic {
    fn from(error: UnknownShell) -> Self {
        let names: Vec<String> = Shell::NAMES
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        Self::error(Code::ACTIVATION_SHELL, error.to_string())
            .help(format!("use one of {}", names.join(", ")))
            .help("or run a program without a shell: `gpuenv run ENV -- PROGRAM`")
    }
}

/// A script to be written into a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFile {
    /// The path below the prefix, with `/`.
    pub path: String,
    /// The content.
    pub text: String,
}

/// Returns the scripts by which `conda activate` and its kin make the own edits.
///
/// Nothing where there are no own edits; scripts of an earlier installation with
/// the same names are to be removed then.
pub fn script_files(activation: &Activation) -> Vec<ScriptFile> {
    if activation.own.is_empty() {
        return Vec::new();
    }
    type Text = fn(&Activation) -> String;
    let kinds: [(&str, Text, Text); 7] = [
        ("sh", posix::activate_file, posix::deactivate_file),
        ("fish", fish::activate_file, fish::deactivate_file),
        ("csh", tcsh::activate_file, tcsh::deactivate_file),
        ("xsh", xonsh::activate_file, xonsh::deactivate_file),
        ("nu", nushell::activate_file, nushell::deactivate_file),
        (
            "ps1",
            powershell::activate_file,
            powershell::deactivate_file,
        ),
        ("bat", cmd::activate_file, cmd::deactivate_file),
    ];
    let file = |directory: &str, extension: &str, text: String| ScriptFile {
        path: format!("{directory}/{SCRIPT_STEM}.{extension}"),
        text,
    };
    let pairs = kinds.iter().flat_map(|(extension, on, off)| {
        [
            file(ACTIVATE_DIRECTORY, extension, on(activation)),
            file(DEACTIVATE_DIRECTORY, extension, off(activation)),
        ]
    });
    pairs.collect()
}

/// Returns the text for `eval` that activates the environment in a running shell.
///
/// fish takes it by `source`; tcsh, nushell and `cmd` need it in a file. It defines
/// `gpuenv_deactivate`, which undoes it; in `cmd` only [`shell_hook_deactivate`] does.
pub fn shell_hook(shell: Shell, activation: &Activation) -> String {
    let activation = &*seen_by(shell, activation);
    match shell {
        Shell::Bash | Shell::Zsh => posix::with_builtins(&posix::hook(activation)),
        Shell::Sh => posix::hook(activation),
        Shell::Fish => fish::hook(activation),
        Shell::Tcsh => tcsh::hook(activation),
        Shell::Xonsh => xonsh::hook(activation),
        Shell::Nushell => nushell::hook(activation),
        Shell::Powershell => powershell::hook(activation),
        Shell::Cmd => cmd::hook(activation),
    }
}

/// Returns the text for `eval` that undoes the environment's activation.
///
/// For a shell that has inherited the activation and so knows no
/// `gpuenv_deactivate`. Where the environment is not active, it does nothing.
pub fn shell_hook_deactivate(shell: Shell, activation: &Activation) -> String {
    let activation = &*seen_by(shell, activation);
    match shell {
        Shell::Bash | Shell::Zsh => posix::with_builtins(&posix::hook_deactivate(activation)),
        Shell::Sh => posix::hook_deactivate(activation),
        Shell::Fish => fish::hook_deactivate(activation),
        Shell::Tcsh => tcsh::hook_deactivate(activation),
        Shell::Xonsh => xonsh::hook_deactivate(activation),
        Shell::Nushell => nushell::hook_deactivate(activation),
        Shell::Powershell => powershell::hook_deactivate(activation),
        Shell::Cmd => cmd::hook_deactivate(activation),
    }
}

/// Returns the activation as a shell must have it that came to Windows from elsewhere,
/// with Git say: its `PATH` is `/c/Windows:/usr/bin`, which it translates for programs.
fn seen_by(shell: Shell, activation: &Activation) -> Cow<'_, Activation> {
    let foreign = match shell {
        Shell::Bash | Shell::Zsh | Shell::Sh | Shell::Fish | Shell::Tcsh => true,
        Shell::Xonsh | Shell::Nushell | Shell::Powershell | Shell::Cmd => false,
    };
    if !foreign || !activation.platform.is_windows() {
        return Cow::Borrowed(activation);
    }
    let mut seen = activation.clone();
    for edit in &mut seen.usual {
        if let Edit::PrependPath {
            name,
            dirs,
            separator,
        } = edit
            && name == "PATH"
        {
            *separator = ':';
            *dirs = dirs.iter().map(|dir| translated(dir)).collect();
        }
    }
    Cow::Owned(seen)
}

/// Returns `/c/a` for `C:\a`.
fn translated(directory: &str) -> String {
    let slashes = directory.replace('\\', "/");
    match slashes.split_once(':') {
        Some((drive, rest)) => format!("/{}{rest}", drive.to_ascii_lowercase()),
        None => slashes,
    }
}

/// Returns the text for `bash -c TEXT bash PROGRAM ARGUMENT…` that sources the
/// packages' scripts and becomes the program, if packages brought scripts.
///
/// It is run in [`environment`](super::environment). A POSIX `sh` will do too.
pub fn run_script(activation: &Activation) -> Option<String> {
    let needed =
        activation.scripts.activate(".sh").next().is_some() && !activation.platform.is_windows();
    needed.then(|| posix::run_script(activation))
}

#[cfg(test)]
mod tests {
    use rattler_conda_types::Subdir;

    use super::*;
    use crate::{
        activation::{PrefixFacts, activation},
        plan::ActivationSettings,
    };

    #[test]
    fn a_shell_is_read_from_its_name_or_path() {
        assert_eq!("bash".parse(), Ok(Shell::Bash));
        assert_eq!("/usr/bin/zsh".parse(), Ok(Shell::Zsh));
        assert_eq!(r"C:\Git\bin\sh.exe".parse(), Ok(Shell::Sh));
        for name in Shell::NAMES {
            assert!(name.parse::<Shell>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_shell_from_elsewhere_gets_windows_directories_in_its_own_form() {
        let facts = PrefixFacts::empty(Subdir::Win64);
        let settings = ActivationSettings::default();
        let on = activation(r"C:\a b", &settings, &facts).unwrap();
        for shell in [Shell::Bash, Shell::Fish, Shell::Tcsh] {
            let text = shell_hook(shell, &on);
            assert!(text.contains("/c/a b/Library/bin"), "{text}");
            assert!(!text.contains(r"C:\a b\Library"), "{text}");
        }
        let text = shell_hook(Shell::Xonsh, &on);
        assert!(text.contains(r"C:\\a b\\Library\\bin;"), "{text}");
        assert_eq!(translated(r"\\host\share"), "//host/share");
    }

    #[test]
    fn an_unknown_shell_is_told_which_ones_there_are() {
        for name in ["elvish", "", "/", "BASH", "bash2"] {
            let error = name.parse::<Shell>().unwrap_err();
            let diagnostic = Diagnostic::from(error);
            assert_eq!(diagnostic.code, Code::ACTIVATION_SHELL);
            assert!(diagnostic.help[0].contains("`bash`, `zsh`, `sh`, `dash`, `fish`"));
        }
    }
}
