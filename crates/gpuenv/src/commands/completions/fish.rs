//! What fish needs beyond the generated script.

use std::fmt::Write as _;

use clap::Command;

use super::hints;

/// Adds the names of environments and recipes.
pub(super) fn with_names(script: &str, command: &Command) -> String {
    let mut script = script.to_string();
    script.push_str("\n# Names of environments and recipes.\n");
    let mut seen = Vec::new();
    for position in hints::positions(command) {
        let words = position.command.join("; and __fish_seen_subcommand_from ");
        let line = (words, position.names.word());
        if !seen.contains(&line) {
            let _ = writeln!(
                script,
                "complete -c gpuenv -n \"__fish_seen_subcommand_from {}\" -a \"(command gpuenv __names {} 2>/dev/null)\"",
                line.0, line.1
            );
            seen.push(line);
        }
    }
    script
}
