//! Asking every task what it waits for, with no guard.

use super::continued::continue_traces;
use super::patience::{ANSWER, Patience, Returning};
use super::row::in_place_if_need_be;
use super::thread_timer::ThreadTimer;
use super::timer::clock_is_paused;

use crate::registry::{self, TaskInfo};
use crate::report::Dump;
use crate::wait::trace::{Answers, Inquiry};
use std::future::poll_fn;
use std::task::Poll;

/// Asks every live tracked task of the process what it waits for, at any time, in production too.
///
/// Each task is woken and polled once, with a waker that notes where the futures inside it wait: what
/// its code sees is a spurious wake, which every future must bear and which happens without this as
/// well. The dump is complete once all tasks have answered, which takes their runtimes some
/// microseconds a task; a task that holds its thread, or whose runtime nobody drives, is waited for
/// 250 ms after the last answer, and then listed as silent. Closures on the blocking pool and tasks that were never
/// polled are listed without a trace. Of a task that holds its thread, the stack of that thread is taken in its place,
/// where that can be had: see [`TaskInfo::blocked_frames`]. Without a trace are also tasks tracked by [`Track`](crate::Track): nobody may wake
/// them from outside.
///
/// Where an answer comes to an end in a future that hides its waker (`FuturesUnordered`, `Shared`, `pending()`), or a runtime is
/// not driven, the trace goes on by debug info, as [`AwaitNode::source`](crate::AwaitNode::source) tells: of 16384 tasks at most, in
/// unoptimised builds on Linux, with the feature `census`. That takes some 20 ms the first time, and 15 µs a task.
///
/// The first `Display` of a dump in a process reads debug info, which takes from tens to some hundreds
/// of milliseconds and holds its thread. Names without line numbers are what a build without debug
/// info has (`debug = "limited"` is enough), and of functions that the optimizer inlined
/// not even those.
///
/// # Cancel safety
/// Dropping the future asks no more. Tasks that were woken by then are polled once for nothing.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let lock = std::sync::Arc::new(tokio::sync::Mutex::new(()));
/// let held = lock.clone().lock_owned().await;
/// let task = taskleak::spawn(async move { drop(lock.lock().await) });
/// tokio::task::yield_now().await;
///
/// let dump = taskleak::dump().await;
/// let trace = dump.tasks().next().unwrap().await_trace().unwrap();
/// let leaf = &trace.roots()[0].children()[0];
/// assert_eq!(leaf.function(), "tokio::sync::Mutex::lock");
/// # drop(held); task.await.unwrap(); }
/// ```
pub async fn dump() -> Dump {
    let inquiry = Inquiry::of(registry::live());
    inquiry.wake();
    answered(&inquiry, Patience::new()).await;
    let returning = Returning::of(&inquiry);
    while !returning.is_over() {
        tokio::task::yield_now().await;
    }
    dump_of(&inquiry.answers())
}

/// Waits until all have answered, or no more answers are to be waited for.
async fn answered(inquiry: &Inquiry, mut patience: Patience) {
    // A paused clock goes on when the runtime parks: so this task stays due.
    if clock_is_paused() {
        while !patience.is_over(inquiry) {
            tokio::task::yield_now().await;
        }
        return;
    }
    let mut timer = ThreadTimer::new(ANSWER);
    while !patience.is_over(inquiry) {
        timer.restart(ANSWER);
        poll_fn(|cx| match inquiry.poll_answered(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => timer.poll(cx),
        })
        .await;
    }
}

/// The same from a thread that may be blocked for as long: one outside of any runtime, a
/// closure on the blocking pool, one that waits for signals.
///
/// Tasks of a current-thread runtime that is driven by this very thread cannot answer meanwhile.
/// There, `dump().await`.
///
/// # Examples
///
/// ```
/// let runtime = tokio::runtime::Runtime::new().unwrap();
/// let _entered = runtime.enter();
/// let (polled, is_polled) = std::sync::mpsc::channel();
/// taskleak::spawn(async move {
///     polled.send(()).unwrap();
///     tokio::time::sleep(std::time::Duration::from_secs(60)).await;
/// });
/// is_polled.recv().unwrap();
/// assert!(taskleak::dump_blocking().to_string().contains("tokio::time::Sleep"));
/// ```
pub fn dump_blocking() -> Dump {
    let inquiry = Inquiry::of(registry::live());
    inquiry.wake();
    in_place_if_need_be(|| {
        Patience::new().block(&inquiry);
        Returning::of(&inquiry).block();
    });
    dump_of(&inquiry.answers())
}

fn dump_of(answers: &Answers) -> Dump {
    let sights = super::blocked::of_silent(registry::live(), answers);
    let tasks = registry::live().filter_map(|task| TaskInfo::of(&task));
    let tasks = tasks.map(|task| {
        let blocked = sights.get(task.id());
        task.with_answer(answers).with_blocked(blocked)
    });
    let mut tasks: Vec<_> = tasks.collect();
    continue_traces(&mut tasks);
    Dump::new(tasks)
}
