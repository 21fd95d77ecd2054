//! The keyring, asked by way of a scripted program, for locking and for downloads.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_testkit::{Fault, Wheel};

use crate::wheel_sources::{Sources, sources};

const SECRET: &str = "s3cr3t-w0rd";

/// An index of `leaf` that wants `me` and the secret, and a program `keyring` that
/// knows them for what begins like `known`. It notes its command lines.
fn guarded(mut sources: Sources, known: &str) -> (Sources, PathBuf) {
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    sources
        .server
        .inject(Fault::require_basic("me", SECRET).on("/main/*"));
    let seen = sources.sandbox.work().join("seen");
    let script = format!(
        "#!/bin/sh\n/usr/bin/tr '\\0' ' ' < /proc/$$/cmdline >> '{0}'; echo >> '{0}'\n\
         case \"$*\" in\n  \"get {known}\"*\" --mode creds\") echo me; echo {SECRET};;\n  \
         \"get {known}\"*\" me\") echo {SECRET};;\n  *) exit 1;;\nesac\n",
        seen.display()
    );
    let program = sources.sandbox.root().join("bin/keyring");
    fs::write(&program, script).expect("the sandbox is ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).expect("it was written");
    sources.sandbox.set("UV_KEYRING_PROVIDER", "subprocess");
    (sources, seen)
}

/// Returns what the program was started with, each once, after `keyring `.
fn asked(seen: &PathBuf) -> Vec<String> {
    let text = fs::read_to_string(seen).unwrap_or_default();
    assert!(!text.contains(SECRET), "{text}");
    let line = |line: &str| {
        line.split_once("keyring ")
            .map(|(_, rest)| rest.trim().to_string())
    };
    let mut lines: Vec<String> = text.lines().filter_map(line).collect();
    lines.sort();
    lines
}

#[test]
fn the_keyring_opens_an_index_of_the_recipe_and_its_files() {
    let (sources, seen) = guarded(sources!(), "http");
    let main = sources.index("main");
    sources.recipe("[leaf]", &format!("  index-url: {main}\n"));
    let locked = sources.gpuenv(&["lock", "./demo.yaml", "-vv"]).success();
    let _ = locked.says_nowhere(SECRET);
    assert_eq!(asked(&seen), [format!("get {main} --mode creds")]);
    let text = sources.sandbox.read("gpuenv.lock");
    assert!(!text.contains(SECRET) && !text.contains("me@"), "{text}");

    fs::remove_file(&seen).expect("it was written");
    let created = sources.gpuenv(&["create", "./demo.yaml", "--locked", "-vv"]);
    let _ = created.success().says_nowhere(SECRET);
    assert_eq!(asked(&seen), [format!("get {main} --mode creds")]);
}

#[test]
fn the_keyring_is_asked_only_where_that_is_wanted_and_a_server_refuses() {
    let (mut sources, seen) = guarded(sources!(), "nothing");
    let main = sources.index("main");
    sources.recipe("[leaf]", &format!("  index-url: {main}\n"));
    // It knows nothing: both say so.
    let refused = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let _ = refused
        .stderr_has("error[GE326]")
        .stderr_has("cause: `keyring get 127.0.0.1");
    sources.server.heal();
    let _ = sources.gpuenv(&["lock", "./demo.yaml"]).success();
    fs::remove_file(&seen).expect("it was written");
    let _ = sources
        .gpuenv(&["create", "./demo.yaml", "-n", "open"])
        .success();
    assert_eq!(asked(&seen), [""; 0], "nobody has refused");

    fs::remove_dir_all(sources.sandbox.package_cache()).expect("it was filled");
    sources
        .server
        .inject(Fault::require_basic("me", SECRET).on("*.whl"));
    let create = ["create", "./demo.yaml", "--locked"];
    let _ = sources
        .gpuenv(&create)
        .code(15)
        .stderr_has("error[GE501]: `leaf-1.0-py3-none-any.whl` cannot be downloaded")
        .stderr_has("finds nothing");
    assert_eq!(asked(&seen).len(), 2, "the index, and the host");

    // Not wanted, and not there.
    fs::remove_file(&seen).expect("it was written");
    sources.sandbox.unset("UV_KEYRING_PROVIDER");
    let _ = sources
        .gpuenv(&create)
        .code(15)
        .stderr_has("`export UV_KEYRING_PROVIDER=subprocess`");
    assert!(!seen.exists());
    sources.sandbox.set("UV_KEYRING_PROVIDER", "subprocess");
    fs::remove_file(sources.sandbox.root().join("bin/keyring")).expect("it was written");
    let _ = sources
        .gpuenv(&create)
        .code(15)
        .stderr_has("cause: there is no program `keyring` on `PATH`");
}

#[test]
fn a_name_in_uvs_settings_is_what_the_keyring_is_asked_for() {
    let (mut sources, seen) = guarded(sources!(), "http");
    sources.recipe("[leaf]", "  allow-two-cuda-runtimes: false\n");
    let main = sources.index("main");
    let named = main.replace("http://", "http://me@");
    sources.sandbox.unset("UV_KEYRING_PROVIDER");
    // pixi's configuration may want the keyring, too.
    let pixi = "[pypi-config]\nkeyring-provider = \"subprocess\"\n";
    sources.sandbox.write("../home/.pixi/config.toml", pixi);
    sources.sandbox.set("UV_DEFAULT_INDEX", &named);
    let locked = sources.gpuenv(&["create", "./demo.yaml", "-vv"]).success();
    let _ = locked.says_nowhere(SECRET);
    let mut lines = asked(&seen);
    lines.dedup();
    assert_eq!(lines, [format!("get {main} me")]);
}

#[test]
fn logins_in_uvs_settings_count_for_downloads() {
    let (mut sources, _) = guarded(sources!(), "nothing");
    sources.sandbox.unset("UV_KEYRING_PROVIDER");
    sources.recipe("[leaf]", "  allow-two-cuda-runtimes: false\n");
    let main = sources.index("main");
    let with_login = main.replace("http://", &format!("http://me:{SECRET}@"));
    sources.sandbox.set("UV_DEFAULT_INDEX", &with_login);
    let created = sources.gpuenv(&["create", "./demo.yaml", "-n", "one", "-vv"]);
    let _ = created.success().says_nowhere(SECRET);
    let text = sources.sandbox.read("gpuenv.lock");
    assert!(!text.contains(SECRET), "{text}");
    // In its file, with the login in variables.
    sources.sandbox.unset("UV_DEFAULT_INDEX");
    let settings = format!("[[index]]\nname = \"my-lab\"\nurl = \"{main}\"\ndefault = true\n");
    sources
        .sandbox
        .write("../home/.config/uv/uv.toml", settings);
    sources.sandbox.set("UV_INDEX_MY_LAB_USERNAME", "me");
    sources.sandbox.set("UV_INDEX_MY_LAB_PASSWORD", SECRET);
    fs::remove_dir_all(sources.sandbox.package_cache()).expect("it was filled");
    let create = ["create", "./demo.yaml", "-n", "two", "-vv"];
    let _ = sources.gpuenv(&create).success().says_nowhere(SECRET);
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
    // A recipe that names the same index gets the same login.
    sources.recipe("[leaf]", &format!("  index-url: {main}\n"));
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
}

#[test]
fn rattlers_file_opens_an_index_too() {
    let (mut sources, _) = guarded(sources!(), "nothing");
    sources.sandbox.unset("UV_KEYRING_PROVIDER");
    let main = sources.index("main");
    let text = format!(
        r#"{{"127.0.0.1": {{"BasicHTTP": {{"username": "me", "password": "{SECRET}"}}}}}}"#
    );
    let file = sources.sandbox.write("credentials.json", text);
    sources.sandbox.set("RATTLER_AUTH_FILE", file);
    // Nothing is there, and everybody may see that.
    let other = sources.index("other");
    for options in [
        format!("  index-url: {main}\n"),
        format!("  index-url: {other}\n  package-indexes: {{ leaf: \"{main}\" }}\n"),
        format!("  index-url: {other}\n  extra-index-urls: [\"{main}\"]\n"),
        format!("  index-url: {other}\n  find-links: [\"{main}/leaf/\"]\n"),
    ] {
        sources.recipe("[leaf]", &options);
        let locked = sources.gpuenv(&["lock", "./demo.yaml", "--upgrade", "-vv"]);
        let _ = locked.success().says_nowhere(SECRET);
        assert!(!sources.sandbox.read("gpuenv.lock").contains(SECRET));
    }
    let _ = sources
        .gpuenv(&["create", "./demo.yaml", "--locked"])
        .success();
}
