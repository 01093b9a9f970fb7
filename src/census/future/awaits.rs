//! What a suspended future waits for, down to the leaves.

use super::super::dwarf::{Shape, Type};
use super::live::{Reader, Value};
use super::names::person;
use super::polled::{is_foreign, only};
use crate::wait::trace::as_written;
use crate::wait::{AwaitNode, AwaitTrace, TraceSource};

/// Nodes of one task that are shown, and how deep.
const MOST_NODES: usize = 256;
const MOST_STEPS: usize = 1 << 13;
const DEEPEST: usize = 96;
/// Futures of one collection that are looked at.
const MOST_OF_A_KIND: usize = 32;

/// Futures that wait by themselves. An awaited future is known by being awaited; these are known wherever they lie in
/// another one.
pub(super) const LEAVES: [&str; 17] = [
    "core::future::pending::Pending",
    "futures_channel::mpsc::Receiver",
    "futures_channel::mpsc::UnboundedReceiver",
    "futures_channel::oneshot::Receiver",
    "futures_timer::native::delay::Delay",
    "futures_util::future::pending::Pending",
    "tokio::runtime::task::join::JoinHandle",
    "tokio::sync::batch_semaphore::Acquire",
    "tokio::sync::notify::Notified",
    "tokio::sync::notify::OwnedNotified",
    "tokio::sync::oneshot::Receiver",
    "tokio::time::sleep::Sleep",
    "tokio_util::codec::framed::Framed",
    "tokio_util::codec::framed_read::FramedRead",
    "tokio_util::codec::framed_write::FramedWrite",
    "tokio_util::sync::cancellation_token::WaitForCancellationFuture",
    "tokio_util::sync::cancellation_token::WaitForCancellationFutureOwned",
];

/// Futures that are kept behind an `Arc` by another: its type, its field, and the field of what is behind that.
const BEHIND_ARCS: [(&str, [&str; 2]); 3] = [
    (
        "futures_util::future::future::shared::Shared",
        ["inner", "future_or_output"],
    ),
    // The halves of a stream that was split.
    ("futures_util::lock::bilock::BiLock", ["arc", "value"]),
    (
        "taskleak::task::assisted::future::Assisted",
        ["cell", "stage"],
    ),
];

/// What only passes polls on, and says nothing to a person, by the ends of their paths: several crates have their own.
const TRANSPARENT: [&str; 6] = [
    "::manually_drop::ManuallyDrop",
    "::maybe_dangling::MaybeDangling",
    "::maybe_done::MaybeDone",
    "::option::Option",
    "::pin::Pin",
    "::poll_fn::PollFn",
];

/// The await trace of a future, and what of it could be read.
pub(in crate::census) fn await_trace(reader: &mut Reader<'_>, future: Value) -> AwaitTrace {
    let mut walk = Walk {
        reader,
        nodes: 0,
        steps: 0,
    };
    AwaitTrace::of_roots(TraceSource::Census, walk.awaited(future, 0))
}

pub(super) struct Walk<'a, 'b> {
    pub(super) reader: &'a mut Reader<'b>,
    nodes: usize,
    steps: usize,
}

impl Walk<'_, '_> {
    /// A future that is awaited: itself, unless it only passes polls on, with what it awaits.
    pub(super) fn awaited(&mut self, future: Value, depth: usize) -> Vec<AwaitNode> {
        if depth > DEEPEST || self.nodes > MOST_NODES {
            return vec![node("(deeper than is shown)".to_owned())];
        }
        if future.ty.is_coroutine() {
            return self.coroutine(future, depth);
        }
        if let Some(target) = self.behind(future) {
            return match target {
                Some(target) => self.awaited(target, depth + 1),
                None => vec![node(UNKNOWN.to_owned())],
            };
        }
        let path = self.reader.debug.path(future.ty.at).unwrap_or_default();
        let plain = plain(path);
        if LEAVES.contains(&plain) {
            return self.leaf(plain);
        }
        let inside = if is_foreign(plain) {
            self.within(future, depth)
        } else {
            self.inside(future, depth)
        };
        let is_told_by_its_parent = TRANSPARENT.iter().any(|end| plain.ends_with(end))
            || plain.starts_with("taskleak::")
            || is_tuple(future.ty);
        if is_told_by_its_parent {
            return inside;
        }
        self.nodes += 1;
        vec![AwaitNode {
            children: inside,
            ..node(if plain.is_empty() {
                UNKNOWN.to_owned()
            } else {
                combinator(plain)
            })
        }]
    }

    pub(super) fn leaf(&mut self, path: &str) -> Vec<AwaitNode> {
        self.nodes += 1;
        vec![node(path.to_owned())]
    }

    pub(super) fn coroutine(&mut self, future: Value, depth: usize) -> Vec<AwaitNode> {
        // Of a method, with its type if it borrows or owns a `self`.
        let function = super::names::of_future(self.reader.debug, future.ty).to_owned();
        self.nodes += 1;
        let Some(state) = self.reader.variant(future) else {
            return vec![node(function)];
        };
        let data = future
            .address
            .checked_add(state.field.offset)
            .and_then(|address| self.reader.value_of(&state.field, address));
        let name = data.map_or("", |data| data.ty.name.as_str());
        // It has ended, and nobody waits for it.
        if name.starts_with("Returned") || name.starts_with("Panicked") {
            return Vec::new();
        }
        let children = match data {
            Some(data) if name.starts_with("Suspend") => match self.reader.field(data, "__awaitee")
            {
                Some(awaitee) => self.awaited(awaitee, depth + 1),
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        let file = state
            .place
            .and_then(|(file, _)| self.reader.debug.file(future.ty.at, file));
        vec![AwaitNode {
            line: state.place.map(|(_, line)| line).filter(|_| file.is_some()),
            file,
            children,
            ..node(function)
        }]
    }

    /// What a pointer that owns or uniquely borrows a future points at: nothing if the value is no such pointer, and
    /// nothing within if what it points at can't be told.
    pub(super) fn behind(&mut self, value: Value) -> Option<Option<Value>> {
        let value = self.unpinned(value);
        let is_dyn = value.ty.field("vtable").is_some() && value.ty.size == 16;
        let passes_on = is_dyn || value.ty.name.starts_with("&mut ") || is_box(value.ty);
        if !passes_on {
            return None;
        }
        let is_pointer = is_dyn || matches!(value.ty.shape, Shape::Pointer(_));
        is_pointer.then(|| self.reader.target(value))
    }

    pub(super) fn unpinned(&mut self, mut value: Value) -> Value {
        while value.ty.plain_name() == "Pin" {
            let inner = value.ty.fields().first().map(|field| field.name.as_str());
            match inner.and_then(|name| self.reader.field(value, name)) {
                Some(inner) => value = inner,
                None => break,
            }
        }
        value
    }

    /// The futures that lie in a value that is none itself, or that combines them.
    fn inside(&mut self, value: Value, depth: usize) -> Vec<AwaitNode> {
        if value.ty.plain_name() == "FuturesUnordered" {
            return self.unordered(value, depth);
        }
        if let Some(shared) = self.behind_its_arc(value) {
            return self.among(shared, depth + 1);
        }
        let is_poll_fn = value.ty.plain_name() == "PollFn";
        let disabled = self.disabled_branches(value);
        let mut found = Vec::new();
        for (_, part) in self.reader.parts(value) {
            let part = self.unpinned(part);
            // The futures of a `select!` or `join!` lie in a tuple.
            let tuple = match self.behind(part) {
                Some(Some(target)) if is_tuple(target.ty) => Some(target),
                None if is_tuple(part.ty) => Some(part),
                _ => None,
            };
            match tuple {
                Some(tuple) if is_poll_fn_s(value.ty) => {
                    for (at, (_, future)) in self.reader.parts(tuple).into_iter().enumerate() {
                        if disabled & 1_u64.checked_shl(at as u32).unwrap_or(0) == 0 {
                            add(&mut found, self.awaited(future, depth + 1));
                        }
                    }
                }
                // Its closure is what is polled.
                _ if is_poll_fn_s(part.ty) && is_poll_fn => {
                    add(&mut found, self.inside(part, depth + 1));
                }
                _ => add(&mut found, self.among(part, depth + 1)),
            }
        }
        found
    }

    /// The branches of a `select!` that are done for: one bit each.
    fn disabled_branches(&mut self, closure: Value) -> u64 {
        // What a closure borrows is called so.
        self.reader
            .field(closure, "_ref__disabled")
            .and_then(|disabled| self.reader.target(disabled))
            .and_then(|bits| self.reader.number(bits))
            .unwrap_or(0)
    }

    /// A part of a value: if it is a future, what it awaits; if not, the futures in it.
    fn among(&mut self, part: Value, depth: usize) -> Vec<AwaitNode> {
        if self.is_too_much(depth) {
            return Vec::new();
        }
        if part.ty.is_coroutine() {
            return self.coroutine(part, depth);
        }
        if let Some(elements) = is_box(part.ty).then(|| self.reader.slice(part)).flatten() {
            let mut found = Vec::new();
            for element in elements.into_iter().take(MOST_OF_A_KIND) {
                add(&mut found, self.among(element, depth + 1));
            }
            return found;
        }
        if let Some(target) = self.behind(part) {
            let is_future = !part.ty.name.contains("dyn ")
                || ["Future<", "Stream<"]
                    .iter()
                    .any(|name| part.ty.name.contains(name));
            return match target {
                Some(target) if is_future => self.among_pointed(part, target, depth),
                _ => Vec::new(),
            };
        }
        if matches!(part.ty.shape, Shape::Plain | Shape::Pointer(_)) {
            return Vec::new();
        }
        let path = self.reader.debug.path(part.ty.at).unwrap_or_default();
        let plain = plain(path);
        if LEAVES.contains(&plain) {
            return self.leaf(plain);
        }
        // What is done with the result, and when it is made, is no part of the wait.
        if part.ty.name.starts_with("{closure_env") {
            return Vec::new();
        }
        if !is_foreign(plain) {
            return self.inside(part, depth);
        }
        match self.polled(part, depth) {
            Some(children) => {
                self.nodes += 1;
                vec![AwaitNode {
                    children,
                    ..node(combinator(plain))
                }]
            }
            None => Vec::new(),
        }
    }

    /// What the one part of a value waits for that can be polled.
    fn within(&mut self, value: Value, depth: usize) -> Vec<AwaitNode> {
        let parts = self.reader.parts(value);
        let polled = parts
            .into_iter()
            .map(|(_, part)| self.polled(part, depth + 1));
        only(polled).unwrap_or_default()
    }

    pub(super) fn is_too_much(&mut self, depth: usize) -> bool {
        self.steps += 1;
        depth > DEEPEST || self.nodes > MOST_NODES || self.steps > MOST_STEPS
    }

    fn among_pointed(&mut self, pointer: Value, target: Value, depth: usize) -> Vec<AwaitNode> {
        if pointer.ty.field("vtable").is_some() {
            return self.awaited(target, depth + 1);
        }
        self.among(target, depth + 1)
    }

    /// The futures of a `FuturesUnordered`, which are in a list.
    pub(super) fn unordered(&mut self, set: Value, depth: usize) -> Vec<AwaitNode> {
        let mut found = Vec::new();
        let mut next = self
            .reader
            .field(set, "head_all")
            .and_then(|head| self.pointed(head));
        let mut seen = 0;
        while let Some(task) = next.take() {
            seen += 1;
            if seen > MOST_OF_A_KIND {
                break;
            }
            if let Some(future) = self.reader.field(task, "future") {
                add(&mut found, self.inside(future, depth + 1));
            }
            next = self
                .reader
                .field(task, "next_all")
                .and_then(|link| self.pointed(link));
        }
        found
    }

    /// The part of what lies behind a future's `Arc` that has the future which it polls, if it is of a type that has one there.
    pub(super) fn behind_its_arc(&mut self, value: Value) -> Option<Value> {
        let path = plain(self.reader.debug.path(value.ty.at)?);
        let (_, [arc, part]) = BEHIND_ARCS.iter().find(|(ty, _)| *ty == path)?;
        let mut arc = self.reader.field(value, arc)?;
        if arc.ty.plain_name() == "Option" {
            (_, arc) = self.reader.parts(arc).into_iter().next()?;
        }
        let inner = self.pointed(arc)?;
        let data = self.reader.field(inner, "data")?;
        self.reader.field(data, part)
    }

    /// What the one pointer in a value points at, through cells and atomics.
    fn pointed(&mut self, mut value: Value) -> Option<Value> {
        while let Shape::Struct(fields) = &value.ty.shape {
            let only = fields.first()?;
            value = self
                .reader
                .value(only.ty, value.address.checked_add(only.offset)?)?;
        }
        self.reader.target(value)
    }
}

/// Adds what is not there yet: of futures that wait alike, one is shown.
pub(super) fn add(found: &mut Vec<AwaitNode>, more: Vec<AwaitNode>) {
    for node in more {
        if !found.contains(&node) {
            found.push(node);
        }
    }
}

const UNKNOWN: &str = "(unknown)";

fn node(path: String) -> AwaitNode {
    let function = as_written(&path);
    AwaitNode {
        whole_path: (path != function).then(|| path.into_boxed_str()),
        source: TraceSource::Census,
        function,
        file: None,
        line: None,
        column: None,
        children: Vec::new(),
    }
}

/// A path without generic arguments.
pub(super) fn plain(path: &str) -> &str {
    path.split('<').next().unwrap_or_default()
}

/// What to call a future that is no coroutine: a closure by the function it is in.
fn combinator(path: &str) -> String {
    if path.contains('{') {
        person(path)
    } else {
        path.to_owned()
    }
}

/// The package that a path begins with.
pub(super) fn package(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

fn is_tuple(ty: &Type) -> bool {
    ty.name.starts_with('(')
}

pub(super) fn is_box(ty: &Type) -> bool {
    ty.name.starts_with("alloc::boxed::Box<") || ty.name.starts_with("Box<")
}

/// Whether it is the closure of a `poll_fn`, as `select!` and `join!` make them.
fn is_poll_fn_s(ty: &Type) -> bool {
    ty.name.starts_with("{closure_env")
}
