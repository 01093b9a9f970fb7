//! How many live tasks the suspects have.

use super::snapshot::Snapshot;
use std::collections::HashMap;

impl Snapshot {
    /// Of each suspect, in their order: how many of its tasks this snapshot holds. Each task is counted
    /// once: if its name is suspect and its spawn site is too, for its name.
    pub(crate) fn live_of_suspects(&self) -> Vec<usize> {
        let mut names = HashMap::new();
        let mut sites = HashMap::new();
        for (place, suspect) in self.suspects.iter().enumerate() {
            if suspect.names_differ() {
                sites.insert(suspect.location(), place);
            } else {
                names.insert(suspect.name(), place);
            }
        }
        let mut live = vec![0; self.suspects.len()];
        if live.is_empty() {
            return live;
        }
        for task in &self.tasks {
            let site = || {
                task.own_name()?;
                sites.get(task.location())
            };
            if let Some(&place) = names.get(task.name()).or_else(site) {
                live[place] += 1;
            }
        }
        live
    }
}
