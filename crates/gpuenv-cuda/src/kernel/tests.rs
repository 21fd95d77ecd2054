//! The kernel's text against its twin, and the twin against whole numbers.

use std::process::Command;

use tempfile::TempDir;

use super::{ptx::Interpreter, *};

#[test]
fn the_text_computes_what_the_cpu_does() {
    let workload = Workload::of_length(7, 0, 1000);
    // Fewer threads than elements, and no multiple of them; then more.
    for grid in [(3, 32), (5, 256)] {
        let interpreter = Interpreter::read(PTX.to_str().unwrap(), ENTRY.to_str().unwrap());
        let found = interpreter.run(&workload, grid);
        let comparison = workload.compare(&found);
        assert_eq!(
            (comparison.elements, comparison.wrong),
            (1000, 0),
            "{comparison:?}"
        );
    }
}

#[test]
fn every_sum_is_a_whole_number_that_single_precision_holds() {
    const { assert!(LARGEST + ROUNDS as i32 * LARGEST_FACTOR * LARGEST < 1 << 24) };
    let workload = Workload::of_length(99, 3, 5003);
    let whole = |number: f32| number as i64;
    let expected = workload.expected();
    for (i, found) in expected.iter().enumerate() {
        let mut sum = whole(workload.y[i]);
        for k in 0..workload.rounds as usize {
            let j = (i + k * workload.step as usize) % 5003;
            sum += whole(workload.factor) * whole(workload.x[j]);
        }
        assert_eq!(sum as f32, *found);
    }
    assert_ne!(expected, workload.y);
}

#[test]
fn a_comparison_misses_nothing() {
    let workload = Workload::of_length(1, 0, 100);
    let mut found = workload.expected();
    assert_eq!(workload.compare(&found).wrong, 0);
    found[99] = f32::NAN;
    found[40] = -found[40] - 1.0;
    let comparison = workload.compare(&found);
    assert_eq!((comparison.elements, comparison.wrong), (100, 2));
    assert_eq!(comparison.first_wrong.unwrap().index, 40);
}

#[test]
fn seeds_and_devices_give_data_of_their_own() {
    let x = |seed, device| Workload::of_length(seed, device, 50).x;
    assert_eq!(x(5, 0), x(5, 0));
    assert_ne!(x(5, 0), x(5, 1));
    assert_ne!(x(5, 0), x(6, 0));
}

#[test]
fn an_assembler_takes_the_text_for_every_gpu_that_it_knows() {
    let directory = TempDir::new().unwrap();
    let text = directory.path().join("kernel.ptx");
    fs_err::write(&text, PTX.to_bytes()).unwrap();
    let mut taken = 0;
    for gpu in [
        "35", "50", "52", "60", "61", "70", "75", "80", "86", "89", "90", "100", "103", "107",
        "110", "120", "121",
    ] {
        let mut ptxas = Command::new("ptxas");
        ptxas
            .arg(format!("-arch=sm_{gpu}"))
            .arg("-o")
            .arg(directory.path().join("out"));
        let Ok(output) = ptxas.arg(&text).output() else {
            println!("skipped: no ptxas on PATH");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("is not defined for option 'gpu-name'") {
            continue;
        }
        assert!(output.status.success(), "sm_{gpu}: {said}");
        taken += 1;
    }
    assert!(taken > 0);
}
