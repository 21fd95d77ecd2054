//! Where recipes come from: a path, `./recipes`, `$GPUENV_RECIPE_PATH`, the program.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{Code, Diagnostic, Place, recipe};
use include_dir::{Dir, include_dir};

use crate::word::word;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../recipes");

/// The largest recipe file that is read, in bytes; the parser has its own, lower limit.
const MAX_BYTES: u64 = 16 << 20;

/// The name of a recipe file that needs no name on the command line.
pub const DEFAULT_FILE: &str = "gpuenv.yaml";

/// What the label of a recipe inside the program begins with.
const SHIPPED_LABEL: &str = "gpuenv:";

/// The folder of what recipes inside the program share.
const PARTS: &str = "parts";

/// Where a recipe was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Inside the program.
    Shipped,
    /// In this file.
    File(PathBuf),
    /// Made of the packages on the command line: what stands behind `create` or `lock`.
    Words(String),
}

/// The text of a recipe, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeText {
    /// The file as the user knows it.
    pub label: String,
    /// The bytes, not yet looked at.
    pub bytes: Vec<u8>,
    /// Where it was found.
    pub origin: Origin,
    /// What the user chose of it now, as options.
    pub options: String,
}

impl RecipeText {
    /// Returns whether the program holds the very same recipe.
    ///
    /// A copy that nobody has changed is nobody's project: `create` leaves no lock
    /// beside it.
    pub fn is_shipped(&self) -> bool {
        let name = match &self.origin {
            Origin::Shipped => return true,
            Origin::Words(_) => return false,
            Origin::File(file) => file.file_stem().and_then(|stem| stem.to_str()),
        };
        let shipped = name.and_then(shipped);
        shipped.is_some_and(|shipped| shipped.bytes == self.bytes)
    }

    /// Returns the directory of its file.
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::Shipped | Origin::Words(_) => None,
            Origin::File(file) => std::path::absolute(file)
                .ok()
                .and_then(|file| file.parent().map(Path::to_path_buf)),
        }
    }

    /// Returns whether the lock of an environment is kept in its prefix alone.
    pub fn has_no_place(&self) -> bool {
        matches!(self.origin, Origin::Words(_)) || self.is_shipped()
    }

    /// Returns the command that locks it, as the user can type it here.
    pub fn lock_command(&self) -> String {
        self.command("lock")
    }

    /// Returns the command that makes an environment of it, as the user can type it here.
    pub fn create_command(&self) -> String {
        self.command("create")
    }

    fn command(&self, verb: &str) -> String {
        let mut command = match &self.origin {
            Origin::File(file) if file == Path::new(DEFAULT_FILE) => format!("gpuenv {verb}"),
            Origin::File(file) => format!("gpuenv {verb} {}", word(&file.to_string_lossy())),
            Origin::Words(words) => format!("gpuenv {verb} {words}"),
            Origin::Shipped => {
                let file = self
                    .label
                    .strip_prefix(SHIPPED_LABEL)
                    .unwrap_or(&self.label);
                format!("gpuenv {verb} {}", file.trim_end_matches(".yaml"))
            }
        };
        command.push_str(&self.options);
        command
    }
}

/// Where recipes are looked up by name, strongest first.
#[derive(Debug, Clone, Default)]
pub struct RecipePath {
    /// Directories of recipe files.
    pub directories: Vec<PathBuf>,
}

impl RecipePath {
    /// Returns `./recipes`, then the directories of `$GPUENV_RECIPE_PATH`.
    pub fn new(more: &[PathBuf]) -> Self {
        let mut directories = vec![PathBuf::from("recipes")];
        directories.extend_from_slice(more);
        Self { directories }
    }

    /// Finds the recipe that the user names, or the one of this directory.
    ///
    /// # Errors
    /// GE107 if there is none, GE108 if it cannot be read.
    pub fn find(&self, wanted: Option<&str>) -> Result<RecipeText, Diagnostic> {
        match wanted {
            None => self.find_default(),
            Some(wanted) if is_path(wanted) => read(Path::new(wanted)),
            Some(wanted) => self.find_named(wanted),
        }
    }

    fn find_default(&self) -> Result<RecipeText, Diagnostic> {
        let file = Path::new(DEFAULT_FILE);
        if file.exists() {
            return read(file);
        }
        let mut here: Vec<PathBuf> = files_in(Path::new("recipes"));
        match (here.pop(), here.is_empty()) {
            (Some(only), true) => read(&only),
            (found, _) => {
                let message = match found {
                    None => format!("there is no `{DEFAULT_FILE}` here"),
                    Some(_) => "there are several recipes in `recipes`".to_string(),
                };
                Err(Diagnostic::error(Code::RECIPE_NOT_FOUND, message)
                    .help("name a recipe: `gpuenv recipe list` shows those that are known"))
            }
        }
    }

    fn find_named(&self, wanted: &str) -> Result<RecipeText, Diagnostic> {
        for directory in &self.directories {
            for extension in ["yaml", "yml"] {
                let file = directory.join(format!("{wanted}.{extension}"));
                if file.is_file() {
                    return read(&file);
                }
            }
        }
        if let Some(text) = shipped(wanted) {
            return Ok(text);
        }
        let known: Vec<String> = self.list().into_keys().collect();
        let mut error = Diagnostic::error(
            Code::RECIPE_NOT_FOUND,
            format!("there is no recipe `{wanted}`"),
        );
        if let Some(meant) = recipe::suggest(wanted, known.iter().map(String::as_str)) {
            error = error.help(format!("did you mean `{meant}`?"));
        }
        Err(error
            .help("`gpuenv recipe list` shows the recipes that are known")
            .help("a recipe file is named with its path: `./NAME.yaml`"))
    }

    /// Reads the recipe in a file.
    ///
    /// # Errors
    /// GE107 if it is not there, GE108 if it cannot be read.
    pub fn read(file: &Path) -> Result<RecipeText, Diagnostic> {
        read(file)
    }

    /// Returns the recipe of that name inside the program.
    pub fn shipped(name: &str) -> Option<RecipeText> {
        shipped(name)
    }

    /// Returns the recipes in a directory that can be read, and in its `recipes`.
    pub fn beside(folder: &Path) -> Vec<RecipeText> {
        let files = [files_in(folder), files_in(&folder.join("recipes"))].concat();
        files.iter().filter_map(|file| read(file).ok()).collect()
    }

    /// Returns every recipe by name; a name found twice stands for the stronger one.
    pub fn list(&self) -> BTreeMap<String, RecipeText> {
        let shipped_files = SHIPPED.files().filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?;
            Some((name.to_string(), shipped(name)?))
        });
        let mut recipes: BTreeMap<_, _> = shipped_files.collect();
        for directory in self.directories.iter().rev() {
            for file in files_in(directory) {
                let name = file.file_stem().and_then(|stem| stem.to_str());
                if let (Some(name), Ok(text)) = (name, read(&file)) {
                    recipes.insert(name.to_string(), text);
                }
            }
        }
        recipes
    }
}

/// Returns whether the user means a path and not a name.
pub(crate) fn is_path(text: &str) -> bool {
    let has_separator = text.contains('/') || text.contains(std::path::MAIN_SEPARATOR);
    has_separator || text.ends_with(".yaml") || text.ends_with(".yml")
}

/// Returns the names of the recipes inside the program.
pub(crate) fn shipped_names() -> Vec<String> {
    let names = SHIPPED
        .files()
        .filter_map(|file| file.path().file_stem()?.to_str());
    names.map(ToString::to_string).collect()
}

/// Returns a part of recipes inside the program, which is no recipe of its own.
pub(crate) fn shipped_part(name: &str) -> Option<RecipeText> {
    let text = shipped_file(&format!("{PARTS}/{name}"))?;
    Some(text).filter(|_| !name.contains(['/', '\\', '.']))
}

/// Returns a recipe inside the program.
pub(crate) fn shipped(name: &str) -> Option<RecipeText> {
    let text = shipped_file(name)?;
    Some(text).filter(|_| !name.contains(['/', '\\']))
}

fn shipped_file(name: &str) -> Option<RecipeText> {
    let file = SHIPPED.get_file(format!("{name}.yaml"))?;
    Some(RecipeText {
        label: format!("{SHIPPED_LABEL}{name}.yaml"),
        bytes: file.contents().to_vec(),
        origin: Origin::Shipped,
        options: String::new(),
    })
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("yaml" | "yml")) && path.is_file()
        })
        .collect();
    files.sort();
    files
}

/// Reads a recipe's file.
///
/// # Errors
/// GE107 if there is none, GE108 if it cannot be read.
pub(crate) fn read(file: &Path) -> Result<RecipeText, Diagnostic> {
    let label = file.display().to_string();
    let bytes = read_bounded(file).map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::RECIPE_NOT_FOUND,
            _ => Code::RECIPE_UNREADABLE,
        };
        let message = match error.kind() {
            io::ErrorKind::NotFound => format!("there is no recipe file `{label}`"),
            _ => format!("the recipe file `{label}` cannot be read"),
        };
        let mut diagnostic = Diagnostic::error(code, message).at(Place::file(&label));
        if error.kind() != io::ErrorKind::NotFound {
            diagnostic = diagnostic.cause(&error);
        }
        diagnostic.help("name another file, or a known recipe: `gpuenv recipe list`")
    })?;
    Ok(RecipeText {
        label,
        bytes,
        origin: Origin::File(file.to_path_buf()),
        options: String::new(),
    })
}

/// Reads a regular file; a device or a pipe might never end.
fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(file)?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(fs::File::open(file)?, MAX_BYTES),
        &mut bytes,
    )?;
    Ok(bytes)
}
