//! The report for programs.

use super::blocker::Blocker;
use super::leak::Leak;
use super::leak_report::LeakReport;
use super::owner::Owner;
use super::project;
use super::sight_text;
use crate::stack::Frame;
use crate::wait::AwaitNode;
use serde::Serialize;

#[derive(Serialize)]
struct Report<'a> {
    test: &'a str,
    verdict: &'static str,
    grace_seconds: f64,
    leaks: Vec<LeakJson<'a>>,
    lock_holders_unknown: Option<String>,
    tolerated: Vec<LeakJson<'a>>,
    blockers: Vec<BlockerJson<'a>>,
    unseen_count: usize,
    unseen: Vec<UnseenJson<'a>>,
    threads: Vec<&'a str>,
}

#[derive(Serialize)]
struct LeakJson<'a> {
    fingerprint: String,
    name: &'a str,
    count: usize,
    kind: String,
    state: String,
    liveness: &'static str,
    waits_for: Option<&'static str>,
    cause: Option<String>,
    help: Option<&'static str>,
    likely_deadlock: bool,
    proved_deadlock: bool,
    owners: Vec<OwnerJson<'a>>,
    ended_when_aborted: Option<usize>,
    spawned_at: Place,
    declared_at: Option<String>,
    spawn_backtrace: Vec<FrameJson>,
    ancestors: Vec<AncestorJson<'a>>,
    awaits: Option<Vec<AwaitJson<'a>>>,
    blocked_in: Option<Vec<FrameJson>>,
    age_seconds: f64,
    polls: u64,
    data: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize)]
struct Place {
    file: String,
    line: u32,
    column: u32,
}

impl Place {
    fn of(location: &std::panic::Location<'_>) -> Self {
        Self {
            file: project::relative(location.file()),
            line: location.line(),
            column: location.column(),
        }
    }
}

#[derive(Serialize)]
struct OwnerJson<'a> {
    name: &'a str,
    half: &'static str,
    spawned_at: Place,
    waits_for: Option<&'static str>,
}

impl<'a> OwnerJson<'a> {
    fn of(owner: &'a Owner) -> Self {
        Self {
            name: owner.name(),
            half: owner.half().as_str(),
            spawned_at: Place::of(owner.location()),
            waits_for: owner.waits_for().map(|waits_for| waits_for.as_str()),
        }
    }
}

#[derive(Serialize)]
struct AncestorJson<'a> {
    name: &'a str,
    spawned_at: Place,
}

#[derive(Serialize)]
struct FrameJson {
    function: &'static str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

impl FrameJson {
    fn of(frame: &Frame) -> Self {
        let file = frame.file();
        Self {
            function: frame.function(),
            file: file.map(|file| project::relative(&file.to_string_lossy())),
            line: frame.line(),
            column: frame.column(),
        }
    }
}

#[derive(Serialize)]
struct AwaitJson<'a> {
    source: &'static str,
    function: &'a str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    awaits: Vec<Self>,
}

impl<'a> AwaitJson<'a> {
    fn all(nodes: &'a [AwaitNode]) -> Vec<Self> {
        let one = |node: &'a AwaitNode| Self {
            source: node.source().as_str(),
            function: node.function(),
            file: node
                .file()
                .map(|file| project::relative(&file.to_string_lossy())),
            line: node.line(),
            column: node.column(),
            awaits: Self::all(node.children()),
        };
        nodes.iter().map(one).collect()
    }
}

#[derive(Serialize)]
struct UnseenJson<'a> {
    name: &'a str,
    state: String,
    waits_for: Option<&'static str>,
    awaits: Vec<AwaitJson<'a>>,
}

#[derive(Serialize)]
struct BlockerJson<'a> {
    name: Option<&'a str>,
    test: Option<&'a str>,
    thread: Option<&'a str>,
    blocked_in: Vec<FrameJson>,
}

impl<'a> BlockerJson<'a> {
    fn of(blocker: &'a Blocker) -> Self {
        Self {
            name: blocker.name(),
            test: blocker.task().and_then(|task| task.scope()),
            thread: blocker.thread(),
            blocked_in: blocker.frames().into_iter().map(FrameJson::of).collect(),
        }
    }
}

impl<'a> LeakJson<'a> {
    fn of(leak: &'a Leak) -> Self {
        let frames = leak.user_frames();
        let trace = leak.await_trace();
        Self {
            fingerprint: leak.fingerprint().to_string(),
            name: leak.name(),
            count: leak.count(),
            kind: lower(leak.kind()),
            state: lower(leak.state()),
            liveness: leak.liveness().as_str(),
            waits_for: leak.waits_for().map(|waits_for| waits_for.as_str()),
            cause: leak.cause(),
            help: leak.help(),
            likely_deadlock: leak.is_likely_deadlocked(),
            proved_deadlock: leak.is_proved_deadlocked(),
            owners: leak.owners().iter().map(OwnerJson::of).collect(),
            ended_when_aborted: leak.ended_when_aborted(),
            spawned_at: Place::of(leak.location()),
            declared_at: leak.declared().map(sight_text::place),
            spawn_backtrace: frames.into_iter().map(FrameJson::of).collect(),
            ancestors: leak
                .ancestors()
                .iter()
                .map(|ancestor| AncestorJson {
                    name: ancestor.name(),
                    spawned_at: Place::of(ancestor.location()),
                })
                .collect(),
            awaits: trace.map(|trace| AwaitJson::all(trace.roots())),
            blocked_in: super::blocked::task(leak).map(|task| {
                task.blocked_frames()
                    .into_iter()
                    .map(FrameJson::of)
                    .collect()
            }),
            age_seconds: leak.age().as_secs_f64(),
            polls: leak.oldest().polls(),
            data: leak.data().collect(),
        }
    }
}

/// `NeverPolled` is `never-polled`.
fn lower(word: impl std::fmt::Debug) -> String {
    let mut lower = String::new();
    for c in format!("{word:?}").chars() {
        if c.is_ascii_uppercase() && !lower.is_empty() {
            lower.push('-');
        }
        lower.push(c.to_ascii_lowercase());
    }
    lower
}

impl LeakReport {
    /// The report as a line of JSON, with the feature `json`.
    ///
    /// An object with `test`, `verdict` (`leaked`, `stuck`, `timed-out` or `clean`), `grace_seconds`, `leaks`,
    /// `lock_holders_unknown` (why likely deadlocks could not be told, if tasks wait for locks), `tolerated`, `blockers`, `unseen_count`, `unseen` and `threads`. Each leak has what [`Leak`] has, under the same names.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "multi_thread")] async fn main() {
    /// use taskleak::{Options, find, verify_none};
    ///
    /// # let guard = verify_none();
    /// let task = taskleak::spawn(std::future::pending::<()>());
    /// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
    /// let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    /// assert_eq!(json["leaks"][0]["count"], 1);
    /// assert_eq!(json["leaks"][0]["waits_for"], "pending");
    /// assert_eq!(json["leaks"][0]["help"], report.leaks()[0].help().unwrap());
    /// # task.abort(); guard.finish().await; }
    /// ```
    pub fn to_json(&self) -> String {
        let report = Report {
            test: self.test(),
            verdict: self.verdict(),
            grace_seconds: self.grace.as_secs_f64(),
            leaks: self.leaks().iter().map(LeakJson::of).collect(),
            lock_holders_unknown: super::notes::holders_unknown(self),
            tolerated: self.tolerated().iter().map(LeakJson::of).collect(),
            blockers: self.blockers().iter().map(BlockerJson::of).collect(),
            unseen_count: self.unseen_count(),
            unseen: self
                .unseen()
                .iter()
                .map(|task| UnseenJson {
                    name: task.name(),
                    state: lower(task.state()),
                    waits_for: task.waits_for().map(|waits_for| waits_for.as_str()),
                    awaits: AwaitJson::all(task.await_trace().roots()),
                })
                .collect(),
            threads: self.threads().iter().map(|thread| thread.name()).collect(),
        };
        serde_json::to_string(&report).unwrap_or_else(|error| {
            crate::note::say(format_args!(
                "a report could not be written as JSON: {error}"
            ));
            "{}".to_owned()
        })
    }
}
