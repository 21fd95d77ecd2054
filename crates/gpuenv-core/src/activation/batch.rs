//! The packages' batch files for a program that is started without a shell.
//!
//! No text for `cmd` can hand a program's arguments on unharmed, so `cmd` only runs
//! the scripts and writes down what variables it then has; who starts the program
//! gives it these.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use super::{Activation, cmd};

/// Environment variables and their values.
type Variables = BTreeMap<OsString, OsString>;

/// The file beside the batch file into which it writes the variables.
pub const BATCH_VARIABLES: &str = "variables";

/// Returns a batch file that runs the packages' scripts and then writes the variables
/// into [`BATCH_VARIABLES`] in UTF-16, if packages brought scripts.
pub fn batch_script(activation: &Activation) -> Option<String> {
    let has_scripts = activation.scripts.activate(".bat").next().is_some();
    let needed = activation.platform.is_windows() && has_scripts;
    needed.then(|| cmd::scripts_file(activation))
}

/// Splits variables into those that a list of lines can hold, and the others.
///
/// The batch file gets the former; the program gets the latter as they were.
pub fn listable(variables: &Variables) -> (Variables, Variables) {
    let has_lines = |text: &OsStr| text.as_encoded_bytes().iter().any(|b| b"\r\n".contains(b));
    let all = variables.clone().into_iter();
    all.partition(|(name, value)| !has_lines(name) && !has_lines(value))
}

/// Reads what `set` wrote in UTF-16, low byte first.
pub fn listed_variables(bytes: &[u8]) -> BTreeMap<String, String> {
    let units = bytes.chunks_exact(2);
    let units: Vec<u16> = units
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let text = String::from_utf16_lossy(&units);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let pairs = text.lines().filter_map(|line| {
        // `=C:` is the name of a variable in which `cmd` keeps a directory.
        let equals = line.char_indices().skip(1).find(|(_, c)| *c == '=')?.0;
        Some((line[..equals].to_string(), line[equals + 1..].to_string()))
    });
    pairs.collect()
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
    fn only_an_environment_with_batch_files_needs_a_shell() {
        let of = |platform, prefix, script: &str| {
            let mut facts = PrefixFacts::empty(platform);
            facts.activate_scripts = vec![script.to_string()];
            let activation = activation(prefix, &ActivationSettings::default(), &facts).unwrap();
            batch_script(&activation)
        };
        let text = of(Subdir::Win64, r"C:\100% &\e", "a.bat").unwrap();
        assert!(
            text.contains("set \"GPUENV_W=%CONDA_PREFIX%/etc/conda/activate.d/a.bat\"\r\n"),
            "{text}"
        );
        assert!(
            text.contains("/c set >\"%~dp0variables\"\r\n@exit /b 0\r\n"),
            "{text}"
        );
        assert_eq!(of(Subdir::Win64, r"C:\e", "a.sh"), None);
        assert_eq!(of(Subdir::Linux64, "/e", "a.bat"), None);
    }

    #[test]
    fn variables_arrive_whatever_is_in_them() {
        let text = "\u{feff}=C:=C:\\x\r\nA=b=c\r\nÉ=日本 🦀\r\nEMPTY=\r\nodd\r\n";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let seen = listed_variables(&bytes);
        let seen: Vec<_> = seen.iter().map(|(n, v)| format!("{n} is {v}")).collect();
        assert_eq!(
            seen,
            ["=C: is C:\\x", "A is b=c", "EMPTY is ", "É is 日本 🦀"]
        );
        assert!(listed_variables(&[0xff]).is_empty());
    }

    #[test]
    fn a_value_of_several_lines_cannot_pass_for_other_variables() {
        let pairs = [("A", "1"), ("B", "2\r\nPATH=evil"), ("C", "3\n")];
        let variables: Variables = pairs.iter().map(|(n, v)| (n.into(), v.into())).collect();
        let (listable, others) = listable(&variables);
        assert_eq!(listable.keys().collect::<Vec<_>>(), ["A"]);
        assert_eq!(others.keys().collect::<Vec<_>>(), ["B", "C"]);
    }
}
