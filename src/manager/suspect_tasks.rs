//! Which live tasks are those of the suspects.

use super::snapshot::Snapshot;
use super::task_record::TaskRecord;
use std::collections::HashMap;
use std::panic::Location;

/// The suspects of a snapshot by what their tasks have in common.
pub(crate) struct SuspectsOfTasks<'a> {
    by_name: HashMap<&'a str, usize>,
    /// Those whose tasks have names of their own.
    by_site: HashMap<&'static Location<'static>, usize>,
}

impl SuspectsOfTasks<'_> {
    /// The place of the suspect that a task is of: if its name is one and its spawn site is too, that of its name.
    /// [Background tasks](crate::task::Builder::background) are of none.
    pub(crate) fn of(&self, task: &TaskRecord) -> Option<usize> {
        if task.is_background() {
            return None;
        }
        let by_site = || {
            task.own_name()?;
            self.by_site.get(task.location())
        };
        self.by_name.get(task.name()).or_else(by_site).copied()
    }
}

impl Snapshot {
    pub(crate) fn suspects_of_tasks(&self) -> SuspectsOfTasks<'_> {
        let mut lookup = SuspectsOfTasks {
            by_name: HashMap::new(),
            by_site: HashMap::new(),
        };
        for (place, suspect) in self.suspects.iter().enumerate() {
            if suspect.names_differ() {
                lookup.by_site.insert(suspect.location(), place);
            } else {
                lookup.by_name.insert(suspect.name(), place);
            }
        }
        lookup
    }

    /// Of each suspect, in their order: how many of its tasks this snapshot holds. Each task is counted
    /// once.
    pub(crate) fn live_of_suspects(&self) -> Vec<usize> {
        let mut live = vec![0; self.suspects.len()];
        if live.is_empty() {
            return live;
        }
        let suspects = self.suspects_of_tasks();
        for place in self.tasks.iter().filter_map(|task| suspects.of(task)) {
            live[place] += 1;
        }
        live
    }
}
