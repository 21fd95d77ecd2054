//! Packages that want to leave their prefix, or are not what they say.
//!
//! Each is refused before the first file is linked, and nothing is written but
//! into the package cache.

use fs_err as fs;
use gpuenv_testkit::{Member, tree, tree_with_hashes};

use crate::lab::{Lab, at_once, entries, told};

/// Fills a channel so that the package `hostile` does harm; the text is the
/// folder of the sandbox, outside of every prefix.
type Attack = fn(&Lab, &str);

/// Makes a laboratory with a hostile package and a lock that names it.
#[track_caller]
fn attacked(attack: Attack) -> Lab {
    let lab = Lab::new();
    lab.sandbox.write("../outside/precious", "data");
    let outside = lab.sandbox.root().join("outside");
    attack(&lab, &outside.to_string_lossy());
    lab.recipe("demo", &["hostile"]);
    let _ = lab.sandbox.gpuenv(["lock", "./demo.yaml"]).success();
    lab.sandbox.write("../gpuenv-home/envs/.keep", "");
    lab
}

/// Installs a hostile package, which must fail, and returns what is said of it.
#[track_caller]
fn refused(name: &str, attack: Attack) -> String {
    let lab = attacked(attack);
    let before = outside_of_the_cache(&lab);
    let refused = lab.sandbox.gpuenv(["create", "./demo.yaml", "--quiet"]);
    let refused = refused.code(15);
    lab.assert_only(&[".keep"]);
    assert_eq!(outside_of_the_cache(&lab), before, "{name}");
    assert_only_packages_in_the_cache(&lab, name);
    told(name, &refused)
}

#[track_caller]
fn assert_only_packages_in_the_cache(lab: &Lab, name: &str) {
    for entry in entries(&lab.sandbox.package_cache().join("pkgs")) {
        let known = ["hostile-", "other-", "python-", ".cache.lock"];
        let is_known = known.iter().any(|known| entry.starts_with(known));
        assert!(is_known, "{name}: {entry}");
    }
}

/// Lists everything in the sandbox but the package cache.
fn outside_of_the_cache(lab: &Lab) -> Vec<String> {
    let mut lines = tree_with_hashes(lab.sandbox.root());
    lines.retain(|line| !line.contains(" package-cache"));
    lines
}

fn fake_python(lab: &Lab) {
    lab.channel
        .package("python", "3.11.4")
        .build("h0_0_cpython")
        .file("bin/python3.11", "")
        .publish();
}

#[test]
fn nothing_leaves_its_prefix() {
    let attacks: [(&str, Attack); 13] = [
        ("a path with dots", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .listed("../evil")
                .publish();
        }),
        ("dots further down", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .listed("lib/../../../evil")
                .publish();
        }),
        ("an absolute path", |lab, outside| {
            lab.channel
                .package("hostile", "1.0")
                .listed(&format!("{outside}/evil"))
                .publish();
        }),
        ("a record of a package", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .file("conda-meta/evil-1.0-0.json", "{}")
                .publish();
        }),
        ("the history", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .file("conda-meta/history", "x")
                .publish();
        }),
        ("gpuenv's own record", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .file("conda-meta/gpuenv", "x")
                .publish();
        }),
        ("through a link of another package", |lab, outside| {
            lab.channel
                .package("other", "1.0")
                .symlink("lib/out", outside)
                .publish();
            lab.channel
                .package("hostile", "1.0")
                .needs("other")
                .file("lib/out/evil", "x")
                .publish();
        }),
        ("through a relative link of another package", |lab, _| {
            lab.channel
                .package("other", "1.0")
                .symlink("lib/out", "../../../../outside")
                .publish();
            lab.channel
                .package("hostile", "1.0")
                .needs("other")
                .file("lib/out/evil", "x")
                .publish();
        }),
        ("through a link of links", |lab, _| {
            lab.channel
                .package("other", "1.0")
                .symlink("a", "b")
                .symlink("b", "..")
                .publish();
            lab.channel
                .package("hostile", "1.0")
                .needs("other")
                .file("a/evil", "x")
                .publish();
        }),
        ("a command with dots", |lab, _| {
            fake_python(lab);
            lab.channel
                .package("hostile", "1.0")
                .needs("python")
                .noarch_python(["../../evil = os:getcwd"])
                .publish();
        }),
        ("an absolute command", |lab, _| {
            fake_python(lab);
            lab.channel
                .package("hostile", "1.0")
                .needs("python")
                .noarch_python(["/evil = os:getcwd"])
                .publish();
        }),
        ("a module with dots", |lab, _| {
            fake_python(lab);
            lab.channel
                .package("hostile", "1.0")
                .needs("python")
                .noarch_python([])
                .listed("site-packages/../../../../../evil")
                .publish();
        }),
        ("a link to a file outside", |lab, outside| {
            lab.channel
                .package("hostile", "1.0")
                .symlink("share/precious", &format!("{outside}/precious"))
                .publish();
        }),
    ];
    let told = at_once(&attacks, |(name, attack)| refused(name, *attack));
    insta::assert_snapshot!(told.concat(), @r#"
    ## a path with dots
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the path holds `..`
    cause: `../evil` of `hostile 1.0 h0_0`: the path holds `..`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## dots further down
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the path holds `..`
    cause: `lib/../../../evil` of `hostile 1.0 h0_0`: the path holds `..`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## an absolute path
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the path is absolute
    cause: `[SANDBOX]/outside/evil` of `hostile 1.0 h0_0`: the path is absolute
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## a record of a package
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the place belongs to the installer
    cause: `conda-meta/evil-1.0-0.json` of `hostile 1.0 h0_0`: the place belongs to the installer
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## the history
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the place belongs to the installer
    cause: `conda-meta/history` of `hostile 1.0 h0_0`: the place belongs to the installer
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## gpuenv's own record
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the place belongs to the installer
    cause: `conda-meta/gpuenv` of `hostile 1.0 h0_0`: the place belongs to the installer
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## through a link of another package
    error[GE506]: `hostile 1.0 h0_0` must not be installed: a link on the way leads out of the prefix
    cause: `lib/out/evil` of `hostile 1.0 h0_0`: a link on the way leads out of the prefix
    cause: `lib/out` of `other 1.0 h0_0`: the link leads out of the prefix, to `[SANDBOX]/outside`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## through a relative link of another package
    error[GE506]: `hostile 1.0 h0_0` must not be installed: a link on the way leads out of the prefix
    cause: `lib/out/evil` of `hostile 1.0 h0_0`: a link on the way leads out of the prefix
    cause: `lib/out` of `other 1.0 h0_0`: the link leads out of the prefix, to `../../../../outside`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## through a link of links
    error[GE506]: `hostile 1.0 h0_0` must not be installed: a link on the way leads out of the prefix
    cause: `a/evil` of `hostile 1.0 h0_0`: a link on the way leads out of the prefix
    cause: `a` of `other 1.0 h0_0`: the link leads out of the prefix, to `b`
    cause: `b` of `other 1.0 h0_0`: the link leads out of the prefix, to `..`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## a command with dots
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: `info/link.json` cannot be read: entry point command must not contain path separators or NUL: "../../evil" at line 7 column 3
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## an absolute command
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: `info/link.json` cannot be read: entry point command must not contain path separators or NUL: "/evil" at line 7 column 3
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## a module with dots
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the path holds `..`
    cause: `site-packages/../../../../../evil` of `hostile 1.0 h0_0`: the path holds `..`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ## a link to a file outside
    error[GE506]: `hostile 1.0 h0_0` must not be installed: the link leads out of the prefix, to `[SANDBOX]/outside/precious`
    cause: `share/precious` of `hostile 1.0 h0_0`: the link leads out of the prefix, to `[SANDBOX]/outside/precious`
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    "#);
}

#[test]
fn archives_are_what_they_say() {
    let attacks: [(&str, Attack); 7] = [
        ("a hard link to outside", |lab, outside| {
            let target = format!("{outside}/precious");
            lab.channel
                .package("hostile", "1.0")
                .listed("share/a")
                .member(Member::hard_link("share/a", &target))
                .publish();
        }),
        ("a hard link with dots", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .listed("share/a")
                .member(Member::hard_link("share/a", "../../../../outside/precious"))
                .publish();
        }),
        ("a file that is not there", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .listed("share/a")
                .publish();
        }),
        ("another content", |lab, _| {
            let zeros = "0".repeat(64);
            lab.channel
                .package("hostile", "1.0")
                .file("share/a", "x")
                .in_paths("share/a", "sha256", zeros)
                .publish();
        }),
        ("another name", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .in_index("name", "friendly")
                .publish();
        }),
        ("no list of files", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .info("paths.json", "{ not json")
                .publish();
        }),
        ("no index", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .without_info("index.json")
                .publish();
        }),
    ];
    let told = at_once(&attacks, |(name, attack)| refused(name, *attack));
    insta::assert_snapshot!(told.concat(), @"
    ## a hard link to outside
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: failed to unpack `share/a`: No such file or directory (os error 2)
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## a hard link with dots
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: failed to unpack `share/a`: hard link source escapes the destination: ../../../../outside/precious
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## a file that is not there
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: `share/a` is missing
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## another content
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: `share/a` has another content
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## another name
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: it says that it is `friendly 1.0 h0_0`
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## no list of files
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: `info/paths.json` cannot be read: key must be a string at line 1 column 3
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ## no index
    error[GE514]: `hostile-1.0-h0_0.conda` is not a sound package: `info/index.json` cannot be read: failed to open file `[SANDBOX]/package-cache/pkgs/hostile-1.0-h0_0/info/index.json`: No such file or directory (os error 2)
    help: report it to the channel; `gpuenv lock --upgrade` may find another build
    docs: `gpuenv explain GE514`
    ");
}

#[test]
fn a_member_behind_a_link_goes_nowhere() {
    let told = refused("a member behind a link", |lab, outside| {
        lab.channel
            .package("hostile", "1.0")
            .member(Member::symlink("out", outside))
            .member(Member::file("out/evil", "x"))
            .publish();
    });
    let known = ["GE514", "`hostile-1.0-h0_0.conda`", "`out/evil`"];
    assert!(known.iter().all(|text| told.contains(text)), "{told}");
}

#[test]
fn odd_members_become_nothing_or_plain_files() {
    let attacks: [(&str, Attack); 4] = [
        ("a member with dots", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .member(Member::file("../evil", "x"))
                .publish();
        }),
        ("an absolute member", |lab, outside| {
            lab.channel
                .package("hostile", "1.0")
                .member(Member::file(&format!("{outside}/evil"), "x"))
                .publish();
        }),
        ("a pipe", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .listed("share/a")
                .member(Member::fifo("share/a"))
                .publish();
        }),
        ("a device", |lab, _| {
            lab.channel
                .package("hostile", "1.0")
                .listed("share/a")
                .member(Member::device("share/a"))
                .publish();
        }),
    ];
    at_once(&attacks, |(name, attack)| {
        let lab = attacked(*attack);
        let before = outside_of_the_cache(&lab);
        let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
        let prefix = lab.prefix("demo");
        let in_prefix = tree(&prefix);
        assert!(
            !in_prefix.iter().any(|line| line.starts_with("else")),
            "{name}: {in_prefix:?}"
        );
        let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
        let mut after = outside_of_the_cache(&lab);
        after.retain(|line| !line.contains(".conda"));
        assert_eq!(after, before, "{name}");
        assert_only_packages_in_the_cache(&lab, name);
    });
}

#[test]
fn of_two_owners_of_a_path_the_winner_is_known_and_told() {
    let lab = Lab::new();
    for name in ["first", "second"] {
        lab.channel
            .package(name, "1.0")
            .file("share/same", name)
            .publish();
    }
    lab.recipe("demo", &["second", "first"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml"]), @r#"
    exit code: 0
    ----- stdout -----
    lock `./gpuenv.lock` is written
    environment `demo` is ready: 2 packages (2 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 2 packages in [TIME]
    fetching 2 packages ([SIZE])
    fetched 2 packages ([SIZE]) in [TIME]
    warning[GE507]: several packages bring `share/same`
    cause: `share/same`: `first 1.0 h0_0`, `second 1.0 h0_0`
    docs: `gpuenv explain GE507`
    linking 2 packages
    linked 2 packages in [TIME]
    "#);
    let winner = fs::read_to_string(lab.prefix("demo").join("share/same")).unwrap();
    for _ in 0..2 {
        let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
        let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
        assert_eq!(
            fs::read_to_string(lab.prefix("demo").join("share/same")).unwrap(),
            winner
        );
    }
}

#[test]
fn links_inside_the_prefix_are_fine() {
    let lab = Lab::new();
    lab.channel
        .package("honest", "1.0")
        .file("lib/libx.so.1.2", "x")
        .symlink("lib/libx.so.1", "libx.so.1.2")
        .symlink("lib/libx.so", "libx.so.1")
        .symlink("lib64", "lib")
        .symlink("share/up", "../lib/libx.so")
        .publish();
    lab.recipe("demo", &["honest"]);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let prefix = lab.prefix("demo");
    for path in ["lib64/libx.so", "share/up"] {
        assert_eq!(fs::read_to_string(prefix.join(path)).unwrap(), "x");
    }
    assert!(tree(&prefix).contains(&"link     lib64 -> lib".to_string()));
}

#[test]
fn a_refused_update_leaves_the_environment_as_it_was() {
    let lab = Lab::with_tool();
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let prefix = lab.prefix("demo");
    // The user's own link leads out; the package does not know.
    std::os::unix::fs::symlink(lab.sandbox.home(), prefix.join("mine")).unwrap();
    lab.channel
        .package("hostile", "1.0")
        .file("mine/evil", "x")
        .publish();
    lab.recipe("demo", &["tool", "hostile"]);
    let before = tree_with_hashes(&prefix);
    let home = tree(&lab.sandbox.home());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "--quiet"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE506]: `hostile 1.0 h0_0` must not be installed: a link on the way leads out of the prefix
    cause: `mine/evil` of `hostile 1.0 h0_0`: a link on the way leads out of the prefix
    help: report it to the channel; to go on, exclude the package in the recipe
    docs: `gpuenv explain GE506`
    ");
    assert_eq!(tree_with_hashes(&prefix), before);
    assert_eq!(tree(&lab.sandbox.home()), home);
}
