//! Packages that bring directories, which have nothing in them.

use gpuenv_testkit::tree;

use crate::lab::Lab;

fn publish(lab: &Lab, version: &str, with_directory: bool) {
    let mut package = lab.channel.package("spool", version);
    package = package.file("share/spool", format!("spool {version}\n").as_str());
    package = package.prefix_text("share/where", gpuenv_testkit::PLACEHOLDER);
    if with_directory {
        package = package.directory("var/spool/jobs");
    }
    package.publish();
}

#[test]
fn an_empty_directory_of_a_package_is_made_kept_and_no_obstacle() {
    let lab = Lab::new();
    lab.publish_tool("1.0");
    publish(&lab, "1", true);
    lab.recipe("demo", &["spool 1.*", "tool"]);
    let create = ["create", "./demo.yaml", "--quiet"];
    let _ = lab.sandbox.gpuenv(create).success();
    let jobs = lab.prefix("demo").join("var/spool/jobs");
    assert!(jobs.is_dir());
    let before = tree(&lab.prefix("demo"));
    let _ = lab.sandbox.gpuenv(["verify", "demo"]).success();

    // Nothing to do, and then another package changes.
    let _ = lab.sandbox.gpuenv(create).success();
    assert_eq!(tree(&lab.prefix("demo")), before);
    lab.recipe("demo", &["spool 1.*"]);
    let _ = lab.sandbox.gpuenv(create).success();
    assert!(jobs.is_dir());

    // What a program has put there stays when the package changes.
    fs_err::write(jobs.join("one"), "").unwrap();
    publish(&lab, "2", true);
    lab.recipe("demo", &["spool 2.*"]);
    let _ = lab.sandbox.gpuenv(create).success();
    assert!(jobs.join("one").is_file());
    publish(&lab, "3", false);
    lab.recipe("demo", &["spool 3.*"]);
    let _ = lab.sandbox.gpuenv(create).success();
    assert!(jobs.join("one").is_file());
    let _ = lab.sandbox.gpuenv(["verify", "demo"]).success();

    // The cache is as sound as before: others use it too.
    publish(&lab, "4", true);
    lab.recipe("demo", &["spool 4.*"]);
    let _ = lab.sandbox.gpuenv(create).success();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet", "--force"])
        .success();
    let _ = lab.sandbox.gpuenv(["remove", "demo", "--quiet"]);
}

#[test]
fn a_directory_where_another_package_has_a_file_is_an_error_that_names_both() {
    let lab = Lab::new();
    publish(&lab, "1", true);
    lab.channel
        .package("file", "1")
        .file("var/spool/jobs", "x")
        .publish();
    lab.recipe("demo", &["spool", "file"]);
    let ran = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet"])
        .code(15);
    let _ = ran
        .stderr_has("GE507")
        .stderr_has("spool 1 h0_0")
        .stderr_has("var/spool/jobs");
    lab.assert_only(&[]);
}
