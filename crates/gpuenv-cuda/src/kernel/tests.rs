//! The kernel's text against its twin, and the twin against whole numbers.

use std::process::Command;

use tempfile::TempDir;

use super::{ptx::Interpreter, *};
use crate::{
    product::{self, Factors},
    walk,
};

const Y: u64 = 0x1000_0000;
const X: u64 = 0x2000_0000;
const Z: u64 = 0x3000_0000;

fn interpreter(text: &CStr, entry: &CStr) -> Interpreter {
    Interpreter::read(text.to_str().unwrap(), entry.to_str().unwrap())
}

fn words(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn numbers(words: &[u32]) -> Vec<f32> {
    words.iter().map(|word| f32::from_bits(*word)).collect()
}

#[test]
fn the_text_computes_what_the_cpu_does() {
    let workload = Workload::of_length(7, 0, 1000);
    // Fewer threads than elements, and no multiple of them; then more.
    for (blocks, threads) in [(3, 32), (5, 256)] {
        let arguments = [
            Y,
            X,
            workload.factor.to_bits().into(),
            workload.y.len() as u64,
            workload.rounds.into(),
            workload.step.into(),
        ];
        let mut memory = vec![(Y, words(&workload.y)), (X, words(&workload.x))];
        interpreter(PTX, ENTRY).run(&arguments, (blocks, 1, threads), &mut memory);
        let comparison = workload.compare(&numbers(&memory[0].1));
        assert_eq!(
            (comparison.elements, comparison.wrong),
            (1000, 0),
            "{comparison:?}"
        );
    }
}

#[test]
fn the_tiled_text_multiplies_as_the_cpu_does() {
    let factors = Factors::of_size(5, 48);
    let mut memory = vec![
        (Y, vec![0x7fc0_0000; 48 * 48]),
        (X, words(&factors.a)),
        (Z, words(&factors.b)),
    ];
    let kernel = interpreter(MORE_PTX, product::ENTRY);
    kernel.run(&[Y, X, Z, 48], (3, 3, 256), &mut memory);
    let comparison = compare(&factors.product(), &numbers(&memory[0].1));
    assert_eq!((comparison.elements, comparison.wrong), (48 * 48, 0));
    // Against whole numbers, one by one.
    let whole = |numbers: &[f32], index: usize| numbers[index] as i64;
    for (index, found) in factors.product().into_iter().enumerate() {
        let (row, column) = (index / 48, index % 48);
        let terms =
            (0..48).map(|k| whole(&factors.a, row * 48 + k) * whole(&factors.b, k * 48 + column));
        assert_eq!(terms.sum::<i64>() as f32, found);
    }
}

#[test]
fn the_texts_of_the_walk_write_the_pattern_and_find_one_flipped_bit() {
    let mut memory = vec![(Y, vec![0; 1003]), (X, vec![0, u32::MAX])];
    for flip in [0, u32::MAX] {
        let arguments = [Y, 1003, 77, flip.into(), X];
        let fill = interpreter(MORE_PTX, walk::FILL);
        fill.run(&arguments[..4], (2, 1, 64), &mut memory);
        for (index, word) in (0..).zip(&memory[0].1) {
            assert_eq!(*word, walk::pattern(index, 77, flip));
        }
        let check = interpreter(MORE_PTX, walk::CHECK);
        check.run(&arguments, (2, 1, 64), &mut memory);
    }
    assert_eq!(memory[1].1, [0, u32::MAX]);
    memory[0].1[900] ^= 1 << 31;
    memory[0].1[41] ^= 1;
    let arguments = [Y, 1003, 77, u32::MAX.into(), X];
    interpreter(MORE_PTX, walk::CHECK).run(&arguments, (2, 1, 64), &mut memory);
    assert_eq!(memory[1].1, [2, 41]);
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
    let texts = [("kernel.ptx", PTX), ("more.ptx", MORE_PTX)].map(|(name, text)| {
        let file = directory.path().join(name);
        fs_err::write(&file, text.to_bytes()).unwrap();
        file
    });
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
        let Ok(output) = ptxas.arg("-c").args(&texts).output() else {
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
