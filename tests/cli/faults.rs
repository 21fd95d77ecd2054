//! Servers, networks and disks that fail: what the user hears, and what is left.
//!
//! Every failure leaves the prefix as it was, and the same command works as
//! soon as the fault is gone.

use std::time::Duration;

use fs_err as fs;
use gpuenv_testkit::{Fault, Output, tree_with_hashes};

use crate::lab::{Lab, at_once, entries, told};

mod cache;
mod credentials;
mod disk;

/// The archive that the faults hit.
const PACKAGE: &str = "*/lib-1.0-h0_0.conda";

/// The index that the faults hit, in every form.
const INDEX: &str = "*/linux-64/repodata*";

const CREATE: [&str; 3] = ["create", "./demo.yaml", "--quiet"];

/// Makes a laboratory whose client is not patient.
fn lab() -> Lab {
    let mut lab = Lab::with_tool();
    lab.sandbox.set("GPUENV_HTTP_TIMEOUT", "0.5");
    lab.sandbox.set("GPUENV_HTTP_RETRIES", "1");
    lab
}

/// Creates with a fault, which must fail; then without it, which must work.
#[track_caller]
fn broken(fault: Fault, exit: i32) -> Output {
    let mut lab = lab();
    if exit == 13 {
        // It asks for three forms of the index.
        lab.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    }
    lab.server.inject(fault);
    let failed = lab.sandbox.gpuenv(CREATE).code(exit);
    lab.assert_only(&[]);
    assert_eq!(entries(&lab.sandbox.root().join("tmp")), [""; 0]);
    lab.server.heal();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    assert!(lab.prefix("demo").join("lib/lib.so").exists());
    failed
}

/// Creates with a fault that passes.
#[track_caller]
fn survived(faults: &[Fault]) -> (Lab, Output) {
    let lab = lab();
    for fault in faults {
        lab.server.inject(fault.clone());
    }
    let output = lab.sandbox.gpuenv(CREATE).success();
    let shown = output.stderr();
    assert_eq!(shown, "", "what passes is not worth a word");
    lab.assert_only(&["demo"]);
    let lib = fs::metadata(lab.prefix("demo").join("lib/lib.so"));
    assert_eq!(lib.map(|lib| lib.len()).ok(), Some(20_000));
    (lab, output)
}

/// Tells what the user hears of each fault; they mostly wait, so all at once.
#[track_caller]
fn all_told(pattern: &str, exit: i32, faults: &[(&str, Fault)]) -> String {
    let told = at_once(faults, |(name, fault)| {
        told(name, &broken(fault.clone().on(pattern), exit))
    });
    told.concat()
}

#[test]
fn packages_arrive_in_spite_of_faults_that_pass() {
    let faults = [
        Fault::status(500),
        Fault::status(503),
        Fault::cut(5_000),
        Fault::cut(0),
        Fault::reset(),
        Fault::reset_after(5_000),
        Fault::stall(),
        Fault::stall_after(5_000),
        Fault::flip(5_000),
        Fault::length_too_short(10),
        Fault::html(),
        Fault::redirect("/conda-forge/linux-64/lib-1.0-h0_0.conda"),
    ];
    at_once(&faults, |fault| {
        let (lab, _) = survived(&[fault.clone().on(PACKAGE).once()]);
        assert!(lab.server.requests_for(PACKAGE).len() >= 2, "{fault:?}");
    });
}

#[test]
fn a_length_that_promises_too_much_is_no_harm() {
    let (lab, _) = survived(&[Fault::length_too_long(10).on(PACKAGE)]);
    assert_eq!(lab.server.requests_for(PACKAGE).len(), 1);
    let _ = survived(&[Fault::length_too_long(10).on(INDEX)]);
}

#[test]
fn an_index_arrives_in_spite_of_faults_that_pass() {
    let faults = [
        Fault::status(500),
        Fault::status(503),
        Fault::cut(10),
        Fault::reset(),
        Fault::reset_after(10),
        Fault::stall(),
        Fault::stall_after(10),
        Fault::length_too_long(10),
    ];
    at_once(&faults, |fault| {
        let fault = fault.clone().on("*/linux-64/repodata.json.zst").get_only();
        let (lab, _) = survived(&[fault.once()]);
        assert!(!lab.server.requests_for(INDEX).is_empty());
    });
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let (lab, _) = survived(&[Fault::cut(5_000).on(PACKAGE).once()]);
    let asked = lab.server.requests_for(PACKAGE);
    assert_eq!(asked.len(), 2, "{:?}", lab.server.log());
    assert_eq!(asked[1].range.as_deref(), Some("bytes=5000-"));
    assert_eq!(asked[1].status, Some(206));
    // A server that knows no ranges sends it all again.
    let ignored = Fault::ignore_range().on(PACKAGE);
    let (lab, _) = survived(&[Fault::cut(5_000).on(PACKAGE).once(), ignored]);
    assert_eq!(lab.server.requests_for(PACKAGE)[1].status, Some(200));
}

#[test]
fn a_busy_server_is_given_the_time_that_it_asks_for() {
    at_once(&[PACKAGE, "*/linux-64/repodata.json.zst"], |pattern| {
        let fault = Fault::status(429).header("retry-after", "2").get_only();
        let (_, output) = survived(&[fault.on(pattern).once()]);
        let took = output.elapsed();
        assert!(took >= Duration::from_secs(2), "{pattern}: {took:?}");
    });
}

#[test]
fn a_slow_server_is_not_a_silent_one() {
    // It takes longer than any silence that is allowed.
    let (_, output) = survived(&[Fault::slow(15_000).on(PACKAGE)]);
    assert!(output.elapsed() > Duration::from_secs(1));
}

#[test]
fn a_package_that_does_not_arrive_is_told_of() {
    let faults = [
        ("500", Fault::status(500)),
        ("503", Fault::status(503)),
        ("404", Fault::status(404)),
        ("403", Fault::status(403)),
        ("cut", Fault::cut(5_000)),
        ("reset", Fault::reset()),
        ("stall", Fault::stall()),
        ("stall later", Fault::stall_after(5_000)),
        ("announced too short", Fault::length_too_short(10)),
        ("flipped byte", Fault::flip(5_000)),
        ("login page", Fault::html()),
        (
            "redirected for ever",
            Fault::redirect("/conda-forge/linux-64/lib-1.0-h0_0.conda"),
        ),
    ];
    insta::assert_snapshot!(all_told(PACKAGE, 15, &faults), @"
    ## 500
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the server answers HTTP 500
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    help: try again later, or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ## 503
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the server answers HTTP 503
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    help: try again later, or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ## 404
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the server does not have it any more (HTTP 404)
    cause: asked once: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    help: choose another build with `gpuenv lock --upgrade lib`
    docs: `gpuenv explain GE501`
    ## 403
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the server wants other credentials (HTTP 403)
    cause: asked once: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    help: put the credentials into the file that `RATTLER_AUTH_FILE` names
    docs: `gpuenv explain GE501`
    ## cut
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the connection was cut after 10000 bytes
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: end of file before message length reached
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ## reset
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: there is no connection to the server
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: Connection reset by peer (os error 104)
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ## stall
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the server stopped answering
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: operation timed out
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ## stall later
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the server stopped answering
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: operation timed out
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ## announced too short
    error[GE502]: `lib-1.0-h0_0.conda` does not have the hash that the lock names
    cause: from [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: the lock names adf43b8d3b4f2e5afddd7c1affd35ef3078d90dac9bf1dea0157f76991143aad, what arrived has 5d79943a27a46c4eb6ffe01c66c7c402d756f930052d655a2f1af2efa5e2e90c
    cause: 21216 bytes arrived, the lock names 21226
    help: try again; a proxy or mirror may have damaged it, or a login page answers instead
    help: if the channel replaced the archive, run `gpuenv lock --upgrade`
    docs: `gpuenv explain GE502`
    ## flipped byte
    error[GE502]: `lib-1.0-h0_0.conda` does not have the hash that the lock names
    cause: from [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: the lock names adf43b8d3b4f2e5afddd7c1affd35ef3078d90dac9bf1dea0157f76991143aad, what arrived has 259ef2cc255bdbf86c4ddac82c5aa24b0741894da64c883a80d4300a36cf14f7
    help: try again; a proxy or mirror may have damaged it, or a login page answers instead
    help: if the channel replaced the archive, run `gpuenv lock --upgrade`
    docs: `gpuenv explain GE502`
    ## login page
    error[GE502]: `lib-1.0-h0_0.conda` does not have the hash that the lock names
    cause: from [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: the lock names adf43b8d3b4f2e5afddd7c1affd35ef3078d90dac9bf1dea0157f76991143aad, what arrived has 68ddb985532dc3c72a5d6d63327f7ebec633a6d49187a590ee2cad5b8efceea1
    cause: 74 bytes arrived, the lock names 21226
    cause: a web page came instead of an archive
    help: log in to the network with a browser, then try again
    docs: `gpuenv explain GE502`
    ## redirected for ever
    error[GE501]: `lib-1.0-h0_0.conda` cannot be downloaded: the request failed
    cause: asked once: [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: too many redirects
    help: try again later, or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ");
}

#[test]
fn an_index_that_is_refused_is_told_of() {
    let faults = [
        ("503", Fault::status(503)),
        ("403", Fault::status(403)),
        ("404", Fault::status(404)),
    ];
    insta::assert_snapshot!(all_told(INDEX, 13, &faults), @"
    ## 503
    error[GE302]: channel `conda-forge` answers HTTP 503
    cause: while reading [SERVER]/conda-forge/
    help: try again later, or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE302`
    ## 403
    error[GE302]: channel `conda-forge` wants other credentials (HTTP 403)
    cause: while reading [SERVER]/conda-forge/
    help: put the credentials into the file that `RATTLER_AUTH_FILE` names
    docs: `gpuenv explain GE302`
    ## 404
    error[GE301]: no channel of the recipe has a package `tool` for linux-64
     --> ./demo.yaml:7:5
      |
    7 |   - tool
      |     ^^^^
    cause: searched: conda-forge
    help: check the name, or add the channel that has it under `channels`
    docs: `gpuenv explain GE301`
    ");
}

#[test]
fn an_index_that_does_not_arrive_is_told_of() {
    let faults = [
        ("cut", Fault::cut(10)),
        ("reset", Fault::reset()),
        ("stall", Fault::stall()),
        ("stall later", Fault::stall_after(10)),
    ];
    insta::assert_snapshot!(all_told(INDEX, 13, &faults), @"
    ## cut
    error[GE302]: channel `conda-forge` cannot be reached
    cause: while reading [SERVER]/conda-forge/
    cause: failed to download [SERVER]/conda-forge/linux-64/repodata.json.zst
    cause: error decoding response body
    cause: request or response body error
    cause: error reading a body from connection
    cause: end of file before message length reached
    help: check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`
    help: where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`
    help: `--offline` uses what is in the cache
    docs: `gpuenv explain GE302`
    ## reset
    error[GE302]: channel `conda-forge` cannot be reached
    cause: while reading [SERVER]/conda-forge/
    cause: error sending request for url ([SERVER]/conda-forge/linux-64/repodata.json)
    cause: client error (SendRequest)
    cause: connection error
    cause: Connection reset by peer (os error 104)
    help: check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`
    help: where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`
    help: `--offline` uses what is in the cache
    docs: `gpuenv explain GE302`
    ## stall
    error[GE302]: channel `conda-forge` cannot be reached
    cause: while reading [SERVER]/conda-forge/
    cause: error sending request for url ([SERVER]/conda-forge/linux-64/repodata.json)
    cause: operation timed out
    help: check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`
    help: where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`
    help: `--offline` uses what is in the cache
    docs: `gpuenv explain GE302`
    ## stall later
    error[GE302]: channel `conda-forge` cannot be reached
    cause: while reading [SERVER]/conda-forge/
    cause: failed to download [SERVER]/conda-forge/linux-64/repodata.json.zst
    cause: error decoding response body
    cause: request or response body error
    cause: operation timed out
    help: check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`
    help: where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`
    help: `--offline` uses what is in the cache
    docs: `gpuenv explain GE302`
    ");
}

#[test]
fn an_index_that_is_none_is_told_of() {
    let faults = [
        ("announced too short", Fault::length_too_short(10)),
        ("flipped byte", Fault::flip(10)),
        ("login page", Fault::html()),
        (
            "redirected for ever",
            Fault::redirect("/conda-forge/linux-64/repodata.json.zst"),
        ),
    ];
    insta::assert_snapshot!(all_told(INDEX, 13, &faults), @"
    ## announced too short
    error[GE303]: channel `conda-forge` answered with something that is not repodata
    cause: while reading [SERVER]/conda-forge/
    cause: failed to download [SERVER]/conda-forge/linux-64/repodata.json.zst
    cause: zstd stream did not finish
    help: open [SERVER]/conda-forge/ in a browser, a login page of the network may answer instead; then run the command again
    docs: `gpuenv explain GE303`
    ## flipped byte
    error[GE303]: channel `conda-forge` answered with something that is not repodata
    cause: while reading [SERVER]/conda-forge/
    cause: failed to download [SERVER]/conda-forge/linux-64/repodata.json.zst
    cause: Data corruption detected
    help: open [SERVER]/conda-forge/ in a browser, a login page of the network may answer instead; then run the command again
    docs: `gpuenv explain GE303`
    ## login page
    error[GE303]: channel `conda-forge` answered with something that is not repodata
    cause: while reading [SERVER]/conda-forge/
    cause: failed to download [SERVER]/conda-forge/linux-64/repodata.json.zst
    cause: Unknown frame descriptor
    help: open [SERVER]/conda-forge/ in a browser, a login page of the network may answer instead; then run the command again
    docs: `gpuenv explain GE303`
    ## redirected for ever
    error[GE302]: channel `conda-forge` cannot be reached
    cause: while reading [SERVER]/conda-forge/
    cause: error following redirect for url ([SERVER]/conda-forge/linux-64/repodata.json.zst)
    cause: too many redirects
    help: check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`
    help: where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`
    help: `--offline` uses what is in the cache
    docs: `gpuenv explain GE302`
    ");
}

#[test]
fn a_server_that_is_down_is_told_of() {
    let mut lab = lab();
    // A port that was free a moment ago.
    let closed = lab.channel.serve().url();
    // Which of two fails first is chance.
    lab.sandbox.replace("/noarch/", "/linux-64/");
    lab.sandbox.replace("lib-1.0", "tool-1.0");
    lab.sandbox.set("GPUENV_MIRROR", &closed);
    insta::assert_snapshot!(lab.sandbox.gpuenv(CREATE), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE302]: channel `conda-forge` cannot be reached
    cause: while reading [SERVER]/conda-forge/
    cause: error sending request for url ([SERVER]/conda-forge/linux-64/repodata.json)
    cause: client error (Connect)
    cause: tcp connect error
    cause: Connection refused (os error 111)
    help: check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`
    help: where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`
    help: `--offline` uses what is in the cache
    docs: `gpuenv explain GE302`
    ");
    let _ = lab
        .sandbox
        .gpuenv(["lock", "./demo.yaml", "--mirror", &lab.server.url()])
        .success();
    insta::assert_snapshot!(lab.sandbox.gpuenv(CREATE), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE501]: `tool-1.0-h0_0.conda` cannot be downloaded: there is no connection to the server
    cause: asked 2 times: [SERVER]/conda-forge/linux-64/tool-1.0-h0_0.conda
    cause: Connection refused (os error 111)
    help: check the network, and `HTTPS_PROXY` if there is a proxy
    help: or name a mirror with `--mirror URL`
    docs: `gpuenv explain GE501`
    ");
    lab.assert_only(&[]);
}

#[test]
fn a_failed_update_leaves_the_environment_as_it_was() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    lab.publish_tool("2.0");
    lab.recipe("demo", &["tool >=2"]);
    let before = tree_with_hashes(&lab.prefix("demo"));
    for fault in [
        Fault::status(404),
        Fault::flip(500),
        Fault::cut(500),
        Fault::stall(),
    ] {
        lab.server.inject(fault.on("*/tool-2.0-h0_0.conda"));
        let _ = lab.sandbox.gpuenv(CREATE).code(15);
        lab.server.heal();
        assert_eq!(tree_with_hashes(&lab.prefix("demo")), before);
        lab.assert_only(&["demo"]);
        let run = lab.sandbox.gpuenv(["run", "demo", "--", "tool"]).success();
        assert_eq!(run.stdout(), "tool 1.0\n");
    }
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let run = lab.sandbox.gpuenv(["run", "demo", "--", "tool"]).success();
    assert_eq!(run.stdout(), "tool 2.0\n");
}

#[test]
fn a_package_that_is_another_than_in_the_lock_is_refused() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(["lock", "./demo.yaml"]).success();
    let package = lab
        .channel
        .package("lib", "1.0")
        .file("share/where", "changed")
        .publish();
    insta::assert_snapshot!(lab.sandbox.gpuenv(CREATE), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE502]: `lib-1.0-h0_0.conda` does not have the hash that the lock names
    cause: from [SERVER]/conda-forge/linux-64/lib-1.0-h0_0.conda
    cause: the lock names adf43b8d3b4f2e5afddd7c1affd35ef3078d90dac9bf1dea0157f76991143aad, what arrived has 01bddae6e544dab989b83092bb8bd65e4e777bc9a175e7bb8eb2efc03e5eb532
    cause: 1038 bytes arrived, the lock names 21226
    help: try again; a proxy or mirror may have damaged it, or a login page answers instead
    help: if the channel replaced the archive, run `gpuenv lock --upgrade`
    docs: `gpuenv explain GE502`
    ");
    assert_eq!(lab.server.requests_for(&package.url_path).len(), 2);
    lab.assert_only(&[]);
}
