//! Threads of taskleak's own for what takes some tens of milliseconds.
//!
//! Not the blocking pool of the service's runtime: that one may be full, which is when somebody wants
//! to know what its tasks do.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that do one thing after the other, from the first on.
pub(crate) struct Worker {
    name: &'static str,
    most: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Those of them that wait for something to do.
    idle: usize,
}

impl Worker {
    /// One of at most so many threads, which are started as they are needed.
    pub(crate) const fn new(name: &'static str, most: usize) -> Self {
        Self {
            name,
            most,
            queue: Mutex::new(Queue {
                jobs: VecDeque::new(),
                threads: 0,
                idle: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Has something done. What nobody waits for any more when its turn comes is not.
    pub(crate) async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (done, result) = oneshot::channel();
        let job = move || {
            if done.is_closed() {
                return;
            }
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(result) => drop(done.send(result)),
                Err(payload) => crate::payload::discard(payload),
            }
        };
        self.send(Box::new(job)).map_err(WorkError::NoThread)?;
        result.await.map_err(|_| WorkError::Panicked)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&'static self, job: Job) -> io::Result<()> {
        let mut queue = self.lock();
        if queue.idle <= queue.jobs.len() && queue.threads < self.most {
            let thread = std::thread::Builder::new().name(self.name.to_owned());
            match thread.spawn(|| self.go()) {
                Ok(_) => queue.threads += 1,
                Err(error) if queue.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    fn go(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.lock();
            } else {
                queue.idle += 1;
                let woken = self.changed.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum WorkError {
    NoThread(io::Error),
    Panicked,
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoThread(error) => write!(f, "no thread could be started: {error}"),
            Self::Panicked => f.write_str("that panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn what_is_to_be_done_after_a_panic_is_done() {
        static WORKER: Worker = Worker::new("taskleak-test", 1);
        let panicked = WORKER.run(|| panic!("on purpose")).await;
        assert!(matches!(panicked, Err::<(), _>(WorkError::Panicked)));
        assert_eq!(WORKER.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_done() {
        static WORKER: Worker = Worker::new("taskleak-test", 1);
        static WAS_DONE: AtomicBool = AtomicBool::new(false);
        let (go_on, wait) = channel::<()>();
        let first = WORKER.run(move || wait.recv());
        let second = WORKER.run(|| WAS_DONE.store(true, SeqCst));
        let mut both = Box::pin(async { tokio::join!(first, second) });
        assert!(futures::poll!(&mut both).is_pending());
        drop(both);
        go_on.send(()).unwrap();
        WORKER.run(|| ()).await.unwrap();
        assert!(!WAS_DONE.load(SeqCst));
    }

    #[tokio::test]
    async fn there_are_as_many_threads_as_are_needed_up_to_the_most() {
        static WORKER: Worker = Worker::new("taskleak-test", 2);
        for _ in 0..10 {
            WORKER.run(|| ()).await.unwrap();
        }
        // The first may have been on its way to sleep when it was given more to do.
        assert!(WORKER.lock().threads <= 2);
        let (go_on, wait) = channel::<()>();
        let first = Box::pin(WORKER.run(move || wait.recv()));
        let second = WORKER.run(move || go_on.send(()));
        let (first, second) = tokio::join!(first, second);
        first.unwrap().unwrap();
        second.unwrap().unwrap();
        assert_eq!(WORKER.lock().threads, 2);
    }
}
