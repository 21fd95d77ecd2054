//! What records say of themselves, and what follows from it.

use super::*;
use crate::{
    facts::Facts,
    solution::tests::{dependency, record},
};

fn build(name: &str, build: &str, depends: &[&str]) -> RepoDataRecord {
    let mut record = record(name, "1.0", depends);
    record.package_record.build = build.parse().unwrap();
    record
}

fn rules<'a>(gpu: Gpu, lines: &[&str], candidates: &'a [RepoDataRecord]) -> Rules<'a> {
    let lines: Vec<_> = lines.iter().map(|line| dependency(line)).collect();
    Rules::new(gpu, &lines, candidates.iter(), &Facts::shipped().builds)
}

#[test]
fn a_build_says_what_it_is() {
    let rules = rules(Gpu::Required, &[], &[]);
    for (name, string, depends, expected) in [
        (
            "pytorch",
            "py3.9_cuda11.8_cudnn8.7.0_0",
            &[][..],
            Kind::Cuda,
        ),
        ("pytorch", "cuda129_mkl_py312_h5f578d_303", &[], Kind::Cuda),
        ("torchvision", "py39_cu121", &[], Kind::Cuda),
        ("xformers", "py312_cu12.1.0_pyt2.4.1", &[], Kind::Cuda),
        ("libarrow", "h58682fd_4_cuda", &[], Kind::Cuda),
        ("colmap", "gpuhc530687_103", &[], Kind::Cuda),
        ("pytorch", "py3.12_cpu_0", &[], Kind::Cpu),
        ("libtorch", "cpu_mkl_hffd3a6c_101", &[], Kind::Cpu),
        ("libhwloc", "nocuda_h7313eea_6", &[], Kind::Plain),
        ("numpy", "py312h6cf2f7f_0", &["libcblas >=3.9"], Kind::Plain),
        // A hash is no mark.
        ("zlib", "hcu12cafe_0", &[], Kind::Plain),
        ("cudnn", "h90431f1_0", &[], Kind::Cuda),
        (
            "openmm",
            "py314h999fc10_0",
            &["cuda-nvrtc >=12"],
            Kind::Cuda,
        ),
        ("cupy", "py39h1_0", &["__cuda"], Kind::Cuda),
        (
            "torchaudio",
            "py39_0",
            &["pytorch-mutex 1.0 cuda"],
            Kind::Cuda,
        ),
        ("torchaudio", "py39_0", &["pytorch * cpu*"], Kind::Cpu),
        ("faiss-gpu", "0", &[], Kind::Cuda),
        // Who needs Arrow for the CPU does not compute there because of it.
        ("pandas", "py39_0", &["libarrow 14.0 *cpu"], Kind::Plain),
    ] {
        let record = build(name, string, depends);
        assert_eq!(rules.kind(&record), expected, "{name} {string} {depends:?}");
    }
}

#[test]
fn what_comes_in_both_kinds_must_be_cuda_where_a_gpu_is_required() {
    let candidates = [
        build("solver", "cuda12_h1_0", &[]),
        build("solver", "h2_0", &[]),
        build("plain", "h1_0", &[]),
        build("libarrow", "h1_0_cuda", &[]),
        build("libarrow", "h1_0_cpu", &[]),
        build("pytorch", "cpu_py_0", &[]),
        build("torchvision", "py39_0", &["pytorch"]),
        build("jaxlib", "py38h43a58ef_0", &["numpy"]),
    ];
    let ruled_out = |gpu, lines: &[&str]| -> Vec<String> {
        let rules = rules(gpu, lines, &candidates);
        let ruled_out = candidates.iter().filter(|record| rules.rule_out(record));
        ruled_out.map(solution::label).collect()
    };
    assert_eq!(
        ruled_out(Gpu::Required, &[]),
        [
            "solver 1.0 h2_0",
            "pytorch 1.0 cpu_py_0",
            "jaxlib 1.0 py38h43a58ef_0"
        ]
    );
    assert_eq!(ruled_out(Gpu::Optional, &[]), [] as [&str; 0]);
    assert_eq!(
        ruled_out(Gpu::None, &[]),
        ["solver 1.0 cuda12_h1_0", "libarrow 1.0 h1_0_cuda"]
    );
}

#[test]
fn what_calls_itself_a_build_for_the_cpu_is_one_where_the_recipe_names_it() {
    let candidates = [
        build("lammps", "cpu_py312_0", &[]),
        build("lightgbm", "py312h30efb56_2", &[]),
        build("cupy-core", "py312h1_0", &[]),
        build("pyarrow", "py312h1_0_cpu", &[]),
    ];
    let ruled_out = |lines: &[&str]| -> Vec<&str> {
        let rules = rules(Gpu::Required, lines, &candidates);
        let ruled_out = candidates.iter().filter(|record| rules.rule_out(record));
        ruled_out
            .map(|record| record.package_record.name.as_normalized())
            .collect()
    };
    // Of a few it is known that there are others.
    assert_eq!(ruled_out(&[]), ["lightgbm"]);
    assert_eq!(ruled_out(&["lammps", "pyarrow"]), ["lammps", "lightgbm"]);
    let mut core = build("cupy-core", "py312h1_0", &[]);
    core.package_record.constrains = vec!["__cuda >=12.0".to_string()];
    assert_eq!(rules(Gpu::Required, &[], &[]).kind(&core), Kind::Cuda);
}

#[test]
fn who_names_parts_of_cuda_gets_them_without_a_gpu() {
    let candidates = [
        build("cuda-nvcc", "h1_0", &["cuda-cudart"]),
        build("cuda-cudart", "h1_0", &[]),
        build("cuda-version", "h1_0", &[]),
        build("pytorch", "cuda12_py_0", &["cuda-cudart"]),
        build("pytorch", "cpu_py_0", &[]),
        build("cupy", "py_0", &["cuda-nvrtc"]),
    ];
    let ruled_out = |lines: &[&str]| -> Vec<&str> {
        let rules = rules(Gpu::None, lines, &candidates);
        let ruled_out = candidates.iter().filter(|record| rules.rule_out(record));
        ruled_out
            .map(|record| record.package_record.name.as_normalized())
            .collect()
    };
    let all = ["cuda-nvcc", "cuda-cudart", "pytorch", "cupy"];
    assert_eq!(ruled_out(&["pytorch"]), all);
    assert_eq!(ruled_out(&["pytorch", "cuda-version 12.*"]), all);
    assert_eq!(ruled_out(&["cuda-nvcc", "pytorch"]), ["pytorch"]);
}

#[test]
fn a_lock_is_checked_without_any_channel() {
    let records = [
        build("pytorch", "cpu_py_0", &[]),
        build("numpy", "py_0", &[]),
        build("nccl", "h_0", &[]),
    ];
    let told = |gpu| -> Vec<String> {
        let found = verify(&rules(gpu, &[], &[]), &records);
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        told(Gpu::Required),
        ["`pytorch 1.0 cpu_py_0` is a build for the CPU, and `gpu` is `required`"]
    );
    assert_eq!(
        told(Gpu::None),
        ["`nccl 1.0 h_0` comes with CUDA, and `gpu` is `none`"]
    );
    assert_eq!(told(Gpu::Optional), [] as [&str; 0]);
}
