//! Which DLLs of a Windows environment import something that nobody has.
//!
//! The names come from the import tables (Microsoft, PE Format, ".idata"). Only
//! what is imported when a file is loaded counts; what is asked for later may be
//! missing on purpose.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use gpuenv_core::doctor::UnresolvedDll;
use object::{
    LittleEndian, ReadCache,
    read::pe::{ImageNtHeaders, PeFile64},
};

use super::root::names;

/// Larger files are libraries of kernels, whose tables take long to reach.
const LARGEST: u64 = 64 << 20;

/// So many files are read.
const MOST_FILES: usize = 400;

/// So many missing names are told.
const MOST_TOLD: usize = 8;

/// So many imports of one file are read.
const MOST_IMPORTS: usize = 512;

/// Where frameworks keep the libraries that they load, below the prefix.
const PLACES: [&str; 3] = [
    "Lib/site-packages/torch/lib",
    "Lib/site-packages/tensorflow",
    "Library/bin",
];

/// Where Windows and Python look for what these import.
const SEARCHED: [&str; 8] = [
    "",
    "Library/mingw-w64/bin",
    "Library/usr/bin",
    "Library/bin",
    "Library/bin/x64",
    "DLLs",
    "Lib/site-packages/torch/lib",
    "Lib/site-packages/tensorflow",
];

/// What no Windows has, so that it is missing wherever the environment lacks it.
const NEVER_IN_WINDOWS: [&str; 2] = ["libomp140.x86_64.dll", "zlibwapi.dll"];

/// Returns what is imported and is neither in the environment nor in Windows.
pub(super) fn unresolved(prefix: &Path) -> Vec<UnresolvedDll> {
    let windows = system_libraries();
    let mut here: BTreeSet<String> = BTreeSet::new();
    let mut folders: Vec<PathBuf> = SEARCHED.map(|place| prefix.join(place)).to_vec();
    let nvidia = prefix.join("Lib/site-packages/nvidia");
    for wheel in names(&nvidia) {
        let bin = nvidia.join(wheel).join("bin");
        folders.extend([bin.join("x86_64"), bin]);
    }
    for folder in folders {
        here.extend(names(&folder).iter().map(|name| name.to_ascii_lowercase()));
    }
    let has = |name: &String| match &windows {
        Some(windows) => windows.contains(name) || name.starts_with("api-ms-"),
        // Looked at from elsewhere, what Windows has is not known.
        None => !NEVER_IN_WINDOWS.contains(&name.as_str()),
    };
    let files = PLACES.iter().flat_map(|place| {
        let names = names(&prefix.join(place)).into_iter();
        names.map(move |name| format!("{place}/{name}"))
    });
    let libraries = files.filter(|file| file.to_ascii_lowercase().ends_with(".dll"));
    let mut told = BTreeSet::new();
    let mut unresolved = Vec::new();
    for file in libraries.take(MOST_FILES) {
        for name in imports(&prefix.join(&file)).unwrap_or_default() {
            if !here.contains(&name) && !has(&name) && told.insert(name.clone()) {
                let importer = file.clone();
                unresolved.push(UnresolvedDll { importer, name });
            }
        }
    }
    unresolved.truncate(MOST_TOLD);
    unresolved
}

/// Returns the names that a file imports, in lower case; `None` if it is no DLL.
fn imports(file: &Path) -> Option<Vec<String>> {
    let file = fs_err::File::open(file).ok()?;
    if file.metadata().ok()?.len() > LARGEST {
        return None;
    }
    let cache = ReadCache::new(file);
    let pe = PeFile64::parse(&cache).ok()?;
    if !pe.nt_headers().is_valid_optional_magic() {
        return None;
    }
    let table = pe.import_table().ok()??;
    let mut descriptors = table.descriptors().ok()?;
    let mut names = Vec::new();
    while let Ok(Some(descriptor)) = descriptors.next() {
        let name = table.name(descriptor.name.get(LittleEndian)).ok()?;
        names.push(String::from_utf8_lossy(name).to_ascii_lowercase());
        if names.len() == MOST_IMPORTS {
            break;
        }
    }
    Some(names)
}

/// Returns what Windows has, in lower case; `None` elsewhere.
fn system_libraries() -> Option<BTreeSet<String>> {
    if !cfg!(windows) {
        return None;
    }
    let system = names(Path::new("C:/Windows/System32")).into_iter();
    let system: BTreeSet<String> = system.map(|name| name.to_ascii_lowercase()).collect();
    // Windows can lie elsewhere.
    (!system.is_empty()).then_some(system)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes the least file that imports these.
    pub(crate) fn importing(dlls: &[&str]) -> Vec<u8> {
        const SECTION: u32 = 0x200;
        const ADDRESS: u32 = 0x1000;
        let mut data = vec![0u8; 20 * (dlls.len() + 1)];
        for (index, dll) in dlls.iter().enumerate() {
            let name = ADDRESS + data.len() as u32;
            data[index * 20 + 12..index * 20 + 16].copy_from_slice(&name.to_le_bytes());
            data.extend(dll.bytes().chain([0]));
        }
        let mut file = vec![0u8; SECTION as usize];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x40u32.to_le_bytes());
        put(0x40, b"PE\0\0");
        put(0x44, &0x8664u16.to_le_bytes());
        put(0x46, &1u16.to_le_bytes());
        put(0x54, &240u16.to_le_bytes());
        put(0x58, &0x20bu16.to_le_bytes());
        put(0x58 + 108, &16u32.to_le_bytes());
        put(0x58 + 120, &ADDRESS.to_le_bytes());
        put(0x58 + 124, &(data.len() as u32).to_le_bytes());
        let section = 0x58 + 240;
        put(section, b".idata");
        put(section + 8, &(data.len() as u32).to_le_bytes());
        put(section + 12, &ADDRESS.to_le_bytes());
        put(section + 16, &(data.len() as u32).to_le_bytes());
        put(section + 20, &SECTION.to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn names_are_read_from_the_table_and_from_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.dll");
        let whole = importing(&["KERNEL32.dll", "libomp140.x86_64.dll"]);
        fs_err::write(&file, &whole).unwrap();
        let names = imports(&file).unwrap();
        assert_eq!(names, ["kernel32.dll", "libomp140.x86_64.dll"]);
        // Whatever is broken in it is no reason to panic.
        for cut in 0..whole.len() {
            fs_err::write(&file, &whole[..cut]).unwrap();
            let _ = imports(&file);
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            fs_err::write(&file, broken).unwrap();
            let _ = imports(&file);
        }
        fs_err::write(&file, "no DLL").unwrap();
        assert_eq!(imports(&file), None);
    }
}
