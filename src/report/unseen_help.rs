//! What to do about tasks that nobody saw spawned, by what is known of who spawned them.

use super::leak_report::LeakReport;
use super::paint::Paint;
use super::project;
use super::unseen::UnseenTask;
use crate::alloc;
use crate::registry::spawned_at;
use crate::stack::FrameOrigin;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::path::{Component, Path};

/// Files and packages that a line names.
const MOST_NAMED: usize = 3;

/// A line for each kind of spawner.
pub(super) struct UnseenHelp<'a> {
    report: &'a LeakReport,
    paint: Paint,
    spawners: Spawners,
}

/// Who seems to have spawned them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Spawners {
    /// Files of the project's integration tests.
    tests: BTreeSet<String>,
    /// Other files of the project.
    sources: BTreeSet<String>,
    dependencies: BTreeSet<String>,
    /// Some of them can be anybody's.
    unknown: bool,
}

impl<'a> UnseenHelp<'a> {
    pub(super) fn of(report: &'a LeakReport, paint: Paint) -> Self {
        let mut spawners = Spawners {
            unknown: report.unseen().len() < report.unseen_count(),
            ..Spawners::default()
        };
        for task in report.unseen() {
            spawners.add(task);
        }
        Self {
            report,
            paint,
            spawners,
        }
    }

    /// The name of a task that a dependency spawned, for a rule.
    fn ignored(&self) -> Option<&str> {
        let tasks = self.report.unseen().iter();
        let of_dependency = tasks.filter(|task| {
            let mut spawners = Spawners::default();
            spawners.add(task);
            !spawners.dependencies.is_empty()
        });
        of_dependency.map(UnseenTask::name).next()
    }
}

impl Spawners {
    fn add(&mut self, task: &UnseenTask) {
        let known = match task.spawn_site() {
            Some(site) if site.origin() == FrameOrigin::Dependency => {
                self.add_dependency(site.package().map(str::to_owned))
            }
            Some(site) => site.file().is_some_and(|file| self.add_own(file)),
            // Most futures are spawned by the crate that wrote them.
            None => task.declared().is_some_and(|(file, _)| {
                self.add_own(file) || self.add_dependency(project::package(file))
            }),
        };
        self.unknown |= !known;
    }

    fn add_dependency(&mut self, package: Option<String>) -> bool {
        let is_known = package.is_some();
        self.dependencies.extend(package);
        is_known
    }

    /// False if the file is not the project's.
    fn add_own(&mut self, file: &Path) -> bool {
        if !project::has(file) {
            return false;
        }
        let file = project::relative(&file.to_string_lossy());
        let folders = Path::new(&file).components();
        let is_test = folders
            .filter_map(|folder| match folder {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .find(|name| ["src", "tests"].contains(name))
            .is_some_and(|name| name == "tests");
        let files = if is_test {
            &mut self.tests
        } else {
            &mut self.sources
        };
        files.insert(file);
        true
    }
}

impl Display for UnseenHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spawners {
            tests,
            sources,
            dependencies,
            unknown,
        } = &self.spawners;
        let help = self.paint.help("help:");
        if !tests.is_empty() {
            writeln!(
                f,
                "  {help} what {} spawns is tracked with `extern crate taskleak_tokio as tokio;` at the root of the test binary.",
                listed(tests)
            )?;
        }
        if !sources.is_empty() {
            writeln!(
                f,
                "  {help} what {} spawns is tracked with `#[cfg(test)] extern crate taskleak_tokio as tokio;` at its
        crate's root. Integration tests build that crate without `cfg(test)`: for them put it behind a feature.",
                listed(sources)
            )?;
        }
        if !dependencies.is_empty() {
            write!(
                f,
                "  {help} tasks of a dependency (here {}) are tracked {}.",
                listed(dependencies),
                hooks()
            )?;
            if let Some(name) = self.ignored() {
                write!(
                    f,
                    "\n        If one may live on, `ignore_named({name:?})` says so."
                )?;
            }
            writeln!(f)?;
        }
        // Of what is said already there is no more to say.
        let is_own_told = !tests.is_empty() || !sources.is_empty();
        let all_is_told = is_own_told && !dependencies.is_empty();
        if *unknown && !all_is_told {
            writeln!(
                f,
                "  {help} they were spawned by plain `tokio::spawn`, in your code or in a dependency. Yours are tracked with
        `extern crate taskleak_tokio as tokio;` at the root of the crate (each test binary has one), a dependency's {}.",
                hooks()
            )?;
        }
        let no_backtrace = |task: &UnseenTask| task.frames().is_empty();
        if self.report.unseen().iter().any(no_backtrace) && !alloc::is_in_place() {
            writeln!(f, "  {help} {SITES}")?;
        }
        Ok(())
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(MOST_NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if names.len() > MOST_NAMED { ", .." } else { "" };
    shown.join(", ") + more
}

/// How tasks are seen that nobody spawns through taskleak.
fn hooks() -> &'static str {
    if spawned_at::is_told() {
        "on runtimes that `taskleak::runtime::Builder` builds"
    } else if cfg!(tokio_unstable) {
        "with tokio 1.46 or newer, on runtimes that `taskleak::runtime::Builder` builds"
    } else {
        "with `--cfg tokio_unstable`, on runtimes that taskleak builds"
    }
}

const SITES: &str = "for their spawn backtraces, make `taskleak::alloc::SpawnSites` the `#[global_allocator]` of the test binary.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_test_is_no_source() {
        let mut spawners = Spawners::default();
        for file in [
            "tests/server.rs",
            "crates/app/tests/client/main.rs",
            "src/tests/mod.rs",
            "crates/app/src/lib.rs",
        ] {
            assert!(spawners.add_own(Path::new(file)));
        }
        assert!(!spawners.add_own(Path::new("/elsewhere/hub-1.0.0/src/lib.rs")));
        let (tests, sources) = (spawners.tests, spawners.sources);
        assert_eq!(
            listed(&tests),
            "`crates/app/tests/client/main.rs`, `tests/server.rs`"
        );
        assert_eq!(
            listed(&sources),
            "`crates/app/src/lib.rs`, `src/tests/mod.rs`"
        );
    }
}
