//! A tracing span a task.

use crate::registry::{OperationId, current};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;

/// Runs futures inside a `tracing` span of their task's own.
///
/// # Examples
///
/// ```
/// use taskleak::task::{Builder, TaskSpan};
///
/// # async fn serve() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// Builder::new().name("connection").spawn(serve().in_task_span()).await.unwrap();
/// # }
/// ```
pub trait TaskSpan: Future + Sized {
    /// Polls this future, and drops it, inside a span named `task`, at level `info` and with the target `taskleak`. Its
    /// fields are the task's `name`, its operation id `op`, its `originator`'s, and the spawn
    /// site `location`; the span around it is the one that is current here.
    ///
    /// To be spawned through taskleak: the span of an untracked task has no fields.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::task::TaskSpan;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let task = taskleak::spawn(async { tracing::info!("in the task's span") }.in_task_span());
    /// # task.await.unwrap(); }
    /// ```
    fn in_task_span(self) -> InTaskSpan<Self> {
        InTaskSpan {
            future: Some(self),
            outer: Some(Span::current()),
            span: Span::none(),
        }
    }
}

impl<F: Future> TaskSpan for F {}

pin_project_lite::pin_project! {
    /// A future in its task's span; made by [`TaskSpan`].
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::task::{InTaskSpan, TaskSpan};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let job: InTaskSpan<_> = async { 6 * 7 }.in_task_span();
    /// assert_eq!(taskleak::spawn(job).await.unwrap(), 42);
    /// # }
    /// ```
    #[must_use = "futures do nothing unless they are spawned or awaited"]
    #[derive(Debug)]
    pub struct InTaskSpan<F> {
        // None once it is dropped, which happens inside the span.
        #[pin]
        future: Option<F>,
        // Until the first poll, which is when the task is known.
        outer: Option<Span>,
        span: Span,
    }

    impl<F> PinnedDrop for InTaskSpan<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(outer) = this.outer.take() {
                *this.span = span_of_task(&outer);
            }
            let _entered = this.span.enter();
            this.future.set(None);
        }
    }
}

/// The span of the running task.
fn span_of_task(outer: &Span) -> Span {
    let Some(task) = current::description() else {
        return tracing::info_span!(target: "taskleak", parent: outer, "task");
    };
    let originator = OperationId::originator().map(tracing::field::display);
    tracing::info_span!(
        target: "taskleak",
        parent: outer,
        "task",
        name = task.name,
        op = %task.operation,
        originator,
        location = %task.location,
    )
}

impl<F: Future> Future for InTaskSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(outer) = this.outer.take() {
            *this.span = span_of_task(&outer);
        }
        let _entered = this.span.enter();
        let future = this.future.as_pin_mut();
        future.expect("it is there until it is dropped").poll(cx)
    }
}
