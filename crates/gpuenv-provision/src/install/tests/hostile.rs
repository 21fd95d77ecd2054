//! Packages that want more than their place. Each of them makes some rival write
//! outside of the prefix, take a file from outside, or spoil the prefix.

use serde_json::{Value, json};

use super::*;

fn entry(path: &str) -> Value {
    json!({ "_path": path, "path_type": "hardlink" })
}

/// Installs, and returns the code and first cause of the refusal.
#[track_caller]
fn refusal(outcome: Result<Installed, InstallError>) -> String {
    let diagnostic = Diagnostic::from(outcome.unwrap_err());
    let causes = diagnostic.causes.join("; ");
    match causes.is_empty() {
        true => format!("{}: {}", diagnostic.code, diagnostic.message),
        false => format!("{}: {causes}", diagnostic.code),
    }
}

/// Returns every path below the world, except for the cache and the channel.
fn everything(world: &World) -> Vec<PathBuf> {
    let skip = |path: &Path| path.starts_with("cache") || path.starts_with("channel");
    let tree = tree::read(world.directory.path(), &skip).unwrap();
    let files = tree.files.into_iter().map(|(path, _)| path);
    let links = tree.links.into_iter().map(|(path, _)| path);
    tree.directories
        .into_iter()
        .chain(files)
        .chain(links)
        .collect()
}

#[tokio::test]
async fn hostile_paths_are_refused_and_nothing_is_written() {
    let plain = |name: &str| archive(name, "1").file("share/x", "x");
    let cases = [
        ("up", plain("up").entry(entry("../outside/share/a"))),
        (
            "absolute",
            plain("absolute").entry(entry("/tmp/gpuenv-outside")),
        ),
        ("dots", plain("dots").entry(entry("share/../../outside"))),
        (
            "record",
            plain("record").file("conda-meta/evil-1-0.json", "{}"),
        ),
        ("history", plain("history").file("conda-meta/history", "x")),
        (
            "own",
            plain("own").file("etc/conda/activate.d/gpuenv.sh", "x"),
        ),
        ("link", plain("link").link("etc/x", "/etc/passwd")),
        ("relative", plain("relative").link("lib/x", "../../outside")),
        (
            "chain",
            plain("chain").link("a", "b/..").link("b", "share/../.."),
        ),
    ];
    let mut refusals = Vec::new();
    for (name, hostile) in cases {
        let world = World::new();
        let record = hostile.publish(&world.channel());
        refusals.push(format!(
            "{name}: {}",
            refusal(world.install(&[record]).await)
        ));
        assert_eq!(everything(&world), [Path::new("envs")], "{name}");
    }
    insta::assert_snapshot!(refusals.join("\n"), @r"
    up: GE506: `../outside/share/a` of `up 1 0`: the path holds `..`
    absolute: GE506: `/tmp/gpuenv-outside` of `absolute 1 0`: the path is absolute
    dots: GE506: `share/../../outside` of `dots 1 0`: the path holds `..`
    record: GE506: `conda-meta/evil-1-0.json` of `record 1 0`: the place belongs to the installer
    history: GE506: `conda-meta/history` of `history 1 0`: the place belongs to the installer
    own: GE506: `etc/conda/activate.d/gpuenv.sh` of `own 1 0`: the place belongs to the installer
    link: GE506: `etc/x` of `link 1 0`: the link leads out of the prefix, to `/etc/passwd`
    relative: GE506: `lib/x` of `relative 1 0`: the link leads out of the prefix, to `../../outside`
    chain: GE506: `a` of `chain 1 0`: the link leads out of the prefix, to `b/..`; `b` of `chain 1 0`: the link leads out of the prefix, to `share/../..`
    ");
}

#[tokio::test]
async fn packages_that_are_harmless_alone_are_refused_together() {
    let world = World::new();
    fs_err::create_dir(world.at("outside")).unwrap();
    let channel = world.channel();
    let records = [
        archive("a", "1")
            .link("data", "../../outside")
            .publish(&channel),
        archive("b", "1").file("data/x", "x").publish(&channel),
    ];
    let said = refusal(world.install(&records).await);
    assert!(said.starts_with("GE506"), "{said}");
    assert_eq!(names(&world.at("outside")), [] as [&str; 0]);

    // The same with a link that the user made in an environment.
    world.install(&records[1..]).await.unwrap();
    let record = archive("c", "1").file("mine/x", "x").publish(&channel);
    tree::make_link(&world.at("outside"), &world.prefix().join("mine")).unwrap();
    let said = refusal(world.install(&[records[1].clone(), record]).await);
    assert!(said.starts_with("GE506"), "{said}");
    assert_eq!(names(&world.at("outside")), [] as [&str; 0]);
    assert_eq!(world.beside(), ["e"]);
}

#[tokio::test]
async fn commands_cannot_leave_the_script_directory_nor_write_through_links() {
    let world = World::new();
    let channel = world.channel();
    let python = python(&channel, "3.12.1");
    let hostile = archive("p", "1")
        .python(&["../../outside"])
        .publish(&channel);
    let said = refusal(world.install(&[python.clone(), hostile]).await);
    assert!(said.starts_with("GE514"), "{said}");

    world.install(std::slice::from_ref(&python)).await.unwrap();
    fs_err::write(world.at("precious"), "mine").unwrap();
    tree::make_link(&world.at("precious"), &world.prefix().join("bin/run")).unwrap();
    let record = archive("q", "1")
        .file("site-packages/q", "")
        .python(&["run"])
        .publish(&channel);
    let said = refusal(world.install(&[python, record]).await);
    assert!(said.starts_with("GE506"), "{said}");
    assert_eq!(
        fs_err::read_to_string(world.at("precious")).unwrap(),
        "mine"
    );
}

#[tokio::test]
async fn a_module_directory_from_a_record_is_not_trusted() {
    let world = World::new();
    let channel = world.channel();
    let mut python = python(&channel, "3.12.1");
    python.package_record.python_site_packages_path = Some("../../outside".to_string());
    let pure = archive("p", "1")
        .file("site-packages/p.py", "p")
        .python(&[])
        .publish(&channel);
    let said = refusal(world.install(&[python, pure]).await);
    assert!(said.starts_with("GE506"), "{said}");
    assert_eq!(everything(&world), [Path::new("envs")]);
}

#[tokio::test]
async fn a_package_that_is_not_what_it_says_is_refused() {
    let hash = "0".repeat(64);
    let cases = [
        ("missing", archive("a", "1").entry(entry("share/missing"))),
        ("content", {
            let wrong = json!({ "_path": "share/y", "path_type": "hardlink", "sha256": hash });
            archive("a", "1")
                .file("share/x", "x")
                .link("share/z", "x")
                .entry(wrong)
                .unlisted("share/y", "y")
        }),
        ("size", {
            let wrong = json!({ "_path": "share/y", "path_type": "hardlink", "size_in_bytes": 7 });
            archive("a", "1").entry(wrong).unlisted("share/y", "y")
        }),
        // The linker would take the file behind the link for the package's own.
        (
            "kind",
            archive("a", "1")
                .unlisted_link("share/y", "/etc/passwd")
                .entry(entry("share/y")),
        ),
        (
            "way",
            archive("a", "1")
                .unlisted_link("etc", "/etc")
                .entry(entry("etc/passwd")),
        ),
    ];
    let mut refusals = Vec::new();
    for (name, odd) in cases {
        let world = World::new();
        let record = odd.publish(&world.channel());
        let records = [record];
        let said = refusal(world.install(&records).await);
        // It must not pass the second time, out of the cache.
        assert_eq!(said, refusal(world.install(&records).await));
        refusals.push(format!("{name}: {said}"));
        assert_eq!(everything(&world), [Path::new("envs")], "{name}");
    }
    let world = World::new();
    let mut other = archive("a", "1").file("x", "x").publish(&world.channel());
    other.package_record.version = "2".parse().unwrap();
    refusals.push(format!(
        "version: {}",
        refusal(world.install(&[other]).await)
    ));
    insta::assert_snapshot!(refusals.join("\n"), @r"
    missing: GE514: `a-1-0.conda` is not a sound package: `share/missing` is missing
    content: GE514: `a-1-0.conda` is not a sound package: `share/y` has another content
    size: GE514: `a-1-0.conda` is not a sound package: `share/y` has another size
    kind: GE514: `a-1-0.conda` is not a sound package: `share/y` is of another kind
    way: GE514: `a-1-0.conda` is not a sound package: `etc` is not a directory
    version: GE514: `a-1-0.conda` is not a sound package: it says that it is `a 1 0`
    ");
}

#[tokio::test]
async fn packages_that_share_a_path_are_told() {
    let world = World::new();
    let channel = world.channel();
    let records = [
        archive("a", "1").file("share/x", "a").publish(&channel),
        archive("b", "1").file("share/x", "b").publish(&channel),
    ];
    let recorder = Arc::new(Recorder::default());
    world.install_with(&records, told(&recorder)).await.unwrap();
    let told = recorder.diagnostics();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].message, "several packages bring `share/x`");
    assert_eq!(told[0].causes, ["`share/x`: `a 1 0`, `b 1 0`"]);
}
