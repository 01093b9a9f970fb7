//! How a guard ends, wherever that is: it waits for its tasks, and then finds what there is to say.

use super::caught::{ours, ours_in_place};
use super::concluding::Concluding;
use super::open::Open;
use super::row::settle_blocking;
use super::settle::{Settling, Waited};
use super::timer::Timer;
use super::verdict::Verdict;
use super::{Judgement, judge};
use crate::report::{LeakReport, Settled};
use crate::wait::trace::Answers;
use std::time::Duration;

/// How the wait for a guard's tasks ended. Empty if a mistake of ours ended it.
pub(crate) struct End(Option<(Settled, Answers)>);

impl Open {
    /// Lets the tasks end in place, for as long as the timer says that is made of the grace.
    ///
    /// Holds no reference to the guard, which is not `Sync`: it is also awaited in tasks that must be `Send`.
    pub(crate) fn wait<T>(&self, timer: T) -> impl Future<Output = End> + use<T>
    where
        T: FnOnce(Duration) -> Timer,
    {
        let settling = ours(|| Settling::new(self.scope(), &self.options));
        let grace = self.options.grace_or_default();
        async move {
            let Some(settling) = settling else {
                return End(None);
            };
            let settled = async {
                let waited = settling.wait(|| timer(grace)).await;
                let left = settling.trace(waited).await;
                (left.waited.settled(), left.answers)
            };
            End(ours_in_place(settled).await)
        }
    }

    /// Finds what there is to say once the wait is over.
    pub(crate) fn conclude(self, end: End) -> Concluding {
        let scope = self.scope();
        let grace = self.options.grace_or_default();
        let report = end.0.and_then(|(settled, answers)| {
            ours(|| {
                let judgement = judge(scope, &self.options, settled, &answers);
                LeakReport::new(scope.label(), judgement.of_settled(settled), settled, grace)
            })
        });
        let report = report.unwrap_or_else(|| {
            LeakReport::new(scope.label(), Judgement::default(), Settled::Clean, grace)
        });
        Concluding::new(self, report)
    }

    /// Waits for the tasks on this thread, however that can be done here, and ends the guard.
    pub(crate) fn end_blocking(self) -> Verdict {
        let end = End(ours(|| settle_blocking(self.scope(), &self.options)));
        self.conclude(end).finish_blocking()
    }
}

impl Waited {
    pub(super) fn settled(self) -> Settled {
        match self {
            Self::Clean => Settled::Clean,
            Self::Expired => Settled::Expired,
            Self::Blocked => Settled::WithoutGrace,
            Self::Stuck => Settled::Stuck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_without_a_verdict_says_nothing() {
        let open = Open::new("a test".into());
        let verdict = open.conclude(End(None)).finish_blocking();
        assert!(verdict.report.is_empty());
        assert_eq!(verdict.failure(), None);
    }
}
