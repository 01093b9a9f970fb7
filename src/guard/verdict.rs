//! What a guard says in the end.

use super::Action;
use crate::report::LeakReport;
use std::panic::resume_unwind;

/// A guard's report and what to do about it.
pub(crate) struct Verdict {
    pub(crate) report: LeakReport,
    pub(super) action: Action,
}

impl Verdict {
    /// The message to fail with, once the report has been printed; none if there is no failing.
    pub(crate) fn failure(self) -> Option<String> {
        self.announce().then(|| self.report.to_string())
    }

    /// Prints the report if there is something to report; true if the test is to fail.
    pub(crate) fn announce(&self) -> bool {
        if self.report.is_empty() {
            self.report.print_notes();
            return false;
        }
        self.report.print(self.action != Action::Warn);
        match self.action {
            Action::Fail => true,
            Action::Warn => {
                crate::report::note_warning(&self.report);
                false
            }
            Action::Abort => std::process::abort(),
        }
    }

    /// Fails the test if it is to fail. The report has been printed: no panic hook runs.
    #[track_caller]
    pub(crate) fn enforce(self) {
        if let Some(message) = self.failure() {
            resume_unwind(Box::new(message));
        }
    }
}
