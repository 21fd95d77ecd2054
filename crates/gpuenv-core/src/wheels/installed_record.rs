//! The `RECORD` of a wheel in an environment: what of it lies where.
//!
//! In the cache it speaks of the cache's own layout. `importlib.metadata`, `pip show`
//! and `pip uninstall` want the paths of the environment that they look at.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rattler_digest::Sha256Hash;

/// A file that a wheel has brought into an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought<'a> {
    /// Where it is, below the prefix, with slashes.
    pub path: &'a str,
    /// The hash of what is there.
    pub sha256: Option<Sha256Hash>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// Returns whether a path is that of a `RECORD` of a wheel, right below its directory.
pub fn is_record(path: &str) -> bool {
    let folder = path.strip_suffix("/RECORD");
    folder.is_some_and(|folder| folder.ends_with(".dist-info") && folder.contains('/'))
}

/// Returns the `RECORD` of a wheel in an environment, as PEP 376 has it: each path
/// relative to the directory of modules, from which it may lead out.
///
/// `record` is where it is itself, below the prefix.
pub fn installed_record(record: &str, brought: &[Brought<'_>]) -> String {
    let site = record.rsplitn(3, '/').nth(2).unwrap_or_default();
    let others = brought.iter().filter(|file| file.path != record);
    let rows = others.map(|file| row(site, file));
    // A file cannot hold its own hash.
    let own = format!("{},,\n", quoted(&relative(site, record)));
    rows.chain([own]).collect()
}

fn row(site: &str, file: &Brought<'_>) -> String {
    let path = quoted(&relative(site, file.path));
    match (file.sha256, file.size) {
        (Some(hash), Some(size)) => {
            format!("{path},sha256={},{size}\n", URL_SAFE_NO_PAD.encode(hash))
        }
        _ => format!("{path},,\n"),
    }
}

/// Returns the way from one directory to a path, both below the prefix.
fn relative(from: &str, to: &str) -> String {
    let parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let target: Vec<&str> = to.split('/').collect();
    let shared = parts.iter().zip(&target).take_while(|(a, b)| a == b);
    let shared = shared.count();
    let up = std::iter::repeat_n("..", parts.len() - shared);
    let way: Vec<&str> = up.chain(target[shared..].iter().copied()).collect();
    way.join("/")
}

/// Writes a field of CSV.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rattler_digest::{Sha256, compute_bytes_digest};

    use super::*;

    fn brought<'a>(path: &'a str, text: &str) -> Brought<'a> {
        Brought {
            path,
            sha256: Some(compute_bytes_digest::<Sha256>(text.as_bytes())),
            size: Some(text.len() as u64),
        }
    }

    #[test]
    fn paths_lead_from_the_directory_of_modules() {
        let record = "lib/python3.11/site-packages/a-1.dist-info/RECORD";
        let files = [
            brought("lib/python3.11/site-packages/a/__init__.py", ""),
            brought("lib/python3.11/site-packages/a/b,c\"d", "y"),
            brought("bin/a", "x"),
            brought("share/a/data", "z"),
            brought("lib/libextra.so", "w"),
            brought(record, "this"),
        ];
        let text = installed_record(record, &files);
        let paths: Vec<&str> = text
            .lines()
            .filter_map(|line| Some(line.split_once(",sha256=")?.0))
            .collect();
        assert_eq!(
            paths,
            [
                "a/__init__.py",
                "\"a/b,c\"\"d\"",
                "../../../bin/a",
                "../../../share/a/data",
                "../../libextra.so",
            ]
        );
        assert!(text.ends_with("\na-1.dist-info/RECORD,,\n"), "{text}");
        assert!(
            text.contains("a/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n")
        );
    }

    #[test]
    fn on_windows_scripts_are_two_levels_up() {
        let record = "Lib/site-packages/a-1.dist-info/RECORD";
        let text = installed_record(record, &[brought("Scripts/a.exe", "MZ")]);
        assert!(text.starts_with("../../Scripts/a.exe,sha256="), "{text}");
    }

    #[test]
    fn a_record_is_known_by_its_place() {
        assert!(is_record(
            "lib/python3.11/site-packages/a-1.dist-info/RECORD"
        ));
        assert!(!is_record("lib/a/RECORD"));
        assert!(!is_record("a-1.dist-info/licenses/RECORD"));
        assert!(!is_record("a-1.dist-info/RECORD"));
    }

    proptest::proptest! {
        #[test]
        fn any_paths_do(from in "[a/.]{0,12}", to in "[a/.,\"]{0,12}") {
            let _ = installed_record(&from, &[brought(&to, "")]);
        }
    }
}
