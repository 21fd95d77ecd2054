//! Lists of directories and remembered values, cut exactly as the system stores them.
//!
//! An environment holds bytes (on Windows, 16-bit units), not text, and what
//! gpuenv did not write must survive unchanged. So nothing here decodes.

use std::ffi::{OsStr, OsString};

/// Returns a value that was there, as it is remembered.
pub(super) fn tagged(value: &OsStr) -> OsString {
    let mut tagged = OsString::from("s");
    tagged.push(value);
    tagged
}

/// Returns the value behind an `s`, or nothing behind a `u`.
pub(super) fn untagged(saved: &OsStr) -> Option<OsString> {
    let units = units(saved);
    let rest = units.strip_prefix(&[Unit::from(b's')])?;
    Some(from_units(rest))
}

/// Returns the directories as they stand in a list.
pub(super) fn block(dirs: &[String], separator: char) -> String {
    dirs.join(separator.encode_utf8(&mut [0; 4]))
}

/// Returns the list without the first occurrence of the block, if there is one.
pub(super) fn cut(list: &OsStr, block: &str, separator: char) -> Option<OsString> {
    let separator = separator as u8 as Unit;
    let framed = |inner: Vec<Unit>| {
        let mut framed = vec![separator];
        framed.extend(inner);
        framed.push(separator);
        framed
    };
    let list = framed(units(list));
    let block = framed(units(OsStr::new(block)));
    let start = list
        .windows(block.len())
        .position(|window| window == block)?;
    let mut rest = list[..start].to_vec();
    rest.push(separator);
    rest.extend(&list[start + block.len()..]);
    let unframed = rest.strip_prefix(&[separator]).unwrap_or(&rest);
    let unframed = unframed.strip_suffix(&[separator]).unwrap_or(unframed);
    Some(from_units(unframed))
}

/// Returns the entries of a list, empty ones too.
pub(super) fn units_between(list: &OsStr, separator: char) -> Vec<OsString> {
    let units = units(list);
    let entries = units.split(|unit| *unit == separator as u8 as Unit);
    entries.map(from_units).collect()
}

#[cfg(windows)]
type Unit = u16;
#[cfg(not(windows))]
type Unit = u8;

#[cfg(windows)]
fn units(text: &OsStr) -> Vec<Unit> {
    std::os::windows::ffi::OsStrExt::encode_wide(text).collect()
}

#[cfg(windows)]
fn from_units(units: &[Unit]) -> OsString {
    std::os::windows::ffi::OsStringExt::from_wide(units)
}

#[cfg(not(windows))]
fn units(text: &OsStr) -> Vec<Unit> {
    text.as_encoded_bytes().to_vec()
}

#[cfg(not(windows))]
fn from_units(units: &[Unit]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(units.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_text(list: &str, block: &str) -> Option<String> {
        cut(OsStr::new(list), block, ':').map(|rest| rest.into_string().expect("made of text"))
    }

    #[test]
    fn cutting_takes_the_first_occurrence_and_keeps_empty_elements() {
        for (list, rest) in [
            ("/p", Some("")),
            ("/p:", Some("")),
            ("/p:/a", Some("/a")),
            ("/a:/p", Some("/a")),
            ("/a:/p:/b", Some("/a:/b")),
            ("/p::x:", Some(":x:")),
            ("/p:/p", Some("/p")),
            ("/a:/pp:/p/:x/p", None),
            ("", None),
            (":", None),
        ] {
            assert_eq!(cut_text(list, "/p").as_deref(), rest, "{list}");
        }
        assert_eq!(cut_text("/a:/p:/q:/b", "/p:/q").as_deref(), Some("/a:/b"));
    }

    #[test]
    fn a_remembered_value_tells_unset_from_empty() {
        assert_eq!(untagged(&tagged(OsStr::new(""))), Some(OsString::new()));
        assert_eq!(untagged(&tagged(OsStr::new("u"))), Some("u".into()));
        assert_eq!(untagged(OsStr::new("u")), None);
    }
}
