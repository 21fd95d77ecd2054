//! The driver's own rules: what it refuses, and that it writes misuse down.

use crate::{
    kernel::{self, ENTRY, Scalars},
    machine::{
        DEVICE_UNAVAILABLE, ILLEGAL_ADDRESS, INVALID_CONTEXT, INVALID_HANDLE, INVALID_IMAGE,
        INVALID_VALUE, Machine, NO_DEVICE, NOT_INITIALIZED, OUT_OF_MEMORY,
    },
    more_kernels::Launch,
    script::{self, Action, BadLine, Mode},
};

const PTX: &str = ".version 5.0\n.target sm_30\n.visible .entry gpuenv_rotated_saxpy(\n)\n{}\n";
const GRID: [u32; 6] = [3, 1, 1, 2, 1, 1];
const SCALARS: Scalars = Scalars {
    factor: 2.0,
    length: 5,
    rounds: 2,
    step: 3,
};

fn machine(text: &str) -> Machine {
    let mut machine = Machine::new(script::parse(text).unwrap(), None);
    machine.init(0).unwrap();
    machine
}

fn with_context(text: &str) -> Machine {
    let mut machine = machine(text);
    let context = machine.retain(0).unwrap();
    machine.set_current(context).unwrap();
    machine
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_ne_bytes())
        .collect()
}

#[test]
fn a_script_says_everything() {
    let text = "mode = wrong-result # really\n\ndevice = A\nmemory = 5\ncompute-capability = 9.0\n\
                compute-mode = prohibited\nstate = mig\nuuid = ff\ndevice = B\n\
                fail = cuInit 999 2\nhang = cuCtxSynchronize\n";
    let script = script::parse(text).unwrap();
    assert_eq!(script.mode, Mode::WrongResult);
    assert_eq!(script.devices.len(), 2);
    let device = &script.devices[0];
    assert_eq!(
        (device.memory, device.capability, device.compute_mode),
        (5, (9, 0), 2)
    );
    assert_eq!(
        device.uuid_text(),
        "GPU-00000000-0000-0000-0000-0000000000ff"
    );
    assert_eq!(script.mischief[0].nth, Some(2));
    assert_eq!(script.mischief[0].action, Action::Fail(999));
    assert_eq!(script.mischief[1].action, Action::Hang);
}

#[test]
fn a_typing_error_is_not_a_driver() {
    for bad in [
        "mdoe = ok",
        "mode",
        "mode = fine",
        "memory = 5",
        "fail = cuInit",
        "hang =",
    ] {
        let expected = BadLine(2, bad.to_string());
        assert_eq!(script::parse(&format!("\n{bad}\n")), Err(expected), "{bad}");
    }
}

#[test]
fn nothing_works_before_init() {
    let mut machine = Machine::new(script::parse("").unwrap(), None);
    assert_eq!(machine.check_initialised(), Err(NOT_INITIALIZED));
    assert_eq!(machine.take_misuses().len(), 1);
}

#[test]
fn visible_devices_are_selected_as_the_driver_does() {
    let script = script::parse("device = A\ndevice = B\ndevice = C\n").unwrap();
    let count = |list| Machine::new(script.clone(), Some(list)).device_count();
    assert_eq!(count("2,0"), 2);
    assert_eq!(count("1,7,0"), 1);
    assert_eq!(count("GPU-67707565-6e76-2d66"), 1);
    for none in ["", "-1", "NoDevFiles", "GPU-"] {
        assert_eq!(
            Machine::new(script.clone(), Some(none)).init(0),
            Err(NO_DEVICE),
            "{none}"
        );
    }
    let machine = Machine::new(script, Some("2,0"));
    assert_eq!(machine.device(0).unwrap().name, "C");
}

#[test]
fn work_without_a_context_is_refused() {
    let mut machine = machine("");
    assert_eq!(machine.allocate(4), Err(INVALID_CONTEXT));
    assert_eq!(
        machine.launch(GRID, Launch::Saxpy(0, 0, SCALARS)),
        Err(INVALID_CONTEXT)
    );
    assert_eq!(machine.load_module(PTX).unwrap_err().0, INVALID_CONTEXT);
    assert_eq!(machine.release(0), Err(INVALID_CONTEXT));
    assert_eq!(machine.take_misuses().len(), 4);
}

#[test]
fn an_exclusive_device_holds_one_context() {
    let mut exclusive = with_context("device = A\ncompute-mode = exclusive-process\n");
    assert_eq!(exclusive.create_context(0), Err(DEVICE_UNAVAILABLE));
    assert_eq!(exclusive.take_misuses().len(), 1);
    let mut shared = with_context("");
    let second = shared.create_context(0).unwrap();
    shared.set_current(0).unwrap();
    shared.destroy_context(second).unwrap();
    assert!(shared.take_misuses().is_empty());
    let mut busy = machine("device = A\nstate = busy\n");
    assert_eq!(busy.retain(0), Err(DEVICE_UNAVAILABLE));
}

#[test]
fn memory_knows_its_bounds_and_its_owner() {
    let mut machine = with_context("device = A\nmemory = 64\n");
    let address = machine.allocate(16).unwrap();
    machine.upload(address + 8, &[1; 8]).unwrap();
    assert_eq!(machine.upload(address + 9, &[1; 8]), Err(INVALID_VALUE));
    assert_eq!(
        machine.download(address - 1, &mut [0; 2]),
        Err(INVALID_VALUE)
    );
    assert_eq!(machine.allocate(64), Err(OUT_OF_MEMORY));
    machine.free(address).unwrap();
    assert_eq!(machine.free(address), Err(INVALID_VALUE));
    assert_eq!(machine.take_misuses().len(), 3);
}

#[test]
fn what_is_left_in_a_context_is_written_down() {
    let mut machine = with_context("");
    machine.allocate(16).unwrap();
    machine.release(0).unwrap();
    assert_eq!(
        machine.take_misuses(),
        [
            "a context ended with 16 bytes allocated",
            "a context ended while a thread works in it"
        ]
    );
    assert_eq!(machine.allocate(4), Err(INVALID_CONTEXT));
}

#[test]
fn only_ptx_with_the_entry_is_a_kernel() {
    let mut machine = with_context("");
    for bad in ["", "hello", ".target sm_30\n.entry gpuenv_rotated_saxpy("] {
        assert_eq!(machine.load_module(bad).unwrap_err().0, INVALID_IMAGE);
    }
    let other = machine
        .load_module(".version 5.0\n.target sm_30\n.entry other(")
        .unwrap();
    assert!(machine.function(other, "gpuenv_rotated_saxpy").is_err());
    machine.unload_module(other).unwrap();
    assert_eq!(machine.unload_module(other), Err(INVALID_HANDLE));
}

#[test]
fn the_kernel_computes_on_the_devices_memory() {
    let mut machine = with_context("");
    let module = machine.load_module(PTX).unwrap();
    let function = machine.function(module, "gpuenv_rotated_saxpy").unwrap();
    let (y, x) = (machine.allocate(20).unwrap(), machine.allocate(20).unwrap());
    machine
        .upload(y, &bytes(&[0.0, 1.0, 2.0, 3.0, 4.0]))
        .unwrap();
    machine
        .upload(x, &bytes(&[10.0, 20.0, 30.0, 40.0, 50.0]))
        .unwrap();
    assert_eq!(machine.entry(function).unwrap(), ENTRY);
    machine.launch(GRID, Launch::Saxpy(y, x, SCALARS)).unwrap();
    let mut result = [0; 20];
    machine.download(y, &mut result).unwrap();
    // Element 0 adds twice x[0] and x[3], element 1 twice x[1] and x[4], and so on.
    assert_eq!(result.to_vec(), bytes(&[100.0, 141.0, 82.0, 123.0, 164.0]));
    assert!(machine.take_misuses().is_empty());
}

#[test]
fn a_kernel_that_leaves_its_memory_breaks_the_context() {
    let mut machine = with_context("");
    let module = machine.load_module(PTX).unwrap();
    let function = machine.function(module, "gpuenv_rotated_saxpy").unwrap();
    let (y, x) = (machine.allocate(20).unwrap(), machine.allocate(16).unwrap());
    assert_eq!(machine.entry(function).unwrap(), ENTRY);
    machine.launch(GRID, Launch::Saxpy(y, x, SCALARS)).unwrap();
    assert_eq!(machine.context(), Err(ILLEGAL_ADDRESS));
    assert_eq!(machine.free(y), Err(ILLEGAL_ADDRESS));
}

#[test]
fn a_wrong_result_is_one_bit_of_one_element() {
    let mut machine = with_context("mode = wrong-result\nwrong-element = 3\n");
    let module = machine.load_module(PTX).unwrap();
    let function = machine.function(module, "gpuenv_rotated_saxpy").unwrap();
    let (y, x) = (machine.allocate(20).unwrap(), machine.allocate(20).unwrap());
    machine.upload(y, &[0; 20]).unwrap();
    machine.upload(x, &[0; 20]).unwrap();
    assert_eq!(machine.entry(function).unwrap(), ENTRY);
    machine.launch(GRID, Launch::Saxpy(y, x, SCALARS)).unwrap();
    let mut result = [0; 20];
    machine.download(y, &mut result).unwrap();
    assert_eq!(result.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    assert_eq!(result[12], 1);
}

#[test]
fn a_thread_outside_of_the_vector_is_caught() {
    assert!(kernel::run(&mut [0; 16], &[0; 20], SCALARS, 6).is_none());
    assert!(kernel::run(&mut [0; 20], &[0; 16], SCALARS, 6).is_none());
}
