//! YAML as a tree of lists, maps and texts, each with its place.
//!
//! Built from the parser's events without recursion and within fixed limits, so
//! that no file can take more time or memory than its size explains.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

use super::{
    sink::Sink,
    source::{Mark, Source},
    syntax::{BadSyntax, is_forbidden},
};

/// How deep lists and maps may be nested.
pub(super) const DEEPEST: usize = 48;
/// How many values a recipe may hold, aliases written out.
pub(super) const MOST_NODES: usize = 20_000;
/// How much text a recipe may hold, aliases written out.
pub(super) const MOST_TEXT: usize = 4 * 1024 * 1024;

/// A value of the file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A scalar, exactly as written: `11.10` stays `11.10`.
    Text(String),
    /// No value: `key:`, `~` or `null`.
    Nothing,
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, keys possibly given twice.
    Map(Vec<(Node, Node)>),
    /// Something that was refused already.
    Refused,
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::Text(_) => "a text",
            Kind::Nothing => "no value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Refused => "something refused",
        }
    }
}

impl Node {
    /// Returns the text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Nothing | Kind::List(_) | Kind::Map(_) | Kind::Refused => None,
        }
    }

    /// Tells whether it is one of these texts.
    pub(super) fn is_text(&self, texts: &[&str]) -> bool {
        self.text().is_some_and(|text| texts.contains(&text))
    }

    /// Returns what a map holds under a key.
    pub(super) fn value(&self, key: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else {
            return None;
        };
        let mut entries = entries.iter();
        let found = entries.find(|(name, _)| name.is_text(&[key]));
        found.map(|(_, value)| value)
    }

    /// Returns the entries of a list, or what stands for a list of one.
    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Text(_) | Kind::Nothing | Kind::Map(_) | Kind::Refused => {
                std::slice::from_ref(self)
            }
        }
    }

    /// Notes which file all of it stands in.
    pub(super) fn set_source(&mut self, source: usize) {
        self.mark.source = source;
        match &mut self.kind {
            Kind::Text(_) | Kind::Nothing | Kind::Refused => {}
            Kind::List(items) => items.iter_mut().for_each(|item| item.set_source(source)),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    key.set_source(source);
                    value.set_source(source);
                }
            }
        }
    }
}

/// A list or map that is not complete yet.
struct Open {
    mark: Mark,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// What an anchor stands for, and what writing it out costs.
struct Anchored {
    node: Node,
    nodes: usize,
    text: usize,
    depth: usize,
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    text: usize,
}

/// Reads the one document of a recipe, or reports why there is none.
pub(super) fn read(source: &Source<'_>, sink: &mut Sink<'_>) -> Option<Node> {
    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    options.set_emit_comments(false);
    let mut tree = Tree::default();
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(&source.text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                refuse_syntax(&error, source, sink);
                return None;
            }
        };
        let mark = mark(&span.start, span.end.byte_offset());
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                sink.report(mark, BadSyntax::SeveralDocuments);
                return None;
            }
        }
        if event.tag().is_some() {
            let tag = span.tag_start().unwrap_or(span.start);
            sink.report(self::mark(&tag, span.end.byte_offset()), BadSyntax::Tag);
        }
        if event.is_node() {
            refuse_tab_indent(source, mark, sink);
        }
        if let Err(problem) = tree.take(event, mark, sink) {
            sink.report(mark, problem);
            return None;
        }
    }
    match tree.root {
        Some(Node {
            kind: Kind::Nothing,
            ..
        })
        | None => {
            sink.report(Mark::START, BadSyntax::Empty);
            None
        }
        root => root,
    }
}

fn mark(start: &granit_parser::Marker, end: Option<usize>) -> Mark {
    let begin = start.byte_offset().unwrap_or_default();
    Mark {
        line: start.line(),
        column: start.col() + 1,
        start: begin,
        end: end.unwrap_or_default().max(begin),
        source: 0,
    }
}

impl Tree {
    fn take(&mut self, event: Event<'_>, mark: Mark, sink: &mut Sink<'_>) -> Result<(), BadSyntax> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let kind = scalar(text.into_owned(), style, mark, sink);
                self.add(Node { mark, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(mark, anchor, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                self.open(mark, anchor, OpenKind::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor),
            Event::UnresolvedAlias(name) => {
                sink.report(mark, BadSyntax::UnknownAnchor(name.into_owned()));
                let kind = Kind::Refused;
                self.add(Node { mark, kind }, 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, mark: Mark, anchor: usize, kind: OpenKind) -> Result<(), BadSyntax> {
        if self.open.len() >= DEEPEST {
            return Err(BadSyntax::TooDeep { limit: DEEPEST });
        }
        self.open.push(Open { mark, anchor, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), BadSyntax> {
        let Some(Open { mark, anchor, kind }) = self.open.pop() else {
            return Ok(());
        };
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map(entries, _) => Kind::Map(entries),
        };
        self.add(Node { mark, kind }, anchor)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), BadSyntax> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(BadSyntax::AliasInsideItself);
        };
        if self.open.len() + anchored.depth > DEEPEST {
            return Err(BadSyntax::TooDeep { limit: DEEPEST });
        }
        // `add` counts the topmost node itself.
        self.nodes += anchored.nodes - 1;
        self.text += anchored.text;
        if self.nodes > MOST_NODES || self.text > MOST_TEXT {
            return Err(BadSyntax::TooMuch { limit: MOST_NODES });
        }
        let node = anchored.node.clone();
        self.add(node, 0)
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), BadSyntax> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(BadSyntax::TooMuch { limit: MOST_NODES });
        }
        if anchor != 0 {
            let (nodes, text, depth) = size(&node);
            let node = node.clone();
            let anchored = Anchored {
                node,
                nodes,
                text,
                depth,
            };
            self.anchors.insert(anchor, anchored);
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
            None => self.root = Some(node),
        }
        Ok(())
    }
}

/// Returns how many nodes, how much text and how many levels a node is.
fn size(node: &Node) -> (usize, usize, usize) {
    let sum = |(nodes, text, depth): (usize, usize, usize), child: &Node| {
        let (more_nodes, more_text, deeper) = size(child);
        (nodes + more_nodes, text + more_text, depth.max(deeper + 1))
    };
    match &node.kind {
        Kind::Text(text) => (1, text.len(), 0),
        Kind::Nothing | Kind::Refused => (1, 0, 0),
        Kind::List(items) => items.iter().fold((1, 0, 1), sum),
        Kind::Map(entries) => entries.iter().fold((1, 0, 1), |so_far, (key, value)| {
            sum(sum(so_far, key), value)
        }),
    }
}

fn scalar(text: String, style: ScalarStyle, mark: Mark, sink: &mut Sink<'_>) -> Kind {
    if let Some(character) = text.chars().find(|c| is_forbidden(*c)) {
        sink.report(mark, BadSyntax::ForbiddenCharacter(character));
        return Kind::Refused;
    }
    let is_null = matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    match style == ScalarStyle::Plain && is_null {
        true => Kind::Nothing,
        false => Kind::Text(text),
    }
}

/// Reports the tab in front of a value that begins its line.
///
/// The parser lets some of these pass, and other YAML tools refuse them.
fn refuse_tab_indent(source: &Source<'_>, at: Mark, sink: &mut Sink<'_>) {
    let before = source.text.get(..at.start).unwrap_or_default();
    let indent = before.len() - before.trim_end_matches([' ', '\t']).len();
    let start = before.len() - indent;
    let begins_line = start == 0 || before[..start].ends_with(['\n', '\r']);
    if let (true, Some(tab)) = (begins_line, before[start..].find('\t')) {
        let tab = start + tab;
        sink.report(source.mark(tab, tab + 1), BadSyntax::Tab);
    }
}

fn refuse_syntax(error: &ScanError, source: &Source<'_>, sink: &mut Sink<'_>) {
    let at = mark(error.marker(), None);
    let (mark, problem) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => (at, BadSyntax::TooDeep { limit: DEEPEST }),
        kind => match tab_of(kind, source, at) {
            Some(tab) => (source.mark(tab, tab + 1), BadSyntax::Tab),
            None => {
                let message = kind
                    .to_string()
                    .replace("wasn't", "was not")
                    .replace('\'', "`");
                let help = syntax_help(kind);
                (at, BadSyntax::NotYaml { message, help })
            }
        },
    };
    sink.report(mark, problem);
}

/// Finds the tab behind an error: the one that it names, or one that indents its line.
fn tab_of(kind: &ErrorKind, source: &Source<'_>, at: Mark) -> Option<usize> {
    let names_tab = matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
    );
    let (before, after) = source.text.split_at_checked(at.start)?;
    let line_start = before.rfind(['\n', '\r']).map_or(0, |n| n + 1);
    let line = &source.text[line_start..];
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    let tab = line[..indent].find('\t').map(|tab| line_start + tab);
    let named = || after.find('\t').map(|tab| at.start + tab);
    tab.or_else(|| names_tab.then(named).flatten())
}

fn syntax_help(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidMappingValueWhitespace
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::SimpleKeyExpected => {
            "put text that holds `: ` into quotes, and close every `[` and `{` before this"
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            "indent the keys of one map alike"
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => "put the quotes around the whole text",
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => "close the quote",
        ErrorKind::UnknownQuotedScalarEscape => {
            "write `\\\\` for a backslash, or use single quotes"
        }
        ErrorKind::UnexpectedCharacter { .. } | ErrorKind::MissingAnchorOrAliasName => {
            "put text that begins with a special character into quotes"
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            "put a `,` between entries, and close every `[` and `{`"
        }
        _ => "compare with a recipe that works: `gpuenv recipe show hello-gpu`",
    }
}
