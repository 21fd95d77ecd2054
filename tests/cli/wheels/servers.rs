//! Servers that fail while a wheel is downloaded: the file is named as the user
//! knows it, and nothing is at the prefix.

use std::time::Duration;

use gpuenv_testkit::{Fault, Wheel};

use super::lab::lab;

#[test]
fn a_wheel_that_does_not_arrive_is_told_of_by_its_file_name() {
    let mut lab = lab!();
    lab.publish(Wheel::new("leaf-lib", "1.0+local"));
    lab.recipe("[python]", "[leaf-lib]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    let mut told = String::new();
    for (name, fault) in [
        ("404", Fault::status(404)),
        ("403", Fault::status(403)),
        ("500", Fault::status(500)),
        ("login page", Fault::html()),
        ("flipped byte", Fault::flip(60)),
        ("cut", Fault::cut(100)),
        ("announced too short", Fault::length_too_short(10)),
        ("stall", Fault::stall()),
        ("stall later", Fault::stall_after(100)),
        (
            "redirected for ever",
            Fault::redirect("/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl"),
        ),
    ] {
        lab.server.inject(fault.on("*/leaf_lib-1.0*.whl"));
        // Only silence needs little patience, and a busy machine needs some.
        let patience = if name.starts_with("stall") { "2" } else { "30" };
        let create = lab.sandbox.command(["create", "./demo.yaml", "--locked"]);
        let failed = create.env("GPUENV_HTTP_TIMEOUT", patience).run().code(15);
        assert!(failed.elapsed() < Duration::from_secs(100), "{name}");
        lab.server.heal();
        assert!(!lab.prefix().exists(), "{name}");
        told += &format!("## {name}\n");
        for line in failed.snapshot().lines() {
            // A hash differs with the module that the testkit writes.
            let is_told = ["error", "cause", "help"]
                .iter()
                .any(|word| line.starts_with(word));
            if is_told && !line.contains("the lock names ") {
                told += &format!("{line}\n");
            }
        }
    }
    insta::assert_snapshot!(told, @"
    ## 404
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the server does not have it any more (HTTP 404)
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    help: choose another build with `gpuenv lock --upgrade leaf-lib`
    ## 403
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the server wants other credentials (HTTP 403)
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    help: put the credentials into the file that `RATTLER_AUTH_FILE` names
    help: or into `.netrc`: `machine HOST login NAME password SECRET`
    help: or ask the keyring: `export UV_KEYRING_PROVIDER=subprocess`
    ## 500
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the server answers HTTP 500
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    help: try again later, or name a mirror with `--mirror [SERVER]=URL`
    ## login page
    error[GE502]: `leaf_lib-1.0+local-py3-none-any.whl` does not have the hash that the lock names
    cause: from [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    cause: a web page came instead of an archive
    help: log in to the network with a browser, then try again
    ## flipped byte
    error[GE502]: `leaf_lib-1.0+local-py3-none-any.whl` does not have the hash that the lock names
    cause: from [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    help: try again; a proxy or mirror may have damaged it, or a login page answers instead
    help: if the index replaced the file, run `gpuenv lock --upgrade leaf-lib`
    ## cut
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the connection was cut after 100 bytes
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    cause: end of file before message length reached
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror [SERVER]=URL`
    ## announced too short
    error[GE502]: `leaf_lib-1.0+local-py3-none-any.whl` does not have the hash that the lock names
    cause: from [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    help: try again; a proxy or mirror may have damaged it, or a login page answers instead
    help: if the index replaced the file, run `gpuenv lock --upgrade leaf-lib`
    ## stall
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the server stopped answering
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    cause: operation timed out
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror [SERVER]=URL`
    ## stall later
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the server stopped answering
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    cause: operation timed out
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror [SERVER]=URL`
    ## redirected for ever
    error[GE501]: `leaf_lib-1.0+local-py3-none-any.whl` cannot be downloaded: the request failed
    cause: asked once: [SERVER]/wheels/leaf_lib-1.0%2Blocal-py3-none-any.whl
    cause: too many redirects
    help: try again later, or name a mirror with `--mirror [SERVER]=URL`
    ");
    // One that is only slow is waited for.
    lab.server.inject(Fault::slow(1_000).on("*.whl"));
    let _ = lab.gpuenv(&["create", "./demo.yaml", "--locked"]).success();
}

#[test]
fn a_download_of_a_wheel_that_breaks_is_taken_up_again() {
    let lab = lab!();
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[leaf]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    lab.server.forget_requests();
    lab.server.inject(Fault::cut(100).on("*.whl").once());
    let _ = lab.gpuenv(&["create", "./demo.yaml", "--locked"]).success();
    let asked = lab.server.requests_for("*.whl");
    assert_eq!(asked.len(), 2, "{:?}", lab.server.log());
    assert_eq!(asked[1].range.as_deref(), Some("bytes=100-"));
}

#[test]
fn offline_says_which_wheel_is_missing() {
    let lab = lab!();
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[leaf]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    let missing = lab.gpuenv(&["create", "./demo.yaml", "--locked", "--offline"]);
    let _ = missing
        .code(15)
        .stderr_has("error[GE508]")
        .stderr_has("leaf-1.0-py3-none-any.whl")
        .says_nowhere("pypi_");
}
