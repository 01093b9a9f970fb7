//! What the manager knows of a task as JSON.

use crate::json::{AncestorJson, FrameJson, PairJson, PlaceJson, TraceJson, since_1970};
use crate::manager::{Status, TaskRecord};
use crate::registry::{Fingerprint, OperationId, TaskId, TaskKind, TaskState};
use serde::{Serialize, Serializer};
use std::time::Duration;

#[derive(Serialize)]
struct TaskJson<'a> {
    id: TaskId,
    parent: Option<TaskId>,
    operation: OperationId,
    originator: Option<OperationId>,
    tokio_id: Option<u64>,
    name: &'a str,
    live_of_same_name: Option<usize>,
    data: Vec<PairJson<'a>>,
    kind: TaskKind,
    status: Status,
    state: TaskState,
    background: bool,
    silent: bool,
    location: PlaceJson,
    created_at: f64,
    started_at: Option<f64>,
    ended_at: Option<f64>,
    age_seconds: f64,
    timebox_seconds: Option<f64>,
    polls: u64,
    fingerprint: Fingerprint,
    ancestors: Vec<AncestorJson>,
    user_frames: Vec<FrameJson>,
    await_trace: Option<TraceJson<'a>>,
}

impl Serialize for TaskRecord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let file = str::to_owned;
        TaskJson {
            id: self.id(),
            parent: self.parent(),
            operation: self.operation(),
            originator: self.originator(),
            tokio_id: self.tokio_id(),
            name: self.name(),
            live_of_same_name: self.live_of_same_name(),
            data: PairJson::all(self.data()),
            kind: self.kind(),
            status: self.status(),
            state: self.state(),
            background: self.is_background(),
            silent: self.is_silent(),
            location: PlaceJson::of(self.location(), file),
            created_at: since_1970(self.created_at()),
            started_at: self.started_at().map(since_1970),
            ended_at: self.ended_at().map(since_1970),
            age_seconds: self.age().as_secs_f64(),
            timebox_seconds: self.timebox().as_ref().map(Duration::as_secs_f64),
            polls: self.polls(),
            fingerprint: self.fingerprint(),
            ancestors: AncestorJson::all(&self.ancestors(), file),
            user_frames: FrameJson::all(self.user_frames(), file),
            await_trace: self.await_trace().map(|trace| TraceJson::of(trace, file)),
        }
        .serialize(to)
    }
}
