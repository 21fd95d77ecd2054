//! Scalars with a form of their own: channels, platforms, versions, URLs.

use std::str::FromStr;

use rattler_conda_types::{Subdir, Version};
use url::Url;

use super::suggest;
use crate::target::{ComputeCapability, CudaVersion};

/// Why text cannot be a channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChannel {
    /// It is neither a name nor a URL.
    #[error("`{0}` is neither a channel name nor a URL")]
    Form(String),
    /// It is a directory.
    #[error("`{0}` is a path, and a lock must mean the same on every machine")]
    Path(String),
    /// The URL has a scheme that channels do not have.
    #[error("a channel cannot have a URL that begins with `{0}:`")]
    Scheme(String),
    /// A user, a password or a token is part of it. Not repeated, so that no log keeps it.
    #[error("the channel's URL holds a user name, a password or a token")]
    Secret,
    /// The URL has a `?…` or a `#…`.
    #[error("the channel's URL holds a `?` or a `#`")]
    Query,
    /// It means something only to conda's own configuration.
    #[error("`{0}` is not a channel but a setting of conda")]
    Setting(String),
}

impl BadChannel {
    pub(super) fn help(&self) -> String {
        match self {
            BadChannel::Form(_) => "write for example `conda-forge`, `nvidia/label/cuda-12.4.0` or `https://example.org/channel`".to_string(),
            BadChannel::Path(_) => "write its URL, `file:///…` or `https://…`".to_string(),
            BadChannel::Scheme(_) => "write a URL that begins with `https:`, `http:` or `file:`".to_string(),
            BadChannel::Secret => {
                "delete it from the URL and from the history of the file, and keep it in `.netrc`"
                    .to_string()
            }
            BadChannel::Query => "delete it from the URL".to_string(),
            BadChannel::Setting(name) if name == "defaults" => {
                "write `pkgs/main`, or better `conda-forge`".to_string()
            }
            BadChannel::Setting(name) => {
                format!("delete `{name}`: nothing but the listed channels is used")
            }
        }
    }
}

/// Checks that text is a channel whose name can stand in a lock.
pub(super) fn check_channel(text: &str) -> Result<(), BadChannel> {
    if text.contains("://") {
        return check_channel_url(text);
    }
    let is_path = text.starts_with(['.', '/', '~', '\\']) || text.contains('\\');
    let is_drive = text.get(1..3).is_some_and(|rest| rest == ":/");
    if is_path || is_drive {
        return Err(BadChannel::Path(text.to_string()));
    }
    if matches!(text, "defaults" | "nodefaults" | "local") {
        return Err(BadChannel::Setting(text.to_string()));
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(is_allowed) && part.chars().any(|c| c != '.')
    };
    if has_token(text.split('/')) {
        return Err(BadChannel::Secret);
    }
    match text.split('/').all(is_part) {
        true => Ok(()),
        false => Err(BadChannel::Form(text.to_string())),
    }
}

fn check_channel_url(text: &str) -> Result<(), BadChannel> {
    // Before anything else, so that no message repeats a secret.
    let authority = text.split("://").nth(1).unwrap_or_default();
    if authority
        .split(['/', '?', '#'])
        .next()
        .is_some_and(|host| host.contains('@'))
    {
        return Err(BadChannel::Secret);
    }
    if text.contains(['?', '#']) {
        return Err(BadChannel::Query);
    }
    let url = Url::parse(text).map_err(|_| BadChannel::Form(text.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() || has_token(url.path().split('/')) {
        return Err(BadChannel::Secret);
    }
    match url.scheme() {
        "https" | "http" if url.has_host() => Ok(()),
        "file" if !url.has_host() => Ok(()),
        "https" | "http" | "file" => Err(BadChannel::Form(text.to_string())),
        scheme => Err(BadChannel::Scheme(scheme.to_string())),
    }
}

/// Finds the `/t/<token>/` with which conda's servers let people in.
fn has_token<'p>(parts: impl Iterator<Item = &'p str>) -> bool {
    parts
        .skip_while(|part| *part != "t")
        .nth(1)
        .is_some_and(|token| !token.is_empty())
}

/// The text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform")]
pub struct BadPlatform(String);

impl BadPlatform {
    pub(super) fn help(&self) -> String {
        let usual = "usual ones are `linux-64`, `linux-aarch64` and `win-64`";
        match self.0.as_str() {
            "noarch" => format!("packages for every platform are always seen; {usual}"),
            text => {
                let known = platforms().map(Subdir::as_str);
                match suggest(&text.replace('_', "-"), known) {
                    Some(platform) => format!("did you mean `{platform}`?"),
                    None => usual.to_string(),
                }
            }
        }
    }
}

/// Returns every platform that a recipe can cover.
pub(super) fn platforms() -> impl Iterator<Item = Subdir> {
    Subdir::all().filter(|platform| *platform != Subdir::NoArch)
}

/// Reads a platform that an environment can be for.
pub(super) fn platform(text: &str) -> Result<Subdir, BadPlatform> {
    platforms()
        .find(|platform| platform.as_str() == text)
        .ok_or_else(|| BadPlatform(text.to_string()))
}

/// The text is not a version of that kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}")]
pub struct BadVersion {
    kind: &'static str,
    text: String,
}

impl BadVersion {
    pub(super) fn help(&self) -> String {
        let written = self.text.trim();
        let alone = written.trim_start_matches(['>', '<', '=', '~', '!', '^', 'v', ' ']);
        let plain = alone.strip_prefix("sm_").or(alone.strip_prefix("compute_"));
        let digits = match plain {
            // `sm_86` is 8.6, and `sm_120` is 12.0.
            Some(number) if number.is_ascii() && number.len() >= 2 => {
                let (major, minor) = number.split_at(number.len() - 1);
                format!("{major}.{minor}")
            }
            _ => alone.to_string(),
        };
        let mut parts = digits.split('.').take(2);
        let is_number =
            |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let major = parts.next().filter(|part| is_number(part));
        let minor = parts.next().filter(|part| is_number(part));
        match (major, alone == written) {
            (Some(major), true) => format!("write `\"{major}.{}\"`", minor.unwrap_or("0")),
            (Some(major), false) => format!(
                "write the version alone, `\"{major}.{}\"`: it is the least that the machine must have",
                minor.unwrap_or("0")
            ),
            (None, _) => "write two numbers with a dot, such as `\"12.4\"`".to_string(),
        }
    }
}

fn version<T: FromStr>(text: &str, kind: &'static str) -> Result<T, BadVersion> {
    let text = text.to_string();
    text.parse().map_err(|_| BadVersion { kind, text })
}

/// Reads a CUDA version.
pub(super) fn cuda(text: &str) -> Result<CudaVersion, BadVersion> {
    version(text, "a CUDA version of the form `major.minor`")
}

/// Reads a compute capability.
pub(super) fn compute_capability(text: &str) -> Result<ComputeCapability, BadVersion> {
    version(text, "a compute capability of the form `major.minor`")
}

/// Reads a version of glibc.
pub(super) fn glibc(text: &str) -> Result<Version, BadVersion> {
    let kind = "a version of glibc of the form `major.minor`";
    let parts: Vec<&str> = text.split('.').collect();
    let is_number =
        |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    match (2..=3).contains(&parts.len()) && parts.iter().all(is_number) {
        true => version(text, kind),
        false => Err(BadVersion {
            kind,
            text: text.to_string(),
        }),
    }
}

/// The text is not the address of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the URL of a page")]
pub struct BadUrl(String);

impl BadUrl {
    pub(super) fn help(&self) -> String {
        "write a URL that begins with `https://`".to_string()
    }
}

/// Checks that text is the address of a page.
pub(super) fn check_page(text: &str) -> Result<(), BadUrl> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(()),
        _ => Err(BadUrl(text.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_a_name_or_a_url() {
        for good in [
            "conda-forge",
            "gpuenv",
            "nvidia/label/cuda-12.4.0",
            "pkgs/main",
            "https://conda.anaconda.org/conda-forge",
            "http://localhost:8080/my-channel/",
            "file:///srv/channel",
        ] {
            assert_eq!(check_channel(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a//b",
            "../x",
            "/srv",
            "C:/x",
            r"C:\x",
            "~",
            "a:b",
            "defaults",
            "http://",
            "s3://bucket/x",
            "https://h/c?x=1",
            "file://host/x",
            "ü",
            "x/..",
        ] {
            assert!(check_channel(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_in_a_channel_is_refused_and_never_repeated() {
        for bad in [
            "https://user:hunter2@example.org/channel",
            "https://hunter2@example.org/channel",
            "s3://key:hunter2@bucket/channel",
            "https://conda.anaconda.org/t/hunter2/private",
            "t/hunter2/private",
        ] {
            let refused = check_channel(bad).unwrap_err();
            assert_eq!(refused, BadChannel::Secret, "{bad}");
            assert!(!format!("{refused}{}", refused.help()).contains("hunter2"));
        }
    }

    #[test]
    fn a_bad_version_is_answered_with_a_good_one() {
        let help = |text: &str| cuda(text).unwrap_err().help();
        assert_eq!(help("12"), "write `\"12.0\"`");
        assert_eq!(help("12.4.1"), "write `\"12.4\"`");
        assert!(help(">=12.6").starts_with("write the version alone, `\"12.6\"`"));
        assert!(help("cuda").contains("such as"));
        let help = |text: &str| compute_capability(text).unwrap_err().help();
        assert_eq!(help("sm_86"), "write `\"8.6\"`");
        assert_eq!(help("sm_120"), "write `\"12.0\"`");
    }

    #[test]
    fn versions_are_taken_as_written() {
        assert_eq!(cuda("11.10").unwrap().minor, 10);
        assert_eq!(glibc("2.28").unwrap().to_string(), "2.28");
        for bad in ["2", "2.x", "2.28.1.1", "", ".", "2.", "99999.1"] {
            assert!(glibc(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn noarch_is_not_a_platform() {
        assert_eq!(platform("linux-64"), Ok(Subdir::Linux64));
        assert!(
            platform("noarch")
                .unwrap_err()
                .help()
                .contains("always seen")
        );
        let help = platform("linux_64").unwrap_err().help();
        assert_eq!(help, "did you mean `linux-64`?");
    }
}
