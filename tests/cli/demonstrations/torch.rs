//! PyTorch from PyPI on a machine that may have no GPU.

use std::env;

use super::{Stage, listing, stage};

/// The oldest one of PyPI whose `RECORD` is true, with 1.8 GB of CUDA the smallest of
/// those too. `GPUENV_REAL_TORCH` names another.
const TORCH: &str = "torch ==1.13.1";

#[test]
fn torch_is_imported_and_multiplies() {
    let stage = stage!(Stage::with_python_310());
    let torch = env::var("GPUENV_REAL_TORCH").unwrap_or_else(|_| TORCH.to_string());
    stage.recipe(
        "torch",
        &format!(
            "gpu: optional\npypi-dependencies: [\"{torch}\", \"numpy <2\", pip]\nprobe: [driver, pytorch]\n"
        ),
    );
    let _ = stage.gpuenv(&["lock", "./torch.yaml"]).success();
    let created = stage.gpuenv(&["create", "./torch.yaml", "--locked"]);
    assert!(matches!(created.exit_code(), Some(0 | 1)));
    let product = "import torch\na = torch.arange(4.0).reshape(2, 2)\n\
                   print(torch.__version__); print((a @ a).tolist())";
    let said = stage.python("torch", product);
    assert!(said.ends_with("[[2.0, 3.0], [6.0, 11.0]]\n"), "{said}");
    listing::agrees(&stage, "torch");
}
