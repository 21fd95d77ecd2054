//! The keys of `activation` that are on or off, as edits.

use super::{Edit, PrefixFacts, XLA_DIRECTORY, list_separator};
use crate::plan::ActivationSettings;

/// Where the hook for `dll-directory` lies in a Windows environment.
pub const DLL_HOOK_FILE: &str = "Lib/site-packages/gpuenv-dlls.pth";

/// Lets Python from 3.8 on find the libraries of `Library\bin` for its extensions.
///
/// Python runs this line when it starts, so whatever goes wrong in it is dropped.
/// In a virtual environment too, the libraries are those of the base.
pub const DLL_HOOK: &str = "import os, sys; exec(\"try:\\n \
    os.add_dll_directory(os.path.join(sys.base_prefix, 'Library', 'bin'))\\n\
    except Exception:\\n pass\")\n";

/// Returns the variables that the keys stand for, unless the recipe sets them itself.
pub(super) fn variables(settings: &ActivationSettings) -> Vec<Edit> {
    let growth: &[(&str, &str)] = &[
        ("TF_FORCE_GPU_ALLOW_GROWTH", "true"),
        ("XLA_PYTHON_CLIENT_PREALLOCATE", "false"),
    ];
    let no_user_site: &[(&str, &str)] = &[("PYTHONNOUSERSITE", "1")];
    let wanted = [
        (settings.memory_growth, growth),
        (settings.no_user_site, no_user_site),
    ];
    wanted
        .into_iter()
        .filter(|(on, _)| *on)
        .flat_map(|(_, pairs)| pairs)
        .filter(|(name, _)| !settings.env.contains_key(*name))
        .map(|(name, value)| Edit::set(*name, *value))
        .collect()
}

/// Returns what leads XLA to the environment's libdevice and `ptxas`.
///
/// Where the environment holds neither, XLA is left to look for itself.
pub(super) fn xla(prefix: &str, facts: &PrefixFacts) -> Vec<Edit> {
    let directory = format!("{prefix}/{XLA_DIRECTORY}");
    let mut edits = Vec::new();
    if facts.xla.ptxas {
        edits.push(Edit::PrependPath {
            name: "PATH".to_string(),
            dirs: vec![format!("{directory}/bin")],
            separator: list_separator(facts.platform),
        });
    }
    if facts.xla.libdevice || facts.xla.ptxas {
        edits.push(Edit::PrependPath {
            name: "XLA_FLAGS".to_string(),
            dirs: vec![format!(
                "--xla_gpu_cuda_data_dir={}",
                flag_value(&directory)
            )],
            separator: ' ',
        });
    }
    edits
}

/// Returns the text as XLA reads the value of a flag.
fn flag_value(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\\' | '\'');
    match text.chars().all(plain) {
        true => text.to_string(),
        false => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    use rattler_conda_types::Subdir;

    use super::*;
    use crate::activation::XlaFiles;

    fn names(settings: &ActivationSettings) -> Vec<String> {
        let edits = variables(settings);
        edits.iter().map(|edit| edit.name().to_string()).collect()
    }

    #[test]
    fn each_key_stands_for_its_variables_and_the_recipe_wins() {
        let mut settings = ActivationSettings::default();
        assert_eq!(names(&settings), [""; 0]);
        settings.no_user_site = true;
        assert_eq!(names(&settings), ["PYTHONNOUSERSITE"]);
        settings.memory_growth = true;
        let growth = "TF_FORCE_GPU_ALLOW_GROWTH".to_string();
        assert!(names(&settings).contains(&growth));
        settings.env.insert(growth.clone(), "false".to_string());
        assert_eq!(
            names(&settings),
            ["XLA_PYTHON_CLIENT_PREALLOCATE", "PYTHONNOUSERSITE"]
        );
    }

    #[test]
    fn xla_is_led_only_to_what_is_there() {
        let mut facts = PrefixFacts::empty(Subdir::Linux64);
        assert_eq!(xla("/p", &facts), []);
        facts.xla = XlaFiles {
            libdevice: true,
            ptxas: false,
        };
        let flags = |dir: &str| Edit::PrependPath {
            name: "XLA_FLAGS".to_string(),
            dirs: vec![format!("--xla_gpu_cuda_data_dir={dir}")],
            separator: ' ',
        };
        assert_eq!(xla("/p", &facts), [flags("/p/lib/gpuenv-xla")]);
        assert_eq!(
            xla("/my env", &facts),
            [flags("\"/my env/lib/gpuenv-xla\"")]
        );
        facts.xla.ptxas = true;
        let path = Edit::PrependPath {
            name: "PATH".to_string(),
            dirs: vec!["/p/lib/gpuenv-xla/bin".to_string()],
            separator: ':',
        };
        assert_eq!(xla("/p", &facts), [path, flags("/p/lib/gpuenv-xla")]);
    }
}
