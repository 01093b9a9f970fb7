//! How reports and snapshots are written as JSON, so that both say the same in the same way.
//!
//! A key is the name of the method that tells the same in Rust, without `is_`. A duration is in seconds, and its key
//! ends in `_seconds`; a time is in seconds since 1970. A place has `file`, `line` and `column`. Of what has an
//! `as_str`, that word is written.

use crate::manager::Status;
use crate::registry::Ancestor;
use crate::stack::Frame;
use crate::wait::{AwaitNode, AwaitTrace};
use crate::{Liveness, OtherHalf, TaskKind, TaskState, TraceSource, UnseenState, WaitsFor};
use serde::{Serialize, Serializer};
use std::panic::Location;
use std::time::{Duration, SystemTime};

/// How a file is called: reports leave out the folder of the project.
pub(crate) type NameOfFile = fn(&str) -> String;

macro_rules! words {
    ($($of:ty),*) => {$(
        impl Serialize for $of {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    )*};
}

words!(
    Liveness,
    OtherHalf,
    Status,
    TaskKind,
    TaskState,
    TraceSource,
    UnseenState,
    WaitsFor
);

pub(crate) fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

pub(crate) fn some_seconds<S: Serializer>(
    duration: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(to)
}

pub(crate) fn time<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    since_1970(*time).serialize(to)
}

/// Negative before it.
pub(crate) fn since_1970(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

pub(crate) fn location<S: Serializer>(
    location: &&'static Location<'static>,
    to: S,
) -> Result<S::Ok, S::Error> {
    PlaceJson::of(location, str::to_owned).serialize(to)
}

#[derive(Serialize)]
pub(crate) struct PlaceJson {
    file: String,
    line: u32,
    column: u32,
}

impl PlaceJson {
    pub(crate) fn of(location: &Location<'_>, file: NameOfFile) -> Self {
        Self {
            file: file(location.file()),
            line: location.line(),
            column: location.column(),
        }
    }
}

/// One entry of a task's data: a list of them keeps their order.
#[derive(Serialize)]
pub(crate) struct PairJson<'a> {
    key: &'a str,
    value: &'a str,
}

impl<'a> PairJson<'a> {
    pub(crate) fn all(data: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Self> {
        data.map(|(key, value)| Self { key, value }).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct AncestorJson {
    name: String,
    location: PlaceJson,
}

impl AncestorJson {
    pub(crate) fn all(ancestors: &[Ancestor], file: NameOfFile) -> Vec<Self> {
        let one = |ancestor: &Ancestor| Self {
            name: ancestor.name().to_owned(),
            location: PlaceJson::of(ancestor.location(), file),
        };
        ancestors.iter().map(one).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct FrameJson {
    function: &'static str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

impl FrameJson {
    pub(crate) fn of(frame: &Frame, file: NameOfFile) -> Self {
        Self {
            function: frame.function(),
            file: frame.file().map(|path| file(&path.to_string_lossy())),
            line: frame.line(),
            column: frame.column(),
        }
    }

    pub(crate) fn all(frames: Vec<&'static Frame>, file: NameOfFile) -> Vec<Self> {
        let one = |frame| Self::of(frame, file);
        frames.into_iter().map(one).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct TraceJson<'a> {
    source: TraceSource,
    wakes_itself: bool,
    roots: Vec<NodeJson<'a>>,
}

impl<'a> TraceJson<'a> {
    pub(crate) fn of(trace: &'a AwaitTrace, file: NameOfFile) -> Self {
        Self {
            source: trace.source(),
            wakes_itself: trace.wakes_itself(),
            roots: NodeJson::all(trace.roots(), file),
        }
    }
}

#[derive(Serialize)]
struct NodeJson<'a> {
    source: TraceSource,
    function: &'a str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    children: Vec<Self>,
}

impl<'a> NodeJson<'a> {
    fn all(nodes: &'a [AwaitNode], file: NameOfFile) -> Vec<Self> {
        let one = |node: &'a AwaitNode| Self {
            source: node.source(),
            function: node.function(),
            file: node.file().map(|path| file(&path.to_string_lossy())),
            line: node.line(),
            column: node.column(),
            children: Self::all(node.children(), file),
        };
        nodes.iter().map(one).collect()
    }
}
