//! Which tasks could ever run again, by who really has what.

use super::program::{Kind, Owner};
use std::collections::HashSet;

/// What is so at a moment: kept by the tasks themselves, in the same polls in which it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct World {
    pub handles: Vec<Now>,
    pub tasks: Vec<State>,
    /// The tasks that run on another runtime.
    pub apart: Vec<bool>,
}

/// A handle at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    pub kind: Kind,
    pub object: usize,
    pub owner: Owner,
}

/// A task at that moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    Runs,
    /// By the handles of what it waits for; none if it waits for nothing.
    Waits(Vec<(Kind, usize)>),
    Ended,
}

impl World {
    /// The tasks that are alive and can never run again, whoever does whatever he can.
    pub fn stuck(&self) -> HashSet<usize> {
        self.stuck_if(false)
    }

    /// The same if either of the runtimes may be shut down, which ends its tasks.
    pub fn stuck_for_certain(&self) -> HashSet<usize> {
        self.stuck_if(true)
    }

    fn stuck_if(&self, runtimes_end: bool) -> HashSet<usize> {
        let is_alive = |task: &usize| self.tasks[*task] != State::Ended;
        let mut can = HashSet::from([Owner::Outside]);
        loop {
            let reached: Vec<Owner> = (0..self.tasks.len())
                .filter(is_alive)
                .map(Owner::Task)
                .filter(|task| !can.contains(task) && self.can_run(*task, &can, runtimes_end))
                .chain(self.bags().filter(|bag| self.is_reached(*bag, &can)))
                .chain(self.messages().filter(|owner| match owner {
                    Owner::Message(channel) => self.has(&can, *channel, &[Kind::Receiver]),
                    _ => false,
                }))
                .filter(|owner| !can.contains(owner))
                .collect();
            if reached.is_empty() {
                break;
            }
            can.extend(reached);
        }
        (0..self.tasks.len())
            .filter(is_alive)
            .filter(|task| !can.contains(&Owner::Task(*task)))
            .collect()
    }

    fn bags(&self) -> impl Iterator<Item = Owner> + '_ {
        let bags = self
            .handles
            .iter()
            .filter(|handle| handle.kind == Kind::Bag);
        bags.map(|bag| Owner::Bag(bag.object))
    }

    /// Those that have handles.
    fn messages(&self) -> impl Iterator<Item = Owner> + '_ {
        let owners = self.handles.iter().map(|handle| handle.owner);
        owners.filter(|owner| matches!(owner, Owner::Message(_)))
    }

    /// Whether one of these has a handle of the bag; a weak one will do as long as the bag is there.
    fn is_reached(&self, bag: Owner, can: &HashSet<Owner>) -> bool {
        let Owner::Bag(object) = bag else {
            return false;
        };
        let is_there = self.handles.iter().any(|handle| {
            handle.kind == Kind::Bag && handle.object == object && handle.owner != Owner::Nobody
        });
        is_there && self.has(can, object, &[Kind::Bag, Kind::WeakBag])
    }

    fn has(&self, can: &HashSet<Owner>, object: usize, kinds: &[Kind]) -> bool {
        self.handles.iter().any(|handle| {
            handle.object == object && kinds.contains(&handle.kind) && can.contains(&handle.owner)
        })
    }

    fn can_run(&self, task: Owner, can: &HashSet<Owner>, runtimes_end: bool) -> bool {
        let Owner::Task(number) = task else {
            return false;
        };
        if self.has(can, number, &[Kind::Abort]) {
            return true;
        }
        match &self.tasks[number] {
            State::Runs => true,
            State::Ended => false,
            State::Waits(waits) => waits.iter().any(|(kind, object)| match kind {
                Kind::Mutex => self.has(can, *object, &[Kind::Guard]),
                Kind::Semaphore => self.has(can, *object, &[Kind::Semaphore, Kind::Permit]),
                Kind::Notify => self.has(can, *object, &[Kind::Notify]),
                Kind::Receiver => self.has(can, *object, &[Kind::Sender, Kind::WeakSender]),
                Kind::Sender => self.has(can, *object, &[Kind::Receiver]),
                Kind::OneshotReceiver => self.has(can, *object, &[Kind::OneshotSender]),
                Kind::WatchReceiver => self.has(can, *object, &[Kind::WatchSender]),
                Kind::BroadcastReceiver => self.has(can, *object, &[Kind::BroadcastSender]),
                Kind::WatchSender => self.has(can, *object, &[Kind::WatchReceiver]),
                Kind::Join => {
                    can.contains(&Owner::Task(*object))
                        || self.tasks[*object] == State::Ended
                        || runtimes_end && self.apart[number] != self.apart[*object]
                }
                _ => true,
            }),
        }
    }
}
