//! Live tasks with names made at run time, by where they are spawned. Those that are meant to live on are
//! left out.

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
        // There may be a great many of them, of few origins.
        let mut places: HashMap<OriginId, usize> = HashMap::new();
        let mut tasks: Vec<Vec<&TaskRecord>> = Vec::new();
        let mut last = (OriginId::ROOT, 0);
        for task in &snapshot.tasks {
            if task.own_name().is_none() || task.is_background() {
                continue;
            }
            if last.0 != task.origin() {
                let place = *places.entry(task.origin()).or_insert(tasks.len());
                tasks.resize_with(tasks.len().max(place + 1), Vec::new);
                last = (task.origin(), place);
            }
            tasks[last.1].push(task);
        }
        let mut sites: HashMap<Site, Vec<&TaskRecord>> = HashMap::new();
        for some in tasks {
            let Some(site) = some.first().copied().and_then(Site::of) else {
                continue;
            };
            let site = sites.entry(site).or_default();
            if site.is_empty() {
                *site = some;
            } else {
                site.extend(some);
                site.sort_by_key(|task| std::cmp::Reverse(task.age()));
            }
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
