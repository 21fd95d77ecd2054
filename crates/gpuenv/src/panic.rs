//! What happens when gpuenv itself is wrong: a report instead of a dump.

use std::{
    any::Any,
    backtrace::Backtrace,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook},
    sync::Mutex,
};

use gpuenv_core::{Code, Diagnostic};

use crate::printer::Printer;

static LAST: Mutex<Option<Diagnostic>> = Mutex::new(None);

/// Makes every panic print a report; with a backtrace if that is wanted.
pub fn install(printer: Printer, backtrace: bool) {
    set_hook(Box::new(move |info| {
        let diagnostic = describe(info);
        printer.diagnostics(std::slice::from_ref(&diagnostic));
        if backtrace {
            printer.tell(&format!("{}\n", Backtrace::force_capture()));
        }
        if let Ok(mut last) = LAST.lock() {
            *last = Some(diagnostic);
        }
    }));
}

/// Runs something and turns a panic into its report, which was printed already.
///
/// # Errors
/// Returns the report.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Diagnostic> {
    // Whatever is half-changed is not looked at again: the process ends.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let last = LAST.lock().ok().and_then(|mut last| last.take());
        last.unwrap_or_else(|| report(&message(payload.as_ref()), None))
    })
}

fn describe(info: &PanicHookInfo<'_>) -> Diagnostic {
    let place = info.location().map(ToString::to_string);
    report(&message(info.payload()), place.as_deref())
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned).unwrap_or("no message").to_string()
}

fn report(message: &str, place: Option<&str>) -> Diagnostic {
    let version = env!("CARGO_PKG_VERSION");
    let target = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let place = place.unwrap_or("an unknown place");
    Diagnostic::error(Code::BUG, "gpuenv has a bug and cannot go on")
        .cause(format!("{message} at {place}"))
        .help(format!(
            "report this text, the command, its recipe or lock, and `gpuenv {version} {target}`"
        ))
        .help("the same command with `RUST_BACKTRACE=1` says more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_report() {
        let report = guard(|| -> () { panic!("the {} is off", "wheel") }).unwrap_err();
        assert_eq!(report.code, Code::BUG);
        assert!(
            report.causes[0].starts_with("the wheel is off at "),
            "{report:?}"
        );
        assert_eq!(guard(|| 7), Ok(7));
    }
}
