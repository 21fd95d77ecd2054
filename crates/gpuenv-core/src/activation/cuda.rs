//! Which library files of a prefix belong into its private directory of CUDA libraries.
//!
//! That directory goes onto the loader's path of every program that runs in the
//! environment, the system's `git` and `curl` too. So it holds CUDA and nothing
//! else: never the driver, which is the machine's, and never a library that a
//! system program may load as well.

/// CUDA libraries by the exact name between `lib` and `.so`.
const NAMES: &[&str] = &[
    "accinj64",
    "cublas",
    "cublasLt",
    "cublasmp",
    "cudart",
    "cudss",
    "cufft",
    "cufftMp",
    "cufftw",
    "cufile",
    "cufile_rdma",
    "cuinj64",
    "cupti",
    "curand",
    "cusolver",
    "cusolverMg",
    "cusolverMp",
    "cusparse",
    "cusparseLt",
    "custatevec",
    "cutensor",
    "cutensorMg",
    "cutensornet",
    "nccl",
    "nvJitLink",
    "nvToolsExt",
    "nvblas",
    "nvfatbin",
    "nvgraph",
    "nvjpeg",
    "nvjpeg2k",
    "nvperf_host",
    "nvperf_target",
    "nvrtc",
    "nvrtc-builtins",
    "nvshmem_host",
    "nvtiff",
    "nvvm",
    "pcsamplingutil",
];

/// CUDA libraries by the beginning of that name, where a family has many members.
const FAMILIES: &[&str] = &["cudnn", "npp", "nvinfer", "nvonnxparser", "nvcv_"];

/// Returns the names of those files of a library directory that are CUDA libraries.
///
/// The order is the given one. What counts is `libNAME.so` with any version
/// behind it; static libraries, stubs and the driver (`libcuda`) never do.
pub fn cuda_libraries<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.filter(|name| is_cuda_library(name)).collect()
}

fn is_cuda_library(file: &str) -> bool {
    let Some((stem, version)) = file
        .strip_prefix("lib")
        .and_then(|rest| rest.split_once(".so"))
    else {
        return false;
    };
    // The debugging twins of nvrtc are found under their own names.
    let stem = stem.strip_suffix(".alt").unwrap_or(stem);
    is_version(version)
        && (NAMES.contains(&stem) || FAMILIES.iter().any(|family| stem.starts_with(family)))
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && !stem.ends_with("_static")
}

/// Says whether this is what may follow `.so`: nothing, or numbers behind dots.
fn is_version(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix('.') else {
        return text.is_empty();
    };
    numbers
        .split('.')
        .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_libraries_are_chosen_with_and_without_version() {
        let chosen = [
            "libcudart.so",
            "libcudart.so.11.0",
            "libcudart.so.12",
            "libcudart.so.12.4.127",
            "libcublas.so.11",
            "libcublasLt.so.12",
            "libcufft.so.10",
            "libcufftw.so.11",
            "libcurand.so.10",
            "libcusolver.so.11",
            "libcusolverMg.so.11",
            "libcusparse.so.12",
            "libcusparseLt.so.0",
            "libcudnn.so.8",
            "libcudnn_ops_infer.so.8",
            "libcudnn_cnn_train.so.8.9.7",
            "libcudnn_graph.so.9",
            "libnvrtc.so.12",
            "libnvrtc-builtins.so.12.4",
            "libnvrtc.alt.so.12",
            "libnvJitLink.so.12",
            "libnccl.so.2",
            "libcupti.so.2024.1.1",
            "libnvToolsExt.so.1",
            "libcutensor.so.2",
            "libnvjpeg.so.12",
            "libnppc.so.12",
            "libnppist.so.12",
            "libnvblas.so.12",
            "libcufile.so.0",
        ];
        assert_eq!(cuda_libraries(chosen.into_iter()), chosen);
    }

    #[test]
    fn nothing_else_is_chosen() {
        let left = [
            "libcuda.so",
            "libcuda.so.1",
            "libcuda.so.535.104.05",
            "libcudadebugger.so.1",
            "libnvidia-ml.so.1",
            "libnvidia-ptxjitcompiler.so.1",
            "libstdc++.so.6",
            "libgcc_s.so.1",
            "libz.so.1",
            "libssl.so.3",
            "libcrypto.so.3",
            "libcurl.so.4",
            "libnpth.so.0",
            "libncurses.so.6",
            "libcudart_static.a",
            "libcudnn_static.a",
            "libcublas.a",
            "libcudart.so.12.bak",
            "libcudart.so.",
            "libcudart.so.12.",
            "libcudart.so.x",
            "libcudart.so12",
            "cudart.so.12",
            "libcudart",
            "stubs",
            "stubs/libcuda.so",
            "stubs/libcudart.so",
            "../libcudart.so.12",
            "libcudnn/../../x.so",
            "libcudnn\n.so.8",
            "",
            "lib.so",
            "python3.10",
        ];
        assert_eq!(cuda_libraries(left.into_iter()), [""; 0]);
    }
}
