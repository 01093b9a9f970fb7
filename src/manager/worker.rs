//! Threads of taskleak's own for what takes some tens of milliseconds.
//!
//! Not the blocking pool of the service's runtime: that one may be full, which is when somebody wants
//! to know what its tasks do.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// One thread that does one thing after the other, from the first on.
pub(crate) struct Worker {
    name: &'static str,
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Worker {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            jobs: Mutex::new(None),
        }
    }

    /// Has something done on the thread. What nobody waits for any more when its turn comes is not.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (done, result) = oneshot::channel();
        let job = move || {
            if done.is_closed() {
                return;
            }
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(result) => drop(done.send(result)),
                // Its destructor may panic too.
                Err(payload) => std::mem::forget(payload),
            }
        };
        self.send(Box::new(job)).map_err(WorkError::NoThread)?;
        result.await.map_err(|_| WorkError::Panicked)
    }

    fn send(&self, job: Job) -> io::Result<()> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*jobs {
            Some(sender) => sender,
            None => {
                let (sender, receiver) = channel();
                let thread = std::thread::Builder::new().name(self.name.to_owned());
                thread.spawn(move || go(&receiver))?;
                jobs.insert(sender)
            }
        };
        // The thread lives as long as the sender, which is never dropped.
        let _ = sender.send(job);
        Ok(())
    }
}

fn go(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job();
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

    #[tokio::test]
    async fn what_is_to_be_done_after_a_panic_is_done() {
        static WORKER: Worker = Worker::new("taskleak-test");
        let panicked = WORKER.run(|| panic!("on purpose")).await;
        assert!(matches!(panicked, Err::<(), _>(WorkError::Panicked)));
        assert_eq!(WORKER.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_done() {
        static WORKER: Worker = Worker::new("taskleak-test");
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
}
