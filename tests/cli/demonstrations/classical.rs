//! `tf210-gpu`: TensorFlow 2.10 from PyPI on the CUDA 11.2 of conda, on Linux and Windows.

use std::env;

use fs_err as fs;

use super::{LONG, Stage, locked, metadata, one, stage, windows};
use gpuenv_testkit::Sandbox;

/// What the recipe comes to on both platforms, whatever the channel.
fn is_the_classical_pairing(files: &[String]) {
    let _ = one(files, "python-3.10.");
    let _ = one(files, "cudatoolkit-11.2.");
    let _ = one(files, "cudnn-8.1.0.77");
    let _ = one(files, "tensorflow-2.10.1-cp310-");
    let _ = one(files, "numpy-1.");
}

/// Wheels of a lock, without the packages of conda.
fn wheels(files: &[String]) -> Vec<&String> {
    let is_wheel = |file: &&String| file.ends_with(".whl");
    files.iter().filter(is_wheel).collect()
}

/// Locks the recipe over the real records, if there are some here.
fn locked_from_real_records(sandbox: &Sandbox) -> Option<String> {
    let data = env::var("GPUENV_REAL_DATA").ok()?;
    let mirror = format!("file://{data}/channels");
    let arguments = [
        "--mirror",
        &mirror,
        "lock",
        "tf210-gpu",
        "--output",
        "real.lock",
    ];
    let _ = sandbox.command(arguments).deadline(LONG).run().success();
    let first = sandbox.read("real.lock");
    let again = [&arguments[..], &["--upgrade"]].concat();
    let _ = sandbox.command(again).deadline(LONG).run().success();
    assert_eq!(sandbox.read("real.lock"), first, "the same bytes again");
    Some(first)
}

#[test]
fn tensorflow_2_10_is_locked_created_and_imported() {
    let stage = stage!(Stage::with_python_310());
    windows::publish_python(&stage);
    for subdir in ["linux-64", "win-64"] {
        publish_cuda(&stage, subdir);
    }
    let _ = stage.gpuenv(&["lock", "tf210-gpu"]).success();
    let text = stage.sandbox.read("gpuenv.lock");
    let linux = locked(&text, "linux-64");
    let win = locked(&text, "win-64");
    is_the_classical_pairing(&linux);
    is_the_classical_pairing(&win);
    assert!(one(&win, "tensorflow-2.10.1-").ends_with("-win_amd64.whl"));
    match locked_from_real_records(&stage.sandbox) {
        None => println!("skipped: GPUENV_REAL_DATA is not set (lock over real records)"),
        Some(real) => {
            for (platform, files) in [("linux-64", &linux), ("win-64", &win)] {
                let real = locked(&real, platform);
                is_the_classical_pairing(&real);
                println!(
                    "{platform}: {} packages over the real records, {} of them wheels",
                    real.len(),
                    wheels(&real).len()
                );
                assert_eq!(wheels(&real), wheels(files), "{platform}: the same wheels");
            }
        }
    }

    let created = stage.gpuenv(&["create", "tf210-gpu", "--locked", "--no-check"]);
    // The driver is missing, which the probe says and its exit code too; the environment is there.
    assert!(matches!(created.exit_code(), Some(0 | 1)));
    let version =
        "import tensorflow as tf; print(tf.__version__, tf.reduce_sum(tf.ones((2, 3))).numpy())";
    assert_eq!(stage.python("tf210-gpu", version), "2.10.1 6.0\n");
    let devices = "import tensorflow as tf; print(tf.config.list_physical_devices('GPU'))";
    assert_eq!(stage.python("tf210-gpu", devices), "[]\n");
    let numpy = "import numpy; print(numpy.__version__)";
    assert!(stage.python("tf210-gpu", numpy).starts_with("1."));

    // TensorFlow looks for CUDA beside itself, and finds what conda has brought.
    let site = stage
        .prefix("tf210-gpu")
        .join("lib/python3.10/site-packages");
    for library in ["libcudart.so.11.0", "libcudnn.so.8"] {
        let link = site.join("tensorflow").join(library);
        let end = fs::canonicalize(&link).expect("the link leads somewhere");
        assert!(end.ends_with(format!("lib/{library}")), "{end:?}");
    }
    assert_eq!(metadata(&site).len(), wheels(&linux).len());

    // No driver here, or one that works: either is the truth and none is a crash.
    let probed = stage.gpuenv(&["probe", "tf210-gpu"]);
    let said = probed.stdout();
    match probed.exit_code() {
        Some(0) => assert!(said.contains("driver"), "{said}"),
        _ => assert!(said.contains("no NVIDIA driver"), "{said}"),
    }

    windows::is_prepared(&stage, "tf210-gpu", wheels(&win));
}

/// Publishes CUDA 11.2 and cuDNN 8.1 as conda-forge names them, with empty libraries.
fn publish_cuda(stage: &Stage, subdir: &str) {
    let is_windows = subdir == "win-64";
    let library = |name: &str, dll: &str| match is_windows {
        true => format!("Library/bin/{dll}"),
        false => format!("lib/{name}"),
    };
    let cuda = stage
        .channel
        .package("cudatoolkit", "11.2.2")
        .subdir(subdir);
    let cuda = cuda.build("hbe64b41_10");
    let cuda = cuda.file(&library("libcudart.so.11.0", "cudart64_110.dll"), "");
    cuda.file(&library("libcublas.so.11", "cublas64_11.dll"), "")
        .publish();
    let cudnn = stage.channel.package("cudnn", "8.1.0.77").subdir(subdir);
    cudnn
        .build("h90431f1_0")
        .needs("cudatoolkit 11.*")
        .file(&library("libcudnn.so.8", "cudnn64_8.dll"), "")
        .publish();
}
