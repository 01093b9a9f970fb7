//! What tasks answered.

use super::chain;
use crate::registry::TaskId;
use crate::registry::inquiry::{Answer, Found};
use crate::wait::{AwaitTrace, TraceSource};
use std::collections::HashMap;
use std::sync::Arc;

/// What the tasks of one inquiry answered.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    traces: HashMap<TaskId, Option<Arc<AwaitTrace>>>,
    some_ended: bool,
}

impl Answers {
    /// From the answers of those asked; none from those that are silent.
    pub(super) fn new(answers: impl Iterator<Item = (TaskId, Option<Answer>)>) -> Self {
        // Ten thousand tasks wait in a handful of ways.
        let mut known: HashMap<(Arc<[Found]>, bool), Arc<AwaitTrace>> = HashMap::new();
        let mut some_ended = false;
        let mut traces = HashMap::new();
        for (task, answer) in answers {
            let trace = match answer {
                Some(Answer::Ended) => {
                    some_ended = true;
                    continue;
                }
                Some(Answer::Waits { found, is_cut_off }) => {
                    let resolve = |found: &[Found]| {
                        let chains = found.iter().map(chain::of);
                        Arc::new(AwaitTrace::of_chains(TraceSource::Poll, chains))
                    };
                    let trace = known
                        .entry((found, is_cut_off))
                        .or_insert_with_key(|(found, _)| resolve(found));
                    Some(trace.clone())
                }
                None => None,
            };
            traces.insert(task, trace);
        }
        Self { traces, some_ended }
    }

    /// What the task waits for: `None` if it was not asked, `Some(None)` if it did not answer.
    pub(crate) fn of(&self, task: TaskId) -> Option<Option<&Arc<AwaitTrace>>> {
        self.traces.get(&task).map(Option::as_ref)
    }

    /// Whether some of those asked have ended meanwhile.
    pub(crate) fn some_ended(&self) -> bool {
        self.some_ended
    }
}
