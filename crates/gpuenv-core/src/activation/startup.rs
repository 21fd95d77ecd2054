//! What a shell needs in its startup file, and around a session in an environment.

use super::{Activation, ActivationError, Shell, cmd, data, fish, posix, powershell, tcsh};

/// Returns what the startup file of a shell needs for `gpuenv activate` and
/// `gpuenv deactivate`, with the program at that place; `None` where the shell
/// has no function that could run text (nushell, `cmd`).
pub fn startup(shell: Shell, program: &str) -> Option<String> {
    let name = shell.name();
    match shell {
        Shell::Bash | Shell::Zsh | Shell::Sh => {
            let program = posix::quoted(program);
            Some(format!(
                "gpuenv() {{\n\
                 \x20 case ${{1-}} in\n\
                 \x20   activate)\n\
                 \x20     shift\n\
                 \x20     GPUENV_TEXT=$({program} shell-hook --shell {name} \"$@\") || return\n\
                 \x20     eval \"$GPUENV_TEXT\"\n\
                 \x20     unset GPUENV_TEXT ;;\n\
                 \x20   deactivate) gpuenv_deactivate ;;\n\
                 \x20   *) {program} \"$@\" ;;\n\
                 \x20 esac\n\
                 }}\n"
            ))
        }
        Shell::Fish => {
            let program = fish::quoted(program);
            Some(format!(
                "function gpuenv\n\
                 \x20 switch \"$argv[1]\"\n\
                 \x20   case activate\n\
                 \x20     set -l text ({program} shell-hook --shell fish $argv[2..] | string collect)\n\
                 \x20     or return\n\
                 \x20     echo -n $text | source\n\
                 \x20   case deactivate\n\
                 \x20     gpuenv_deactivate\n\
                 \x20   case '*'\n\
                 \x20     {program} $argv\n\
                 \x20 end\n\
                 end\n"
            ))
        }
        Shell::Tcsh => {
            let program = tcsh::quoted(program);
            let call = tcsh::quoted(&format!(
                "if ($#gpuenv_args == 0) then\n\
                 {program}\n\
                 else if (s$gpuenv_args[1]:q == sactivate) then\n\
                 set gpuenv_file = `mktemp`\n\
                 {program} shell-hook --shell tcsh $gpuenv_args[2-]:q >! $gpuenv_file:q\n\
                 if ($status == 0) source $gpuenv_file:q\n\
                 rm -f $gpuenv_file:q\n\
                 unset gpuenv_file\n\
                 else if (s$gpuenv_args[1]:q == sdeactivate) then\n\
                 gpuenv_deactivate\n\
                 else\n\
                 {program} $gpuenv_args:q\n\
                 endif\n"
            ));
            Some(format!(
                "set gpuenv_call = {call}\n\
                 alias gpuenv 'set gpuenv_args = (\\!*); eval $gpuenv_call:q'\n"
            ))
        }
        Shell::Xonsh => {
            let program = data::python_quoted(program);
            Some(format!(
                "def _gpuenv_startup():\n\
                 \x20   import subprocess\n\
                 \x20   from xonsh.built_ins import XSH\n\
                 \x20   from xonsh.tools import unthreadable\n\
                 \x20   @unthreadable\n\
                 \x20   def call(args):\n\
                 \x20       variables = XSH.env.detype()\n\
                 \x20       if args[:1] == [\"deactivate\"]:\n\
                 \x20           off = XSH.aliases.get(\"gpuenv_deactivate\")\n\
                 \x20           return off([]) if off else 1\n\
                 \x20       if args[:1] != [\"activate\"]:\n\
                 \x20           return subprocess.run([{program}, *args], env=variables).returncode\n\
                 \x20       words = [{program}, \"shell-hook\", \"--shell\", \"xonsh\", *args[1:]]\n\
                 \x20       done = subprocess.run(words, env=variables, stdout=subprocess.PIPE)\n\
                 \x20       if done.returncode == 0:\n\
                 \x20           XSH.builtins.execx(done.stdout.decode())\n\
                 \x20       return done.returncode\n\
                 \x20   XSH.aliases[\"gpuenv\"] = call\n\
                 _gpuenv_startup()\n\
                 del _gpuenv_startup\n"
            ))
        }
        Shell::Powershell => {
            let program = powershell::quoted(program);
            Some(format!(
                "function gpuenv {{\n\
                 \x20 if (($args.Count -gt 0) -and ($args[0] -eq 'activate')) {{\n\
                 \x20   $rest = @($args | Select-Object -Skip 1)\n\
                 \x20   $text = & {program} shell-hook --shell powershell @rest | Out-String\n\
                 \x20   if ($LASTEXITCODE -eq 0) {{ Invoke-Expression $text }}\n\
                 \x20 }} elseif (($args.Count -gt 0) -and ($args[0] -eq 'deactivate')) {{\n\
                 \x20   gpuenv_deactivate\n\
                 \x20 }} else {{ & {program} @args }}\n\
                 }}\n"
            ))
        }
        Shell::Nushell | Shell::Cmd => None,
    }
}

/// Returns what marks the prompt of a session in an environment.
///
/// Shells run code in prompts, so only plain characters of the name get there.
pub fn prompt_mark(shell: Shell, name: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let name: String = name.chars().filter(plain).collect();
    match shell {
        Shell::Bash | Shell::Zsh | Shell::Sh => format!("PS1=\"({name}) ${{PS1-}}\"\n"),
        Shell::Fish => format!(
            "functions -q fish_prompt; and functions -c fish_prompt _gpuenv_prompt\n\
             function fish_prompt\n\
             echo -n '({name}) '\n\
             functions -q _gpuenv_prompt; and _gpuenv_prompt\n\
             end\n"
        ),
        Shell::Tcsh => format!("if ($?prompt) set prompt = '({name}) '\"$prompt:q\"\n"),
        // Its usual prompt shows the environment by itself.
        Shell::Xonsh => format!(
            "if isinstance($PROMPT, str) and '{{env_name' not in $PROMPT:\n\
             \x20   $PROMPT = '({name}) ' + $PROMPT\n"
        ),
        Shell::Nushell => format!("$env.PROMPT_INDICATOR = '({name})> '\n"),
        Shell::Powershell => format!(
            "$global:_gpuenv_prompt = $function:prompt\n\
             function global:prompt {{ \"({name}) $(& $global:_gpuenv_prompt)\" }}\n"
        ),
        Shell::Cmd => cmd::prompt_mark(&name),
    }
}

/// Returns what the startup file of a POSIX shell begins with that took the place of the
/// user's own, which `ENV` names.
pub fn sh_startup(usual: Option<&str>) -> String {
    match usual {
        // The shell expands what is in it.
        Some(usual) => format!(
            "ENV={}\nexport ENV\neval \"if [ -r \\\"$ENV\\\" ]; then . \\\"$ENV\\\"; fi\"\n",
            posix::quoted(usual)
        ),
        None => "unset ENV\n".to_string(),
    }
}

/// Returns a `.tcshrc` that stands in for the one in the user's home, and then does more:
/// tcsh has no option for another startup file.
pub fn tcsh_startup(home: &str, more: &str) -> String {
    let home = tcsh::quoted(home);
    format!(
        "setenv HOME {home}\n\
         set home = {home}\n\
         if (-r ~/.tcshrc) then\n\
         source ~/.tcshrc\n\
         else if (-r ~/.cshrc) then\n\
         source ~/.cshrc\n\
         endif\n\
         {more}"
    )
}

/// Returns the command by which a shell that is started reads a file; where the folder of
/// temporary files is, is the user's choice. `None` where the shell finds the file by itself.
pub fn source_command(shell: Shell, file: &str) -> Option<String> {
    Some(match shell {
        Shell::Fish => format!("source {}", fish::quoted(file)),
        Shell::Nushell => format!("source {}", data::nushell_quoted(file)),
        Shell::Powershell => format!(". {}", powershell::quoted(file)),
        Shell::Bash | Shell::Zsh | Shell::Sh | Shell::Tcsh | Shell::Xonsh | Shell::Cmd => {
            return None;
        }
    })
}

/// Returns an `.envrc` for direnv.
///
/// # Errors
/// GE609 on Windows: what direnv reads is run by bash, whose paths are others.
pub fn direnv(activation: &Activation, program: &str) -> Result<String, ActivationError> {
    activation.require_unix("direnv")?;
    let prefix = &activation.prefix;
    let lock = posix::quoted(&format!("{prefix}/conda-meta/gpuenv.lock"));
    let (prefix, program) = (posix::quoted(prefix), posix::quoted(program));
    Ok(format!(
        "# Written by gpuenv for direnv, which undoes by itself what this does.\n\
         watch_file {lock}\n\
         eval \"$({program} shell-hook --shell bash {prefix})\"\n"
    ))
}
