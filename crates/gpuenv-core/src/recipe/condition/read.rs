//! Reads a condition: words and parentheses first, then the tree.

use std::str::FromStr;

use rattler_conda_types::Subdir;

use super::{BadCondition, Condition, ConditionProblem, DEEPEST, KINDS, LONGEST, Machine};

impl FromStr for Condition {
    type Err = BadCondition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().count() > LONGEST {
            let problem = ConditionProblem::TooLong;
            return Err(BadCondition {
                problem,
                at: 0,
                length: LONGEST,
            });
        }
        let mut tokens = Tokens {
            tokens: tokens(text),
            next: 0,
            end: text.chars().count(),
        };
        let condition = any(&mut tokens, 0)?;
        match tokens.peek() {
            None => Ok(condition),
            Some(")") => Err(tokens.refuse(ConditionProblem::Unopened)),
            Some(word) => {
                let problem = match is_word(word) {
                    true => ConditionProblem::OperatorExpected(Some(word.to_string())),
                    false => ConditionProblem::UnknownWord(word.to_string()),
                };
                Err(tokens.refuse(problem))
            }
        }
    }
}

/// The tokens of a condition, each with its first character, and how far they are read.
struct Tokens {
    tokens: Vec<(usize, String)>,
    next: usize,
    end: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).map(|(_, token)| token.as_str())
    }

    fn take(&mut self, wanted: &str) -> bool {
        let is_it = self.peek() == Some(wanted);
        self.next += usize::from(is_it);
        is_it
    }

    /// Refuses the token that comes next.
    fn refuse(&self, problem: ConditionProblem) -> BadCondition {
        let next = self.tokens.get(self.next);
        let at = next.map_or(self.end, |(at, _)| *at);
        let length = next.map_or(1, |(_, token)| token.chars().count());
        BadCondition {
            problem,
            at,
            length,
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '(' || c == '_')
}

/// Splits into words, parentheses and runs of whatever else there is.
fn tokens(text: &str) -> Vec<(usize, String)> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Word,
        Parenthesis,
        Other,
    }
    let mut tokens: Vec<(usize, String)> = Vec::new();
    let mut last = None;
    for (at, character) in text.chars().enumerate() {
        let class = match character {
            c if c.is_whitespace() => None,
            '(' | ')' => Some(Class::Parenthesis),
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | '.') => Some(Class::Word),
            _ => Some(Class::Other),
        };
        match (class, tokens.last_mut()) {
            (None, _) => {}
            (Some(class), Some((_, token)))
                if last == Some(class) && class != Class::Parenthesis =>
            {
                token.push(character);
            }
            (Some(_), _) => tokens.push((at, character.to_string())),
        }
        last = class;
    }
    tokens
}

fn any(tokens: &mut Tokens, depth: usize) -> Result<Condition, BadCondition> {
    let mut parts = vec![all(tokens, depth)?];
    while tokens.take("or") {
        parts.push(all(tokens, depth)?);
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => Condition::Any(parts),
    })
}

fn all(tokens: &mut Tokens, depth: usize) -> Result<Condition, BadCondition> {
    let mut parts = vec![not(tokens, depth)?];
    while tokens.take("and") {
        parts.push(not(tokens, depth)?);
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => Condition::All(parts),
    })
}

fn not(tokens: &mut Tokens, depth: usize) -> Result<Condition, BadCondition> {
    if depth > DEEPEST {
        return Err(tokens.refuse(ConditionProblem::TooDeep));
    }
    if tokens.take("not") {
        return Ok(Condition::Not(Box::new(not(tokens, depth + 1)?)));
    }
    let unclosed = tokens.refuse(ConditionProblem::Unclosed);
    if tokens.take("(") {
        let inner = any(tokens, depth + 1)?;
        return match tokens.peek() {
            Some(")") => {
                tokens.next += 1;
                Ok(inner)
            }
            None => Err(unclosed),
            Some(word) => {
                let found = Some(word.to_string());
                Err(tokens.refuse(ConditionProblem::OperatorExpected(found)))
            }
        };
    }
    let machine = machine(tokens)?;
    tokens.next += 1;
    Ok(Condition::Is(machine))
}

fn machine(tokens: &Tokens) -> Result<Machine, BadCondition> {
    let Some(word) = tokens.peek() else {
        return Err(tokens.refuse(ConditionProblem::ConditionExpected(None)));
    };
    if matches!(word, ")" | "and" | "or") {
        let found = Some(word.to_string());
        return Err(tokens.refuse(ConditionProblem::ConditionExpected(found)));
    }
    if let Some((_, machine)) = KINDS.iter().find(|(name, _)| *name == word) {
        return Ok(*machine);
    }
    Subdir::all()
        .find(|platform| platform.as_str() == word && *platform != Subdir::NoArch)
        .map(Machine::Platform)
        .ok_or_else(|| tokens.refuse(ConditionProblem::UnknownWord(word.to_string())))
}
