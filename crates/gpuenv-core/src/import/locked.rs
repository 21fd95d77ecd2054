//! From what is locked to a lock of gpuenv: the same files, the same hashes.

use super::Imported;
use crate::{Diagnostic, Lock, Plan, Solution, lock as locks};

/// Makes the lock of an imported recipe from what its source had locked.
///
/// `plans` are those of the recipe; a platform without locked files is left out.
///
/// # Errors
/// As [`locks::lock`].
pub fn lock(found: &Imported, plans: &[Plan]) -> Result<Option<Lock>, Diagnostic> {
    let solved: Vec<(Plan, Solution)> = plans
        .iter()
        .filter_map(|plan| {
            let exact = found
                .locked
                .iter()
                .find(|exact| exact.platform == plan.platform())?;
            let solution = Solution {
                platform: exact.platform,
                records: exact.records.clone(),
                wheels: exact.wheels.clone(),
            };
            Some((plan.clone(), solution))
        })
        .collect();
    match solved.is_empty() {
        true => Ok(None),
        false => Ok(Some(locks::lock(&solved)?)),
    }
}
