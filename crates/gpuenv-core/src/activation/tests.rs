use super::*;

fn settings(library_path: LibraryPath) -> ActivationSettings {
    ActivationSettings {
        library_path,
        ..ActivationSettings::default()
    }
}

fn with_variable(name: &str, value: &str) -> ActivationSettings {
    ActivationSettings {
        env: BTreeMap::from([(name.to_string(), value.to_string())]),
        library_path: LibraryPath::None,
        ..ActivationSettings::default()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn prepended(activation: &Activation, wanted: &str) -> Option<Vec<String>> {
    let edits = activation.usual.iter().chain(&activation.own);
    edits
        .filter_map(|edit| match edit {
            Edit::PrependPath { name, dirs, .. } if name == wanted => Some(dirs.clone()),
            Edit::PrependPath { .. } | Edit::Set { .. } => None,
        })
        .next()
}

#[test]
fn the_driver_of_wsl_comes_behind_the_environment_where_the_loader_misses_it() {
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.needs_wsl_driver = true;
    let paths = |facts: &PrefixFacts, wanted| {
        let activation = activation("/p", &settings(wanted), facts).unwrap();
        prepended(&activation, LIBRARY_PATH)
    };
    let wsl = WSL_LIBRARIES;
    assert_eq!(paths(&facts, LibraryPath::Cuda), Some(names(&[wsl])));
    let both = Some(names(&["/p/lib", wsl]));
    assert_eq!(paths(&facts, LibraryPath::Prefix), both);
    assert_eq!(paths(&facts, LibraryPath::None), None);
    facts.cuda_libraries = names(&["libcudart.so.12"]);
    let both = Some(names(&["/p/lib/gpuenv-cuda", wsl]));
    assert_eq!(paths(&facts, LibraryPath::Cuda), both);
}

#[test]
fn the_library_path_is_the_private_directory_only_where_it_holds_something() {
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    let empty = activation("/p", &settings(LibraryPath::Cuda), &facts).unwrap();
    assert_eq!(prepended(&empty, LIBRARY_PATH), None);
    assert_eq!(script_files(&empty), []);
    facts.cuda_libraries = names(&["libcudart.so.12"]);
    let full = activation("/p", &settings(LibraryPath::Cuda), &facts).unwrap();
    assert_eq!(
        prepended(&full, LIBRARY_PATH),
        Some(names(&["/p/lib/gpuenv-cuda"]))
    );
    let whole = activation("/p", &settings(LibraryPath::Prefix), &facts).unwrap();
    assert_eq!(prepended(&whole, LIBRARY_PATH), Some(names(&["/p/lib"])));
    let none = activation("/p", &settings(LibraryPath::None), &facts).unwrap();
    assert_eq!(prepended(&none, LIBRARY_PATH), None);
}

#[test]
fn windows_finds_libraries_by_path_alone() {
    let mut facts = PrefixFacts::empty(Subdir::Win64);
    facts.cuda_libraries = names(&["libcudart.so.12"]);
    let activation = activation(r"C:\envs\tf", &settings(LibraryPath::Prefix), &facts).unwrap();
    assert_eq!(activation.own, []);
    assert_eq!(
        prepended(&activation, "PATH").unwrap(),
        [
            r"C:\envs\tf",
            r"C:\envs\tf\Library\mingw-w64\bin",
            r"C:\envs\tf\Library\usr\bin",
            r"C:\envs\tf\Library\bin",
            r"C:\envs\tf\Scripts",
            r"C:\envs\tf\bin",
        ]
    );
    assert_eq!(activation.usual[1], Edit::set("CONDA_DEFAULT_ENV", "tf"));
}

#[test]
fn the_environment_is_named_as_conda_names_it() {
    for (prefix, name) in [
        ("/home/u/.gpuenv/envs/tf", "tf"),
        ("/data/tf", "/data/tf"),
        ("/envs/a b", "a b"),
        ("/envs", "/envs"),
    ] {
        assert_eq!(default_environment(prefix), name);
    }
}

#[test]
fn package_scripts_run_sorted_and_are_undone_in_reverse() {
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.activate_scripts = names(&["b.sh", "a.fish", "~~gpuenv.sh", "a.sh", "~z.sh", "B.sh"]);
    facts.deactivate_scripts = names(&["a.sh", "b.sh", "~~gpuenv.sh"]);
    let activation = activation("/p", &settings(LibraryPath::None), &facts).unwrap();
    let below = |directory: &str, names: &[&str]| -> Vec<String> {
        let path = |name| format!("/p/etc/conda/{directory}/{name}");
        names.iter().map(path).collect()
    };
    let scripts = &activation.scripts;
    assert_eq!(
        scripts.activate(".sh").collect::<Vec<_>>(),
        below("activate.d", &["B.sh", "a.sh", "b.sh", "~z.sh"])
    );
    assert_eq!(
        scripts.deactivate(".sh").collect::<Vec<_>>(),
        below("deactivate.d", &["b.sh", "a.sh"])
    );
}

#[test]
fn a_variable_of_the_recipe_with_an_owner_is_an_error_and_one_of_a_package_is_left_out() {
    let facts = PrefixFacts::empty(Subdir::Linux64);
    let error = activation("/p", &with_variable("PATH", "/x"), &facts).unwrap_err();
    let diagnostic = Diagnostic::from(error);
    assert_eq!(diagnostic.code, Code::ACTIVATION_BAD_VARIABLE);
    assert_eq!(
        diagnostic.message,
        "`PATH` cannot be set by a recipe: activation puts the programs there"
    );
    let library = activation("/p", &with_variable("LD_LIBRARY_PATH", "/x"), &facts).unwrap_err();
    assert!(Diagnostic::from(library).help[0].contains("library-path"));
    let nul = activation("/p", &with_variable("A", "\0"), &facts).unwrap_err();
    assert_eq!(Diagnostic::from(nul).code, Code::ACTIVATION_BAD_VALUE);

    let mut facts = facts;
    for (name, value) in [
        ("PATH", "/x"),
        ("A;id", ""),
        ("FINE", "$x"),
        ("PS1", "$(id)"),
    ] {
        facts.variables.insert(name.to_string(), value.to_string());
    }
    let activation = activation("/p", &settings(LibraryPath::None), &facts).unwrap();
    assert_eq!(activation.usual.len(), 4);
    assert_eq!(activation.usual[3], Edit::set("FINE", "$x"));
}

#[test]
fn a_prefix_that_path_cannot_hold_is_refused() {
    let linux = PrefixFacts::empty(Subdir::Linux64);
    for prefix in ["relative", "", "/a:b", "/a\0"] {
        let error = activation(prefix, &settings(LibraryPath::None), &linux).unwrap_err();
        assert_eq!(Diagnostic::from(error).code, Code::ACTIVATION_BAD_VALUE);
    }
    let windows = PrefixFacts::empty(Subdir::Win64);
    assert!(activation(r"C:\a;b", &settings(LibraryPath::None), &windows).is_err());
    assert!(activation(r"C:\a", &settings(LibraryPath::None), &windows).is_ok());
}

#[test]
fn prefixes_have_different_tags() {
    let facts = PrefixFacts::empty(Subdir::Linux64);
    let tag = |prefix| {
        activation(prefix, &settings(LibraryPath::None), &facts)
            .unwrap()
            .tag
    };
    assert_ne!(tag("/a"), tag("/b"));
    assert!(tag("/a").len() == 10 && tag("/a").bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn the_texts_start_no_process() {
    let mut facts = PrefixFacts::empty(Subdir::Linux64);
    facts.cuda_libraries = names(&["libcudart.so.12"]);
    facts.activate_scripts = names(&["a.sh"]);
    facts.deactivate_scripts = names(&["a.sh"]);
    let mut recipe = with_variable("A", "plain");
    recipe.library_path = LibraryPath::Cuda;
    let activation = activation("/p", &recipe, &facts).unwrap();
    let files = script_files(&activation).into_iter();
    let texts = [
        shell_hook(Shell::Bash, &activation),
        shell_hook_deactivate(Shell::Bash, &activation),
    ];
    let files = files.filter(|file| file.path.ends_with(".sh"));
    let texts = texts.into_iter().chain(files.map(|file| file.text));
    for text in texts {
        // `$((` is arithmetic, and ` | ` separates patterns inside `case`.
        let text = text.replace("$((", "").replace("&&", "");
        for forbidden in ["$(", "`", "& ", "&\n", "<("] {
            assert!(!text.contains(forbidden), "{forbidden}: {text}");
        }
    }
}
