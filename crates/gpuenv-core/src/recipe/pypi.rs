//! `pypi-options`: where wheels come from, and what may be combined with them.

use pep508_rs::Requirement;
use schemars::JsonSchema;
use url::Url;

use super::{
    Entries, Located,
    choice::{ON_OR_OFF, choice},
    entries,
    error::Problem,
    node::{Kind, Node},
    schema,
    sink::Sink,
    suggest,
    table::{self, Form, Table, text},
};
use crate::wheels::normalized;

pub(super) const PYPI_OPTIONS: Form = Form {
    name: "`pypi-options`",
    keys: &[
        "index-url",
        "extra-index-urls",
        "find-links",
        "package-indexes",
        "allow-two-cuda-runtimes",
        "build-from-source",
    ],
};

/// Where wheels come from, and what may be combined with them.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PypiOptions {
    /// The index that has what no other one has. Left out, it is the machine's: mostly PyPI.
    #[schemars(default, with = "schema::IndexUrl")]
    pub index_url: Option<Located<String>>,
    /// Indexes that are asked before it. A package that one of them has comes from there.
    #[schemars(default, with = "Entries<schema::IndexUrl>")]
    pub extra_index_urls: Entries<Located<String>>,
    /// Folders of wheels, relative to the recipe, and pages that link to wheels.
    #[schemars(default, with = "Entries<schema::Links>")]
    pub find_links: Entries<Located<String>>,
    /// Indexes for single packages of `pypi-dependencies`, by name.
    #[schemars(
        default,
        schema_with = "schema::map_or_entries::<schema::PackageIndexes>"
    )]
    pub package_indexes: Entries<Vec<PackageIndex>>,
    /// Lets wheels bring a CUDA runtime into an environment that has one from conda.
    #[schemars(default, with = "bool")]
    pub allow_two_cuda_runtimes: bool,
    /// Packages whose own build may run when the lock is made: their code runs on that machine.
    #[schemars(default, with = "Entries<schema::PackageName>")]
    pub build_from_source: Entries<Located<String>>,
}

/// The index that one package comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageIndex {
    /// The package's normalised name.
    pub name: String,
    /// The index.
    pub url: Located<String>,
}

/// Why text is no place for wheels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIndex {
    /// It is no URL.
    #[error("`{0}` is not the URL of an index")]
    Form(String),
    /// The URL has a scheme that indexes do not have.
    #[error("an index cannot have a URL that begins with `{0}:`")]
    Scheme(String),
    /// A user or a password is part of it. Not repeated, so that no log keeps it.
    #[error("the index's URL holds a user name, a password or a token")]
    Secret,
    /// The URL has a `?…` or a `#…`.
    #[error("the index's URL holds a `?` or a `#`")]
    Query,
    /// It cannot name a folder on each machine.
    #[error("`{0}` is neither a folder beside the recipe nor a URL")]
    Folder(String),
    /// It is no name of a package.
    #[error("`{0}` is not the name of a package")]
    Name(String),
    /// It is no name of a package that could be built.
    #[error("`{0}` is not the name of a package")]
    Package(String),
    /// The recipe does not ask for the package.
    #[error("`{name}` has an index of its own, and is not in `pypi-dependencies`")]
    NotAsked {
        /// The package.
        name: String,
        /// A similar one that the recipe asks for.
        meant: Option<String>,
    },
}

impl BadIndex {
    pub(super) fn help(&self) -> String {
        match self {
            BadIndex::Form(_) => "write for example `https://example.org/simple`".to_string(),
            BadIndex::Scheme(_) => {
                "write a URL that begins with `https:`; a folder of wheels belongs into `find-links`"
                    .to_string()
            }
            BadIndex::Secret => {
                "delete it from the URL and from the history of the file, and keep it in `.netrc`"
                    .to_string()
            }
            BadIndex::Query => "delete it from the URL".to_string(),
            BadIndex::Folder(_) => {
                "write a folder with `/`, for example `./wheels`, or `https://…`".to_string()
            }
            BadIndex::Name(_) => {
                "write `NAME: URL`, for example `torch: https://download.pytorch.org/whl/cu126`"
                    .to_string()
            }
            BadIndex::Package(_) => {
                "write the name alone, without a version: `docopt`".to_string()
            }
            BadIndex::NotAsked {
                meant: Some(meant), ..
            } => format!("did you mean `{meant}`?"),
            BadIndex::NotAsked { name, meant: None } => {
                format!("add `{name}` to `pypi-dependencies`")
            }
        }
    }
}

/// Reads the options; `asked` are the requirements of the recipe.
pub(super) fn options(
    node: &Node,
    asked: &[&Requirement],
    sink: &mut Sink<'_>,
) -> Option<PypiOptions> {
    let table = Table::read(node, PYPI_OPTIONS, sink)?;
    let index_url = table
        .value("index-url")
        .and_then(|node| checked(node, check_index, sink));
    let mut index = |node: &Node, sink: &mut Sink<'_>| checked(node, check_index, sink);
    let extra_index_urls = table.value("extra-index-urls").map(|node| {
        let what = ("`extra-index-urls`", "https://example.org/simple");
        entries::read(node, what, &mut index, sink)
    });
    let mut links = |node: &Node, sink: &mut Sink<'_>| checked(node, check_links, sink);
    let find_links = table
        .value("find-links")
        .map(|node| entries::read(node, ("`find-links`", "./wheels"), &mut links, sink));
    let package_indexes = table.value("package-indexes").map(|node| {
        let mut read = |node: &Node, sink: &mut Sink<'_>| package_indexes(node, asked, sink);
        entries::read_map_or_list(node, &mut read, sink)
    });
    let allow_two_cuda_runtimes = table
        .value("allow-two-cuda-runtimes")
        .and_then(|node| choice(node, "allow-two-cuda-runtimes", ON_OR_OFF, sink));
    let build_from_source = table
        .value("build-from-source")
        .map(|node| entries::read(node, ("`build-from-source`", "docopt"), &mut built, sink));
    Some(PypiOptions {
        index_url,
        extra_index_urls: extra_index_urls.unwrap_or_default(),
        find_links: find_links.unwrap_or_default(),
        package_indexes: package_indexes.unwrap_or_default(),
        allow_two_cuda_runtimes: allow_two_cuda_runtimes.is_some_and(|located| located.value),
        build_from_source: build_from_source.unwrap_or_default(),
    })
}

/// Reads the name of a package that may be built.
fn built(node: &Node, sink: &mut Sink<'_>) -> Option<Located<String>> {
    let text = text(
        node,
        ("a package", "a name"),
        "write its name: `docopt`",
        sink,
    )?;
    match normalized(text) {
        Some(name) => Some(sink.located(name, node.mark)),
        None => {
            sink.report(node.mark, BadIndex::Package(text.to_string()));
            None
        }
    }
}

fn checked(
    node: &Node,
    check: fn(&str) -> Result<(), BadIndex>,
    sink: &mut Sink<'_>,
) -> Option<Located<String>> {
    let help = "write for example `https://example.org/simple`";
    let text = text(node, ("an index", "a text"), help, sink)?;
    match check(text) {
        Ok(()) => Some(sink.located(text.to_string(), node.mark)),
        Err(bad) => {
            sink.report(node.mark, bad);
            None
        }
    }
}

fn package_indexes(
    node: &Node,
    asked: &[&Requirement],
    sink: &mut Sink<'_>,
) -> Option<Vec<PackageIndex>> {
    let what = "`package-indexes`";
    let Kind::Map(map) = &node.kind else {
        table::refuse_type(
            node,
            (what, "a map"),
            "write `NAME: URL` in a line each",
            sink,
        );
        return None;
    };
    let mut indexes = Vec::new();
    for (written, mark, value) in table::entries(map, what, sink) {
        let url = checked(value, check_index, sink);
        let problem = match normalized(written) {
            None => BadIndex::Name(written.to_string()),
            Some(name) if !asked.iter().any(|one| one.name.as_ref() == name) => {
                let known = asked.iter().map(|one| one.name.as_ref());
                let meant = suggest(&name, known).map(ToString::to_string);
                BadIndex::NotAsked { name, meant }
            }
            Some(name) => {
                indexes.extend(url.map(|url| PackageIndex { name, url }));
                continue;
            }
        };
        sink.report(mark, Problem::Index(problem));
    }
    Some(indexes)
}

/// Checks the URL of an index.
///
/// # Errors
/// Says what is wrong with it, without a secret.
pub fn check_index(text: &str) -> Result<(), BadIndex> {
    // Before anything else, so that no message repeats a secret.
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest);
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next();
    if authority.is_some_and(|host| host.contains('@')) {
        return Err(BadIndex::Secret);
    }
    if text.contains(['?', '#']) {
        return Err(BadIndex::Query);
    }
    let form = || BadIndex::Form(text.to_string());
    let url = Url::parse(text).map_err(|_| form())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadIndex::Secret);
    }
    match url.scheme() {
        "https" | "http" if url.has_host() && text.contains("://") => Ok(()),
        "https" | "http" => Err(form()),
        scheme => Err(BadIndex::Scheme(scheme.to_string())),
    }
}

/// Checks a folder of wheels, or the URL of a page that links to wheels.
///
/// # Errors
/// Says what is wrong with it, without a secret.
pub fn check_links(text: &str) -> Result<(), BadIndex> {
    if text.contains("://") {
        return check_index(text);
    }
    // Nothing is put in for these, and a folder is written in one way only.
    let is_strange = text.trim() != text
        || text.is_empty()
        || text.starts_with(['~', '-'])
        || text.contains(['$', '\\', '%', '@', '?', '#'])
        || text
            .split_once(':')
            .is_some_and(|(drive, _)| drive.len() != 1);
    match is_strange {
        true => Err(BadIndex::Folder(text.to_string())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_a_url_without_a_secret() {
        for good in ["https://wheel.io/simple", "http://10.0.0.1:8080/simple/"] {
            assert_eq!(check_index(good), Ok(()));
        }
        let secret = Err(BadIndex::Secret);
        assert_eq!(check_index("https://me:hunter2@x.example/simple"), secret);
        assert_eq!(check_index("https:me:hunter2@x.example/simple"), secret);
        assert_eq!(check_index("//token@x.example/simple"), secret);
        let query = Err(BadIndex::Query);
        assert_eq!(check_index("https://x.example/?token=1"), query);
        assert!(matches!(
            check_index("wheel.io/simple"),
            Err(BadIndex::Form(_))
        ));
        assert!(matches!(check_index("https:/x"), Err(BadIndex::Form(_))));
        assert!(matches!(check_index("file:///x"), Err(BadIndex::Scheme(_))));
        assert!(matches!(
            check_index("git+https://x"),
            Err(BadIndex::Scheme(_))
        ));
    }

    #[test]
    fn links_are_a_folder_or_a_page() {
        for good in [
            "wheels",
            "./wheels",
            "../w",
            "/srv/w",
            "C:/w",
            "https://x.example/w.html",
        ] {
            assert_eq!(check_links(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "~/w",
            "$HOME/w",
            r"a\b",
            "--x",
            " w",
            "https:w",
            "me@host:w",
        ] {
            assert!(
                matches!(check_links(bad), Err(BadIndex::Folder(_))),
                "{bad}"
            );
        }
    }
}
