//! Command lines as tutorials print them: prompts, quotes, continuation lines, operators.

use super::{
    At, Text,
    prompt::{continued, prompt},
};

/// The shell that a line was written for, as far as it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    /// Nothing tells.
    Unknown,
    /// bash and its relatives.
    Posix,
    /// PowerShell.
    Pwsh,
    /// The command prompt of Windows.
    Cmd,
    /// Python, behind `>>> `.
    Python,
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// The word without its quotes.
    pub(crate) text: String,
    /// Where it stands, quotes included.
    pub(crate) at: At,
    /// Whether a part of it was quoted.
    pub(crate) is_quoted: bool,
}

/// A command: what stands between operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its words, at least one.
    pub(crate) words: Vec<Word>,
    /// All of it.
    pub(crate) at: At,
    /// The shell that it was written for.
    pub(crate) shell: Shell,
    /// A prompt stood before it, or it is code of a listing.
    pub(crate) is_marked: bool,
}

/// Returns the commands of a text, in order.
///
/// Where the text has listings (lines of backticks around them), only they count.
pub(crate) fn commands(text: &Text, index: usize) -> Vec<Command> {
    let has_listings = text.lines().any(|(_, line)| fence(line).is_some());
    let mut commands = Vec::new();
    let mut shell = Shell::Unknown;
    let mut listing: Option<Shell> = None;
    let mut open: Vec<(usize, String)> = Vec::new();
    for (start, line) in text.lines() {
        if let Some(language) = fence(line) {
            listing = match listing {
                None => Some(language_shell(language)),
                Some(_) => None,
            };
            shell = listing.unwrap_or(Shell::Unknown);
            continue;
        }
        let outside = has_listings && listing.is_none();
        let (prompt, rest) = match open.is_empty() {
            true => prompt(line),
            false => (None, continued(line)),
        };
        if outside && prompt.is_none() {
            continue;
        }
        if let Some(found) = prompt {
            shell = found;
        }
        let indent = line.len() - rest.len();
        let is_first = open.is_empty();
        if is_first && (rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
            continue;
        }
        let trimmed = rest.trim_end();
        let continues = trimmed.ends_with('\\')
            || (trimmed.ends_with('^') && !trimmed.ends_with("^^"))
            || (trimmed.ends_with('`') && trimmed.matches('`').count() % 2 == 1);
        match continues {
            true => open.push((start + indent, trimmed[..trimmed.len() - 1].to_string())),
            false => {
                open.push((start + indent, rest.to_string()));
                let is_marked = prompt.is_some() || listing.is_some();
                split(&open, index, shell, is_marked, &mut commands);
                open.clear();
            }
        }
        if listing.is_none() && prompt.is_none() && open.is_empty() {
            shell = Shell::Unknown;
        }
    }
    if !open.is_empty() {
        split(&open, index, shell, true, &mut commands);
    }
    commands
}

/// Returns what stands behind the signs that open or close a listing.
fn fence(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("```")
        .or_else(|| line.strip_prefix("~~~"))
}

fn language_shell(language: &str) -> Shell {
    match language.trim().to_ascii_lowercase().as_str() {
        "bash" | "sh" | "shell" | "zsh" => Shell::Posix,
        "powershell" | "ps1" | "pwsh" => Shell::Pwsh,
        "cmd" | "bat" | "batch" | "dos" => Shell::Cmd,
        "python" | "py" | "python3" => Shell::Python,
        _ => Shell::Unknown,
    }
}

/// Splits the joined lines into words and commands.
fn split(
    lines: &[(usize, String)],
    index: usize,
    shell: Shell,
    is_marked: bool,
    commands: &mut Vec<Command>,
) {
    let mut words: Vec<Word> = Vec::new();
    let mut end_command = |words: &mut Vec<Word>, reach: usize| {
        let words = std::mem::take(words);
        if let (Some(first), Some(last)) = (words.first(), words.last()) {
            let at = At {
                text: index,
                start: first.at.start,
                // Redirections are no words, and belong to the command.
                end: last.at.end.max(reach),
            };
            commands.push(Command {
                at,
                shell,
                is_marked,
                words,
            });
        }
    };
    let mut is_target = false;
    let mut reach = 0;
    for (start, line) in lines {
        let mut rest = line.char_indices().peekable();
        while let Some(&(at, c)) = rest.peek() {
            let operator = ["&&", "||", ";", "|"]
                .into_iter()
                .find(|op| line[at..].starts_with(op));
            if let Some(operator) = operator {
                rest.nth(operator.len() - 1);
                end_command(&mut words, reach);
            } else if c.is_whitespace() {
                rest.next();
            } else if c == '#' {
                break;
            } else {
                let (text, end, is_quoted) = word(line, at, shell);
                while rest.peek().is_some_and(|(at, _)| *at < end) {
                    rest.next();
                }
                let into_file = redirection(&text).filter(|_| !is_quoted && !words.is_empty());
                if is_target || into_file.is_some() {
                    is_target = into_file == Some(Target::Next);
                    reach = start + end;
                    continue;
                }
                words.push(Word {
                    text: with_hyphens(text),
                    at: At {
                        text: index,
                        start: start + at,
                        end: start + end,
                    },
                    is_quoted,
                });
            }
        }
    }
    end_command(&mut words, reach);
}

/// Where a redirection has the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Here,
    Next,
}

/// Returns whether a word sends output into a file: `> log`, `2>&1`; `>=` is a version.
fn redirection(word: &str) -> Option<Target> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    let rest = rest.strip_prefix('>')?;
    match rest.strip_prefix('>').unwrap_or(rest) {
        "" => Some(Target::Next),
        more if more.starts_with(['=', ' ']) || more.starts_with(|c: char| c.is_ascii_digit()) => {
            None
        }
        _ => Some(Target::Here),
    }
}

/// Writes an option as it was typed, before a word processor made a dash of it.
fn with_hyphens(text: String) -> String {
    let Some(rest) = text.strip_prefix(['–', '—']) else {
        return text;
    };
    let is_short = rest.chars().count() == 1 || rest.starts_with('-');
    match is_short {
        true => format!("-{rest}"),
        false => format!("--{rest}"),
    }
}

/// Reads one word, quotes taken off.
///
/// Quotes that word processors make count as quotes: tutorials are full of them.
fn word(line: &str, from: usize, shell: Shell) -> (String, usize, bool) {
    let mut text = String::new();
    let mut quote: Option<char> = None;
    let mut is_quoted = false;
    let mut characters = line[from..].char_indices();
    while let Some((at, c)) = characters.next() {
        let plain = match c {
            '“' | '”' | '„' => '"',
            '‘' | '’' => '\'',
            c => c,
        };
        match (quote, plain) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(plain);
                is_quoted = true;
            }
            (None, c) if c.is_whitespace() => return (text, from + at, is_quoted),
            (None, ';' | '|') => return (text, from + at, is_quoted),
            (None, '&') if line[from + at..].starts_with("&&") => {
                return (text, from + at, is_quoted);
            }
            (None | Some('"'), '\\') if !matches!(shell, Shell::Pwsh | Shell::Cmd) => {
                match characters.clone().next() {
                    Some((_, next)) if !next.is_alphanumeric() => {
                        text.push(next);
                        characters.next();
                    }
                    _ => text.push(c),
                }
            }
            _ => text.push(c),
        }
    }
    (text, line.len(), is_quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let text = Text::decode("a", text.as_bytes()).unwrap();
        let commands = commands(&text, 0);
        let joined = |command: &Command| {
            let words: Vec<&str> = command
                .words
                .iter()
                .map(|word| word.text.as_str())
                .collect();
            words.join("|")
        };
        commands.iter().map(joined).collect()
    }

    #[test]
    fn prompts_are_taken_off() {
        for line in [
            "pip install a",
            "$ pip install a",
            "  $ pip install a",
            "(base) $ pip install a",
            "(tf-gpu) pip install a",
            "(base) PS C:\\Users\\me> pip install a",
            "PS C:\\> pip install a",
            "C:\\Users\\me>pip install a",
            "(base) C:\\Users\\me>pip install a",
            "me@host:~$ pip install a",
            "!pip install a",
            "%pip install a",
            "> pip install a",
            "In [12]: !pip install a",
            "In [ ]: %pip install a",
            "root@box:/work# pip install a",
            "[me@box work]$ pip install a",
            "me@host ~ % pip install a",
            "➜  ~ pip install a",
            "❯ pip install a",
            "PS> pip install a",
            "RUN pip install a",
            "- pip install a",
            "1. pip install a",
            "* `pip install a`",
        ] {
            assert_eq!(words(line), ["pip|install|a"], "{line}");
        }
    }

    #[test]
    fn quotes_operators_and_continuation_lines_are_understood() {
        for (text, expected) in [
            (
                "pip install \"tensorflow<2.11\" 'numpy<2'",
                "pip|install|tensorflow<2.11|numpy<2",
            ),
            (
                "pip install “tensorflow<2.11”",
                "pip|install|tensorflow<2.11",
            ),
            ("conda install a \\\n    b \\\n  c", "conda|install|a|b|c"),
            ("conda install a ^\r\n  b", "conda|install|a|b"),
            ("conda install a `\n>> b", "conda|install|a|b"),
            ("a && b; c | d # e", "a\nb\nc\nd"),
            ("pip install a 2>&1 | tee log", "pip|install|a\ntee|log"),
            ("pip install a > log.txt b >>log &>x", "pip|install|a|b"),
            ("conda install a >= 1", "conda|install|a|>=|1"),
            ("conda install –c x —name y", "conda|install|-c|x|--name|y"),
            ("~~~\nconda install a\n~~~\nb", "conda|install|a"),
            ("pip install a#b", "pip|install|a#b"),
            ("# pip install a\n\npip install b", "pip|install|b"),
        ] {
            assert_eq!(words(text).join("\n"), expected, "{text}");
        }
    }

    #[test]
    fn of_a_page_with_listings_only_they_count() {
        let page = "# Title\npip install is what we do\n```bash\npip install a\n```\nthen\n";
        assert_eq!(words(page), ["pip|install|a"]);
    }

    #[test]
    fn a_word_knows_its_place() {
        let text = Text::decode("a", b"$ pip install \\\n  \"b<1\"\n").unwrap();
        let commands = commands(&text, 0);
        let at = commands[0].words[2].at;
        assert_eq!(&text.text[at.start..at.end], "\"b<1\"");
    }
}
