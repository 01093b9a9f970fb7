//! Which tasks are left out of a verdict.

use super::unseen::Found;
use crate::registry::TaskInfo;
use crate::stack::Frame;
use crate::thread::LiveThread;
use glob::Pattern;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// A rule by which a living task is no leak.
///
/// Guards have a method for each; [`ignore!`](crate::ignore) registers one for a whole program.
///
/// Rules hold for tasks that taskleak did not see spawned too, as far as those are known: by the name
/// that the census gives them, by the spawn backtrace that [`SpawnSites`](crate::alloc::SpawnSites) keeps.
/// The guard learns that only at its verdict, so it waits out the grace for them. The same is true of the name that the
/// census gives to a hooked task, whose spawn site and backtrace are known at once.
///
/// # Examples
///
/// ```
/// use taskleak::{Options, Rule};
///
/// let rule = Rule::named("pool-reaper*");
/// taskleak::find(Options::new().ignore(rule)).unwrap();
/// ```
#[derive(Clone)]
pub struct Rule(Kind);

#[derive(Clone)]
enum Kind {
    Named(Pattern),
    SpawnedIn(Pattern),
    SpawnedBy(Pattern),
    If(Arc<dyn Fn(&TaskInfo) -> bool + Send + Sync>),
}

impl Rule {
    /// Tasks whose name matches the glob: `*` is any text, `?` any character, `[ab]` one of these.
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let rule = taskleak::Rule::named("connection *");
    /// ```
    #[track_caller]
    pub fn named(glob: &str) -> Self {
        Self(Kind::Named(pattern(glob)))
    }

    /// Tasks whose spawn backtrace has a frame in a file or a module that matches the glob
    /// (`src/pool/*`, `my_pool::*`). Without a backtrace, the spawn location's file is compared.
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let rule = taskleak::Rule::spawned_in("hyper_util::*");
    /// ```
    #[track_caller]
    pub fn spawned_in(glob: &str) -> Self {
        Self(Kind::SpawnedIn(pattern(glob)))
    }

    /// Tasks whose spawn call stands in a function that matches the glob (`my_pool::Pool::start`).
    /// Needs spawn backtraces, and matches nothing without: they are on while a guard is open, unless
    /// `TASKLEAK_BACKTRACE=off`.
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let rule = taskleak::Rule::spawned_by("my_pool::Pool::start");
    /// ```
    #[track_caller]
    pub fn spawned_by(function: &str) -> Self {
        Self(Kind::SpawnedBy(pattern(function)))
    }

    /// Tasks for which the function says so.
    ///
    /// # Examples
    ///
    /// ```
    /// let rule = taskleak::Rule::when(|task| task.data().any(|(key, _)| key == "permanent"));
    /// ```
    pub fn when(is_ignored: impl Fn(&TaskInfo) -> bool + Send + Sync + 'static) -> Self {
        Self(Kind::If(Arc::new(is_ignored)))
    }

    pub(super) fn matches(&self, task: &TaskInfo) -> bool {
        match &self.0 {
            Kind::Named(glob) => glob.matches(task.name()),
            Kind::SpawnedIn(glob) => spawned_in(glob, task),
            Kind::SpawnedBy(glob) => task
                .spawn_function()
                .is_some_and(|function| glob.matches(function)),
            Kind::If(is_ignored) => {
                let ignored = catch_unwind(AssertUnwindSafe(|| is_ignored(task)));
                ignored.unwrap_or_else(|_| {
                    crate::note::say("a function given to `ignore_if` panicked; its task counts");
                    false
                })
            }
        }
    }

    /// The same for a task that nobody tracked: its name is the census's, its spawn backtrace the allocator's.
    pub(super) fn matches_unseen(&self, found: &Found) -> bool {
        let stack = found.spawned_by;
        match &self.0 {
            Kind::Named(glob) => glob.matches(&found.task.sight.name),
            Kind::SpawnedIn(glob) => stack.is_some_and(|stack| has_frame_in(glob, stack.frames())),
            Kind::SpawnedBy(glob) => stack
                .and_then(|stack| stack.user_frames().first().copied())
                .is_some_and(|frame| glob.matches(frame.function())),
            Kind::If(_) => false,
        }
    }

    /// The same for a thread, which has a name and a place where it was started.
    pub(super) fn matches_thread(&self, thread: &LiveThread) -> bool {
        match &self.0 {
            Kind::Named(glob) => glob.matches(&thread.name),
            Kind::SpawnedIn(glob) => has_frame_in(glob, thread.stack.frames()),
            Kind::SpawnedBy(glob) => thread
                .stack
                .user_frames()
                .first()
                .is_some_and(|frame| glob.matches(frame.function())),
            Kind::If(_) => false,
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Named(glob) => write!(f, "named {:?}", glob.as_str()),
            Kind::SpawnedIn(glob) => write!(f, "spawned in {:?}", glob.as_str()),
            Kind::SpawnedBy(glob) => write!(f, "spawned by {:?}", glob.as_str()),
            Kind::If(_) => f.write_str("if a function says so"),
        }
    }
}

#[track_caller]
fn pattern(glob: &str) -> Pattern {
    match Pattern::new(glob) {
        Ok(pattern) => pattern,
        Err(error) => panic!(
            "the glob {glob:?} is malformed at character {}: {}. `*` stands for any text, `?` for \
             any character, `[ab]` for one of these; write `[*]` for a star itself.",
            error.pos, error.msg
        ),
    }
}

fn spawned_in(glob: &Pattern, task: &TaskInfo) -> bool {
    matches_file(glob, task.location().file()) || has_frame_in(glob, task.frames())
}

fn matches_file(glob: &Pattern, file: &str) -> bool {
    // Windows has its own way to write a path, and whoever writes a rule need not think of it.
    if file.contains('\\') && matches_path(glob, &file.replace('\\', "/")) {
        return true;
    }
    matches_path(glob, file)
}

fn matches_path(glob: &Pattern, file: &str) -> bool {
    // A glob for a path within the project matches however long the way to the project is.
    glob.matches(file)
        || file
            .match_indices('/')
            .any(|(at, _)| glob.matches(&file[at + 1..]))
}

fn has_frame_in(glob: &Pattern, frames: &[Frame]) -> bool {
    frames.iter().any(|frame| {
        glob.matches(frame.function())
            || frame
                .file()
                .is_some_and(|file| matches_file(glob, &file.to_string_lossy()))
    })
}

static REGISTERED: Mutex<Vec<Rule>> = Mutex::new(Vec::new());

/// Adds a rule for every guard of the process; called by [`ignore!`](crate::ignore).
#[doc(hidden)]
pub fn register(rule: Rule) {
    REGISTERED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(rule);
}

pub(super) fn registered() -> Vec<Rule> {
    REGISTERED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Declares permanent background tasks once, for all tests of a program.
///
/// A library names its own: whoever links it need not know them. Written as an item, once for each
/// rule: `named`, `spawned_in` or `spawned_by`, with a glob as in the methods of
/// [`Rule`](crate::Rule) of these names.
///
/// # Examples
///
/// ```
/// taskleak::ignore!(named = "my-pool-reaper");
/// taskleak::ignore!(spawned_in = "my_pool::background::*");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let guard = taskleak::verify_none();
/// taskleak::task::Builder::new().name("my-pool-reaper").spawn(std::future::pending::<()>());
/// guard.finish().await;
/// # }
/// ```
#[macro_export]
macro_rules! ignore {
    ($rule:ident = $glob:expr) => {
        const _: () = {
            $crate::__private::ctor::declarative::ctor! {
                #[ctor(unsafe)]
                fn register() {
                    $crate::__private::register_rule($crate::Rule::$rule($glob));
                }
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_windows_is_one_too() {
        let pool = pattern("src/pool/*");
        assert!(matches_file(&pool, "src/pool/reaper.rs"));
        assert!(matches_file(&pool, "/home/app/src/pool/reaper.rs"));
        assert!(matches_file(&pool, r"src\pool\reaper.rs"));
        assert!(matches_file(&pool, r"C:\app\src\pool\reaper.rs"));
        assert!(!matches_file(&pool, r"C:\app\src\spool\reaper.rs"));
        assert!(!matches_file(&pool, r"src\pool.rs"));
    }
}
