//! Arguments: what is accepted, what is refused, what help says.

use crate::program::gpuenv;

#[test]
fn without_arguments_there_is_help_and_exit_two() {
    let ran = gpuenv([""; 0]).run();
    assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(ran.stderr, @"
    One command from a recipe to an installed, activated and verified GPU environment

    Usage: gpuenv [OPTIONS] <COMMAND>

    Commands:
      create       Create an environment from a recipe or a lock, activate and verify it
      lock         Solve a recipe for all its platforms and write the lock
      check        Tell, before anything is downloaded, whether a machine runs a lock and what it costs
      run          Run a command inside an environment
      shell        Start your shell in an environment
      shell-hook   Print the shell code that activates an environment
      activate     Activate an environment in this shell, once `gpuenv init SHELL` has been run
      deactivate   Undo the last activation in this shell, once `gpuenv init SHELL` has been run
      init         Teach a shell `gpuenv activate NAME` and `gpuenv deactivate`
      direnv       Print an `.envrc` by which direnv activates an environment in a directory
      jupyter      Print or install a Jupyter kernel that runs in an environment
      modulefile   Print a modulefile that activates an environment
      probe        Run a kernel on every GPU and check what it computed
      doctor       Find out why a GPU does not work
      devices      List the GPUs that a program sees
      search       Search channels for packages, and say which CUDA each build is for
      list         List the environments
      info         Show what an environment is made of
      tree         Show what needs what in an environment or a lock, as a tree
      why          Say why a package is there: the shortest ways from the recipe's lines to it
      diff         Show how two locks or environments differ, package by package
      update       Bring newer packages into an environment, all or those named
      history      Show the generations of an environment: what it has been, and can be again
      rollback     Make an environment again what it was before
      verify       Compare every file of an environment with its packages and its lock
      repair       Mend an environment: make it again what its lock says
      remove       Delete an environment
      clean        Delete what no environment needs: half-made environments and channel indexes
      recipe       List, show and check recipes
      import       Make a recipe from an environment of another tool, or from a pasted command
      export       Write an environment or a lock for conda, conda-lock, pixi, pip or Docker
      lint         Find what is wrong with a recipe, an environment, requirements or a tutorial's
                   commands
      explain      Explain a diagnostic code, or list them all
      completions  Print the script by which a shell completes gpuenv's command line
      man          Print a manual page, or write all of them
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Global options:
      -q, --quiet                  Say nothing but errors and warnings
      -v, --verbose...             Say more: `-v` what happens, `-vv` in detail, `-vvv` everything
          --color <WHEN>           When to use colours [default: auto] [possible values: auto, always,
                                   never]
          --progress <FORM>        How to show progress on stderr [default: auto] [possible values:
                                   auto, bars, plain, json, none]
          --offline                Never use the network, only what is in the cache
          --mirror <URL|BASE=URL>  Fetch channels from another place

    Exit codes: 0 done, 1 the answer is no, 2 bad command line, 11 to 17 a stage failed, 19 a bug.
    See `gpuenv explain` for every diagnostic.
    ");
}

#[test]
fn every_command_has_help() {
    for command in gpuenv::command_line().get_subcommands() {
        let name = command.get_name();
        if name == "help" {
            continue;
        }
        let ran = gpuenv([name, "-h"]).run();
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{name}");
        assert!(
            ran.stdout.contains("Usage: gpuenv"),
            "{name}: {}",
            ran.stdout
        );
    }
}

#[test]
fn the_version_is_one_line() {
    let ran = gpuenv(["--version"]).run();
    let version = concat!("gpuenv ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, version));
}

#[test]
fn a_bad_command_line_is_exit_two() {
    insta::assert_snapshot!(gpuenv(["craete"]).run().all(), @"
    exit: 2
    ----- stdout
    ----- stderr
    error: unrecognized subcommand 'craete'

      tip: some similar subcommands exist: 'deactivate', 'tree', 'create'

    Usage: gpuenv [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(gpuenv(["lock", "--platform", "linux-65"]).run().all(), @"
    exit: 2
    ----- stdout
    ----- stderr
    error: invalid value 'linux-65' for '--platform <PLATFORM>': not a conda platform, for example `linux-64` or `win-64`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(gpuenv(["create", "x", "-n", "a", "-p", "b"]).run().all(), @"
    exit: 2
    ----- stdout
    ----- stderr
    error: the argument '--name <NAME>' cannot be used with '--prefix <PREFIX>'

    Usage: gpuenv create --name <NAME> <RECIPE|LOCK|PACKAGE>...

    For more information, try '--help'.
    ");
}

#[test]
fn a_bad_command_line_is_a_document_when_json_is_wanted() {
    let ran = gpuenv(["create", "--frob", "--json"]).run();
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(document["schema"], 1);
    assert_eq!(document["exit"], 2);
    assert_eq!(ran.exit, 2);
    let message = document["diagnostics"][0]["message"]
        .as_str()
        .unwrap_or_default();
    assert!(
        message.starts_with("unexpected argument '--frob' found"),
        "{message}"
    );
}

#[test]
fn json_of_the_users_command_is_not_ours() {
    let ran = gpuenv(["run", "--", "--json"]).run();
    assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{}", ran.all());
}

#[test]
fn a_bad_mirror_is_refused_wherever_it_is_written() {
    insta::assert_snapshot!(gpuenv(["list", "--mirror", "/srv/channels"]).run().all(), @"
    exit: 13
    ----- stdout
    ----- stderr
    error[GE307]: `/srv/channels` is not a mirror
    cause: `/srv/channels` does not begin with `https://`, `http://` or `file://`
    help: write `file:///srv/channels`
    docs: `gpuenv explain GE307`
    ");
    let ran = gpuenv(["list"])
        .env("GPUENV_MIRROR", "https://me:secret@lab?x")
        .run();
    insta::assert_snapshot!(ran.all(), @"
    exit: 13
    ----- stdout
    ----- stderr
    error[GE307]: `https://***@lab?x` is not a mirror in `$GPUENV_MIRROR`
    cause: `https://***@lab?x` has a part behind `?` or `#`
    help: write `--mirror https://conda.example.org` or `--mirror file:///srv/channels`
    help: or name the base too: `--mirror https://prefix.dev=https://conda.example.org`
    docs: `gpuenv explain GE307`
    ");
}

#[test]
fn a_switch_that_is_neither_on_nor_off_is_refused() {
    insta::assert_snapshot!(gpuenv(["list"]).env("GPUENV_OFFLINE", "maybe").run().all(), @"
    exit: 15
    ----- stdout
    ----- stderr
    error[GE517]: `$GPUENV_OFFLINE` is `maybe`, which is neither yes nor no
    help: `export GPUENV_OFFLINE=1` or `unset GPUENV_OFFLINE`
    docs: `gpuenv explain GE517`
    ");
}
