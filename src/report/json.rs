//! The report for programs.

use super::blocker::Blocker;
use super::leak::Leak;
use super::leak_report::LeakReport;
use super::leaked_thread::LeakedThread;
use super::owner::Owner;
use super::project;
use super::unseen::{UnseenState, UnseenTask};
use crate::json::{AncestorJson, FrameJson, PairJson, PlaceJson, TraceJson};
use crate::registry::{Fingerprint, TaskId, TaskKind, TaskState};
use crate::wait::{Liveness, OtherHalf, WaitsFor};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct ReportJson<'a> {
    test: &'a str,
    verdict: &'static str,
    grace_seconds: f64,
    leaks: Vec<LeakJson<'a>>,
    lock_holders_unknown: Option<String>,
    tolerated: Vec<LeakJson<'a>>,
    blockers: Vec<BlockerJson<'a>>,
    unseen_count: usize,
    unseen: Vec<UnseenJson<'a>>,
    threads: Vec<ThreadJson<'a>>,
}

#[derive(Serialize)]
struct LeakJson<'a> {
    fingerprint: Fingerprint,
    name: &'a str,
    count: usize,
    kind: TaskKind,
    state: TaskState,
    liveness: Liveness,
    waits_for: Option<WaitsFor>,
    cause: Option<String>,
    help: Option<&'static str>,
    likely_deadlocked: bool,
    proved_deadlocked: bool,
    owners: Vec<OwnerJson<'a>>,
    ended_when_aborted: Option<usize>,
    location: PlaceJson,
    declared: Option<DeclaredJson>,
    user_frames: Vec<FrameJson>,
    ancestors: Vec<AncestorJson>,
    await_trace: Option<TraceJson<'a>>,
    blocked_frames: Option<Vec<FrameJson>>,
    age_seconds: f64,
    polls: u64,
    data: Vec<PairJson<'a>>,
}

impl<'a> LeakJson<'a> {
    fn of(leak: &'a Leak) -> Self {
        Self {
            fingerprint: leak.fingerprint(),
            name: leak.name(),
            count: leak.count(),
            kind: leak.kind(),
            state: leak.state(),
            liveness: leak.liveness(),
            waits_for: leak.waits_for(),
            cause: leak.cause(),
            help: leak.help(),
            likely_deadlocked: leak.is_likely_deadlocked(),
            proved_deadlocked: leak.is_proved_deadlocked(),
            owners: leak.owners().iter().map(OwnerJson::of).collect(),
            ended_when_aborted: leak.ended_when_aborted(),
            location: PlaceJson::of(leak.location(), project::relative),
            declared: leak.declared().map(DeclaredJson::of),
            user_frames: FrameJson::all(leak.user_frames(), project::relative),
            ancestors: AncestorJson::all(leak.ancestors(), project::relative),
            await_trace: leak
                .await_trace()
                .map(|trace| TraceJson::of(trace, project::relative)),
            blocked_frames: super::blocked::task(leak)
                .map(|task| FrameJson::all(task.blocked_frames(), project::relative)),
            age_seconds: leak.age().as_secs_f64(),
            polls: leak.oldest().polls(),
            data: PairJson::all(leak.data()),
        }
    }
}

#[derive(Serialize)]
struct DeclaredJson {
    file: String,
    line: u32,
}

impl DeclaredJson {
    fn of((file, line): (&Path, u32)) -> Self {
        Self {
            file: project::relative(&file.to_string_lossy()),
            line,
        }
    }
}

#[derive(Serialize)]
struct OwnerJson<'a> {
    task: TaskId,
    name: &'a str,
    half: OtherHalf,
    location: PlaceJson,
    waits_for: Option<WaitsFor>,
}

impl<'a> OwnerJson<'a> {
    fn of(owner: &'a Owner) -> Self {
        Self {
            task: owner.task(),
            name: owner.name(),
            half: owner.half(),
            location: PlaceJson::of(owner.location(), project::relative),
            waits_for: owner.waits_for(),
        }
    }
}

#[derive(Serialize)]
struct UnseenJson<'a> {
    name: &'a str,
    tokio_id: u64,
    declared: Option<DeclaredJson>,
    state: UnseenState,
    waits_for: Option<WaitsFor>,
    await_trace: TraceJson<'a>,
    spawn_site: Option<FrameJson>,
    user_frames: Vec<FrameJson>,
}

impl<'a> UnseenJson<'a> {
    fn of(task: &'a UnseenTask) -> Self {
        Self {
            name: task.name(),
            tokio_id: task.tokio_id(),
            declared: task.declared().map(DeclaredJson::of),
            state: task.state(),
            waits_for: task.waits_for(),
            await_trace: TraceJson::of(task.await_trace(), project::relative),
            spawn_site: task
                .spawn_site()
                .map(|frame| FrameJson::of(frame, project::relative)),
            user_frames: FrameJson::all(task.user_frames(), project::relative),
        }
    }
}

#[derive(Serialize)]
struct BlockerJson<'a> {
    name: Option<&'a str>,
    test: Option<&'a str>,
    thread: Option<&'a str>,
    frames: Vec<FrameJson>,
}

impl<'a> BlockerJson<'a> {
    fn of(blocker: &'a Blocker) -> Self {
        Self {
            name: blocker.name(),
            test: blocker.task().and_then(|task| task.scope()),
            thread: blocker.thread(),
            frames: FrameJson::all(blocker.frames(), project::relative),
        }
    }
}

#[derive(Serialize)]
struct ThreadJson<'a> {
    name: &'a str,
    id: u32,
    age_seconds: f64,
    doing: String,
    user_frames: Vec<FrameJson>,
}

impl<'a> ThreadJson<'a> {
    fn of(thread: &'a LeakedThread) -> Self {
        Self {
            name: thread.name(),
            id: thread.id(),
            age_seconds: thread.age().as_secs_f64(),
            doing: thread.doing(),
            user_frames: FrameJson::all(thread.user_frames(), project::relative),
        }
    }
}

impl LeakReport {
    /// The report as a line of JSON, with the feature `json`.
    ///
    /// An object with these keys:
    ///
    /// | key | value |
    /// |---|---|
    /// | `test` | whose tasks they are |
    /// | `verdict` | `leaked`, `stuck`, `timed_out` or `clean` |
    /// | `grace_seconds` | how long they had to end |
    /// | `leaks`, `tolerated` | objects with what [`Leak`] tells, but for `frames` and `tasks`; what differs between its tasks is the oldest's, as `polls` and `blocked_frames` ([`TaskInfo`](crate::TaskInfo)) are |
    /// | `lock_holders_unknown` | if tasks wait for locks: why it can't be told whether that is a deadlock |
    /// | `blockers` | what each [`Blocker`] tells; `test` is whose the task is |
    /// | `unseen_count`, `unseen` | how many tasks nobody saw spawned, and what each [`UnseenTask`] tells, but for `frames` |
    /// | `threads` | what each [`LeakedThread`] tells, but for `frames` |
    ///
    /// Below them a key is the name of the method that tells the same, without `is_`. A duration is in seconds, and its
    /// key ends in `_seconds`. A place has `file` (from the project's folder on), `line` and `column`, a frame
    /// `function` too. Kinds and states are the words of their `as_str`. Snapshots of the
    /// [manager](crate::manager::Snapshot) are written in the same way.
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
        let report = ReportJson {
            test: self.test(),
            verdict: self.verdict(),
            grace_seconds: self.grace.as_secs_f64(),
            leaks: self.leaks().iter().map(LeakJson::of).collect(),
            lock_holders_unknown: super::notes::holders_unknown(self),
            tolerated: self.tolerated().iter().map(LeakJson::of).collect(),
            blockers: self.blockers().iter().map(BlockerJson::of).collect(),
            unseen_count: self.unseen_count(),
            unseen: self.unseen().iter().map(UnseenJson::of).collect(),
            threads: self.threads().iter().map(ThreadJson::of).collect(),
        };
        serde_json::to_string(&report).unwrap_or_else(|error| {
            crate::note::say(format_args!(
                "a report could not be written as JSON: {error}"
            ));
            "{}".to_owned()
        })
    }
}
