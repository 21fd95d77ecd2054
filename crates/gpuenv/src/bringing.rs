//! Files that people bring: found, read within limits, with those that they include.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Place,
    import::{self, Format, ImportError, MAX_BYTES, Text, Texts},
};

use crate::{Failure, word::word};

/// What commands on the command line are called in messages.
const COMMAND_LINE: &str = "<command line>";

/// What is piped in is called in messages.
const STDIN: &str = "<stdin>";

/// Reads what the user names: a file, `-` for stdin, or command lines themselves.
///
/// # Errors
/// GE131 if it is no text, GE136 if it cannot be read.
pub fn text(source: &str) -> Result<Text, Failure> {
    if source == "-" {
        let mut bytes = Vec::new();
        let limit = MAX_BYTES as u64 + 1;
        io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(STDIN, &error))?;
        let text = Text::decode(STDIN, &bytes).map_err(Diagnostic::from)?;
        return Ok(cells(text));
    }
    if !Path::new(source).exists() && (is_commands(source) || is_pasted(source)) {
        return Ok(Text::decode(COMMAND_LINE, source.as_bytes()).map_err(Diagnostic::from)?);
    }
    Ok(cells(file(Path::new(source))?))
}

/// Takes the cells of a notebook for the text; its places are those in the cells.
fn cells(text: Text) -> Text {
    match import::page(&text.text) {
        Some(page) => Text {
            file: format!("{} (cells)", text.file),
            text: page,
        },
        None => text,
    }
}

/// Lines of a page: nobody calls a file so.
fn is_pasted(source: &str) -> bool {
    let end = Path::new(source.trim()).extension();
    let is_file = end.is_some_and(|end| end.len() <= 4 && end.to_string_lossy().is_ascii());
    let first = source.split_whitespace().next().unwrap_or_default();
    let is_path = first.starts_with(['.', '/', '~', '\\']);
    let has_more = source.trim().contains(char::is_whitespace) || source.contains('(');
    source.contains('\n') || (has_more && !is_file && !is_path)
}

/// Returns whether a text is no file: piped in, or typed on the command line.
pub fn is_typed(text: &Text) -> bool {
    text.file == COMMAND_LINE || text.file == STDIN
}

/// Words with spaces between them that begin like a command are one.
fn is_commands(source: &str) -> bool {
    let Ok(text) = Text::decode(COMMAND_LINE, source.as_bytes()) else {
        return false;
    };
    source.trim().contains(char::is_whitespace)
        && matches!(import::recognise(&text), Some(Format::Commands))
}

fn file(path: &Path) -> Result<Text, Failure> {
    let label = path.display().to_string();
    let bytes = read(path).map_err(|error| unreadable(&label, &error))?;
    Ok(Text::decode(&label, &bytes).map_err(Diagnostic::from)?)
}

/// Reads a regular file; a device or a pipe might never end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(label: &str, error: &io::Error) -> Diagnostic {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let message = match is_missing {
        true => format!("there is no file `{label}`"),
        false => format!("`{label}` cannot be read"),
    };
    let mut diagnostic = Diagnostic::error(Code::IMPORT_UNREADABLE, message).at(Place::file(label));
    if !is_missing {
        diagnostic = diagnostic.cause(error);
    }
    diagnostic
        .help("name a file, `-` for what is piped in, or command lines in quotes: `\"conda install -c conda-forge cupy\"`")
}

/// Adds the files that the first one includes, and those that they include.
///
/// # Errors
/// GE135 if one leads out of the folder of the first file and out of the current one,
/// GE136 if one cannot be read.
pub fn with_includes(text: Text, format: Format) -> Result<Texts, Failure> {
    let mut texts = Texts::new(text);
    if format == Format::Pixi || format == Format::Pyproject {
        return beside(texts);
    }
    let roots = roots(Path::new(&texts.main().file));
    let mut next = 0;
    while next < texts.len() {
        let from = PathBuf::from(&texts.text(next).file);
        for include in import::includes(&texts, next, format) {
            if include.name.contains("://") {
                continue;
            }
            let path = from.parent().unwrap_or(Path::new("")).join(&include.name);
            let outside = |reason: &str| ImportError::Outside {
                place: texts.place(include.at),
                name: include.name.clone(),
                reason: reason.to_string(),
            };
            let real = match fs::canonicalize(&path) {
                Ok(real) => real,
                Err(error) => {
                    let label = path.display().to_string();
                    let mut missing = unreadable(&label, &error).at(texts.place(include.at));
                    missing.help = vec![format!(
                        "put the file there, or delete the line that names `{}`",
                        include.name
                    )];
                    return Err(missing.into());
                }
            };
            if !roots.iter().any(|root| real.starts_with(root)) {
                let reason = "it lies outside of the folder of the file and of this folder";
                return Err(Diagnostic::from(outside(reason)).into());
            }
            let found = file(&path)?;
            texts.link(&include, found).map_err(Diagnostic::from)?;
        }
        next += 1;
    }
    Ok(texts)
}

/// A project of pixi has its lock beside it.
fn beside(mut texts: Texts) -> Result<Texts, Failure> {
    let main = PathBuf::from(&texts.main().file);
    let path = main.with_file_name("pixi.lock");
    if main.is_file() && path.is_file() {
        let lock = file(&path)?;
        let include = import::Include {
            name: "pixi.lock".to_string(),
            at: import::At::default(),
        };
        texts.link(&include, lock).map_err(Diagnostic::from)?;
    }
    Ok(texts)
}

/// The folders from which files may be included.
fn roots(main: &Path) -> Vec<PathBuf> {
    let beside = main.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let beside = match beside.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => beside,
    };
    [beside, PathBuf::from(".")]
        .iter()
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect()
}

/// Decides what kind of file it is: as the user says, else by its content.
///
/// # Errors
/// GE130 if nobody can tell.
pub fn format(text: &Text, said: Option<Format>) -> Result<Format, Failure> {
    if said.is_none() && is_recipe(text) {
        let file = &text.file;
        let message = format!("`{file}` is a recipe already");
        let error = Diagnostic::error(Code::IMPORT_FORMAT, message).at(Place::file(file));
        return Err(error
            .help(format!("lock it: `gpuenv lock {}`", word(file)))
            .into());
    }
    let found = said.or_else(|| import::recognise(text));
    import::check_size(text, found).map_err(Diagnostic::from)?;
    let found = found.ok_or_else(|| ImportError::Format {
        file: text.file.clone(),
        place: text.place(0..text.text.lines().next().unwrap_or_default().len()),
    });
    Ok(found.map_err(Diagnostic::from)?)
}

/// Returns whether a text is a recipe of gpuenv.
pub fn is_recipe(text: &Text) -> bool {
    let has_line = |start: &str| text.text.lines().any(|line| line.starts_with(start));
    has_line("schema:") && (has_line("channels:") || has_line("extends:"))
}

/// Writes a file that is not there yet, or any file with `force`, in one piece.
///
/// # Errors
/// GE137 if it is there, GE513 if it cannot be written.
pub fn write_new(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    refuse_existing(path, force)?;
    crate::lockfile::replace(path, text).map_err(|error| {
        let label = path.display();
        let message = format!("`{label}` cannot be written");
        Diagnostic::error(Code::INSTALL_IO, message).cause(crate::lockfile::without_path(&error))
    })?;
    Ok(())
}

/// Writes several files into a directory that may not be there yet; returns what
/// to say, and their paths.
///
/// # Errors
/// GE137 if one is there, GE513 if one cannot be written.
pub fn write_all(
    directory: &Path,
    files: Vec<(String, String)>,
    force: bool,
) -> Result<(String, Vec<String>), Failure> {
    let placed = files
        .into_iter()
        .map(|(name, text)| (directory.join(name), text));
    let placed: Vec<(PathBuf, String)> = placed.collect();
    for (path, _) in &placed {
        refuse_existing(path, force)?;
    }
    fs::create_dir_all(directory).map_err(Failure::io)?;
    let mut told = String::new();
    let mut written = Vec::new();
    for (path, text) in &placed {
        write_new(path, text, force)?;
        let label = path.display().to_string();
        told += &format!("`{label}` is written\n");
        written.push(label);
    }
    Ok((told, written))
}

/// Refuses to write over a file, before anything else is written.
///
/// # Errors
/// GE137 if it is there.
pub fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if force || fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let label = path.display().to_string();
    Err(
        Diagnostic::error(Code::IMPORT_EXISTS, format!("`{label}` exists already"))
            .at(Place::file(label))
            .help("name another file, or write over it with `--force`")
            .into(),
    )
}
