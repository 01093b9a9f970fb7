//! Some of very many tasks, for all of them.

use crate::registry::Reading;
use std::collections::HashMap;

/// At most so many of the tasks: of each origin and spawn backtrace the same number, as far as it has so many, and
/// these spread over all that it has.
pub(super) fn spread(tasks: Vec<Reading>, most: usize) -> Vec<Reading> {
    if tasks.len() <= most {
        return tasks;
    }
    let mut by_stack: HashMap<_, Vec<Reading>> = HashMap::new();
    for task in tasks {
        let alike = by_stack.entry((task.origin, task.stack)).or_default();
        alike.push(task);
    }
    let mut by_stack: Vec<_> = by_stack.into_values().collect();
    // The fewest first: what they leave of their share is for the others.
    by_stack.sort_by_key(|alike| (alike.len(), alike[0].id));
    let mut chosen = Vec::with_capacity(most);
    let stacks = by_stack.len();
    for (place, alike) in by_stack.into_iter().enumerate() {
        let share = (most - chosen.len()) / (stacks - place);
        let count = share.min(alike.len());
        chosen.extend((0..count).map(|number| alike[number * alike.len() / count]));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use crate::task::{Builder, JoinSet};
    use pretty_assertions::assert_eq;
    use std::future::pending;

    #[tokio::test]
    async fn each_stack_has_its_share() {
        let mut tasks = JoinSet::new();
        let mut spawn = |name: &'static str, count: usize| {
            let before: Vec<_> = registry::live().map(|task| task.id).collect();
            for _ in 0..count {
                let builder = Builder::new().name(name);
                builder.spawn_into(&mut tasks, pending::<()>());
            }
            let live = registry::live().filter(|task| !before.contains(&task.id));
            live.filter(|task| task.origin.name() == name)
                .collect::<Vec<_>>()
        };
        let all = [spawn("few", 2), spawn("some", 50), spawn("most", 900)];
        let count = |most: usize| {
            let chosen = spread(all.concat(), most);
            assert!(chosen.len() <= most);
            ["few", "some", "most"].map(|name| {
                let of_name = chosen.iter().filter(|task| task.origin.name() == name);
                of_name.count()
            })
        };
        assert_eq!(count(952), [2, 50, 900]);
        assert_eq!(count(500), [2, 50, 448]);
        assert_eq!(count(62), [2, 30, 30]);
        assert_eq!(count(3), [1, 1, 1]);
        // Fewer than there are stacks: those of most tasks.
        assert_eq!(count(2), [0, 1, 1]);
        assert_eq!(count(0), [0, 0, 0]);
        // None is chosen twice, and not only those that stand first.
        let mut chosen = spread(all[2].clone(), 90);
        chosen.dedup_by_key(|task| task.id);
        let places = chosen.iter().map(|one| {
            let mut tasks = all[2].iter();
            tasks.position(|task| task.id == one.id).unwrap()
        });
        assert_eq!(
            places.collect::<Vec<_>>(),
            (0..90).map(|number| number * 10).collect::<Vec<_>>()
        );
    }
}
