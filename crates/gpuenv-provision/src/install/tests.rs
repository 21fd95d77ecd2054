//! Whole installs of packages made in code, into temporary directories.

mod archive;
mod hostile;
mod network;
mod safety;

use std::{sync::Mutex, time::Duration};

use gpuenv_core::{channel::Mirrors, plan::ActivationSettings};
use rattler_conda_types::{RepoDataRecord, Subdir};

use self::archive::archive;
use super::*;
use crate::tree;

/// Everything that an install needs, below one directory.
struct World {
    directory: tempfile::TempDir,
    access: Access,
    activation: ActivationSettings,
}

/// What differs between the installs of the tests.
struct Options {
    prefix: Option<PathBuf>,
    force: bool,
    protected: Vec<PathBuf>,
    cancel: Cancel,
    /// Whether the disk is full when our own files are written.
    is_full: bool,
    /// Whether the user saves files in the old environment meanwhile.
    is_used: bool,
    reporter: Arc<dyn Reporter>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            prefix: None,
            force: false,
            protected: Vec::new(),
            cancel: Cancel::never(),
            is_full: false,
            is_used: false,
            reporter: Arc::new(Recorder::default()),
        }
    }
}

fn told(reporter: &Arc<Recorder>) -> Options {
    Options {
        reporter: reporter.clone(),
        ..Options::default()
    }
}

/// Keeps what it hears.
#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Recorder {
    fn diagnostics(&self) -> Vec<Diagnostic> {
        let events = self.0.lock().unwrap();
        let diagnosed = events.iter().filter_map(|event| match event {
            Event::Diagnosed { diagnostic } => Some(diagnostic.clone()),
            _ => None,
        });
        diagnosed.collect()
    }

    fn finished(&self) -> (usize, usize) {
        let events = self.0.lock().unwrap();
        let count =
            |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
        (
            count(|event| matches!(event, Event::FetchFinished { .. })),
            count(|event| matches!(event, Event::LinkFinished { .. })),
        )
    }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs_err::create_dir(directory.path().join("envs")).unwrap();
        let access = Access {
            mirrors: Mirrors::default(),
            offline: false,
            fallback: None,
            cache: directory.path().join("cache"),
            silence: Duration::from_secs(20),
            retries: 0,
            unpacked_at_least: 2_000_000_000,
            wheels: Default::default(),
            ways: Default::default(),
        };
        World {
            directory,
            access,
            activation: ActivationSettings::default(),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn channel(&self) -> PathBuf {
        self.at("channel")
    }

    fn prefix(&self) -> PathBuf {
        self.at("envs/e")
    }

    fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.prefix().join(path)).unwrap()
    }

    /// Returns the number of a file's content.
    #[cfg(unix)]
    fn number(&self, path: &str) -> u64 {
        use std::os::unix::fs::MetadataExt;
        fs_err::metadata(self.prefix().join(path)).unwrap().ino()
    }

    #[cfg(not(unix))]
    fn number(&self, _path: &str) -> u64 {
        0
    }

    fn wanted<'a>(&'a self, lock_text: &'a str) -> Wanted<'a> {
        Wanted {
            lock_text,
            recipe_text: None,
            platform: "linux-64",
            activation: &self.activation,
        }
    }

    async fn install(&self, records: &[RepoDataRecord]) -> Result<Installed, InstallError> {
        self.install_with(records, Options::default()).await
    }

    async fn install_with(
        &self,
        records: &[RepoDataRecord],
        options: Options,
    ) -> Result<Installed, InstallError> {
        let lock_text = lock_text(records);
        let solution = Solution {
            platform: Subdir::Linux64,
            records: records.to_vec(),
            wheels: Vec::new(),
        };
        let prefix = options.prefix.unwrap_or_else(|| self.prefix());
        let registry = self.at("environments.txt");
        let finish = |stage: &Path, prefix: &Path| {
            if options.is_full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            if options.is_used {
                save(prefix)?;
            }
            let script = stage.join("etc/conda/activate.d/gpuenv.sh");
            fs_err::create_dir_all(script.parent().unwrap_or(stage))?;
            fs_err::write(script, prefix.as_os_str().as_encoded_bytes())
        };
        let request = Install {
            prefix: &prefix,
            name: "e",
            recipe: Some("demo"),
            wanted: self.wanted(&lock_text),
            solution: &solution,
            requested: &[],
            force: options.force,
            repair: None,
            source: None,
            action: Action::Create,
            protected: &options.protected,
            registry: Some(&registry),
            cancel: options.cancel,
            finish: &finish,
            now: Timestamp::UNIX_EPOCH,
            uv: None,
            command_line: "gpuenv create demo",
        };
        install(&request, &self.access, options.reporter).await
    }

    /// Returns what is beside the prefix, hidden names included.
    fn beside(&self) -> Vec<String> {
        names(&self.at("envs"))
    }
}

/// Saves a new file and a known one, as editors do: beside it, then renamed.
/// Returns mirrors that answer for a place that nobody can reach.
fn mirror(to: &str) -> Mirrors {
    let mut mirrors = Mirrors::default();
    mirrors.add("https://far.invalid/", to).unwrap();
    mirrors
}

fn save(prefix: &Path) -> io::Result<()> {
    fs_err::create_dir(prefix.join("notes"))?;
    fs_err::write(prefix.join("notes/new.ipynb"), "new")?;
    fs_err::write(prefix.join("known.tmp"), "saved again")?;
    fs_err::rename(prefix.join("known.tmp"), prefix.join("known.ipynb"))
}

fn lock_text(records: &[RepoDataRecord]) -> String {
    let labels = records.iter().map(gpuenv_core::solution::label);
    labels.collect::<Vec<_>>().join("\n")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn code(error: InstallError) -> String {
    Diagnostic::from(error).code.to_string()
}

fn python(channel: &Path, version: &str) -> RepoDataRecord {
    archive("python", version)
        .file("bin/python", version)
        .publish(channel)
}

#[tokio::test]
async fn a_new_environment_is_complete_and_then_left_alone() {
    let world = World::new();
    let channel = world.channel();
    let records = [
        archive("a", "1")
            .script("bin/a", "#!@PREFIX@/bin/sh\n")
            .file("lib/liba.so.1", "so")
            .link("lib/liba.so", "liba.so.1")
            .publish(&channel),
        archive("p", "2")
            .file("site-packages/p.py", "p")
            .python(&["p-run"])
            .publish(&channel),
        python(&channel, "3.12.1"),
    ];
    let recorder = Arc::new(Recorder::default());
    let done = world.install_with(&records, told(&recorder)).await.unwrap();
    assert!(!done.already_right);
    assert_eq!(done.changes.add.len(), 3);
    assert_eq!(recorder.finished(), (3, 3));
    assert_eq!(recorder.diagnostics(), []);

    let prefix = world.prefix();
    assert_eq!(
        world.read("bin/a"),
        format!("#!{}/bin/sh\n", prefix.display())
    );
    assert_eq!(
        fs_err::read_link(prefix.join("lib/liba.so")).unwrap(),
        Path::new("liba.so.1")
    );
    assert_eq!(world.read("lib/python3.12/site-packages/p.py"), "p");
    assert!(
        world
            .read("bin/p-run")
            .contains(&format!("{}/bin/python3.12", prefix.display()))
    );
    assert_eq!(
        world.read("etc/conda/activate.d/gpuenv.sh"),
        prefix.to_str().unwrap()
    );
    assert_eq!(world.read(prefix::LOCK), lock_text(&records));
    assert_eq!(world.beside(), ["e"]);
    assert_eq!(
        registry::list(&world.at("environments.txt")).unwrap(),
        std::slice::from_ref(&prefix)
    );
    let history = world.read("conda-meta/history");
    insta::assert_snapshot!(history.replace(channel.to_str().unwrap(), "CHANNEL"), @r"
    ==> 1970-01-01 00:00:00 <==
    # cmd: gpuenv create demo
    # gpuenv version: 0.1.0
    +file://CHANNEL/linux-64::a-1-0
    +file://CHANNEL/linux-64::python-3.12.1-0
    +file://CHANNEL/noarch::p-2-0
    ");

    let again = world.install(&records).await.unwrap();
    assert!(again.already_right);
    assert!(prefix::is_right(
        &prefix,
        &world.wanted(&lock_text(&records))
    ));
    // Another tool has taken a package away.
    fs_err::remove_file(prefix.join("conda-meta/a-1-0.json")).unwrap();
    assert!(!world.install(&records).await.unwrap().already_right);
    assert!(prefix.join("conda-meta/a-1-0.json").exists());
}

#[tokio::test]
async fn an_update_changes_what_changed_and_keeps_what_is_the_users() {
    let world = World::new();
    let channel = world.channel();
    let (one, two) = (world.at("one"), world.at("two"));
    let old = [
        archive("a", "1")
            .file("share/a", "old")
            .file("share/gone", "x")
            .publish(&one),
        archive("b", "1").file("share/b", "b").publish(&channel),
        archive("c", "1").file("share/c", "c").publish(&channel),
        archive("p", "1")
            .file("site-packages/p.py", "p")
            .python(&["run"])
            .publish(&channel),
        python(&one, "3.11.1"),
    ];
    world.install(&old).await.unwrap();
    let prefix = world.prefix();
    let mine = prefix.join("lib/python3.11/site-packages/mine.py");
    fs_err::write(&mine, "mine").unwrap();
    fs_err::write(prefix.join("bin/new-run"), "my own script").unwrap();
    let kept = world.number("share/b");
    let new = [
        archive("a", "2").file("share/a", "new").publish(&two),
        old[1].clone(),
        old[3].clone(),
        archive("q", "1")
            .file("site-packages/q.py", "q")
            .python(&["new-run"])
            .publish(&two),
        python(&two, "3.12.0"),
    ];
    let done = world.install(&new).await.unwrap();
    assert_eq!(done.changes.keep.len(), 1);
    assert_eq!(done.changes.relink.len(), 1);
    assert_eq!(world.read("share/a"), "new");
    assert!(!prefix.join("share/gone").exists() && !prefix.join("share/c").exists());
    assert_eq!(fs_err::read_to_string(&mine).unwrap(), "mine");
    assert_eq!(world.read("lib/python3.12/site-packages/p.py"), "p");
    assert!(!prefix.join("lib/python3.11/site-packages/p.py").exists());
    assert!(world.read("bin/new-run").contains("python3.12"));
    assert_eq!(world.number("share/b"), kept);
    assert_eq!(world.read("conda-meta/history").matches("==>").count(), 2);
    assert_eq!(world.beside(), ["e"]);
}

#[tokio::test]
async fn a_removed_environment_leaves_nothing() {
    let world = World::new();
    let records = [archive("a", "1")
        .file("share/a", "a")
        .publish(&world.channel())];
    world.install(&records).await.unwrap();
    let (file, cancel) = (world.at("environments.txt"), Cancel::never());
    let silent = Recorder::default();
    let prefix = world.prefix();
    let remove = || remove(&prefix, Some(&file), &silent, &cancel);
    remove().await.unwrap();
    assert_eq!(world.beside(), [] as [&str; 0]);
    assert_eq!(registry::list(&file).unwrap(), [] as [&Path; 0]);
    assert_eq!(code(remove().await.unwrap_err()), "GE511");
    fs_err::create_dir_all(world.at("envs/e/conda-meta")).unwrap();
    assert_eq!(code(remove().await.unwrap_err()), "GE505");
    assert!(world.at("envs/e/conda-meta").exists());
}

#[tokio::test]
async fn what_is_saved_during_an_update_is_not_lost() {
    let world = World::new();
    let channel = world.channel();
    let records = [archive("a", "1").file("share/a", "a").publish(&channel)];
    world.install(&records).await.unwrap();
    fs_err::write(world.prefix().join("known.ipynb"), "saved once").unwrap();
    let records = [archive("b", "1").file("share/b", "b").publish(&channel)];
    let options = Options {
        is_used: true,
        ..Options::default()
    };
    world.install_with(&records, options).await.unwrap();
    assert_eq!(world.read("notes/new.ipynb"), "new");
    assert_eq!(world.read("share/b"), "b");
    #[cfg(unix)]
    assert_eq!(world.read("known.ipynb"), "saved again");
}
