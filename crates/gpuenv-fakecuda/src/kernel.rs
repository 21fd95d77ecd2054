//! The twin of the probe's kernel, on host memory.

/// The name by which a module's text must offer the kernel.
pub(crate) const ENTRY: &str = "gpuenv_rotated_saxpy";

/// The kernel's parameters that are not addresses, as the launch passes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalars {
    pub(crate) factor: f32,
    pub(crate) length: u32,
    pub(crate) rounds: u32,
    pub(crate) step: u32,
}

/// Runs the kernel as `threads` threads would.
///
/// Returns `None` where a thread would read or write outside of its vector.
pub(crate) fn run(y: &mut [u8], x: &[u8], scalars: Scalars, threads: u32) -> Option<()> {
    let Scalars {
        factor,
        length,
        rounds,
        step,
    } = scalars;
    let x: Vec<f32> = x.chunks_exact(4).map(number).collect();
    for thread in 0..threads {
        let mut i = thread;
        while i < length {
            let place = y.get_mut(4 * i as usize..4 * i as usize + 4)?;
            let mut sum = number(place);
            let mut j = i;
            for _ in 0..rounds {
                sum += factor * x.get(j as usize)?;
                j = j.wrapping_add(step);
                if j >= length {
                    j = j.wrapping_sub(length);
                }
            }
            place.copy_from_slice(&sum.to_ne_bytes());
            i = i.checked_add(threads)?;
        }
    }
    Some(())
}

fn number(bytes: &[u8]) -> f32 {
    let mut four = [0; 4];
    four.copy_from_slice(bytes);
    f32::from_ne_bytes(four)
}

/// Returns the entry points that a PTX text offers, or `None` where it is not PTX.
pub(crate) fn entries(text: &str) -> Option<Vec<String>> {
    let code = || {
        text.lines()
            .map(|line| line.split("//").next().unwrap_or_default().trim())
    };
    let starts = |word: &str| code().any(|line| line.starts_with(word));
    if !(starts(".version ") && starts(".target ")) {
        return None;
    }
    let entries = code().filter_map(|line| line.split_once(".entry "));
    let names = entries.map(|(_, rest)| rest.trim_end_matches('(').trim().to_string());
    Some(names.collect())
}
