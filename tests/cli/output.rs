//! Streams, colours, pipes: what holds for every command.

use crate::program::gpuenv;

#[test]
fn colours_come_only_when_wanted() {
    let colored = |program: crate::program::Program| program.run().stderr.contains('\u{1b}');
    let failing = || gpuenv(["explain", "GE999"]);
    assert!(!colored(failing()), "stderr is no terminal");
    assert!(colored(failing().env("CLICOLOR_FORCE", "1")));
    assert!(!colored(
        failing().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")
    ));
    assert!(colored(
        gpuenv(["explain", "GE999", "--color", "always"]).env("NO_COLOR", "1")
    ));
    assert!(!colored(
        gpuenv(["--color", "never", "frob"]).env("CLICOLOR_FORCE", "1")
    ));
    assert!(!colored(
        gpuenv(["explain", "GE999", "--color=never"]).env("CLICOLOR_FORCE", "1")
    ));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("pipes exist");
    drop(reader);
    let ran = gpuenv(["explain"]).stdout(writer).run();
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    let (reader, writer) = std::io::pipe().expect("pipes exist");
    drop(reader);
    let ran = gpuenv(["--help"]).stdout(writer).run();
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let Ok(full) = fs_err::OpenOptions::new().write(true).open("/dev/full") else {
        return eprintln!("skipped: there is no /dev/full here");
    };
    let ran = gpuenv(["explain"]).stdout(full.into_file()).run();
    insta::assert_snapshot!(ran.all(), @"
    exit: 15
    ----- stdout
    ----- stderr
    error[GE513]: cannot write to stdout
    cause: No space left on device (os error 28)
    docs: `gpuenv explain GE513`
    ");
}

#[test]
fn the_log_is_off_until_asked_for() {
    let quiet = gpuenv(["explain", "GE901"]).run();
    assert_eq!(quiet.stderr, "");
    let bad = gpuenv(["explain", "GE901"]).env("GPUENV_LOG", "=[").run();
    assert_eq!(bad.exit, 15, "{}", bad.all());
}
