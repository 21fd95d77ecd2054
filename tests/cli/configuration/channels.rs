//! The lines of the table that say which channels there are.

use super::{locks, slashed, unnamed};
use crate::lab::Lab;

#[track_caller]
fn imported(lab: &Lab, line: &str, channels: &str) {
    let imported = lab.sandbox.gpuenv(["import", line]).success().stdout();
    let wanted = format!("channels: [{channels}]\n");
    assert!(imported.contains(&wanted), "{wanted}{imported}");
}

#[test]
fn default_channels_are_what_defaults_stands_for() {
    let lab = unnamed();
    let place = format!("{}conda-forge", slashed(lab.server.url()));
    let condarc = format!("channels: [defaults]\ndefault_channels:\n  - {place}\n");
    lab.sandbox.write("../home/.condarc", condarc);
    let found = lab.sandbox.gpuenv(["search", "tool", "-q"]).success();
    assert!(found.stdout().contains("tool"), "{}", found.stdout());
    let _ = lab
        .sandbox
        .gpuenv(["search", "tool", "-c", "defaults", "-q"])
        .success();
    // A channel of its own, so the recipe names it.
    imported(&lab, "conda install numpy", &place);
    let made = [
        "create",
        "-n",
        "made",
        "tool>=1",
        "--no-probe",
        "--gpu",
        "none",
    ];
    let _ = lab.sandbox.gpuenv(made).success();
}

#[test]
fn copies_of_anacondas_channels_are_mirrors_of_them() {
    let lab = unnamed();
    lab.channel
        .beside("pkgs/main")
        .package("only-in-main", "1.0")
        .publish();
    let place = format!("{}pkgs/main", slashed(lab.server.url()));
    lab.sandbox.write(
        "../home/.condarc",
        format!("channels: [defaults]\ndefault_channels: [{place}]\n"),
    );
    let found = lab
        .sandbox
        .gpuenv(["search", "only-in-main", "-q"])
        .success();
    assert!(found.stdout().contains("pkgs/main"), "{}", found.stdout());
    imported(&lab, "conda install numpy", "pkgs/main");
}

#[test]
fn a_name_stands_for_several_channels() {
    let lab = unnamed();
    let url = slashed(lab.server.url());
    lab.channel.beside("extra").package("more", "1.0").publish();
    lab.sandbox.write(
        "../home/.condarc",
        format!("channel_alias: {url}\ncustom_multichannels:\n  lab: [extra, conda-forge]\n"),
    );
    for spec in ["tool", "more"] {
        let _ = lab
            .sandbox
            .gpuenv(["search", spec, "-c", "lab", "-q"])
            .success();
    }
    imported(
        &lab,
        "conda install -c lab -c nvidia numpy",
        "extra, conda-forge, nvidia",
    );
    let made = [
        "create",
        "-n",
        "m",
        "tool>=1",
        "more",
        "-c",
        "lab",
        "--no-probe",
        "--gpu",
        "none",
    ];
    let _ = lab.sandbox.gpuenv(made).success();
}

#[test]
fn variables_in_condarc_are_written_out() {
    let mut lab = unnamed();
    lab.sandbox.write(
        "../home/.condarc",
        "custom_channels:\n  conda-forge: http://${LAB_HOST}\n",
    );
    let url = lab.server.url();
    let host = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_string();
    let told = lab.sandbox.gpuenv(["lock", "demo.yaml"]).code(13).stderr();
    assert!(
        told.contains("the variable `LAB_HOST`, which is not set"),
        "{told}"
    );
    lab.sandbox.set("LAB_HOST", &host);
    locks(&lab);
}

#[test]
fn configuration_is_found_where_conda_looks() {
    for (variable, file) in [
        (None, "../home/.condarc"),
        (None, "../home/.conda/.condarc"),
        (None, "../home/.conda/condarc.d/10-lab.yml"),
        (None, "../home/.config/conda/condarc.d/lab.yaml"),
        (Some(("CONDA_PREFIX", "active")), "active/.condarc"),
        (Some(("CONDA_ROOT", "miniforge")), "miniforge/.condarc"),
        (
            Some(("CONDA_EXE", "miniforge/bin/conda")),
            "miniforge/condarc.d/a.yml",
        ),
        (Some(("MAMBA_ROOT_PREFIX", "mamba")), "mamba/.condarc"),
        (Some(("CONDARC", "named.yml")), "named.yml"),
    ] {
        let mut lab = unnamed();
        if let Some((variable, place)) = variable {
            let place = lab.sandbox.work().join(place);
            lab.sandbox.set(variable, place);
        }
        lab.sandbox.write(file, "channels: [from-there]\n");
        imported(&lab, "conda install numpy", "from-there");
    }
}

#[test]
fn variables_of_conda_are_stronger_than_its_files() {
    let mut lab = unnamed();
    lab.sandbox.write(
        "../home/.condarc",
        "channels: [weak]\nchannel_alias: http://127.0.0.1:9\nssl_verify: /nowhere\n",
    );
    lab.sandbox.set("CONDA_CHANNELS", "strong,second");
    lab.sandbox.set("CONDA_CHANNEL_ALIAS", lab.server.url());
    lab.sandbox.set("CONDA_SSL_VERIFY", "true");
    imported(&lab, "conda install numpy", "strong, second, weak");
    lab.sandbox
        .write("../home/.condarc", "channel_alias: http://127.0.0.1:9\n");
    locks(&lab);
    lab.sandbox.set("CONDA_OFFLINE", "true");
    lab.sandbox.set("CONDA_SSL_VERIFY", "false");
    let empty = lab.sandbox.work().join("empty");
    lab.sandbox.set("RATTLER_CACHE_DIR", empty);
    let upgraded = lab
        .sandbox
        .gpuenv(["lock", "demo.yaml", "--upgrade"])
        .code(13);
    let _ = upgraded.stderr_has("GE304").stderr_has("is not followed");
}

#[test]
fn a_login_in_the_url_of_a_channel_is_used_and_never_told() {
    let lab = unnamed();
    lab.server
        .inject(gpuenv_testkit::Fault::require_basic("me", "hunter2"));
    let place = slashed(lab.server.url()).replace("http://", "http://me:hunter2@");
    lab.sandbox.write(
        "../home/.condarc",
        format!("channels: ['{place}conda-forge']\n"),
    );
    let made = [
        "create",
        "-n",
        "made",
        "tool>=1",
        "--no-probe",
        "--gpu",
        "none",
    ];
    let _ = lab.sandbox.gpuenv(made).success().says_nowhere("hunter2");
    let _ = lab
        .sandbox
        .gpuenv(["import", "conda install x"])
        .success()
        .says_nowhere("hunter2");
}
