//! Where a path leads when links lie on its way.

use std::collections::{HashMap, HashSet};

/// How many links a kernel follows before it gives up.
const DEEPEST: usize = 40;

/// How many ways are tried for one path. Ordinary packages need a handful.
const MOST_WAYS: usize = 2000;

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It stays inside, whichever of its links exist.
    Inside,
    /// It can lead outside.
    Leaves,
    /// There are too many ways to try.
    Tangled,
}

/// All links that may exist, by their path.
pub(super) struct Links {
    targets: HashMap<String, Vec<String>>,
    folds_case: bool,
}

impl Links {
    pub(super) fn new(folds_case: bool) -> Self {
        Self {
            targets: HashMap::new(),
            folds_case,
        }
    }

    pub(super) fn add(&mut self, path: &str, target: &str) {
        let targets = self.targets.entry(self.key(path)).or_default();
        if !targets.iter().any(|known| known == target) {
            targets.push(target.to_string());
        }
    }

    fn key(&self, path: &str) -> String {
        match self.folds_case {
            true => path.to_lowercase(),
            false => path.to_string(),
        }
    }

    /// Follows `start/rest` from the prefix. Both may hold `..`; what is
    /// absolute leaves.
    ///
    /// Packages are linked in no certain order, and one of two links with one
    /// path wins: so each way that may turn out real must stay inside.
    pub(super) fn follow(&self, start: &str, rest: &str) -> Way {
        let mut seen = HashSet::new();
        let mut open = Vec::new();
        let Some(first) = State::new(start, rest) else {
            return Way::Leaves;
        };
        open.push(first);
        while let Some(state) = open.pop() {
            if seen.len() > MOST_WAYS {
                return Way::Tangled;
            }
            match self.walk(state, &mut open, &mut seen) {
                Way::Inside => {}
                other => return other,
            }
        }
        Way::Inside
    }

    /// Walks one way to its end, and notes where others branch off.
    fn walk(
        &self,
        mut state: State,
        open: &mut Vec<State>,
        seen: &mut HashSet<(Vec<String>, Vec<String>)>,
    ) -> Way {
        while let Some(component) = state.ahead.pop() {
            match component.as_str() {
                "" | "." => continue,
                ".." => {
                    if state.at.pop().is_none() {
                        return Way::Leaves;
                    }
                    continue;
                }
                _ => state.at.push(component),
            }
            let Some(targets) = self.targets.get(&self.key(&state.at.join("/"))) else {
                continue;
            };
            for target in targets {
                let mut branch = State {
                    at: state.at[..state.at.len() - 1].to_vec(),
                    ahead: state.ahead.clone(),
                    links: state.links + 1,
                };
                if branch.links > DEEPEST {
                    continue;
                }
                if !branch.prepend(target) {
                    return Way::Leaves;
                }
                if seen.insert((branch.at.clone(), branch.ahead.clone())) {
                    if seen.len() > MOST_WAYS {
                        return Way::Tangled;
                    }
                    open.push(branch);
                }
            }
        }
        Way::Inside
    }
}

/// A place on a way.
struct State {
    /// The directory so far, from the prefix.
    at: Vec<String>,
    /// What is still to be walked, last component first.
    ahead: Vec<String>,
    /// How many links were followed.
    links: usize,
}

impl State {
    fn new(start: &str, rest: &str) -> Option<Self> {
        let mut state = State {
            at: Vec::new(),
            ahead: Vec::new(),
            links: 0,
        };
        (state.prepend(rest) && state.prepend(start)).then_some(state)
    }

    /// Puts a relative path before what is ahead; `false` if it is absolute.
    fn prepend(&mut self, path: &str) -> bool {
        let drive = path.as_bytes().get(1) == Some(&b':');
        if path.starts_with(['/', '\\']) || drive {
            return false;
        }
        // On Windows a `\` separates too; elsewhere a `..\` in a link is odd
        // enough to be read the same way.
        let components = path.split(['/', '\\']).rev();
        self.ahead.extend(components.map(str::to_string));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pairs: &[(&str, &str)]) -> Links {
        let mut links = Links::new(false);
        for (path, target) in pairs {
            links.add(path, target);
        }
        links
    }

    #[test]
    fn a_way_without_links_is_lexical() {
        let none = links(&[]);
        assert_eq!(none.follow("a/b", "../../c"), Way::Inside);
        assert_eq!(none.follow("a/b", "../../../c"), Way::Leaves);
        assert_eq!(none.follow("a", "/etc"), Way::Leaves);
        assert_eq!(none.follow("a", "C:/x"), Way::Leaves);
    }

    #[test]
    fn links_are_followed_as_a_kernel_does() {
        let some = links(&[
            ("deep", "a/b/c"),
            ("up", "deep/.."),
            ("out", "deep/../../../.."),
        ]);
        assert_eq!(some.follow("up", "x"), Way::Inside);
        assert_eq!(some.follow("deep", "x/../../.."), Way::Leaves);
        assert_eq!(some.follow("out", "x"), Way::Leaves);
    }

    #[test]
    fn a_link_that_may_lose_is_not_relied_upon() {
        // With the link the way stays inside; as a plain directory it does not.
        let some = links(&[("deep", "a/b/c")]);
        assert_eq!(some.follow("deep", "../.."), Way::Leaves);
        let two = links(&[("x", "a"), ("x", "../out")]);
        assert_eq!(two.follow("x", "f"), Way::Leaves);
    }

    #[test]
    fn loops_end_and_tangles_are_refused() {
        let looped = links(&[("a", "b"), ("b", "a"), ("c", "c/c")]);
        assert_eq!(looped.follow("a", "x"), Way::Inside);
        assert_eq!(looped.follow("c", "x"), Way::Inside);
        let mut tangle = Links::new(false);
        for name in ["a", "b", "c", "d", "e"] {
            for target in ["a/b", "b/c", "c/d", "d/e", "e/a"] {
                tangle.add(name, target);
            }
        }
        assert_eq!(tangle.follow("a", "x"), Way::Tangled);
    }
}
