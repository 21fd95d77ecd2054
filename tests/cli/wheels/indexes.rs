//! Indexes of wheels that fail while a lock is made: each with a code, help, and
//! nothing changed.

use std::time::Duration;

use fs_err as fs;
use gpuenv_testkit::{Fault, Wheel};

use crate::wheel_sources::{Sources, sources};

/// The page of one package in the index.
const PAGE: &str = "/main/simple/leaf/";

/// Makes an environment of `leaf`, whose index is going to fail.
fn installed(sources: Sources) -> Sources {
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    let main = sources.index("main");
    sources.recipe("[leaf]", &format!("  index-url: {main}\n"));
    let _ = sources.gpuenv(&["create", "./demo.yaml"]).success();
    sources
}

#[test]
fn an_index_that_fails_is_named_and_changes_nothing() {
    let sources = installed(sources!());
    let lock = sources.sandbox.read("gpuenv.lock");
    let before = gpuenv_testkit::tree(&sources.prefix());
    let curl = format!(
        "help: see whether this machine gets there: `curl -I {}",
        sources.server.url()
    );
    let faults = [
        (
            Fault::status(401),
            "GE326",
            "wants other credentials (HTTP 401)",
            "help: put a line into `~/.netrc`: `machine 127.0.0.1 login",
        ),
        (
            Fault::status(403),
            "GE326",
            "wants other credentials (HTTP 403)",
            "UV_KEYRING_PROVIDER=subprocess",
        ),
        (
            Fault::status(404),
            "GE329",
            "no index has a package of the name `leaf`",
            "`gpuenv search leaf`",
        ),
        (
            Fault::status(500),
            "GE327",
            "it answers HTTP 500",
            "help: try again later",
        ),
        (
            Fault::html(),
            "GE328",
            "lists not one file of it",
            "in a browser",
        ),
        (
            Fault::redirect(PAGE),
            "GE328",
            "is no index of wheels",
            "in a browser",
        ),
        (
            Fault::stall(),
            "GE327",
            "it stopped answering",
            "`export GPUENV_HTTP_TIMEOUT=120`",
        ),
        (Fault::cut(10), "GE327", "the connection fails", &curl),
        (Fault::reset(), "GE327", "the connection fails", &curl),
    ];
    for (fault, code, message, help) in faults {
        sources.server.inject(fault.clone().on(PAGE));
        // Only silence needs little patience, and a busy machine needs some.
        let patience = if message.contains("stopped answering") {
            "3"
        } else {
            "30"
        };
        let update = sources.sandbox.command(["update", "demo"]);
        let update = update.env("GPUENV_HTTP_RETRIES", "0");
        let failed = update.env("GPUENV_HTTP_TIMEOUT", patience).run().code(13);
        assert!(failed.elapsed() < Duration::from_secs(100), "{fault:?}");
        let _ = failed
            .stderr_has(&format!("error[{code}]: "))
            .stderr_has(message)
            .stderr_has(help);
        sources.server.heal();
        assert_eq!(sources.sandbox.read("gpuenv.lock"), lock, "{fault:?}");
        assert_eq!(gpuenv_testkit::tree(&sources.prefix()), before, "{fault:?}");
    }
    // One that is only slow is waited for.
    sources.server.inject(Fault::slow(100).on(PAGE));
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
}

#[test]
fn what_an_index_fails_with_may_pass() {
    let sources = installed(sources!());
    sources.server.inject(Fault::status(503).on(PAGE).times(2));
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
}

#[test]
fn a_name_that_no_index_has_is_refused_with_its_name() {
    let mut sources = sources!();
    sources.publish("main", Wheel::new("top", "1.0").needs("laef"), "top");
    let main = sources.index("main");
    for (wheels, name) in [("[nowhere]", "nowhere"), ("[top]", "laef")] {
        sources.recipe(wheels, &format!("  index-url: {main}\n"));
        let refused = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
        let _ = refused
            .stderr_has(&format!(
                "error[GE329]: no index has a package of the name `{name}`"
            ))
            .stderr_has("help: correct the name in `pypi-dependencies`");
    }
    assert!(!sources.sandbox.work().join("gpuenv.lock").exists());

    // Nobody is there, and nobody may be asked.
    sources.recipe("[top]", "  index-url: http://127.0.0.1:9/simple\n");
    sources.sandbox.set("GPUENV_HTTP_RETRIES", "0");
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("error[GE327]: `http://127.0.0.1:9/simple/top/` cannot be read");
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--offline"])
        .code(13)
        .stderr_has("error[GE331]: offline, and what an index says about `top`")
        .stderr_has("help: run it once without `--offline`");
}

#[test]
fn a_withdrawn_release_is_taken_only_where_it_is_named_or_locked() {
    let sources = sources!();
    let main = sources.index("main");
    let options = format!("  index-url: {main}\n");
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    let broken = || Wheel::new("leaf", "1.1").yanked("broken on \"Windows\"");
    sources.publish("main", broken(), "leaf");
    sources.recipe("[leaf]", &options);
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml"])
        .success()
        .says_nowhere("GE330");
    assert!(sources.sandbox.read("gpuenv.lock").contains("leaf-1.0-py3"));

    sources.recipe("[\"leaf >=1.1\"]", &options);
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("error[GE321]")
        .stderr_has("leaf==1.1 was yanked");

    sources.recipe("[\"leaf ==1.1\"]", &options);
    let named = sources.gpuenv(&["lock", "./demo.yaml"]).success();
    let _ = named
        .stderr_has("warning[GE330]: the authors of `leaf 1.1` have withdrawn it (yanked)")
        .stderr_has("cause: they say: broken on")
        .stderr_has("cause: the recipe names that version: `leaf==1.1`");
    let _ = sources
        .gpuenv(&["create", "./demo.yaml", "--locked"])
        .success();

    // Locked, and withdrawn later.
    sources.recipe("[leaf]", &options);
    let kept = sources.gpuenv(&["lock", "./demo.yaml"]).success();
    let _ = kept
        .stderr_has("warning[GE330]")
        .stderr_has("cause: it stays locked, and can still be installed")
        .stderr_has("help: take another version: `gpuenv lock --upgrade leaf`");
    assert!(sources.sandbox.read("gpuenv.lock").contains("leaf-1.1-py3"));
    // The `==` of a marker names no version.
    sources.recipe("[\"leaf; sys_platform == 'linux'\"]", &options);
    let marked = sources.gpuenv(&["lock", "./demo.yaml"]).success();
    let _ = marked.stderr_has("cause: it stays locked, and can still be installed");
    fs::remove_dir_all(sources.sandbox.package_cache()).expect("it was filled");
    let again = ["create", "./demo.yaml", "--locked", "-n", "other"];
    let _ = sources.gpuenv(&again).success();
    let upgraded = sources.gpuenv(&["lock", "./demo.yaml", "--upgrade", "leaf"]);
    let _ = upgraded.success().says_nowhere("GE330");
    assert!(sources.sandbox.read("gpuenv.lock").contains("leaf-1.0-py3"));
}
