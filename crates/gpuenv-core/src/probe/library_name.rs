//! Which library a file is, by its name.
//!
//! Linux numbers the interface behind `.so.`; on Windows the number stands before
//! `.dll`, for CUDA itself with the minor version in it: `cudart64_110.dll` and
//! `nvrtc64_112_0.dll` are CUDA 11's, `cublas64_12.dll` and `cudnn64_9.dll` say
//! the major version alone. (Names: NVIDIA's `nvidia-*` wheels and conda packages
//! for both systems.)

use crate::probe::LibraryKind;

impl LibraryKind {
    /// Every library, in the order in which they are tried.
    pub const ALL: [Self; 5] = [
        Self::Cudart,
        Self::Cublas,
        Self::Cudnn,
        Self::Nvrtc,
        Self::Nccl,
    ];

    /// Reads kind and major version from a file's name; `None` for other files,
    /// among them the name without a number, which only compilers ask for.
    ///
    /// ```
    /// use gpuenv_core::probe::LibraryKind;
    ///
    /// assert_eq!(LibraryKind::read("libcudart.so.12"), Some((LibraryKind::Cudart, 12)));
    /// assert_eq!(LibraryKind::read("cudart64_110.dll"), Some((LibraryKind::Cudart, 11)));
    /// assert_eq!(LibraryKind::read("libcudart.so"), None);
    /// ```
    pub fn read(name: &str) -> Option<(Self, u32)> {
        Self::ALL
            .into_iter()
            .find_map(|kind| Some((kind, kind.so_major(name).or_else(|| kind.dll_major(name))?)))
    }

    fn stem(self) -> &'static str {
        match self {
            Self::Cudart => "cudart",
            Self::Cublas => "cublas",
            Self::Cudnn => "cudnn",
            Self::Nvrtc => "nvrtc",
            Self::Nccl => "nccl",
        }
    }

    fn so_major(self, name: &str) -> Option<u32> {
        let version = name.strip_prefix("lib")?.strip_prefix(self.stem())?;
        let numbers = numbers(version.strip_prefix(".so.")?, '.')?;
        Some(numbers[0])
    }

    fn dll_major(self, name: &str) -> Option<u32> {
        // File systems of Windows do not tell capitals.
        let name = name.to_ascii_lowercase();
        let version = name.strip_prefix(self.stem())?.strip_prefix("64_")?;
        let numbers = numbers(version.strip_suffix(".dll")?, '_')?;
        Some(match (self, numbers[0]) {
            // 90 is 9.0, 101 is 10.1, 110 is 11.x; from 12 on it is the major version.
            (Self::Cudart | Self::Cublas | Self::Nvrtc, number @ 20..) => number / 10,
            (_, number) => number,
        })
    }
}

fn numbers(version: &str, between: char) -> Option<Vec<u32>> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| digits(part).then(|| part.parse().ok()).flatten();
    version.split(between).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_systems_are_read() {
        use LibraryKind::*;
        for (name, expected) in [
            ("libcudart.so.11.0", Some((Cudart, 11))),
            ("libcudart.so.12.4.127", Some((Cudart, 12))),
            ("libcublas.so.13", Some((Cublas, 13))),
            ("libcudnn.so.8", Some((Cudnn, 8))),
            ("libnvrtc.so.11.2", Some((Nvrtc, 11))),
            ("libnccl.so.2.27.3", Some((Nccl, 2))),
            ("cudart64_90.dll", Some((Cudart, 9))),
            ("cudart64_101.dll", Some((Cudart, 10))),
            ("cudart64_110.dll", Some((Cudart, 11))),
            ("cudart64_12.dll", Some((Cudart, 12))),
            ("CUDART64_13.DLL", Some((Cudart, 13))),
            ("cublas64_100.dll", Some((Cublas, 10))),
            ("cublas64_10.dll", Some((Cublas, 10))),
            ("cublas64_11.dll", Some((Cublas, 11))),
            ("cudnn64_7.dll", Some((Cudnn, 7))),
            ("cudnn64_9.dll", Some((Cudnn, 9))),
            ("nvrtc64_101_0.dll", Some((Nvrtc, 10))),
            ("nvrtc64_112_0.dll", Some((Nvrtc, 11))),
            ("nvrtc64_120_0.dll", Some((Nvrtc, 12))),
            ("nvrtc64_130_0.dll", Some((Nvrtc, 13))),
            // Not what frameworks ask for.
            ("libcudart.so", None),
            ("libcudart.so.", None),
            ("libcudart.so.12.x", None),
            ("libcudart.so.99999999999", None),
            ("libcudart_static.a", None),
            ("libcublasLt.so.12", None),
            ("cublasLt64_12.dll", None),
            ("nvrtc-builtins64_124.dll", None),
            ("nvrtc64_120_0.alt.dll", None),
            ("cudnn_ops64_9.dll", None),
            ("cudnn_cnn_infer64_8.dll", None),
            ("cudart64_.dll", None),
            ("cudart64_+12.dll", None),
            ("cudart.lib", None),
        ] {
            assert_eq!(LibraryKind::read(name), expected, "{name}");
        }
    }
}
