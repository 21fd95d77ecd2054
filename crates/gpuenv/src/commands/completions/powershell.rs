//! What PowerShell needs beyond the generated script.

use std::fmt::Write as _;

use clap::Command;

use super::hints;

/// Before this line the script has what it offers in `$completions`.
const END: &str = "    $completions.Where{";

/// Adds the names of environments and recipes.
pub(super) fn with_names(script: &str, command: &Command) -> String {
    let mut names = String::from("    $kinds = @(switch -Regex ($command) {\n");
    for position in hints::positions(command) {
        let _ = writeln!(
            names,
            "        '{}' {{ '{}' }}",
            position.pattern(),
            position.names.word()
        );
    }
    names.push_str(
        "    })\n    foreach ($kind in $kinds) {\n        foreach ($name in @(& gpuenv __names $kind 2>$null)) {\n            \
         $completions += [CompletionResult]::new($name, $name, [CompletionResultType]::ParameterValue, $name)\n        }\n    }\n\n",
    );
    match script.rsplit_once(END) {
        Some((before, behind)) => format!("{before}{names}{END}{behind}"),
        None => script.to_string(),
    }
}
