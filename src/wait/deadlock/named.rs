//! Which tasks a report names for the other half of what a task waits for.

use super::solve::Graph;
use super::{Hold, OtherHalf, Owner, Source};
use std::collections::HashSet;

impl Graph<'_> {
    /// Who has what it takes, but nobody where more seem to have it than there are, and who does is not clear.
    pub(super) fn named(&self, source: Source) -> Vec<(u64, OtherHalf)> {
        let (holds, count, half) = match source {
            Source::Message {
                channel, senders, ..
            } => (vec![Hold::Sender(channel)], senders, OtherHalf::Sender),
            Source::Oneshot(channel) => (
                vec![Hold::OneshotSender(channel)],
                u64::MAX,
                OtherHalf::Sender,
            ),
            Source::Queue(place) => match self.index.room(place) {
                Some(room) => {
                    let half = match room.held {
                        Hold::Receiver(_) | Hold::WatchReceiver(_) => OtherHalf::Receiver,
                        _ => OtherHalf::Sender,
                    };
                    (vec![room.held], room.count, half)
                }
                None => {
                    let holds = vec![Hold::Guard(place), Hold::Permits(place)];
                    (holds, u64::MAX, OtherHalf::Permits)
                }
            },
            Source::End(header) => return vec![(header, OtherHalf::Task)],
            Source::AnyEnd(set) => {
                let headers = self.index.joined(set).iter();
                return headers.map(|header| (*header, OtherHalf::Task)).collect();
            }
            Source::Abort(_) => return Vec::new(),
        };
        let owners: Vec<_> = holds
            .into_iter()
            .flat_map(|hold| self.index.owners(hold))
            .copied()
            .collect();
        let is_one = owners.iter().all(|owner| *owner == owners[0]);
        if owners.len() as u64 > count && !is_one {
            return Vec::new();
        }
        let tasks = owners
            .into_iter()
            .flat_map(|owner| self.tasks_behind(owner));
        tasks.map(|task| (task, half)).collect()
    }

    /// The tasks that own something, directly or by what they share.
    fn tasks_behind(&self, owner: Owner) -> Vec<u64> {
        let (mut tasks, mut seen, mut next) = (Vec::new(), HashSet::new(), vec![owner]);
        while let Some(owner) = next.pop() {
            match owner {
                _ if !seen.insert(owner) => {}
                Owner::Task(header) => tasks.push(header),
                Owner::Shared(address) => {
                    next.extend(self.index.owned(address));
                }
            }
        }
        tasks
    }
}
