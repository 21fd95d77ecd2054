//! Finds the driver's library and says which file it really is.
#![expect(unsafe_code, reason = "loading a library runs its initialisers")]

use std::{
    error::Error,
    ffi::c_void,
    path::{Path, PathBuf},
};

use gpuenv_core::probe::{DriverFile, LoadAttempt};

/// Where the driver's library is looked for, in this order.
///
/// Never `libcuda.so`: under that name toolkits ship a stub to link against.
#[cfg(unix)]
const CANDIDATES: &[&str] = &[
    // What the loader finds: `LD_LIBRARY_PATH`, the cache, the usual directories.
    "libcuda.so.1",
    "/usr/lib/wsl/lib/libcuda.so.1",
    "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
    "/usr/lib64/libcuda.so.1",
    "/usr/lib64/nvidia/libcuda.so.1",
    // Containers of Google's and Singularity's making, NixOS, Jetson.
    "/usr/local/nvidia/lib64/libcuda.so.1",
    "/.singularity.d/libs/libcuda.so.1",
    "/run/opengl-driver/lib/libcuda.so.1",
    "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1",
    "/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1",
];

/// Where the driver's library is looked for: the driver's setup puts it into System32.
#[cfg(windows)]
const CANDIDATES: &[&str] = &["nvcuda.dll"];

/// The platform's library handle.
#[cfg(unix)]
pub(crate) type Library = libloading::os::unix::Library;

/// The platform's library handle.
#[cfg(windows)]
pub(crate) type Library = libloading::os::windows::Library;

/// The loaded library, and the name under which it was found.
pub(crate) type Loaded = (Library, &'static str);

/// Loads the driver, and returns what was tried before.
pub(crate) fn load() -> (Option<Loaded>, Vec<LoadAttempt>) {
    let mut attempts = Vec::new();
    for &file in CANDIDATES {
        // What the loader's search did not find is not asked for where it is not.
        if is_absolute(file) && !Path::new(file).exists() {
            continue;
        }
        match open(file) {
            Ok(library) => return (Some((library, file)), attempts),
            Err(error) => attempts.push(attempt(file, &error)),
        }
    }
    (None, attempts)
}

fn is_absolute(file: &str) -> bool {
    Path::new(file).is_absolute()
}

/// Loads a library by name or path.
#[cfg(unix)]
pub(crate) fn open(file: &str) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the initialisers of the machine's own driver run, in a process
    // that exists for nothing else.
    unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) }
}

/// Loads a library by name.
#[cfg(windows)]
pub(crate) fn open(file: &str) -> Result<Library, libloading::Error> {
    use libloading::os::windows::LOAD_LIBRARY_SEARCH_SYSTEM32;
    // SAFETY: the initialisers of the machine's own driver run, in a process
    // that exists for nothing else.
    unsafe { Library::load_with_flags(file, LOAD_LIBRARY_SEARCH_SYSTEM32) }
}

/// Loads a library as a framework would: by name through the loader's search,
/// or by path, where its own folder is searched for what it needs.
#[cfg(unix)]
pub(crate) fn open_as_frameworks_do(file: &str) -> Result<Library, libloading::Error> {
    open(file)
}

/// Loads a library as a framework would: by name through the loader's search,
/// or by path, where its own folder is searched for what it needs.
#[cfg(windows)]
pub(crate) fn open_as_frameworks_do(file: &str) -> Result<Library, libloading::Error> {
    use libloading::os::windows::LOAD_WITH_ALTERED_SEARCH_PATH;
    let flags = match is_absolute(file) {
        true => LOAD_WITH_ALTERED_SEARCH_PATH,
        // TensorFlow asks so: the system's folders, then `PATH`.
        false => 0,
    };
    // SAFETY: the initialisers of the environment's own library run, in a process
    // that exists for nothing else.
    unsafe { Library::load_with_flags(file, flags) }
}

fn attempt(file: &str, error: &libloading::Error) -> LoadAttempt {
    let words = words(error);
    LoadAttempt {
        file: file.to_string(),
        exists: is_absolute(file) || !not_found(file, &words),
        error: words,
    }
}

/// Returns the loader's own words: the outer text says only that loading failed.
pub(crate) fn words(error: &libloading::Error) -> String {
    let inner = error.source();
    inner.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Tells whether the loader means the file itself, not one that the file needs.
fn not_found(file: &str, words: &str) -> bool {
    let glibc = format!("{file}: cannot open shared object file: No such file or directory");
    let musl = format!("Error loading shared library {file}: No such file or directory");
    words.starts_with(&glibc) || words.starts_with(&musl) || cfg!(windows)
}

/// Returns the real file that was loaded, or the name that was asked for.
pub(crate) fn driver_file((library, asked): &Loaded) -> DriverFile {
    let file = file_of(library, "cuInit").unwrap_or_else(|| PathBuf::from(asked));
    let file = file.canonicalize().map_or(file, without_marker);
    let version = file.file_name().and_then(|name| version_in(name.to_str()?));
    DriverFile {
        file: file.display().to_string(),
        version,
    }
}

/// Returns the path as users write it: Windows puts `\\?\` in front of what it resolves.
fn without_marker(path: PathBuf) -> PathBuf {
    let text = path.to_str().and_then(|text| text.strip_prefix(r"\\?\"));
    let text = text.filter(|text| !text.starts_with("UNC"));
    text.map(PathBuf::from).unwrap_or(path)
}

/// Returns the file in which a library's symbol lies.
pub(crate) fn file_of(library: &Library, symbol: &str) -> Option<PathBuf> {
    let name = format!("{symbol}\0");
    // SAFETY: the address is only looked at, whatever lies there.
    let symbol = unsafe { library.get::<*const c_void>(name.as_bytes()) };
    file_behind(symbol.ok()?.as_raw_ptr())
}

/// Reads the driver's version from a name like `libcuda.so.550.54.14`.
fn version_in(name: &str) -> Option<String> {
    let version = name.strip_prefix("libcuda.so.")?;
    let numbers: Vec<u32> = version
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    // A mere `1` or `1.1` (WSL) numbers the interface, not the driver.
    (numbers.len() >= 2 && numbers[0] >= 100).then(|| version.to_string())
}

#[cfg(unix)]
fn file_behind(address: *const c_void) -> Option<PathBuf> {
    use std::{
        ffi::{CStr, OsStr},
        mem::MaybeUninit,
        os::unix::ffi::OsStrExt,
    };
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `dladdr` takes any address and fills `info` where it answers non-zero.
    let info = unsafe {
        match libc::dladdr(address, info.as_mut_ptr()) {
            0 => return None,
            _ => info.assume_init(),
        }
    };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a text that ends with a zero and lives as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

#[cfg(windows)]
fn file_behind(address: *const c_void) -> Option<PathBuf> {
    use std::{ffi::OsString, os::windows::ffi::OsStringExt, ptr};
    const FROM_ADDRESS: u32 = 4;
    const UNCHANGED_REFCOUNT: u32 = 2;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, name: *const c_void, module: *mut *mut c_void) -> i32;
        fn GetModuleFileNameW(module: *mut c_void, name: *mut u16, size: u32) -> u32;
    }
    let mut module = ptr::null_mut();
    let mut name = [0u16; 1024];
    // SAFETY: with these flags the address stands for the module that holds it;
    // the buffer is as long as is said.
    let length = unsafe {
        match GetModuleHandleExW(FROM_ADDRESS | UNCHANGED_REFCOUNT, address, &mut module) {
            0 => return None,
            _ => GetModuleFileNameW(module, name.as_mut_ptr(), name.len() as u32),
        }
    };
    let name = name
        .get(..length as usize)
        .filter(|name| !name.is_empty())?;
    Some(PathBuf::from(OsString::from_wide(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_only_where_it_is_the_drivers() {
        assert_eq!(
            version_in("libcuda.so.550.54.14").as_deref(),
            Some("550.54.14")
        );
        assert_eq!(version_in("libcuda.so.390.157").as_deref(), Some("390.157"));
        for other in [
            "libcuda.so.1",
            "libcuda.so.1.1",
            "libcuda.so",
            "libcuda.so.550.x",
            "nvcuda.dll",
        ] {
            assert_eq!(version_in(other), None, "{other}");
        }
    }

    #[test]
    fn a_missing_dependency_is_not_a_missing_driver() {
        let missing = "cannot open shared object file: No such file or directory";
        assert!(not_found(
            "libcuda.so.1",
            &format!("libcuda.so.1: {missing}")
        ));
        assert!(!not_found(
            "libcuda.so.1",
            &format!("libfoo.so.2: {missing}")
        ));
        assert!(!not_found(
            "libcuda.so.1",
            "/x/libcuda.so.1: file too short"
        ));
    }
}
