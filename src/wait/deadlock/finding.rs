//! What comes out.

/// What an owner has of what another task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum OtherHalf {
    /// A sender of the channel.
    Sender,
    /// The receiver of the channel.
    Receiver,
    /// A guard of the lock, or permits of the semaphore.
    Permits,
    /// It is the awaited task itself.
    Task,
}

impl OtherHalf {
    /// A word for programs: `sender`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::OtherHalf::Sender.as_str(), "sender");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Permits => "permits",
            Self::Task => "task",
        }
    }
}

/// What came out for one task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether, as far as can be told, only tasks that are so themselves could wake it.
    pub(crate) deadlocked: bool,
    /// Whether that is certain: it waits for the ends of tasks that can never run again, or that wait so for each
    /// other.
    pub(crate) proved: bool,
    /// The tasks that have what it waits for, by their numbers.
    pub(crate) owners: Vec<(u64, OtherHalf)>,
}
