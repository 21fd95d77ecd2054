//! The packages that most notebooks begin with: many files, many commands.

use super::{Stage, listing, stage};

#[test]
fn a_notebook_environment_works_and_everybody_lists_the_same() {
    let stage = stage!(Stage::new());
    if let Err(reason) = stage.channel.python_from_machine("linux-64") {
        return println!("skipped: {reason}");
    }
    stage.recipe(
        "notebook",
        "gpu: none\npypi-dependencies: [numpy, scipy, pandas, matplotlib, scikit-learn, jupyterlab, pip]\n",
    );
    let _ = stage.gpuenv(&["lock", "./notebook.yaml"]).success();
    let create = ["create", "./notebook.yaml", "--locked"];
    let _ = stage.gpuenv(&create).success();
    let code = "import numpy, scipy.linalg, pandas, matplotlib.pyplot, sklearn.linear_model\n\
                m = sklearn.linear_model.LinearRegression().fit([[0], [1], [2]], [1, 3, 5])\n\
                print(round(float(m.coef_[0]), 6), pandas.DataFrame({'a': [1, 2]}).a.sum(), scipy.linalg.det(numpy.eye(3)))";
    assert_eq!(stage.python("notebook", code), "2.0 3 1.0\n");
    for (command, option) in [
        ("jupyter-lab", "--version"),
        ("pip", "--version"),
        ("f2py", "-v"),
        ("pygmentize", "-V"),
    ] {
        let run = ["run", "notebook", "--", command, option];
        let _ = stage.gpuenv(&run).success();
    }
    listing::agrees(&stage, "notebook");
}
