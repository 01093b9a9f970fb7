//! Who can come to what a task waits for.
//!
//! What [`keepers`](Graph::keepers) lists is all that [`is_kept`](Graph::is_kept) looks at: a task is looked at again
//! only where one of these was taken out.

use super::solve::Graph;
use super::{Hold, Owner, Source};
use std::collections::HashSet;

impl Graph<'_> {
    /// All of whom it depends whether the waker there is kept: see [`is_kept`](Self::is_kept).
    pub(super) fn keepers(&self, source: Source) -> Vec<Owner> {
        let of = |holds: &[Hold]| {
            let owners = holds.iter().flat_map(|hold| self.index.owners(*hold));
            owners.copied().collect::<Vec<_>>()
        };
        match source {
            Source::Message { channel, .. } => {
                of(&[Hold::Sender(channel), Hold::WeakSender(channel)])
            }
            Source::Oneshot(channel) => of(&[Hold::OneshotSender(channel)]),
            Source::Queue(place) => match self.index.room(place) {
                Some(room) => of(&[room.held]),
                None => {
                    let mut owners = of(&[Hold::Guard(place), Hold::Permits(place)]);
                    owners.extend(self.index.around(place));
                    owners
                }
            },
            Source::End(header) => {
                let mut owners = of(&[Hold::Handle(header)]);
                owners.push(Owner::Task(header));
                owners
            }
            Source::AnyEnd(set) => {
                let mut owners = of(&[Hold::Handle(set)]);
                let headers = self.index.joined(set).iter();
                owners.extend(headers.map(|header| Owner::Task(*header)));
                owners
            }
            Source::Abort(place) => self.index.around(place).collect(),
        }
    }

    /// Whether all owners are found, and are among these.
    pub(super) fn is_owned_by(&self, address: u64, stuck: &HashSet<Owner>) -> bool {
        let Some(shared) = self.index.shared(address) else {
            return false;
        };
        // All that were found, unless one is with somebody else.
        let with_them = |all: &[Owner]| {
            let are_theirs = all.iter().all(|owner| stuck.contains(owner));
            are_theirs.then_some(all.len() as u64)
        };
        // A `Weak` can become an owner wherever it is. All owners together count as one.
        with_them(self.index.owned(address)).is_some_and(|owners| owners >= shared.strong)
            && with_them(self.index.weak(address)).is_some_and(|weak| weak + 1 >= shared.weak)
    }

    /// Whether nobody but these can come to that place.
    fn is_private(&self, place: u64, stuck: &HashSet<Owner>) -> bool {
        let mut around = self.index.around(place).peekable();
        around.peek().is_some() && around.all(|owner| stuck.contains(&owner))
    }

    /// Whether all of it, as far as can be told, is with these.
    fn is_with(&self, hold: Hold, count: u64, stuck: &HashSet<Owner>) -> bool {
        // A place that was moved out of may be among those that were found. If it is with somebody else too, it may
        // really be there.
        let owners = self.index.owners(hold);
        owners.iter().all(|owner| stuck.contains(owner)) && owners.len() as u64 >= count
    }

    /// Whether the waker there, as far as can be told, is used by these only.
    pub(super) fn is_kept(&self, source: Source, stuck: &HashSet<Owner>) -> bool {
        match source {
            Source::Message {
                channel,
                senders,
                weak,
            } => {
                self.is_with(Hold::Sender(channel), senders.max(1), stuck)
                    && self.is_with(Hold::WeakSender(channel), weak, stuck)
            }
            Source::Oneshot(channel) => self.is_with(Hold::OneshotSender(channel), 1, stuck),
            Source::Queue(place) => match self.index.room(place) {
                Some(room) => self.is_with(room.held, room.count, stuck),
                // Permits can be added by whoever comes there, a lock's only by a guard's end.
                None => {
                    self.is_private(place, stuck)
                        || (self.is_with(Hold::Guard(place), 1, stuck)
                            && self.is_with(Hold::Permits(place), 0, stuck)
                            && self.index.has_all_permits(place))
                }
            },
            // Who has the handle can abort it.
            Source::End(header) => {
                stuck.contains(&Owner::Task(header)) && self.is_with(Hold::Handle(header), 1, stuck)
            }
            Source::AnyEnd(set) => {
                let all = self.index.joined(set);
                // What drives futures has no handle.
                self.is_with(Hold::Handle(set), 0, stuck)
                    && !all.is_empty()
                    && all
                        .iter()
                        .all(|header| stuck.contains(&Owner::Task(*header)))
            }
            Source::Abort(place) => self.is_private(place, stuck),
        }
    }
}
