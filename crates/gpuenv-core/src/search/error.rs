//! Why nothing can be searched for, or why nothing was found.

use crate::{
    Code, Diagnostic,
    channel::ChannelError,
    recipe::suggest,
    search::{CudaAsked, Wanted},
};

/// How many names are told.
const SHOWN: usize = 8;

/// What is searched for cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// It is no match spec.
    #[error("`{text}` is not a match spec: {reason}")]
    BadSpec {
        /// As typed.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// It is a property of the machine.
    #[error("`{name}` is a property of the machine, and no channel has it")]
    Virtual {
        /// Its name.
        name: String,
    },
    /// It is no version of CUDA.
    #[error("`{text}` is not a version of CUDA")]
    BadCuda {
        /// As typed.
        text: String,
    },
    /// Not two channels.
    #[error("`{text}` does not name two channels to compare")]
    NotTwo {
        /// As typed.
        text: String,
    },
    /// A channel cannot be read.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl From<SearchError> for Diagnostic {
    fn from(error: SearchError) -> Self {
        let message = error.to_string();
        let diagnostic = Diagnostic::error(Code::SEARCH_BAD_SPEC, message);
        match error {
            SearchError::BadSpec { .. } => diagnostic
                .help("`gpuenv search cudnn`, `gpuenv search 'cudnn>=8.1,<9'`, `gpuenv search 'cudnn=8.1.0=h*'` or `gpuenv search '*cudnn*'`")
                .help("put it into quotes, so that the shell leaves `*`, `<` and `>` alone"),
            SearchError::Virtual { .. } => {
                diagnostic.help("`gpuenv devices` shows what this machine has")
            }
            SearchError::BadCuda { .. } => diagnostic.help("write `--cuda 12.4` or `--cuda 12`"),
            SearchError::NotTwo { .. } => {
                diagnostic.help("for example `gpuenv search cudatoolkit --compare conda-forge,nvidia`")
            }
            SearchError::Channel(error) => error.into(),
        }
    }
}

/// Says that nothing was found, and what is near it.
///
/// `known` are the names of the channels; `of_name` is how many records have
/// the name but not the rest, and the last few of their versions.
pub fn nothing(
    wanted: &Wanted,
    asked: Option<&CudaAsked>,
    channels: &[String],
    platform: &str,
    known: &[String],
    of_name: (usize, &[String]),
) -> Diagnostic {
    let searched = channels.join("`, `");
    let (count, versions) = of_name;
    let message = match (count, asked) {
        (0, _) => format!(
            "there is no `{}` for {platform} in `{searched}`",
            wanted.text
        ),
        (_, Some(asked)) => format!(
            "no `{}` for {platform} in `{searched}` is built for CUDA {asked}",
            wanted.text
        ),
        (_, None) => format!("no `{}` for {platform} in `{searched}`", wanted.text),
    };
    let mut diagnostic = Diagnostic::error(Code::SEARCH_NOTHING, message);
    if count > 0 {
        let name = wanted.name().unwrap_or(&wanted.text);
        let newest = versions.join(", ");
        diagnostic = diagnostic.cause(match asked {
            Some(_) => {
                format!("there are {count} builds of it for another CUDA, or for none: {newest}")
            }
            None => format!("there are {count} builds of `{name}`, the newest of them {newest}"),
        });
        return diagnostic.help(match asked {
            Some(_) => "the same without `--cuda` shows them all".to_string(),
            None => format!("`gpuenv search {name}` shows them all"),
        });
    }
    if let Some(name) = wanted.name() {
        let names = || known.iter().map(String::as_str);
        if let Some(meant) = suggest(name, names()) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
        }
        let mut containing: Vec<&str> = names().filter(|known| known.contains(name)).collect();
        containing.sort_by_key(|known| (known.len(), *known));
        if containing.len() > 1 {
            let more = containing.len().saturating_sub(SHOWN);
            containing.truncate(SHOWN);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            diagnostic = diagnostic
                .cause(format!(
                    "names that contain it: `{}`{more}",
                    containing.join("`, `")
                ))
                .help(format!("`gpuenv search '*{name}*'` shows them all"));
        }
    }
    diagnostic.help("name another channel with `-c`, another platform with `--platform`")
}
