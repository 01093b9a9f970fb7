//! A verdict that is certain and not yet told.

use super::abort::Aborted;
use super::caught::{ours, ours_in_place};
use super::open::Open;
use super::verdict::Verdict;
use crate::report::LeakReport;

/// A guard that knows what it will say. Should its owner be cut off, it says so then.
pub(crate) struct Concluding(Option<(Open, LeakReport)>);

impl Concluding {
    pub(super) fn new(open: Open, report: LeakReport) -> Self {
        Self(Some((open, report)))
    }

    fn abort(&self) -> Option<Aborted> {
        let (open, report) = self.0.as_ref()?;
        Aborted::of(report, open.options.action_or_default())
    }

    fn tell(&mut self, aborted: &Aborted) {
        if let Some((_, report)) = &mut self.0 {
            aborted.tell(report);
        }
    }

    /// Ends the guard, and its tasks as far as they can be, letting the runtime go on.
    pub(crate) async fn finish(mut self) -> Verdict {
        if let Some(aborted) = ours(|| self.abort()).flatten()
            && ours_in_place(aborted.wait()).await.is_some()
        {
            ours(|| self.tell(&aborted));
        }
        self.verdict()
    }

    /// The same on this thread.
    pub(crate) fn finish_blocking(mut self) -> Verdict {
        ours(|| {
            if let Some(aborted) = self.abort() {
                aborted.block();
                self.tell(&aborted);
            }
        });
        self.verdict()
    }

    fn verdict(&mut self) -> Verdict {
        let (open, report) = self.0.take().expect("it is taken once, by who owns this");
        open.close_with(report)
    }
}

impl Drop for Concluding {
    fn drop(&mut self) {
        if let Some((open, report)) = self.0.take() {
            let verdict = open.close_with(report);
            if std::thread::panicking() {
                verdict.announce();
            } else {
                verdict.enforce();
            }
        }
    }
}
