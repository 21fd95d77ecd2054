//! Channels that want credentials, which must never be seen anywhere.

use fs_err as fs;
use gpuenv_testkit::{Fault, Output};

use super::{CREATE, lab};
use crate::lab::Lab;

const SECRET: &str = "s3cr3t-t0ken";

/// Writes a file of credentials for the loopback host and names it.
fn with_credentials(lab: &mut Lab, text: &str) {
    let file = lab.sandbox.write("credentials.json", text);
    lab.sandbox.set("RATTLER_AUTH_FILE", file);
}

/// Fails if a text stands in any file below a folder.
#[track_caller]
fn assert_nowhere(folder: &std::path::Path, secret: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            assert_nowhere(&path, secret);
        } else if kind.is_file() && !path.ends_with("work/credentials.json") {
            let bytes = fs::read(&path).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "the secret is in {}", path.display());
        }
    }
}

#[track_caller]
fn quiet_about(output: Output, secret: &str) -> Output {
    output
        .says_nowhere(secret)
        .says_nowhere("bWU6czNjcjN0LXQwa2Vu")
}

#[test]
fn stored_credentials_open_a_channel_and_stay_secret() {
    for (fault, text) in [
        (
            Fault::require_basic("me", SECRET),
            format!(
                r#"{{"127.0.0.1": {{"BasicHTTP": {{"username": "me", "password": "{SECRET}"}}}}}}"#
            ),
        ),
        (
            Fault::require_bearer(SECRET),
            format!(r#"{{"127.0.0.1": {{"BearerToken": "{SECRET}"}}}}"#),
        ),
    ] {
        let mut lab = lab();
        lab.server.inject(fault.clone());
        let refused = lab.sandbox.gpuenv(CREATE).code(13);
        let _ = refused.stderr_has("401").stderr_has("RATTLER_AUTH_FILE");
        with_credentials(&mut lab, &text);
        let made = lab
            .sandbox
            .gpuenv(["create", "./demo.yaml", "-vvv"])
            .success();
        let _ = quiet_about(made, SECRET);
        // The failure after it: everything is said about it but the secret.
        lab.server.heal();
        lab.server.inject(fault);
        lab.server.inject(Fault::status(500).on("*/tool-2.0*"));
        lab.publish_tool("2.0");
        lab.recipe("demo", &["tool >=2"]);
        let failed = lab
            .sandbox
            .gpuenv(["create", "./demo.yaml", "-vvv", "--progress", "json"]);
        let _ = quiet_about(failed.code(15), SECRET);
        assert_nowhere(lab.sandbox.root(), SECRET);
    }
}

#[test]
fn wrong_credentials_are_told_of_without_being_shown() {
    let mut lab = lab();
    let _ = lab.sandbox.gpuenv(["lock", "./demo.yaml"]).success();
    lab.server.inject(Fault::require_basic("me", "another"));
    with_credentials(
        &mut lab,
        &format!(
            r#"{{"127.0.0.1": {{"BasicHTTP": {{"username": "me", "password": "{SECRET}"}}}}}}"#
        ),
    );
    // Which of two fails first is chance.
    lab.sandbox.replace("lib-1.0", "tool-1.0");
    let output = quiet_about(lab.sandbox.gpuenv(CREATE), SECRET);
    insta::assert_snapshot!(output, @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE501]: `tool-1.0-h0_0.conda` cannot be downloaded: the server wants other credentials (HTTP 401)
    cause: asked once: [SERVER]/conda-forge/linux-64/tool-1.0-h0_0.conda
    help: put the credentials into the file that `RATTLER_AUTH_FILE` names
    docs: `gpuenv explain GE501`
    ");
    lab.assert_only(&[]);
}

#[test]
fn secrets_in_a_mirror_are_used_and_hidden() {
    let mut lab = lab();
    lab.server.inject(Fault::require_basic("me", SECRET));
    let mirror = lab
        .server
        .url()
        .replace("http://", &format!("http://me:{SECRET}@"));
    let flag = ["create", "./demo.yaml", "-vv", "--mirror", &mirror];
    lab.sandbox.unset("GPUENV_MIRROR");
    let _ = quiet_about(lab.sandbox.gpuenv(flag), SECRET).success();
    assert_nowhere(lab.sandbox.root(), SECRET);
    lab.server.inject(Fault::status(404).on("*/tool-2.0*"));
    lab.publish_tool("2.0");
    lab.recipe("demo", &["tool >=2"]);
    let _ = quiet_about(lab.sandbox.gpuenv(flag), SECRET).code(15);
    assert_nowhere(lab.sandbox.root(), SECRET);
}

#[test]
fn a_file_of_credentials_that_is_damaged_is_told_of() {
    let mut lab = lab();
    with_credentials(&mut lab, "{ not json");
    insta::assert_snapshot!(lab.sandbox.gpuenv(CREATE), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE517]: the file with credentials cannot be read
    cause: failed to parse [SANDBOX]/work/credentials.json: key must be a string at line 1 column 3
    docs: `gpuenv explain GE517`
    ");
}
