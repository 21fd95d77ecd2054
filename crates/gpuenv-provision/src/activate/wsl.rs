//! Whether the loader of this machine finds the driver that Windows lends to WSL.

use std::path::Path;

use fs_err as fs;
use gpuenv_core::activation::WSL_LIBRARIES;

use super::names_in;

/// Returns whether WSL's driver is there and the loader's configuration does not name it.
///
/// WSL writes that configuration itself, unless `wsl.conf` tells it not to, or a
/// container has its own.
pub fn needs_wsl_driver(root: &Path) -> bool {
    let libraries = root.join(WSL_LIBRARIES.trim_start_matches('/'));
    libraries.join("libcuda.so.1").exists() && !is_configured(root)
}

fn is_configured(root: &Path) -> bool {
    let folder = root.join("etc/ld.so.conf.d");
    let names = names_in(&folder).unwrap_or_default().into_iter();
    let files = names
        .filter(|name| name.ends_with(".conf"))
        .map(|name| folder.join(name));
    files
        .chain([root.join("etc/ld.so.conf")])
        .filter_map(|file| fs::read_to_string(file).ok())
        .any(|text| text.lines().any(|line| line.trim() == WSL_LIBRARIES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_is_needed_where_it_is_there_and_nobody_names_it() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(!needs_wsl_driver(root.path()));
        write("usr/lib/wsl/lib/libcuda.so.1", "");
        assert!(needs_wsl_driver(root.path()));
        write("etc/ld.so.conf.d/ld.wsl.conf", "# /usr/lib/wsl/lib\n");
        assert!(needs_wsl_driver(root.path()));
        write("etc/ld.so.conf.d/ld.wsl.conf", "/usr/lib/wsl/lib\n");
        assert!(!needs_wsl_driver(root.path()));
    }
}
