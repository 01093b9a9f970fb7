//! How the manager's data is serialized: durations as seconds, times as seconds since 1970, places as
//! file, line and column.

use crate::manager::{Status, TaskRecord};
use crate::registry::{Fingerprint, OperationId, TaskId, TaskKind, TaskState};
use serde::{Serialize, Serializer};
use std::panic::Location;
use std::time::{Duration, SystemTime};

pub(super) fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

pub(super) fn some_seconds<S: Serializer>(
    duration: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(to)
}

pub(super) fn time<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    since_1970(*time).serialize(to)
}

/// Negative before it.
fn since_1970(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

pub(super) fn location<S: Serializer>(
    location: &&'static Location<'static>,
    to: S,
) -> Result<S::Ok, S::Error> {
    Place::from(*location).serialize(to)
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl From<&'static Location<'static>> for Place<'static> {
    fn from(location: &'static Location<'static>) -> Self {
        Self {
            file: location.file(),
            line: location.line(),
            column: location.column(),
        }
    }
}

#[derive(Serialize)]
struct Pair<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Above {
    name: String,
    location: Place<'static>,
}

#[derive(Serialize)]
struct At {
    function: &'static str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

#[derive(Serialize)]
struct Task<'a> {
    id: TaskId,
    parent: Option<TaskId>,
    operation: OperationId,
    originator: Option<OperationId>,
    tokio_id: Option<u64>,
    name: &'a str,
    live_of_same_name: Option<usize>,
    data: Vec<Pair<'a>>,
    kind: TaskKind,
    status: Status,
    state: TaskState,
    background: bool,
    location: Place<'static>,
    created_at: f64,
    started_at: Option<f64>,
    ended_at: Option<f64>,
    age: f64,
    timebox: Option<f64>,
    polls: u64,
    fingerprint: Fingerprint,
    ancestors: Vec<Above>,
    backtrace: Vec<At>,
    await_trace: Option<String>,
}

impl Serialize for TaskRecord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Task {
            id: self.id(),
            parent: self.parent(),
            operation: self.operation(),
            originator: self.originator(),
            tokio_id: self.tokio_id(),
            name: self.name(),
            live_of_same_name: self.live_of_same_name(),
            data: self
                .data()
                .map(|(key, value)| Pair { key, value })
                .collect(),
            kind: self.kind(),
            status: self.status(),
            state: self.state(),
            background: self.is_background(),
            location: self.location().into(),
            created_at: since_1970(self.created_at()),
            started_at: self.started_at().map(since_1970),
            ended_at: self.ended_at().map(since_1970),
            age: self.age().as_secs_f64(),
            timebox: self.timebox().map(|timebox| timebox.as_secs_f64()),
            polls: self.polls(),
            fingerprint: self.fingerprint(),
            ancestors: self
                .ancestors()
                .iter()
                .map(|ancestor| Above {
                    name: ancestor.name().to_owned(),
                    location: ancestor.location().into(),
                })
                .collect(),
            backtrace: self
                .user_frames()
                .iter()
                .map(|frame| At {
                    function: frame.function(),
                    file: frame.file().map(|file| file.display().to_string()),
                    line: frame.line(),
                    column: frame.column(),
                })
                .collect(),
            await_trace: self.await_trace().map(ToString::to_string),
        }
        .serialize(to)
    }
}
