//! Where the program of `gpuenv run` is.
//!
//! It is looked up by the lists of the environment in which it will run, not by
//! those of gpuenv itself.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// What may stand for nothing behind the name of a program, where Windows does not say.
const EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// Returns the program's file, or its name where none is found.
pub(super) fn found(program: &OsStr, variables: &BTreeMap<OsString, OsString>) -> OsString {
    let path = value(variables, "PATH");
    let folders = path.into_iter().flat_map(std::env::split_paths);
    let extensions = match cfg!(windows) {
        true => extensions(value(variables, "PATHEXT")),
        false => Vec::new(),
    };
    let has_folder = Path::new(program).components().count() > 1;
    let places: Vec<PathBuf> = match has_folder {
        true if !cfg!(windows) => return program.to_os_string(),
        true => vec![PathBuf::from(program)],
        false => folders.map(|folder| folder.join(program)).collect(),
    };
    let files = places
        .iter()
        .flat_map(|place| candidates(place, &extensions));
    let found = files.into_iter().find(|file| is_executable(file));
    found.map_or_else(|| program.to_os_string(), OsString::from)
}

/// Returns a variable; Windows takes no heed of capitals in names.
fn value<'a>(variables: &'a BTreeMap<OsString, OsString>, name: &str) -> Option<&'a OsString> {
    let same = |(key, _): &(&OsString, &OsString)| match cfg!(windows) {
        true => key.eq_ignore_ascii_case(name),
        false => *key == name,
    };
    variables.iter().find(same).map(|(_, value)| value)
}

/// Returns the endings of programs, in the order in which they are tried.
fn extensions(listed: Option<&OsString>) -> Vec<String> {
    let listed = listed.map(|listed| listed.to_string_lossy().into_owned());
    let listed = listed.filter(|listed| listed.contains('.'));
    let listed = listed.unwrap_or_else(|| EXTENSIONS.to_string());
    let endings = listed.split(';').filter(|ending| ending.starts_with('.'));
    endings.map(str::to_ascii_lowercase).collect()
}

/// Returns the files that the name may mean: with extensions, itself only if it has one.
fn candidates(place: &Path, extensions: &[String]) -> Vec<PathBuf> {
    let extended = extensions.iter().map(|extension| {
        let mut file = place.as_os_str().to_os_string();
        file.push(extension);
        PathBuf::from(file)
    });
    let itself = extensions.is_empty() || place.extension().is_some();
    let itself = itself.then(|| place.to_path_buf());
    itself.into_iter().chain(extended).collect()
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs_err::metadata(file);
    metadata.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(place: &str, listed: Option<&str>) -> Vec<String> {
        let listed = listed.map(OsString::from);
        let files = candidates(Path::new(place), &extensions(listed.as_ref()));
        files
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    }

    #[test]
    fn windows_tries_its_extensions_in_order() {
        assert_eq!(names("pip", Some(".EXE;.bat;;odd")), ["pip.exe", "pip.bat"]);
        assert_eq!(
            names("a.b", None),
            ["a.b", "a.b.com", "a.b.exe", "a.b.bat", "a.b.cmd"]
        );
        assert_eq!(names("pip", Some("")).len(), 4);
        assert_eq!(candidates(Path::new("pip"), &[]), [Path::new("pip")]);
    }
}
