//! Which live tasks have one name.

use super::task_record::TaskRecord;
use crate::registry::origin::OriginId;
use std::collections::HashMap;
use std::time::Duration;

/// The live tasks of one name.
pub(super) struct Namesakes<'a> {
    pub(super) name: &'a str,
    pub(super) live: usize,
    /// The age of the oldest.
    pub(super) oldest: Duration,
}

/// Tasks that were read at one moment, those of one name together.
pub(super) struct ByName<'a> {
    names: Vec<Namesakes<'a>>,
    /// Of each task, in the order given: which of `names` it has.
    of_task: Vec<usize>,
}

impl<'a> ByName<'a> {
    pub(super) fn of(tasks: &'a [TaskRecord]) -> Self {
        let mut names: Vec<Namesakes<'a>> = Vec::new();
        let mut of_task = Vec::with_capacity(tasks.len());
        let mut by_name: HashMap<&'a str, usize> = HashMap::new();
        let mut of_name = |names: &mut Vec<Namesakes<'a>>, name| {
            *by_name.entry(name).or_insert_with(|| {
                names.push(Namesakes {
                    name,
                    live: 0,
                    oldest: Duration::ZERO,
                });
                names.len() - 1
            })
        };
        // Live tasks come in great numbers of few origins, whose names need not be hashed each time.
        let mut by_origin: HashMap<OriginId, usize> = HashMap::new();
        // Nor of few names made at run time.
        let mut by_number: HashMap<usize, usize> = HashMap::new();
        for task in tasks {
            let mut found = || of_name(&mut names, task.name());
            let which = if let Some(number) = task.name_number() {
                *by_number.entry(number).or_insert_with(found)
            } else if task.own_name().is_some() {
                found()
            } else {
                *by_origin.entry(task.origin()).or_insert_with(found)
            };
            let namesakes = &mut names[which];
            namesakes.live += 1;
            namesakes.oldest = namesakes.oldest.max(task.age());
            of_task.push(which);
        }
        Self { names, of_task }
    }

    /// Each name of a live task, once.
    pub(super) fn names(&self) -> &[Namesakes<'a>] {
        &self.names
    }

    /// Of each task, in the order given: which of the names it has.
    pub(super) fn of_each(&self) -> &[usize] {
        &self.of_task
    }

    /// Of each task, in the order given: how many have its name.
    pub(super) fn live_of_each(&self) -> Vec<usize> {
        let live = |which: &usize| self.names[*which].live;
        self.of_task.iter().map(live).collect()
    }
}

/// Tells each of these tasks how many of them have its name.
pub(super) fn tell(tasks: &mut [TaskRecord]) {
    let live = ByName::of(tasks).live_of_each();
    tell_each(tasks, live);
}

pub(super) fn tell_each(tasks: &mut [TaskRecord], live: Vec<usize>) {
    for (task, live) in tasks.iter_mut().zip(live) {
        task.set_live_of_same_name(live);
    }
}
