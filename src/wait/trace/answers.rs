//! What tasks answered.

use super::raw_trace::RawTrace;
use crate::registry::TaskId;
use crate::registry::inquiry::{Answer, Found};
use crate::registry::numbers::NumberMap;
use crate::registry::slot::Reading;
use crate::wait::Standing;
use std::sync::Arc;

/// What the tasks of one inquiry answered.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    traces: NumberMap<TaskId, Answered>,
    some_ended: bool,
    /// What was known of their chances before they were asked.
    standings: NumberMap<TaskId, Standing>,
}

/// What one task answered.
#[derive(Debug)]
struct Answered {
    /// How often it had been polled when it was asked.
    polls: u64,
    /// None if it is silent.
    trace: Option<Arc<RawTrace>>,
}

impl Answers {
    /// From the answers of those asked; none from those that are silent.
    pub(super) fn new<'a>(answers: impl Iterator<Item = (&'a Reading, Option<Answer>)>) -> Self {
        // Ten thousand tasks wait in a handful of ways: equal ones share a trace, and its resolution.
        let mut known: NumberMap<(Arc<[Found]>, bool), Arc<RawTrace>> = NumberMap::default();
        let mut some_ended = false;
        let mut traces = NumberMap::default();
        for (task, answer) in answers {
            let trace = match answer {
                Some(Answer::Ended) => {
                    some_ended = true;
                    continue;
                }
                Some(Answer::Waits { found, some_took }) => {
                    let new = || Arc::new(RawTrace::new(found.clone(), some_took));
                    let trace = known.entry((found.clone(), some_took));
                    Some(trace.or_insert_with(new).clone())
                }
                None => None,
            };
            let polls = task.polls;
            traces.insert(task.id, Answered { polls, trace });
        }
        Self {
            traces,
            some_ended,
            standings: NumberMap::default(),
        }
    }

    /// The same, with what was known before.
    pub(crate) fn with_standings(
        self,
        standings: impl IntoIterator<Item = (TaskId, Standing)>,
    ) -> Self {
        Self {
            standings: standings.into_iter().collect(),
            ..self
        }
    }

    /// What was known of the task's chances.
    pub(crate) fn standing(&self, task: TaskId) -> Standing {
        self.standings.get(&task).copied().unwrap_or_default()
    }

    /// What the task answered: `None` if it was not asked, `Some(None)` if it is silent.
    pub(crate) fn of(&self, task: TaskId) -> Option<Option<&Arc<RawTrace>>> {
        let answered = self.traces.get(&task)?;
        Some(answered.trace.as_ref())
    }

    /// How often the task had been polled when it was asked.
    pub(crate) fn polls(&self, task: TaskId) -> Option<u64> {
        self.traces.get(&task).map(|answered| answered.polls)
    }

    /// Whether some of those asked have ended meanwhile.
    pub(crate) fn some_ended(&self) -> bool {
        self.some_ended
    }
}
