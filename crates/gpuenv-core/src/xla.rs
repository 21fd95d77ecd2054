//! The files that XLA (JAX, TensorFlow) needs to compile for a GPU, and where
//! packages put them.

/// How the files get into an environment.
pub const ADD: &str = "add `cuda-nvcc-tools` to the recipe's `dependencies` (CUDA 12 or newer; \
                       `cudatoolkit` 11 has libdevice and no `ptxas`)";

/// A file that XLA needs to compile for a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XlaFile {
    /// CUDA's library of mathematical functions, as LLVM bitcode.
    Libdevice,
    /// CUDA's assembler.
    Ptxas,
}

impl XlaFile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Libdevice, Self::Ptxas];

    /// Folders below `site-packages` in which wheels keep the tree of a toolkit,
    /// besides those of `nvidia`: CUDA builds of jaxlib before 0.4.26 brought their own.
    pub const WHEEL_FOLDERS: [&str; 1] = ["jaxlib/cuda"];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Libdevice => "libdevice.10.bc",
            Self::Ptxas => "ptxas",
        }
    }

    /// Returns where XLA looks for it below the directory of CUDA.
    pub fn place(self) -> &'static str {
        match self {
            Self::Libdevice => "nvvm/libdevice/libdevice.10.bc",
            Self::Ptxas => "bin/ptxas",
        }
    }

    /// Returns where conda's packages put it below the prefix: CUDA 12's and newer
    /// where XLA looks, `cudatoolkit` 11 beside the libraries, Windows below `Library`.
    pub fn places(self) -> &'static [&'static str] {
        match self {
            Self::Libdevice => &[
                "nvvm/libdevice/libdevice.10.bc",
                "lib/libdevice.10.bc",
                "Library/nvvm/libdevice/libdevice.10.bc",
                "Library/bin/libdevice.10.bc",
            ],
            Self::Ptxas => &["bin/ptxas", "Library/bin/ptxas.exe"],
        }
    }

    /// Returns where wheels put it below their folder.
    pub fn places_in_wheel(self) -> &'static [&'static str] {
        match self {
            Self::Libdevice => &["nvvm/libdevice/libdevice.10.bc"],
            Self::Ptxas => &["bin/ptxas", "bin/ptxas.exe"],
        }
    }
}
