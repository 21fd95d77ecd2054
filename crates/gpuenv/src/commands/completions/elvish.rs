//! What elvish needs beyond the generated script.

use std::fmt::Write as _;

use clap::Command;

use super::hints;

/// The generated end, which fails for words that are no command.
const END: &str = "    $completions[$command]\n}";

/// Adds the names of environments and recipes.
pub(super) fn with_names(script: &str, command: &Command) -> String {
    let mut end = String::from(
        "    if (has-key $completions $command) {\n        $completions[$command]\n    }\n    \
         fn names {|kind|\n        try { e:gpuenv __names $kind 2>/dev/null | from-lines | each {|name| edit:complex-candidate $name } } catch e { nop }\n    }\n",
    );
    for position in hints::positions(command) {
        let _ = writeln!(
            end,
            "    if (re:match '{}' $command) {{ names {} }}",
            position.pattern(),
            position.names.word()
        );
    }
    end.push('}');
    let script = script.replacen("use str;", "use str;\nuse re;", 1);
    match script.rsplit_once(END) {
        Some((before, behind)) => format!("{before}{end}{behind}"),
        None => script,
    }
}
