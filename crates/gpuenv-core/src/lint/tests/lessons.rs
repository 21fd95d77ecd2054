//! Five public tutorials, line by line as they teach: each flaw is named, and mended where a file can be.

use super::{found, mended};

/// Fails unless every code is found, and unless what can be mended is.
#[track_caller]
fn named_and_mended(text: &str, codes: &[&str], gone: &[&str]) {
    let told = found("tutorial.txt", text);
    for code in codes {
        assert!(told.contains(code), "{code} is not in:\n{told}");
    }
    let mended = mended("tutorial.txt", text);
    for words in gone {
        assert!(text.contains(words), "the lesson lacks `{words}`");
        assert!(!mended.contains(words), "`{words}` is left in:\n{mended}");
    }
}

#[test]
fn s000_1_a_table_of_nvidia_smi_proves_a_driver_only() {
    named_and_mended(
        "$ nvidia-smi\n",
        &["GE158 1: `nvidia-smi` shows that there is a driver"],
        &[],
    );
}

#[test]
fn s000_3_tensorflow_gpu_is_gone() {
    let text = "pip install tensorflow-gpu\npip install tensorflow\n";
    named_and_mended(text, &["GE148"], &["tensorflow-gpu"]);
}

#[test]
fn s001_3_data_that_nobody_loads_and_a_loss_without_softmax() {
    let text = "import tensorflow as tf
model = tf.keras.Sequential([
    tf.keras.layers.Dense(128, activation='relu'),
    tf.keras.layers.Dense(10)
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy')
model.fit(x_train, y_train, epochs=5)
";
    let codes = [
        "GE158 7: `x_train` is used, and no line defines it",
        "`y_train`",
        "GE158 6: this loss expects probabilities",
    ];
    named_and_mended(text, &codes, &[]);
    let defined = format!("(x_train, y_train), _ = tf.keras.datasets.mnist.load_data()\n{text}");
    assert!(!found("t", &defined).contains("no line defines it"));
}

#[test]
fn s001_4_a_kernel_that_is_none() {
    let text = "import cupy as cp
def add_kernel(a, b, c):
    i = cp.cuda.grid(1)
    c[i] = a[i] + b[i]
add_kernel[blocks, threads](a, b, c)
";
    named_and_mended(
        text,
        &[
            "GE151 3: `cp.cuda.grid` never existed",
            "GE158 5: `add_kernel` is a plain function",
        ],
        &[],
    );
    let right =
        "from numba import cuda\n@cuda.jit\ndef add(a):\n    i = cuda.grid(1)\nadd[1, 32](a)\n";
    assert_eq!(found("t", right), "");
}

const S002: &str = "(base) PS C:\\Users\\me> conda create --name tf python=3.9
(base) PS C:\\Users\\me> conda activate tf
(tf) PS C:\\Users\\me> conda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0
(tf) PS C:\\Users\\me> mkdir -p $CONDA_PREFIX/etc/conda/activate.d
(tf) PS C:\\Users\\me> echo 'export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/' > $CONDA_PREFIX/etc/conda/activate.d/env_vars.sh
(tf) PS C:\\Users\\me> pip install --user tensorflow<2.11
>>> tf.test.is_gpu_available()
WSL does not help here.
";

#[test]
fn s002_1_wsl_is_the_supported_way() {
    named_and_mended(S002, &["GE145 8: WSL2 is the supported way"], &[]);
}

#[test]
fn s002_1_tensorflow_without_a_bound_on_windows() {
    let text = S002.replace("tensorflow<2.11", "tensorflow");
    named_and_mended(
        &text,
        &["GE145 6: TensorFlow newer than 2.10 has no GPU on Windows"],
        &[],
    );
    assert!(mended("t", &text).contains("\"tensorflow<2.11\""));
}

#[test]
fn s002_2_user_installs_outside() {
    named_and_mended(S002, &["GE143 6"], &["--user"]);
}

#[test]
fn s002_5_bash_in_powershell() {
    let codes = [
        "GE144 4: this line is for bash, and means something else to PowerShell",
        "GE144 5",
        "GE147 5: this line sets `LD_LIBRARY_PATH` by hand",
    ];
    named_and_mended(S002, &codes, &["mkdir -p", "LD_LIBRARY_PATH"]);
    let causes: Vec<String> = super::findings("t", S002)
        .into_iter()
        .filter(|finding| finding.diagnostic.code.number() == 147)
        .flat_map(|finding| finding.diagnostic.causes)
        .collect();
    insta::assert_snapshot!(causes.join("\n"), @"
    the environment is appended, so a CUDA of the system comes first and wins
    `>` writes over what other lines had put into that script
    system programs then load libraries of the environment, and nothing undoes it
    ");
}

#[test]
fn s002_7_a_deprecated_call() {
    named_and_mended(
        S002,
        &["GE151 7: `tf.test.is_gpu_available` is deprecated"],
        &["is_gpu_available"],
    );
}

#[test]
fn s002_quotes_that_got_lost() {
    named_and_mended(S002, &["GE154 6"], &[" tensorflow<2.11"]);
    assert!(mended("t", S002).contains("pip install \"tensorflow<2.11\" \"numpy<2\""));
}

#[test]
fn s003_4_cudatoolkit_has_no_compiler() {
    let text = "conda create -n x -c conda-forge python cudatoolkit=11.3\nnvcc hello.cu\n";
    named_and_mended(text, &["GE150 2"], &[]);
    assert!(mended("t", text).contains("cudatoolkit-dev=11.3"));
}

#[test]
fn s003_5_the_frozen_channel_and_its_cpu_build() {
    let text = "conda create --name pyt python
conda activate pyt
conda install pytorch torchvision torchaudio pytorch-cuda=11.7 -c pytorch -c nvidia
";
    named_and_mended(
        text,
        &["GE140 3", "GE152 3"],
        &["-c pytorch", "pytorch-cuda"],
    );
    insta::assert_snapshot!(mended("t", text), @"
    conda create --name pyt python
    conda activate pyt
    conda install pytorch-gpu torchvision torchaudio cuda-version=11.8 -c conda-forge
    ");
}

#[test]
fn s003_9_an_empty_environment_and_the_pip_of_the_system() {
    let text = "conda create --name tf-with-gpu
conda activate tf-with-gpu
conda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0
python3 -m pip install \"tensorflow<2.11\"
";
    named_and_mended(text, &["GE142 4", "GE155 4"], &["python3"]);
    insta::assert_snapshot!(mended("t", text), @r#"
    conda create --name tf-with-gpu python=3.10
    conda activate tf-with-gpu
    conda install -c conda-forge cudatoolkit=11.2 cudnn=8.1.0
    python -m pip install "tensorflow<2.11" "numpy<2"
    "#);
}

#[test]
fn s003_11_a_line_that_sets_the_loaders_path() {
    let text = "$ export LD_LIBRARY_PATH=$CONDA_PREFIX/lib:$LD_LIBRARY_PATH\n";
    named_and_mended(text, &["GE147 1"], &["LD_LIBRARY_PATH"]);
}

#[test]
fn s004_1_tensors_stay_where_they_are() {
    let text = "import torch
device = 'cuda' if torch.cuda.is_available() else 'cpu'
# If there is a GPU, PyTorch will automatically use it.
";
    named_and_mended(
        text,
        &["GE158 3: PyTorch does not use a GPU by itself"],
        &[],
    );
}

#[test]
fn s004_4_del_gives_nothing_back() {
    let text = "import torch\nx = torch.zeros(3).to('cuda')\ndel x\n";
    named_and_mended(
        text,
        &["GE158 3: `del x` gives the memory back to PyTorch"],
        &[],
    );
    assert!(mended("t", text).ends_with("del x\ntorch.cuda.empty_cache()\n"));
}
