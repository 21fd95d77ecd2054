//! What goes wrong around an install: damaged caches, cancelled runs, failures.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Canceller;

fn demo(world: &World) -> [RepoDataRecord; 3] {
    let channel = world.channel();
    [
        archive("a", "1")
            .file("share/a", "aaaa")
            .link("share/l", "a")
            .publish(&channel),
        archive("p", "1")
            .file("site-packages/p.py", "p")
            .python(&["run"])
            .publish(&channel),
        python(&channel, "3.12.1"),
    ]
}

/// Returns the content of a prefix, without what differs from run to run.
fn content(prefix: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let is_other = |path: &Path| path.starts_with("conda-meta");
    let tree = tree::read(prefix, &is_other).unwrap();
    let read = |path: PathBuf| (path.clone(), fs_err::read(prefix.join(&path)).unwrap());
    let files = tree.files.into_iter().map(|(path, _)| read(path));
    let bytes = |path: PathBuf| path.into_os_string().into_encoded_bytes();
    let links = tree.links.into_iter().map(|(path, to)| (path, bytes(to)));
    let mut content: Vec<_> = files.chain(links).collect();
    content.sort();
    content
}

#[tokio::test]
async fn a_damaged_cache_heals_itself() {
    let damages: [fn(&Path); 5] = [
        |package| fs_err::remove_file(package.join("share/a")).unwrap(),
        |package| fs_err::write(package.join("share/a"), "aa").unwrap(),
        |package| fs_err::write(package.join("share/a"), "aaba").unwrap(),
        |package| fs_err::write(package.join("info/index.json"), "").unwrap(),
        |package| fs_err::remove_dir_all(package.join("share")).unwrap(),
    ];
    let world = World::new();
    let records = demo(&world);
    world.install(&records).await.unwrap();
    let right = content(&world.prefix());
    for damage in damages {
        fs_err::remove_dir_all(world.prefix()).unwrap();
        damage(&world.access.package_cache().join("a-1-0"));
        let recorder = Arc::new(Recorder::default());
        world.install_with(&records, told(&recorder)).await.unwrap();
        assert_eq!(content(&world.prefix()), right);
        assert_eq!(recorder.finished(), (1, 3));
    }
}

#[tokio::test]
async fn an_edit_in_a_prefix_does_not_reach_the_next_one() {
    let world = World::new();
    let records = demo(&world);
    world.install(&records).await.unwrap();
    let path = world.prefix().join("share/a");
    // As an editor that writes in place does.
    let mut file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"edit").unwrap();
    let cached = world.access.package_cache().join("a-1-0/share/a");
    assert_eq!(
        fs_err::read_to_string(&cached).unwrap(),
        "edit",
        "no hard link, no danger"
    );
    let other = world.at("envs/other");
    world
        .install_with(
            &records,
            Options {
                prefix: Some(other.clone()),
                ..Options::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(
        fs_err::read_to_string(other.join("share/a")).unwrap(),
        "aaaa"
    );
    assert_eq!(fs_err::read_to_string(cached).unwrap(), "aaaa");
    assert_eq!(world.read("share/a"), "edit");
}

/// Asks to stop at one of the events.
struct StopAt {
    left: AtomicUsize,
    canceller: Canceller,
}

impl Reporter for StopAt {
    fn report(&self, _event: Event) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.canceller.cancel();
        }
    }
}

#[tokio::test]
async fn cut_at_any_event_and_run_again_it_comes_to_the_same() {
    let world = World::new();
    let records = demo(&world);
    world.install(&records).await.unwrap();
    let right = content(&world.prefix());
    let mut interrupted = 0;
    for left in 0.. {
        let world = World::new();
        let records = demo(&world);
        let (canceller, cancel) = Cancel::pair();
        let reporter = Arc::new(StopAt {
            left: AtomicUsize::new(left),
            canceller,
        });
        let options = Options {
            cancel: cancel.clone(),
            reporter,
            ..Options::default()
        };
        let outcome = world.install_with(&records, options).await;
        if !cancel.is_asked() {
            break;
        }
        if let Err(error) = outcome {
            assert_eq!(code(error), "GE510");
            assert_eq!(world.beside(), [] as [&str; 0]);
            interrupted += 1;
        }
        world.install(&records).await.unwrap();
        let again: Vec<_> = content(&world.prefix())
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert!(again.iter().eq(right.iter().map(|(path, _)| path)));
        assert_eq!(world.beside(), ["e"]);
    }
    assert!(interrupted >= 6, "{interrupted}");
}

#[tokio::test]
async fn a_failing_update_leaves_the_old_environment_as_it_was() {
    let world = World::new();
    let old = demo(&world);
    world.install(&old).await.unwrap();
    let before = content(&world.prefix());
    let state = world.read(prefix::STATE);
    let new = archive("a", "2")
        .file("share/a", "new")
        .publish(&world.at("two"));
    let file = new.url.to_file_path().unwrap();
    let sound = fs_err::read(&file).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    let damages: [(&[u8], &str); 4] = [
        (&flipped, "GE502"),
        (&sound[..sound.len() / 2], "GE502"),
        (b"<html>log in</html>", "GE502"),
        (b"", "GE502"),
    ];
    let records = [new, old[1].clone(), old[2].clone()];
    for (bytes, expected) in damages {
        fs_err::write(&file, bytes).unwrap();
        assert_eq!(
            code(world.install(&records).await.unwrap_err()),
            expected,
            "{}",
            bytes.len()
        );
    }
    fs_err::remove_file(&file).unwrap();
    assert_eq!(code(world.install(&records).await.unwrap_err()), "GE501");
    fs_err::write(&file, &sound).unwrap();
    let options = Options {
        is_full: true,
        ..Options::default()
    };
    let failed = world.install_with(&records, options).await;
    assert_eq!(code(failed.unwrap_err()), "GE503");

    assert_eq!(content(&world.prefix()), before);
    assert_eq!(world.read(prefix::STATE), state);
    assert_eq!(world.beside(), ["e"]);
    world.install(&records).await.unwrap();
    assert_eq!(world.read("share/a"), "new");
}

#[cfg(unix)]
#[tokio::test]
async fn a_cache_that_can_only_be_read_is_used_and_completed_elsewhere() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    let records = demo(&world);
    world.install(&records).await.unwrap();
    fs_err::remove_dir_all(world.prefix()).unwrap();
    let mode = |path: PathBuf, mode| {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let pkgs = world.access.package_cache();
    mode(pkgs.clone(), 0o555);
    let recorder = Arc::new(Recorder::default());
    world.install_with(&records, told(&recorder)).await.unwrap();
    assert_eq!(recorder.finished(), (0, 3));
    assert_eq!(recorder.diagnostics(), []);

    // What it lacks goes into a directory of our own, or where that is closed
    // too, is thrown away.
    for (name, closed) in [("b", false), ("c", true)] {
        if closed {
            mode(world.access.own_cache().join("pkgs"), 0o555);
        }
        let mut more = records.to_vec();
        more.push(
            archive(name, "1")
                .file("share/more", name)
                .publish(&world.channel()),
        );
        let recorder = Arc::new(Recorder::default());
        world.install_with(&more, told(&recorder)).await.unwrap();
        assert_eq!(world.read("share/more"), name);
        assert_eq!(recorder.diagnostics().len(), 1);
        assert!(!pkgs.join(format!("{name}-1-0")).exists());
        assert_eq!(
            world
                .access
                .own_cache()
                .join(format!("pkgs/{name}-1-0"))
                .exists(),
            !closed
        );
        assert_eq!(world.beside(), ["e"]);
    }
    mode(pkgs, 0o755);
    mode(world.access.own_cache().join("pkgs"), 0o755);
}

#[tokio::test]
async fn of_two_at_once_one_works_and_the_other_finds_it_done() {
    let world = World::new();
    let records = demo(&world);
    let (one, two) = tokio::join!(world.install(&records), world.install(&records));
    let mut done = [one.unwrap().already_right, two.unwrap().already_right];
    done.sort_unstable();
    assert_eq!(done, [false, true]);
    assert_eq!(world.beside(), ["e"]);
}

#[tokio::test]
async fn what_is_not_ours_is_kept_even_by_force() {
    let world = World::new();
    let records = demo(&world);
    fs_err::create_dir_all(world.prefix().join("conda-meta")).unwrap();
    fs_err::write(world.prefix().join("precious"), "x").unwrap();
    assert_eq!(code(world.install(&records).await.unwrap_err()), "GE505");
    assert_eq!(names(&world.prefix()), ["conda-meta", "precious"]);

    let recorder = Arc::new(Recorder::default());
    let protected = Options {
        force: true,
        protected: vec![world.prefix().join("conda-meta")],
        ..told(&recorder)
    };
    let refused = world.install_with(&records, protected).await;
    assert_eq!(code(refused.unwrap_err()), "GE505");
    assert_eq!(world.beside(), ["e"]);

    let force = Options {
        force: true,
        ..told(&recorder)
    };
    let done = world.install_with(&records, force).await.unwrap();
    assert_eq!(world.beside(), ["e", "e.replaced-1"]);
    assert_eq!(
        names(&done.moved_aside.unwrap()),
        ["conda-meta", "precious"]
    );
    // The report of the command tells where it is now.
    assert_eq!(recorder.diagnostics(), []);
    assert!(!world.prefix().join("precious").exists());
}

#[tokio::test]
async fn a_damaged_moved_or_forced_environment_is_linked_anew() {
    let world = World::new();
    let records = demo(&world);
    world.install(&records).await.unwrap();
    let right = content(&world.prefix());
    // Unlink first: the cache must not get it too.
    let spoil = || {
        fs_err::remove_file(world.prefix().join("share/a")).unwrap();
        fs_err::write(world.prefix().join("share/a"), "spoilt").unwrap();
    };
    spoil();
    assert!(world.install(&records).await.unwrap().already_right);
    let force = Options {
        force: true,
        ..Options::default()
    };
    world.install_with(&records, force).await.unwrap();
    assert_eq!(content(&world.prefix()), right);

    spoil();
    fs_err::write(world.prefix().join(prefix::STATE), "garbage").unwrap();
    fs_err::write(world.prefix().join("conda-meta/p-1-0.json"), "garbage").unwrap();
    world.install(&records).await.unwrap();
    assert_eq!(content(&world.prefix()), right);

    let moved = world.at("envs/moved");
    fs_err::rename(world.prefix(), &moved).unwrap();
    let there = Options {
        prefix: Some(moved.clone()),
        ..Options::default()
    };
    world.install_with(&records, there).await.unwrap();
    let run = fs_err::read_to_string(moved.join("bin/run")).unwrap();
    assert!(run.contains("/envs/moved/bin/python3.12"), "{run}");
}

#[tokio::test]
async fn offline_says_what_is_missing() {
    let mut world = World::new();
    let mut records = demo(&world).to_vec();
    let there = mirror(&format!("file://{}", world.channel().display()));
    for record in &mut records {
        let name = record.identifier.to_string();
        record.url = format!(
            "https://far.invalid/{}/{name}",
            record.package_record.subdir
        )
        .parse()
        .unwrap();
    }
    world.access.offline = true;
    let missing = Diagnostic::from(world.install(&records).await.unwrap_err());
    assert_eq!(missing.code, Code::INSTALL_OFFLINE);
    assert_eq!(missing.causes.len(), 3);
    assert_eq!(world.beside(), [] as [&str; 0]);
    // A mirror in a directory is as good as a cache.
    world.access.mirrors = there;
    world.install(&records).await.unwrap();
    world.access.mirrors = Mirrors::default();
    fs_err::remove_dir_all(world.prefix()).unwrap();
    world.install(&records).await.unwrap();
    fs_err::remove_dir_all(world.prefix()).unwrap();
    fs_err::write(world.access.package_cache().join("a-1-0/share/a"), "x").unwrap();
    let damaged = Diagnostic::from(world.install(&records).await.unwrap_err());
    assert_eq!(
        damaged.causes,
        ["damaged: a-1-0.conda: `share/a` has another size"]
    );
}
