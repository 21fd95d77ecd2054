//! The lock as text, and what `check` finds.

use rattler_conda_types::Subdir;

use super::*;
use crate::{
    Target,
    facts::{Facts, GpuBuilds},
    plan::{ActivationSettings, Gpu, ProbeStep},
    solution::tests::{dependency, record},
    wheels::tests::{requirement, wheel},
};

fn plan(platform: Subdir, dependencies: &[&str]) -> Plan {
    let mut target = Target::without_gpu(platform);
    target.cuda = "12.4".parse().ok();
    Plan {
        variant: None,
        recipe: "demo".to_string(),
        channels: vec!["conda-forge".to_string()],
        gpu: Gpu::Required,
        target,
        dependencies: dependencies.iter().map(|text| dependency(text)).collect(),
        wheels: Vec::new(),
        pypi: Default::default(),
        activation: ActivationSettings {
            env: [("A".to_string(), "it's \"x\": $HOME\n# y".to_string())].into(),
            ..ActivationSettings::default()
        },
        probe: vec![ProbeStep::Driver],
        selection: crate::recipe::Selection::default(),
    }
}

fn hashed(name: &str, version: &str, depends: &[&str]) -> RepoDataRecord {
    let mut record = record(name, version, depends);
    record.package_record.sha256 = Some(rattler_digest::Sha256Hash::from([7; 32]));
    record
}

fn solved(platform: Subdir, records: Vec<RepoDataRecord>) -> (Plan, Solution) {
    (
        plan(platform, &["torch >=2"]),
        Solution {
            platform,
            records,
            wheels: Vec::new(),
        },
    )
}

fn sample() -> Lock {
    lock(&[solved(
        Subdir::Linux64,
        vec![
            hashed("torch", "2.6", &["cuda-version >=12"]),
            hashed("cuda-version", "12.4", &[]),
        ],
    )])
    .unwrap()
}

fn builds() -> &'static GpuBuilds {
    &Facts::shipped().builds
}

fn differences(lock: &Lock, plan: Plan) -> Vec<String> {
    check(lock, &[plan], builds())
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_lock_reads_back_as_it_was_written() {
    let text = render(&sample()).unwrap();
    let again = parse("gpuenv.lock", &text).unwrap();
    assert_eq!(again.settings, sample().settings);
    assert_eq!(render(&again).unwrap(), text);
    assert_eq!(
        check(&again, &[plan(Subdir::Linux64, &["torch >=2"])], builds()),
        []
    );
}

#[test]
fn the_bytes_of_a_lock_do_not_depend_on_input_order() {
    let a = hashed("a", "1", &[]);
    let b = hashed("b", "1", &[]);
    let mut c = hashed("c", "1", &[]);
    c.package_record.subdir = "win-64".to_string();
    let linux = |records| solved(Subdir::Linux64, records);
    let windows = || solved(Subdir::Win64, vec![c.clone()]);
    let one = lock(&[linux(vec![a.clone(), b.clone()]), windows()]).unwrap();
    let two = lock(&[windows(), linux(vec![b, a])]).unwrap();
    assert_eq!(render(&one).unwrap(), render(&two).unwrap());
}

#[test]
fn check_names_the_exact_difference() {
    let mut other = plan(Subdir::Linux64, &["torch >=3", "numpy"]);
    other.target.cuda = "11.8".parse().ok();
    other.gpu = Gpu::Optional;
    other.channels.push("nvidia".to_string());
    insta::assert_snapshot!(differences(&sample(), other).join("\n"), @r"
    channels: the recipe has `conda-forge`, `nvidia`, the lock `conda-forge`
    `gpu` differs
    linux-64: `torch >=3` is in the recipe, not in the lock
    linux-64: `numpy` is in the recipe, not in the lock
    linux-64: `torch >=2` is in the lock, not in the recipe
    linux-64: target: the recipe has `__cuda=11.8=0`, the lock `__cuda=12.4=0`
    linux-64: the recipe needs `numpy`, which is not there
    linux-64: the recipe needs `torch >=3`, there is `torch 2.6 0`
    linux-64: `cuda-version 12.4 0` accepts only `__cuda >=12` beside it, there is `__cuda 11.8`
    ");
    insta::assert_snapshot!(
        differences(&sample(), plan(Subdir::Win64, &["torch >=2"])).join("\n"),
        @r"
    win-64: not in the lock
    linux-64: not in the recipe
    "
    );
}

#[test]
fn an_edited_lock_does_not_pass() {
    let text = render(&sample())
        .unwrap()
        .replace("cuda-version >=12", "cuda-version >=13");
    let lock = parse("gpuenv.lock", &text).unwrap();
    let found = differences(&lock, plan(Subdir::Linux64, &["torch >=2"]));
    assert_eq!(
        found,
        ["linux-64: `torch 2.6 0` needs `cuda-version >=13`, there is `cuda-version 12.4 0`"]
    );
}

#[test]
fn bad_locks_are_told_apart() {
    let text = render(&sample()).unwrap();
    let code = |text: &str| match parse("gpuenv.lock", text) {
        Ok(_) => panic!("accepted"),
        Err(error) => Diagnostic::from(error),
    };
    assert_eq!(
        code(&text.replace("version: 7", "version: 99")).code,
        Code::LOCK_NEWER_VERSION
    );
    assert_eq!(
        code(&text.replace("schema: 1", "schema: 3")).code,
        Code::LOCK_NEWER_VERSION
    );
    assert_eq!(code("").code, Code::LOCK_BAD);
    assert_eq!(code("version: 7\nenvironments: [").code, Code::LOCK_BAD);
    let conflict = code(&text.replacen("packages:", "<<<<<<< HEAD\npackages:", 1));
    assert_eq!(conflict.code, Code::LOCK_BAD);
    assert!(conflict.place.unwrap().span.unwrap().line > 1);
    let unhashed = text.lines().filter(|line| !line.contains("sha256"));
    let unhashed = unhashed.collect::<Vec<_>>().join("\n");
    assert_eq!(code(&unhashed).code, Code::LOCK_UNTRUSTED);
    let typo = code(&text.replace("  recipe:", "  recype:"));
    assert_eq!(typo.code, Code::LOCK_BAD);
    assert!(typo.place.unwrap().span.unwrap().text.contains("recype"));
    let nested = code(&"[".repeat(1 << 20));
    assert_eq!(nested.code, Code::LOCK_BAD);
}

#[test]
fn changes_are_told_by_package() {
    let new = lock(&[solved(
        Subdir::Linux64,
        vec![hashed("torch", "2.7", &[]), hashed("numpy", "2", &[])],
    )])
    .unwrap();
    let told = |old: Option<&Lock>, new: &Lock| {
        let changes = changes(old, new);
        let lines = changes.get("linux-64").into_iter().flatten();
        lines.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        told(Some(&sample()), &new),
        [
            "- cuda-version 12.4 0",
            "+ numpy 2 0",
            "~ torch 2.6 0 → torch 2.7 0"
        ]
    );
    assert_eq!(told(None, &sample()).len(), 2);
    assert_eq!(told(Some(&new), &new), [] as [&str; 0]);
}

#[test]
fn every_seed_of_the_fuzz_target_is_a_lock_that_prints_to_itself_or_is_refused() {
    let corpus =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/lock");
    let (mut read, mut refused) = (Vec::new(), Vec::new());
    for entry in fs_err::read_dir(corpus).unwrap() {
        let entry = entry.unwrap();
        let text = String::from_utf8(fs_err::read(entry.path()).unwrap()).unwrap();
        let name = entry.file_name().into_string().unwrap();
        match parse("x.lock", &text) {
            Err(error) => {
                assert_eq!(Diagnostic::from(error).code.stage(), 4, "{name}");
                refused.push(name);
            }
            Ok(lock) => {
                let printed = render(&lock).unwrap();
                let again = parse("x.lock", &printed).unwrap();
                assert_eq!(render(&again).unwrap(), printed, "{name}");
                read.push(name);
            }
        }
    }
    read.sort();
    assert_eq!(read, ["crlf", "good", "older"]);
    assert!(refused.len() >= 12, "{refused:?}");
}

#[test]
fn wheels_are_locked_beside_packages_and_checked() {
    let mut plan = plan(Subdir::Linux64, &["python 3.10.*"]);
    plan.wheels = vec![requirement("absl-py >=2"), requirement("six")];
    let solution = Solution {
        platform: Subdir::Linux64,
        records: vec![hashed("python", "3.10.14", &[])],
        wheels: vec![wheel("absl-py", "2.1.0"), wheel("six", "1.16.0")],
    };
    let made = lock(&[(plan.clone(), solution.clone())]).unwrap();
    let text = render(&made).unwrap();
    let again = parse("x.lock", &text).unwrap();
    assert_eq!(render(&again).unwrap(), text);
    assert_eq!(again.solution("linux-64").unwrap().wheels, solution.wheels);
    assert_eq!(differences(&again, plan.clone()), [] as [&str; 0]);

    plan.wheels = vec![requirement("absl-py >=3"), requirement("rich")];
    assert_eq!(
        differences(&again, plan.clone()),
        [
            "linux-64: `absl-py >=3` is in the recipe, not in the lock",
            "linux-64: `rich` is in the recipe, not in the lock",
            "linux-64: `absl-py >=2` is in the lock, not in the recipe",
            "linux-64: `six` is in the lock, not in the recipe",
            "linux-64: the recipe needs the wheel `absl-py >=3`, the lock has `absl-py 2.1.0`",
            "linux-64: the recipe needs the wheel `rich`, which is not in the lock",
        ]
    );
    let mut foreign = solution.clone();
    let url = "https://x.example/six-1.16.0-cp311-cp311-win_amd64.whl";
    foreign.wheels[1].url = url.parse().unwrap();
    let foreign = lock(&[(plan.clone(), foreign)]).unwrap();
    let told = differences(&foreign, plan.clone()).join("\n");
    assert!(
        told.contains("`six 1.16.0` is for another Python or another machine"),
        "{told}"
    );
    let without_python = Solution {
        records: Vec::new(),
        ..solution
    };
    let lock = lock(&[(plan.clone(), without_python)]).unwrap();
    let told = differences(&lock, plan).join("\n");
    assert!(
        told.contains("there are wheels, and no conda package `python`"),
        "{told}"
    );
}

#[test]
fn a_wheel_that_could_not_be_verified_is_refused() {
    let solution = Solution {
        platform: Subdir::Linux64,
        records: vec![hashed("python", "3.10.14", &[])],
        wheels: vec![wheel("six", "1.16.0")],
    };
    let plan = plan(Subdir::Linux64, &["python 3.10.*"]);
    let text = render(&lock(&[(plan, solution)]).unwrap()).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        parse("x.lock", &text.replace(from, to))
            .err()
            .map(|error| error.to_string())
    };
    let pairs = [
        ("six-1.16.0-py3-none-any.whl", "six-1.16.0.tar.gz"),
        (
            "six-1.16.0-py3-none-any.whl",
            "rich-1.16.0-py3-none-any.whl",
        ),
        ("https://x.example", "https://me:secret@x.example"),
        ("https://x.example", "ftp://x.example"),
    ];
    for (from, to) in pairs {
        let told = refused(from, to).unwrap_or_default();
        assert!(told.contains("must not be installed"), "{to}: {told}");
        assert!(!told.contains("secret"), "{told}");
    }
    let at = text.rfind("sha256:").unwrap();
    let end = text[at..].find('\n').unwrap() + at;
    let without_hash = format!("{}{}", &text[..at].trim_end(), &text[end..]);
    let told = parse("x.lock", &without_hash).err().unwrap().to_string();
    assert!(told.contains("it has no sha256"), "{told}");
}

proptest::proptest! {
    #[test]
    fn any_lock_prints_to_itself_in_any_order(
        names in proptest::collection::btree_set("[a-z][a-z0-9_-]{0,8}", 1..12),
        seed in 0u64..1000,
        value in ".*",
    ) {
        let mut records: Vec<_> = names.iter().map(|name| hashed(name, "1.0", &[])).collect();
        let mut plan = plan(Subdir::Linux64, &["torch >=2"]);
        plan.activation.env.insert("VALUE".to_string(), value.replace('\0', ""));
        let solution = |records: &[RepoDataRecord]| Solution {
            platform: Subdir::Linux64,
            records: records.to_vec(),
            wheels: Vec::new(),
        };
        let text = render(&lock(&[(plan.clone(), solution(&records))]).unwrap()).unwrap();
        records.sort_by_key(|record| {
            let name = record.package_record.name.as_normalized();
            name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
        });
        let shuffled = lock(&[(plan.clone(), solution(&records))]).unwrap();
        proptest::prop_assert_eq!(&render(&shuffled).unwrap(), &text);
        let again = parse("x.lock", &text).unwrap();
        proptest::prop_assert_eq!(&again.settings, &shuffled.settings);
        proptest::prop_assert_eq!(&render(&again).unwrap(), &text);
    }
}

fn variant(name: &str, platform: Subdir, version: &str) -> (Plan, Solution) {
    let mut torch = hashed("torch", version, &[]);
    torch.package_record.subdir = platform.to_string();
    let records = vec![torch];
    let (mut plan, solution) = solved(platform, records);
    plan.variant = Some(crate::recipe::Located {
        value: name.to_string(),
        place: Place::file("demo.yaml"),
    });
    (plan, solution)
}

#[test]
fn variants_are_named_platforms_in_the_recipes_order() {
    let (linux, win) = (Subdir::Linux64, Subdir::Win64);
    let all = [
        variant("new", linux, "2.9"),
        variant("cuda12", linux, "2.6"),
        variant("cuda12", win, "2.5"),
        variant("new", win, "2.4"),
    ];
    let text = render(&lock(&all).unwrap()).unwrap();
    let again = parse("x.lock", &text).unwrap();
    assert_eq!(render(&again).unwrap(), text);
    assert_eq!(again.names(linux), ["linux-64-new", "linux-64-cuda12"]);
    assert_eq!(again.names(win), ["win-64-cuda12", "win-64-new"]);
    assert_eq!(again.variants(), ["new", "cuda12"]);
    let version = |lock: &Lock, name: &str| {
        let solution = lock.solution(name).unwrap();
        solution.records[0].package_record.version.to_string()
    };
    assert_eq!(version(&again, "linux-64-cuda12"), "2.6");
    assert_eq!(again.solution("linux-64"), None);
    // Order does not matter for the bytes, where it does not matter to the recipe.
    let turned = [
        all[2].clone(),
        all[3].clone(),
        all[0].clone(),
        all[1].clone(),
    ];
    assert_eq!(render(&lock(&turned).unwrap()).unwrap(), text);

    let plans: Vec<Plan> = all.iter().map(|(plan, _)| plan.clone()).collect();
    let builds = &Facts::shipped().builds;
    let told = |plans: &[Plan]| -> Vec<String> {
        let found = check(&again, plans, builds);
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(&plans), [] as [&str; 0]);
    let reversed: Vec<Plan> = plans.iter().rev().cloned().collect();
    assert_eq!(told(&reversed), ["`variants` differs"]);
    assert_eq!(told(&plans[..3]), ["win-64-new: not in the recipe"]);
    let more = variant("old", linux, "1.0").0;
    assert_eq!(
        told(&[plans.as_slice(), &[more]].concat()),
        ["linux-64-old: not in the lock"]
    );

    let one = again.of_variant(Some("new"));
    assert_eq!(one.names(linux), ["linux-64"]);
    assert_eq!(version(&one, "linux-64"), "2.9");
    assert_eq!(version(&one, "win-64"), "2.4");
    assert!(one.settings_of("win-64").is_some());
    assert!(render(&one).unwrap().contains("schema: 1\n"));
    assert_eq!(version(&again.of_variant(None), "win-64"), "2.5");
    assert_eq!(again.of_variant(Some("else")).platforms.len(), 0);
    assert_eq!(subdir_of("linux-64-cuda12"), Some(linux));
    assert_eq!(subdir_of("linux-aarch64"), Some(Subdir::LinuxAarch64));
    assert_eq!(subdir_of("beos"), None);
}

#[test]
fn a_lock_without_variants_stays_as_older_programs_read_it() {
    let text = render(&sample()).unwrap();
    assert!(text.contains("  schema: 1\n"), "{text}");
    assert!(!text.contains("variants"), "{text}");
    let with = render(&lock(&[variant("a", Subdir::Linux64, "1.0")]).unwrap()).unwrap();
    assert!(with.contains("  schema: 2\n"), "{with}");
}
