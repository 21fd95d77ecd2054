//! Whether a wheel holds what its own `RECORD` says.
//!
//! The hash of the archive vouches for all of it; a `RECORD` that contradicts
//! the files shows that whoever built the archive did something else than it says.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rattler_digest::Sha256Hash;

/// A file as it was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its hash, if its content is that of the archive.
    pub sha256: Option<Sha256Hash>,
    /// Its size in bytes, likewise.
    pub size: Option<u64>,
}

/// The largest `RECORD` that is read, in bytes.
pub const MAX_RECORD_BYTES: u64 = 64 << 20;

/// Compares the files of a wheel with its `RECORD`.
///
/// `written` holds the files by the path that an installer gives them:
/// `site-packages/…`, `python-scripts/…`, `include/…`, and others at the root.
/// `stem` is the name of the `.dist-info` directory without that end.
///
/// # Errors
/// Says what is wrong with the first file that differs.
pub fn check_record(
    text: &str,
    stem: &str,
    written: &BTreeMap<String, Written>,
) -> Result<(), String> {
    let info = format!("{stem}.dist-info");
    let data = format!("{stem}.data");
    let made = ["RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER"];
    let made: Vec<String> = made.iter().map(|name| format!("{info}/{name}")).collect();
    let mut listed = BTreeSet::new();
    for row in rows(text) {
        let [path, hash, size] = row?;
        if path.is_empty() || path.ends_with('/') || made.contains(&path) || is_compiled(&path) {
            continue;
        }
        let target = target(&path, &data);
        let Some(file) = written.get(&target) else {
            return Err(format!("its `RECORD` names `{path}`, which is not in it"));
        };
        let wrong = |what| Err(format!("its `RECORD` gives another {what} for `{path}`"));
        if let (Some(encoded), Some(actual)) = (hash.strip_prefix("sha256="), file.sha256)
            && URL_SAFE_NO_PAD
                .decode(encoded.trim_end_matches('='))
                .ok()
                .as_deref()
                != Some(actual.as_slice())
        {
            return wrong("hash");
        }
        if let (Ok(size), Some(actual)) = (size.parse::<u64>(), file.size)
            && size != actual
        {
            return wrong("size");
        }
        listed.insert(target);
    }
    let made: Vec<String> = made.iter().map(|path| target(path, &data)).collect();
    let unlisted = |path: &&String| !listed.contains(*path) && !made.contains(path);
    match written.keys().find(unlisted) {
        Some(path) => Err(format!("its `RECORD` does not name `{path}`")),
        None => Ok(()),
    }
}

/// Returns whether a path is that of compiled code, which is made anew.
fn is_compiled(path: &str) -> bool {
    path.split('/').any(|part| part == "__pycache__")
}

/// Returns where an installer puts a file of the archive.
fn target(path: &str, data: &str) -> String {
    let scheme = path
        .strip_prefix(data)
        .and_then(|rest| rest.strip_prefix('/'));
    match scheme.and_then(|rest| rest.split_once('/')) {
        Some(("purelib" | "platlib", rest)) => format!("site-packages/{rest}"),
        Some(("scripts", rest)) => format!("python-scripts/{rest}"),
        Some(("headers", rest)) => format!("include/{rest}"),
        Some(("data", rest)) => rest.to_string(),
        Some(_) | None => format!("site-packages/{path}"),
    }
}

/// Splits CSV with up to three fields per row; more are left out.
fn rows(text: &str) -> impl Iterator<Item = Result<[String; 3], String>> + '_ {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(['\r', '\n']);
        if rest.is_empty() {
            return None;
        }
        let mut fields = [const { String::new() }; 3];
        let mut index = 0;
        loop {
            let (field, behind) = match field(rest) {
                Some(found) => found,
                None => {
                    rest = "";
                    return Some(Err("its `RECORD` cannot be read".to_string()));
                }
            };
            if let Some(place) = fields.get_mut(index) {
                *place = field;
            }
            index += 1;
            match behind.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = behind;
                    return Some(Ok(fields));
                }
            }
        }
    })
}

/// Takes one field; what is behind it begins with a comma, a line end, or not at all.
fn field(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '\r', '\n']).unwrap_or(text.len());
        return Some((text[..end].to_string(), &text[end..]));
    };
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => {
                let ends = rest.is_empty() || rest.starts_with([',', '\r', '\n']);
                return ends.then_some((field, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rattler_digest::{Sha256, compute_bytes_digest};

    use super::*;

    fn written(files: &[(&str, &str)]) -> BTreeMap<String, Written> {
        let file = |(path, text): &(&str, &str)| {
            let written = Written {
                sha256: Some(compute_bytes_digest::<Sha256>(text.as_bytes())),
                size: Some(text.len() as u64),
            };
            (path.to_string(), written)
        };
        files.iter().map(file).collect()
    }

    fn line(path: &str, text: &str) -> String {
        let hash = compute_bytes_digest::<Sha256>(text.as_bytes());
        format!(
            "{path},sha256={},{}\r\n",
            URL_SAFE_NO_PAD.encode(hash),
            text.len()
        )
    }

    fn honest() -> (String, BTreeMap<String, Written>) {
        let text = [
            line("a/__init__.py", "x"),
            line("\"a/b,c\"\"d.txt\"", "y"),
            line("a-1.data/scripts/run", "z"),
            line("a-1.data/data/etc/a.conf", "w"),
            line("a-1.dist-info/METADATA", "m"),
            "a/__pycache__/x.pyc,,\na-1.dist-info/RECORD,,\n".to_string(),
        ];
        let files = written(&[
            ("site-packages/a/__init__.py", "x"),
            ("site-packages/a/b,c\"d.txt", "y"),
            ("python-scripts/run", "z"),
            ("etc/a.conf", "w"),
            ("site-packages/a-1.dist-info/METADATA", "m"),
            ("site-packages/a-1.dist-info/INSTALLER", "conda\n"),
            ("site-packages/a-1.dist-info/RECORD", "…"),
        ]);
        (text.concat(), files)
    }

    #[test]
    fn an_honest_record_is_taken() {
        let (text, files) = honest();
        assert_eq!(check_record(&text, "a-1", &files), Ok(()));
        assert_eq!(check_record(text.trim_end(), "a-1", &files), Ok(()));
    }

    #[test]
    fn a_record_that_lies_is_not() {
        let (text, files) = honest();
        let told = |text: &str| check_record(text, "a-1", &files).unwrap_err();
        let swapped = text.replace(&line("a/__init__.py", "x"), &line("a/__init__.py", "q"));
        assert_eq!(
            told(&swapped),
            "its `RECORD` gives another hash for `a/__init__.py`"
        );
        let resized = text.replacen(",1\r\n", ",2\r\n", 1);
        assert_eq!(
            told(&resized),
            "its `RECORD` gives another size for `a/__init__.py`"
        );
        let unlisted = text.replace(&line("a-1.data/scripts/run", "z"), "");
        assert_eq!(
            told(&unlisted),
            "its `RECORD` does not name `python-scripts/run`"
        );
        let more = format!("{text}{}", line("../../etc/passwd", "p"));
        assert_eq!(
            told(&more),
            "its `RECORD` names `../../etc/passwd`, which is not in it"
        );
        assert_eq!(told("\"a"), "its `RECORD` cannot be read");
        assert_eq!(told("\"a\"b,,"), "its `RECORD` cannot be read");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged(text in "[a,\"\r\n/.=\u{e4}]{0,60}") {
            let _ = check_record(&text, "a-1", &BTreeMap::new());
        }
    }
}
