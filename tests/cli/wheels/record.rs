//! The `RECORD` of a wheel in an environment.

use gpuenv_testkit::Wheel;

use super::lab::lab;

/// Prints what a distribution says of its files, each with whether it is so.
const FILES: &str = "
import base64, hashlib, importlib.metadata
for f in sorted(importlib.metadata.files('top'), key=str):
    data = f.locate().read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')
    print(f, 'right' if f.hash is None or (f.hash.value, f.size) == (digest, len(data)) else 'wrong')
";

#[test]
fn a_wheel_lists_its_files_where_they_are() {
    let lab = lab!();
    lab.publish(
        Wheel::new("top", "1.0")
            .command("top-says")
            .file("top-1.0.data/scripts/helper.py", "#!python\nprint(1)\n")
            .file("top-1.0.data/data/share/top/x.txt", "x"),
    );
    lab.recipe("[python]", "[top]");
    for environment in ["demo", "again"] {
        // The second one has it from the cache, which stays as it is.
        let create = ["create", "./demo.yaml", "-n", environment];
        let _ = lab.gpuenv(&create).success();
        let run = ["run", environment, "--", "python", "-c", FILES];
        assert_eq!(
            lab.gpuenv(&run).success().stdout(),
            "../../../bin/helper.py right\n\
             ../../../bin/top-says right\n\
             ../../../share/top/x.txt right\n\
             top-1.0.dist-info/INSTALLER right\n\
             top-1.0.dist-info/METADATA right\n\
             top-1.0.dist-info/RECORD right\n\
             top-1.0.dist-info/WHEEL right\n\
             top-1.0.dist-info/entry_points.txt right\n\
             top/__init__.py right\n"
        );
        let _ = lab.gpuenv(&["verify", environment]).success();
    }
}
