//! What is computed beside the first kernel, and on which GPU.

use super::*;

#[test]
fn blocks_that_share_memory_multiply_and_memory_keeps_what_is_written() {
    let seen = Scene::new("").run();
    let product = seen.device(0).product.clone().unwrap();
    assert_eq!((product.elements, product.wrong), (256 * 256, 0));
    let walk = seen.device(0).walk.clone().unwrap();
    assert_eq!((walk.bytes, walk.wrong), (32 << 20, 0));
    assert!(seen.device(0).bench.is_empty());
    seen.clean();
    let seen = Scene::new("wrong-product = yes\n").run();
    let verdict = seen.verdict(VerdictKind::WrongResult, false);
    let expected = "GPU 0 (`Fake GPU`) computed 1 of 65536 numbers wrong";
    assert_eq!(verdict.summary, expected);
}

#[test]
fn a_bit_that_sticks_is_found_wherever_it_is() {
    for word in [0, 4_000_000] {
        let seen = Scene::new(&format!("stuck-bit = {word}\n")).run();
        let verdict = seen.verdict(VerdictKind::WrongResult, false);
        assert!(
            verdict
                .summary
                .contains("does not keep what is in its memory: 1 of"),
            "{}",
            verdict.summary
        );
        let walk = seen.device(0).walk.clone().unwrap();
        // It shows in the pattern or in its complement, never in both.
        assert_eq!((walk.wrong, walk.first_wrong.unwrap().index), (1, word));
        seen.clean();
    }
}

#[test]
fn a_gpu_with_little_memory_is_not_walked_over() {
    let seen = Scene::new("device = Small\nmemory = 134217728\n").run();
    seen.verdict(VerdictKind::Computes, true);
    assert_eq!(seen.device(0).walk, None);
}

#[test]
fn times_at_several_sizes_are_taken_where_they_are_wanted() {
    let seen = Scene::new("").env(BENCH, "1").run();
    seen.verdict(VerdictKind::Computes, true);
    let sizes: Vec<u64> = seen
        .device(0)
        .bench
        .iter()
        .map(|bench| bench.elements)
        .collect();
    assert_eq!(sizes, [1_000, 10_000_000]);
    seen.clean();
}

#[test]
fn one_device_of_several_can_be_chosen() {
    let script = "mode = wrong-result\nwrong-device = 0\ndevice = A\ndevice = B\n";
    let seen = Scene::new(script).env(DEVICE, "1").run();
    assert_eq!(
        seen.verdict(VerdictKind::Computes, true).summary,
        "1 GPU computes: B"
    );
    assert_eq!(seen.device(0).ordinal, 1);
    seen.clean();
    let verdict = Scene::new(script).env(DEVICE, "2").run();
    let verdict = verdict.verdict(VerdictKind::NoDevice, false);
    assert_eq!(
        verdict.summary,
        "there is no GPU 2: the driver shows 2, GPU 0 to GPU 1"
    );
}

#[test]
fn data_are_fresh_each_time_unless_the_seed_is_given() {
    let wrong = |seed: &str| {
        let seen = Scene::new("mode = wrong-result\n").env(SEED, seed).run();
        let comparison = seen.device(0).comparison.clone().unwrap();
        (
            seen.observation.seed.clone().unwrap(),
            comparison.first_wrong.unwrap().expected,
        )
    };
    assert_ne!(wrong("").0, wrong("").0);
    assert_eq!(wrong("42"), wrong("42"));
    assert_eq!(wrong("42").0, "0x000000000000002a");
}
