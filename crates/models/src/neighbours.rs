//! What the slot's source names of the registry around it; none of it takes part in the models.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskId {
    sequence: u32,
    index: u32,
}

impl TaskId {
    pub(crate) fn new(sequence: u32, index: u32) -> Self {
        Self { sequence, index }
    }

    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        (bits != 0).then(|| Self::new((bits >> 32) as u32, bits as u32))
    }

    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.sequence) << 32 | u64::from(self.index)
    }

    pub(crate) fn sequence(self) -> u32 {
        self.sequence
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskKind(u32);

impl TaskKind {
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

pub(crate) struct Scope;
pub(crate) struct TrackedRuntime;

impl TrackedRuntime {
    pub(crate) fn by_index(_: u32) -> Option<&'static Self> {
        None
    }
}

pub(crate) mod origin {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct OriginId(u32);

    impl OriginId {
        pub(crate) fn from_bits(bits: u32) -> Self {
            Self(bits)
        }

        pub(crate) fn to_bits(self) -> u32 {
            self.0
        }
    }
}

pub(crate) mod clock {
    pub(crate) fn now() -> u64 {
        0
    }
}

pub(crate) mod poller {
    pub(crate) fn id() -> u32 {
        0
    }
}

pub(crate) mod judges {
    pub(crate) struct Watch;

    impl Watch {
        pub(crate) fn is_kept(&self) -> bool {
            true
        }

        pub(crate) fn is_judged(&self) -> bool {
            true
        }

        pub(crate) fn is_traced(&self) -> bool {
            false
        }
    }

    pub(crate) fn watch() -> Watch {
        Watch
    }
}

pub(crate) mod scope {
    pub(crate) fn by_index(_: u32) -> Option<&'static super::Scope> {
        None
    }
}
