//! The threads that a guard answers for, if it was asked to.

use super::Rule;
use crate::registry::Scope;
use crate::thread::{self, Baseline, LiveThread};

/// That threads count, and what there was to be known of them when that was said.
#[derive(Clone, Debug)]
pub(super) struct Threads {
    /// If nothing notes who starts threads: those that were there already.
    baseline: Option<Baseline>,
}

impl Threads {
    pub(super) fn from_now_on() -> Self {
        Self {
            baseline: (!thread::is_armed()).then(Baseline::now),
        }
    }

    /// What to say instead of a verdict, if there can be none.
    pub(super) fn undecided(&self) -> Option<String> {
        let new = self.baseline.as_ref()?.new_since();
        let remedy = if cfg!(all(target_os = "linux", target_env = "gnu")) {
            "write `taskleak::track_threads!();` at the root of the test binary"
        } else {
            "that takes Linux with the GNU C library"
        };
        let found = if new.is_empty() {
            "none is new since the guard was told to".to_owned()
        } else {
            let (these, are) = if new.len() == 1 {
                ("this one is", "whose it is")
            } else {
                ("these are", "whose they are")
            };
            format!(
                "{these} new since the guard was told to, and nobody can tell {are}: {}",
                listed(&new)
            )
        };
        Some(format!(
            "threads are not judged, since nothing notes who starts them: {remedy}. {found}."
        ))
    }
}

/// The names, each once.
fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut text = String::new();
    for (at, same) in names.chunk_by(|one, two| one == two).enumerate() {
        if at == MOST {
            return text + ", ...";
        }
        if at > 0 {
            text += ", ";
        }
        if same.len() > 1 {
            text += &format!("{} x ", same.len());
        }
        text += &format!("`{}`", same[0]);
    }
    text
}

/// The threads of the scope that are alive and should be gone.
pub(super) fn left(scope: &'static Scope, rules: &[Rule]) -> Vec<LiveThread> {
    let mut threads = thread::left(scope);
    threads.retain(|thread| !rules.iter().any(|rule| rule.matches_thread(thread)));
    threads
}

/// Whether all of these have come to run.
pub(super) fn have_begun(scope: &'static Scope, rules: &[Rule]) -> bool {
    left(scope, rules).iter().all(LiveThread::has_begun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn equal_names_are_counted() {
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).into()).collect() };
        assert_eq!(listed(&names(&["a", "b", "b", "c"])), "`a`, 2 x `b`, `c`");
        let many = names(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        assert!(listed(&many).ends_with("`h`, ..."));
    }
}
