//! Packages on the command line instead of a recipe: the options of `create`, `lock` and `recipe new`.

use clap::ValueEnum;
use gpuenv_core::{plan::Gpu, target::CudaVersion};
use rattler_conda_types::Subdir;

use crate::wanted::Packages;

/// What belongs to packages that stand on the command line instead of a recipe.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PackageArgs {
    /// Take packages from this channel, strongest first [default: conda's, else `conda-forge`]
    #[arg(short, long = "channel", value_name = "CHANNEL", help_heading = HEADING)]
    pub channels: Vec<String>,
    /// Add a package of PyPI: `"numpy <2"`
    #[arg(long, value_name = "REQUIREMENT", help_heading = HEADING)]
    pub pypi: Vec<String>,
    /// Whether a GPU is needed [default: `required` for CUDA and what can use it, else `none`]
    #[arg(long, value_name = "WHEN", help_heading = HEADING)]
    pub gpu: Option<GpuWish>,
    /// The least CUDA version that the driver must support [default: as pinned, else 12.4]
    #[arg(long, value_name = "VERSION", help_heading = HEADING)]
    pub cuda: Option<CudaVersion>,
}

const HEADING: &str = "Packages instead of a recipe";

/// Whether a GPU is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GpuWish {
    /// Only CUDA builds, and a GPU that computes
    Required,
    /// A GPU is used where there is one
    Optional,
    /// No GPU, and no CUDA by accident
    None,
}

impl PackageArgs {
    /// Returns what is meant by them.
    pub fn packages(&self, name: Option<String>, platforms: Vec<Subdir>) -> Packages {
        Packages {
            name,
            platforms,
            channels: self.channels.clone(),
            wheels: self.pypi.clone(),
            gpu: self.gpu.map(|wish| match wish {
                GpuWish::Required => Gpu::Required,
                GpuWish::Optional => Gpu::Optional,
                GpuWish::None => Gpu::None,
            }),
            cuda: self.cuda,
        }
    }
}
