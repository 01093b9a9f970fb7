//! Live tasks with names made at run time, by where they are spawned.

use super::snapshot::Snapshot;
use super::task_record::TaskRecord;
use crate::registry::origin::OriginId;
use std::collections::HashMap;
use std::panic::Location;

/// Where tasks with names of their own are spawned.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Site(&'static Location<'static>);

impl Site {
    /// None for tasks that have no name made at run time.
    pub(super) fn of(task: &TaskRecord) -> Option<Self> {
        task.own_name()?;
        Some(Self(task.location()))
    }
}

/// A snapshot's tasks by their sites, the oldest first.
pub(super) struct RuntimeNamed<'a>(HashMap<Site, Vec<&'a TaskRecord>>);

impl<'a> RuntimeNamed<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        // Of few origins, and a number is hashed faster than a path.
        let mut of_origin: HashMap<OriginId, Site> = HashMap::new();
        let mut sites: HashMap<Site, Vec<&TaskRecord>> = HashMap::new();
        for task in snapshot
            .tasks
            .iter()
            .filter(|task| task.own_name().is_some())
        {
            let site = of_origin
                .entry(task.origin())
                .or_insert_with(|| Site(task.location()));
            sites.entry(*site).or_default().push(task);
        }
        Self(sites)
    }

    pub(super) fn tasks(&self, site: Site) -> Option<&[&'a TaskRecord]> {
        self.0.get(&site).map(Vec::as_slice)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Site, &[&'a TaskRecord])> {
        self.0.iter().map(|(site, tasks)| (*site, tasks.as_slice()))
    }
}
