//! The channel of the recipe `hello-gpu`, which is compiled into the program.
//!
//! `recipes/channel` holds what this builds; the test below says when it is
//! stale, and `GPUENV_BLESS=1 cargo test -p gpuenv-testkit hello_channel` renews it.

use std::path::Path;

use crate::{PLACEHOLDER, channel::Channel};

const SCRIPT: &str = include_str!("hello/hello-gpu.sh");
const README: &str = include_str!("hello/README.md");
const KERNEL: &str = include_str!("hello/saxpy.ptx");

/// The version of all its packages; to be raised with every change of what is in them.
const VERSION: &str = "1.0.0";

/// Builds the channel in a folder: `noarch/repodata.json` and three packages.
///
/// They suit every platform, so there are no symlinks in them, which Windows
/// would only link with special rights.
pub fn hello_channel(folder: &Path) {
    let (Some(root), Some(name)) = (folder.parent(), folder.file_name()) else {
        panic!("`{}` is no folder for a channel", folder.display());
    };
    let channel = Channel::plain(root, &name.to_string_lossy());
    let same = |name: &str| format!("{name} =={VERSION}");
    channel
        .package("hello-gpu", VERSION)
        .noarch_generic()
        .needs(&same("hello-gpu-activate"))
        .needs(&same("hello-gpu-kernels"))
        .prefix_text("bin/hello-gpu", &SCRIPT.replace("@PREFIX@", PLACEHOLDER))
        .file("share/hello-gpu/README.md", README)
        .publish();
    channel
        .package("hello-gpu-activate", VERSION)
        .noarch_generic()
        .variables([("HELLO_GPU_ACTIVE", "1")])
        .publish();
    channel
        .package("hello-gpu-kernels", VERSION)
        .noarch_generic()
        .file("share/hello-gpu/saxpy.ptx", KERNEL)
        .publish();
}

#[cfg(test)]
mod tests;
