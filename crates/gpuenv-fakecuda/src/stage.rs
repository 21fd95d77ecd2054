//! What happens around every call: counting, noise, mischief and the log.
#![expect(
    unsafe_code,
    reason = "a crash on demand needs a bad address, or the end of the process"
)]

use std::{
    collections::HashMap,
    env,
    ffi::c_int,
    fs::{self, OpenOptions},
    io::{self, Write},
    process, ptr,
    sync::{LazyLock, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    machine::{Answer, Machine},
    script::{self, Action, Mode, Script},
};

/// What a toolkit's stub answers to everything.
const STUB_LIBRARY: c_int = 34;

/// The process's driver.
static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::new()));

/// What a script calls the end of the process, where drivers clean up.
const AT_EXIT: &str = "exit";

extern "C" fn at_exit() {
    enter_uninitialised(AT_EXIT, |_| Ok(String::new()));
}

struct Stage {
    machine: Machine,
    calls: HashMap<&'static str, u32>,
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

impl Stage {
    fn new() -> Self {
        let visible = env::var("CUDA_VISIBLE_DEVICES").ok();
        let script = read_script();
        if script.mischief.iter().any(|m| m.call == AT_EXIT) {
            // SAFETY: a plain function of this library, which nobody unloads.
            unsafe { atexit(at_exit) };
        }
        Self {
            machine: Machine::new(script, visible.as_deref()),
            calls: HashMap::new(),
        }
    }
}

fn read_script() -> Script {
    let Some(file) = env::var_os("GPUENV_FAKECUDA") else {
        return Script::default();
    };
    #[expect(clippy::disallowed_methods, reason = "this crate has no dependencies")]
    let text = fs::read_to_string(&file).map_err(|error| error.to_string());
    let script = text.and_then(|text| script::parse(&text).map_err(|bad| bad.to_string()));
    script.unwrap_or_else(|why| {
        say(
            &mut io::stderr(),
            &format!("fakecuda: {}: {why}\n", file.display()),
        );
        process::abort()
    })
}

fn say(to: &mut dyn Write, text: &str) {
    // Nobody may be listening; a driver does not mind.
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// Answers a call that is allowed only after `cuInit`.
pub(crate) fn enter(
    call: &'static str,
    body: impl FnOnce(&mut Machine) -> Answer<String>,
) -> c_int {
    enter_uninitialised(call, |machine| {
        machine.check_initialised()?;
        body(machine)
    })
}

/// Answers a call that is allowed at any time.
pub(crate) fn enter_uninitialised(
    call: &'static str,
    body: impl FnOnce(&mut Machine) -> Answer<String>,
) -> c_int {
    let mut stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let count = stage.calls.entry(call).or_default();
    *count += 1;
    let count = *count;
    let machine = &mut stage.machine;
    make_noise(&machine.script, call);
    let answer = match (mischief(machine, call, count), machine.script.mode) {
        (Some(number), _) => Err(number),
        (None, Mode::Stub) => Err(STUB_LIBRARY),
        (None, _) => body(machine),
    };
    let (number, detail) = match answer {
        Ok(detail) => (0, detail),
        Err(number) => (number, String::new()),
    };
    machine.remember(number);
    for misuse in machine.take_misuses() {
        log(&machine.script, &format!("misuse {misuse}"));
    }
    log(&machine.script, &format!("{call} {number} {detail}"));
    number
}

fn make_noise(script: &Script, call: &str) {
    if let Some(noise) = &script.noise {
        say(&mut io::stdout(), noise);
    }
    if call == "cuInit" && script.flood > 0 {
        let block = "x".repeat(1 << 16);
        for _ in 0..script.flood.div_ceil(block.len()) {
            say(&mut io::stdout(), &block);
        }
    }
}

/// Does to the call what the script says; returns the error to answer with.
fn mischief(machine: &Machine, call: &str, count: u32) -> Option<c_int> {
    let applies = |nth: Option<u32>| nth.is_none_or(|nth| nth == count);
    let script = &machine.script;
    let found = script
        .mischief
        .iter()
        .find(|m| m.call == call && applies(m.nth))?;
    if !matches!(found.action, Action::Fail(_)) {
        log(script, &format!("{call} {:?}", found.action));
    }
    match found.action {
        Action::Fail(number) => Some(number),
        Action::Hang => loop {
            thread::sleep(Duration::from_secs(3600));
        },
        Action::Abort => process::abort(),
        Action::Segfault => {
            // SAFETY: none; the crash is what the script asks for.
            unsafe { ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
            None
        }
        #[expect(clippy::disallowed_methods, reason = "some drivers end their host")]
        Action::Exit => process::exit(3),
    }
}

fn log(script: &Script, line: &str) {
    let Some(file) = &script.log else { return };
    // One write per line, because the next call may end the process.
    let opened = OpenOptions::new().append(true).create(true).open(file);
    if let Ok(mut opened) = opened {
        say(&mut opened, &format!("{}\n", line.trim_end()));
    }
}
