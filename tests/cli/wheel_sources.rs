//! `pypi-options`: indexes on loopback and folders of wheels, named by the recipe.
//!
//! They need `uv` on `PATH` (or in `GPUENV_TEST_UV`) and any `python3`; without
//! them they say that they are skipped.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_testkit::{Channel, Output, Sandbox, Server, Wheel};

use crate::wheels::lab::{python, with_python};

/// A channel with this machine's Python, and a server of indexes.
pub(crate) struct Sources {
    pub(crate) channel: Channel,
    pub(crate) server: Server,
    pub(crate) sandbox: Sandbox,
}

impl Sources {
    /// Makes one; the error says what is missing here.
    pub(crate) fn new() -> Result<Self, String> {
        let (channel, server, sandbox) = with_python()?;
        Ok(Self {
            channel,
            server,
            sandbox,
        })
    }

    /// Puts a wheel into an index of that name.
    pub(crate) fn publish(&self, index: &str, wheel: Wheel, name: &str) {
        let folder = self.channel.root().join(index).join("simple").join(name);
        wheel.publish(&folder);
    }

    pub(crate) fn index(&self, index: &str) -> String {
        format!("{}/{index}/simple", self.server.url())
    }

    pub(crate) fn recipe(&self, wheels: &str, options: &str) {
        self.sandbox.write(
            "demo.yaml",
            format!(
                "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: none\n\
                 dependencies: [python]\npypi-dependencies: {wheels}\npypi-options:\n{options}"
            ),
        );
    }

    pub(crate) fn gpuenv(&self, arguments: &[&str]) -> Output {
        self.sandbox.gpuenv(arguments)
    }

    fn lock(&self) -> String {
        let _ = self.gpuenv(&["lock", "./demo.yaml"]).success();
        self.sandbox.read("gpuenv.lock")
    }

    pub(crate) fn prefix(&self) -> PathBuf {
        self.sandbox.gpuenv_home().join("envs/demo")
    }
}

macro_rules! sources {
    () => {
        match $crate::wheel_sources::Sources::new() {
            Ok(sources) => sources,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        }
    };
}

pub(crate) use sources;

#[test]
fn a_recipe_says_which_index_has_what() {
    let sources = sources!();
    for (index, version) in [("main", "1.0"), ("extra", "0.9"), ("own", "0.5")] {
        for name in ["top", "leaf", "pinned"] {
            if name != "leaf" || index == "main" {
                let wheel = Wheel::new(name, version);
                let wheel = match name {
                    "top" => wheel.needs("leaf"),
                    _ => wheel,
                };
                sources.publish(index, wheel, name);
            }
        }
    }
    let [main, extra, own] = ["main", "extra", "own"].map(|index| sources.index(index));
    sources.recipe(
        "[top, pinned]",
        &format!(
            "  index-url: {main}\n  extra-index-urls:\n    - {extra}\n    - if: win\n      then: [{own}]\n  \
             package-indexes: {{ pinned: \"{own}\" }}\n"
        ),
    );
    let text = sources.lock();
    // The extra index comes first, a package with an index of its own from nowhere else.
    let url = |index: &str, file: &str| format!("{}/{file}", sources.index(index));
    for expected in [
        url("extra", "top/top-0.9-py3-none-any.whl"),
        url("main", "leaf/leaf-1.0-py3-none-any.whl"),
        url("own", "pinned/pinned-0.5-py3-none-any.whl"),
        format!("index: {extra}"),
        format!("index: {main}"),
        format!("index: {own}"),
        format!(
            "pypi-options: {{\"index-url\":\"{main}\",\"extra-index-urls\":[\"{extra}\"],\"package-indexes\":{{\"pinned\":\"{own}\"}}}}"
        ),
    ] {
        assert!(text.contains(&expected), "{expected}\n{text}");
    }
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .success();
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
    assert_eq!(
        sources.sandbox.read("gpuenv.lock"),
        text,
        "the same bytes again"
    );
    let create = sources
        .sandbox
        .command(["create", "./demo.yaml", "--locked"]);
    let _ = create.env("GPUENV_UV", "/nowhere").run().success();
    let again = sources.gpuenv(&["create", "./demo.yaml"]).success();
    let _ = again.stdout_has("already right");

    let mut requirements = sources.gpuenv(&["export", "./demo.yaml", "--format", "requirements"]);
    requirements = requirements.success();
    let _ = requirements
        .stdout_has(&format!("--index-url {main}\n"))
        .stdout_has(&format!("--extra-index-url {extra}\n"));

    // A change of the places is a change of the recipe.
    sources.recipe("[top, pinned]", &format!("  index-url: {main}\n"));
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .code(1)
        .stderr_has("linux-64: `pypi-options` differs");
    let text = sources.lock();
    assert!(text.contains("pinned-1.0-py3"), "{text}");
}

#[test]
fn settings_of_the_machine_do_not_change_what_an_index_of_the_recipe_gives() {
    let sources = sources!();
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    sources.publish("machine", Wheel::new("leaf", "3.0"), "leaf");
    let machine = sources.index("machine");
    let config = sources.sandbox.home().join(".config/uv");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("uv.toml"),
        format!("[[index]]\nurl = \"{machine}\"\n"),
    )
    .unwrap();
    let lock = |options: &str| {
        sources.recipe("[leaf]", options);
        let command = sources
            .sandbox
            .command(["lock", "./demo.yaml", "--upgrade"]);
        let _ = command
            .env("UV_INDEX", &machine)
            .env("UV_EXTRA_INDEX_URL", &machine)
            .run()
            .success();
        sources.sandbox.read("gpuenv.lock")
    };
    assert!(lock("  allow-two-cuda-runtimes: false\n").contains("leaf-3.0"));
    let main = format!("  index-url: {}\n", sources.index("main"));
    assert!(lock(&main).contains("leaf-1.0"));
}

#[test]
fn a_folder_of_wheels_moves_with_recipe_and_lock() {
    let sources = sources!();
    let wheels = sources.sandbox.work().join("my wheels");
    Wheel::new("top", "1.0").needs("leaf").publish(&wheels);
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    let main = sources.index("main");
    sources.recipe(
        "[top]",
        &format!("  index-url: {main}\n  find-links: [./my wheels]\n"),
    );
    let text = sources.lock();
    assert!(
        text.contains("./my wheels/top-1.0-py3-none-any.whl"),
        "{text}"
    );
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .success();

    // In another folder, from another working directory.
    let work = sources.sandbox.work();
    let moved = work.join("elsewhere");
    fs::create_dir_all(&moved).unwrap();
    for name in ["demo.yaml", "gpuenv.lock", "my wheels"] {
        fs::rename(work.join(name), moved.join(name)).unwrap();
    }
    let create = ["create", "elsewhere/demo.yaml", "--locked"];
    let _ = sources.gpuenv(&create).success().stdout_has("3 packages");
    let from_lock = ["create", "elsewhere/gpuenv.lock", "-n", "other"];
    let _ = sources.gpuenv(&from_lock).success();
    let output = ["lock", "elsewhere/demo.yaml", "--output", "there.lock"];
    let _ = sources.gpuenv(&output).success();
    let there = sources.sandbox.read("there.lock");
    assert!(there.contains("./elsewhere/my wheels/top-1.0"), "{there}");

    fs::remove_dir_all(moved.join("my wheels")).unwrap();
    let again = ["lock", "elsewhere/demo.yaml", "--upgrade"];
    let _ = sources
        .gpuenv(&again)
        .code(13)
        .stderr_has("error[GE332]: the folder of wheels `./my wheels` is not there");
}

#[test]
fn an_environment_of_a_folder_of_wheels_is_looked_after() {
    let sources = sources!();
    let wheels = sources.sandbox.work().join("wheels");
    Wheel::new("top", "1.0").publish(&wheels);
    sources.recipe("[top]", "  find-links: [./wheels]\n");
    sources.lock();
    let _ = sources.gpuenv(&["create", "./demo.yaml"]).success();
    let _ = sources.gpuenv(&["verify", "demo", "-q"]).success();
    // Nothing of it is in the cache any more, and a file of it is gone.
    fs::remove_dir_all(sources.sandbox.root().join("package-cache")).unwrap();
    let module = python(&sources.sandbox, "import top; print(top.__file__)");
    fs::remove_file(module.trim()).unwrap();
    let _ = sources.gpuenv(&["verify", "demo", "-q"]).code(1);
    let _ = sources.gpuenv(&["repair", "demo", "-q"]).success();
    let _ = sources.gpuenv(&["verify", "demo", "-q"]).success();

    Wheel::new("top", "1.1").publish(&wheels);
    let version = || python(&sources.sandbox, "import top; print(top.__version__)");
    let updated = sources.gpuenv(&["update", "demo", "top"]).success();
    let _ = updated.stdout_has("top 1.1");
    assert_eq!(version(), "1.1\n");
    fs::remove_dir_all(sources.sandbox.root().join("package-cache")).unwrap();
    let _ = sources.gpuenv(&["rollback", "demo"]).success();
    assert_eq!(version(), "1.0\n");
}

#[test]
fn source_code_alone_is_refused_with_a_way_out() {
    let sources = sources!();
    let folder = sources.channel.root().join("main/simple/old");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("old-1.0.tar.gz"), "no archive").unwrap();
    fs::write(
        folder.join("index.html"),
        "<a href=\"old-1.0.tar.gz\">old-1.0.tar.gz</a>",
    )
    .unwrap();
    sources.recipe(
        "[old]",
        &format!("  index-url: {}\n", sources.index("main")),
    );
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("GE321")
        .stderr_has("pip wheel --no-deps -w wheels")
        .stderr_has("find-links: [./wheels]");
    let log = sources.server.log();
    assert!(
        !log.iter().any(|line| line.contains("old-1.0.tar.gz")),
        "{log:?}"
    );
}

#[test]
fn two_cuda_runtimes_meet_only_where_the_recipe_says_so() {
    let sources = sources!();
    sources
        .channel
        .package("cuda-cudart", "12.4.127")
        .file("lib/libcudart.so.12", "conda")
        .publish();
    let runtime = Wheel::new("nvidia-cuda-runtime-cu12", "12.1.105")
        .file("nvidia/cuda_runtime/lib/libcudart.so.12", "wheel")
        .file("nvidia/cuda_runtime/lib/libcudart.so.11.0", "wheel");
    sources.publish("main", runtime, "nvidia-cuda-runtime-cu12");
    let write = |options: &str| {
        let main = sources.index("main");
        sources.sandbox.write(
            "demo.yaml",
            format!(
                "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: optional\n\
                 probe: []\ndependencies: [python, cuda-cudart]\npypi-dependencies: [nvidia-cuda-runtime-cu12]\n\
                 pypi-options: {{ index-url: \"{main}\"{options} }}\n"
            ),
        );
    };
    write("");
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("GE322")
        .stderr_has("both bring a CUDA runtime")
        .stderr_has("allow-two-cuda-runtimes: true");
    write(", allow-two-cuda-runtimes: true");
    let _ = sources.lock();
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .success();
    let create = ["create", "./demo.yaml", "--locked", "--no-probe"];
    let _ = sources.gpuenv(&create).success();
    // conda's comes first on the loader's path.
    let private = sources.prefix().join("lib/gpuenv-cuda");
    let of = |name: &str| fs::read_to_string(private.join(name)).unwrap();
    assert_eq!(
        (of("libcudart.so.12"), of("libcudart.so.11.0")),
        ("conda".into(), "wheel".into())
    );
    // The lock alone knows it too, and one without it is refused.
    let from_lock = ["create", "gpuenv.lock", "-n", "other", "--no-probe"];
    let _ = sources.gpuenv(&from_lock).success();
    write("");
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .code(1)
        .stderr_has("both bring a CUDA runtime");
    let text = sources.sandbox.read("gpuenv.lock");
    let without = text.replace(",\"allow-two-cuda-runtimes\":true", "");
    assert_ne!(without, text);
    sources.sandbox.write("without.lock", without);
    let from_lock = ["create", "without.lock", "-n", "third", "--no-probe"];
    let _ = sources.gpuenv(&from_lock).code(15).stderr_has("GE516");
}

/// The credentials of an index stay out of everything.
#[test]
fn an_index_with_a_password_is_read_by_netrc_and_the_password_is_nowhere() {
    let sources = sources!();
    sources.publish("main", Wheel::new("leaf", "1.0"), "leaf");
    let fault = gpuenv_testkit::Fault::require_basic("me", "hunter2").on("/main/*");
    sources.server.inject(fault);
    let main = sources.index("main");
    sources.recipe("[leaf]", &format!("  index-url: {main}\n"));
    let _ = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let netrc = sources.sandbox.home().join(".netrc");
    fs::write(&netrc, "machine 127.0.0.1 login me password hunter2\n").unwrap();
    restrict(&netrc);
    let locked = sources.gpuenv(&["lock", "./demo.yaml", "-vv"]).success();
    let _ = locked.says_nowhere("hunter2");
    let _ = sources.gpuenv(&["create", "./demo.yaml"]).success();
    let text = sources.sandbox.read("gpuenv.lock");
    assert!(!text.contains("hunter2") && text.contains(&main), "{text}");
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
}

#[test]
fn what_cannot_be_an_index_is_refused_at_its_place() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.write(
        "demo.yaml",
        "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: none\n\
         dependencies: [python]\npypi-dependencies: [torch]\npypi-options:\n  \
         index-url: https://me:hunter2@x.example/simple\n  extra-index-urls: [wheel.io/simple]\n  \
         find-links: [~/wheels]\n  package-indexes: { torhc: \"https://x.example/simple\" }\n  \
         index: https://x.example\n",
    );
    let refused = sandbox.gpuenv(["lock", "./demo.yaml"]).code(11);
    let refused = refused.says_nowhere("hunter2");
    insta::assert_snapshot!(refused, @r#"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE103]: the index's URL holds a user name, a password or a token
     --> ./demo.yaml:9:14
      |
    9 |   *****-***: *****://**********@*.*******/******
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: delete it from the URL and from the history of the file, and keep it in `.netrc`

    error[GE103]: `wheel.io/simple` is not the URL of an index
      --> ./demo.yaml:10:22
       |
    10 |   extra-index-urls: [wheel.io/simple]
       |                      ^^^^^^^^^^^^^^^
    help: write for example `https://example.org/simple`

    error[GE103]: `~/wheels` is neither a folder beside the recipe nor a URL
      --> ./demo.yaml:11:16
       |
    11 |   find-links: [~/wheels]
       |                ^^^^^^^^
    help: write a folder with `/`, for example `./wheels`, or `https://…`

    error[GE103]: `torhc` has an index of its own, and is not in `pypi-dependencies`
      --> ./demo.yaml:12:22
       |
    12 |   package-indexes: { torhc: "https://x.example/simple" }
       |                      ^^^^^
    help: did you mean `torch`?
    docs: `gpuenv explain GE103`

    error[GE102]: `pypi-options` has no key `index`
      --> ./demo.yaml:13:3
       |
    13 |   index: https://x.example
       |   ^^^^^
    help: known are `index-url`, `extra-index-urls`, `find-links`, `package-indexes`, `allow-two-cuda-runtimes`, `build-from-source`
    docs: `gpuenv explain GE102`
    "#);
}
