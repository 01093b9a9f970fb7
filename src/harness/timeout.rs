//! A test that takes too long.

use super::watchdog::Watchdog;
use crate::guard::{Open, Options, Settling, judge};
use crate::registry::{Scope, ScopeRef};
use crate::report::{LeakReport, Settled};
use crate::wait::trace::Answers;
use std::sync::Arc;
use std::time::Duration;

/// What a test is told that does not end in time.
pub(super) struct Timeout {
    pub(super) time: Duration,
    told: Told,
    watchdog: Watchdog,
}

/// Whom a report is about, and by what it judges.
pub(super) struct Told {
    test: Arc<str>,
    scope: ScopeRef,
    time: Duration,
    options: Options,
}

/// How long a watchdog leaves a limit that should have done its work, and a body that is dropped: a busy machine may
/// take that long to come to a thread.
const WATCHDOG_MARGIN: Duration = Duration::from_secs(10);

impl Timeout {
    /// For a body that is polled.
    pub(super) fn of_polled(open: &Open, time: Duration) -> Self {
        Self::of(open, time, time.saturating_add(WATCHDOG_MARGIN))
    }

    /// For a body that holds its thread.
    pub(super) fn of_blocking(open: &Open, time: Duration) -> Self {
        Self::of(open, time, time)
    }

    fn of(open: &Open, time: Duration, after: Duration) -> Self {
        let told = Told {
            test: open.scope().label(),
            scope: open.reference(),
            time,
            options: open.options.for_reports(),
        };
        Self {
            time,
            watchdog: Watchdog::start(told.again(), after),
            told,
        }
    }

    /// What the tasks do that are alive now, and who watches over the body's end.
    pub(super) async fn report(self) -> (LeakReport, Watchdog) {
        let Self { told, watchdog, .. } = self;
        // The test does not hold its thread, and a report takes as long as it takes.
        drop(watchdog);
        let settling = told
            .scope()
            .map(|scope| Settling::new(scope, &told.options));
        let answers = match settling {
            Some(settling) => settling.trace_now().await.answers,
            None => Answers::default(),
        };
        let report = told.report(&answers);
        (report, Watchdog::start(told, WATCHDOG_MARGIN))
    }
}

impl Told {
    fn again(&self) -> Self {
        Self {
            test: self.test.clone(),
            options: self.options.for_reports(),
            ..*self
        }
    }

    pub(super) fn test(&self) -> &Arc<str> {
        &self.test
    }

    pub(super) fn scope_ref(&self) -> ScopeRef {
        self.scope
    }

    fn scope(&self) -> Option<&'static Scope> {
        self.scope.open()
    }

    /// The tasks of a test that does not end.
    pub(super) fn report(&self, answers: &Answers) -> LeakReport {
        let judgement = self
            .scope()
            .map(|scope| judge(scope, &self.options, Settled::TimedOut, answers));
        LeakReport::new(
            self.test.clone(),
            judgement.unwrap_or_default(),
            Settled::TimedOut,
            self.time,
        )
    }
}
