//! Where a runtime's hook is told that a task was spawned, of whatever version tokio is: it is since 1.46.

/// Whether it is told at all; if not, tasks that nobody tracked are counted, not known.
#[cfg(not(tokio_unstable))]
pub(crate) fn is_told() -> bool {
    false
}

#[cfg(tokio_unstable)]
pub(crate) use told::{is_told, of};

#[cfg(tokio_unstable)]
mod told {
    use std::panic::Location;
    use tokio::runtime::TaskMeta;

    /// The spawn site of the task that a hook sees, if this tokio tells.
    #[inline]
    pub(crate) fn of(task: &TaskMeta<'_>) -> Option<&'static Location<'static>> {
        #[allow(unused_imports, reason = "needed where tokio lacks the method")]
        use Missing as _;
        task.spawned_at().if_known()
    }

    /// Whether it tells.
    pub(crate) fn is_told() -> bool {
        #[allow(unused_imports, reason = "needed where tokio lacks the method")]
        use Missing as _;
        fn of_type<T: IfKnown>(_: impl Fn(&TaskMeta<'_>) -> T) -> bool {
            T::IS_KNOWN
        }
        of_type(|task| task.spawned_at())
    }

    // An inherent method comes before this one.
    #[allow(dead_code, reason = "used if tokio has no method of that name")]
    trait Missing {
        fn spawned_at(&self) -> Unknown {
            Unknown
        }
    }

    impl Missing for TaskMeta<'_> {}

    struct Unknown;

    trait IfKnown {
        const IS_KNOWN: bool;

        fn if_known(self) -> Option<&'static Location<'static>>;
    }

    impl IfKnown for &'static Location<'static> {
        const IS_KNOWN: bool = true;

        fn if_known(self) -> Option<&'static Location<'static>> {
            Some(self)
        }
    }

    impl IfKnown for Unknown {
        const IS_KNOWN: bool = false;

        fn if_known(self) -> Option<&'static Location<'static>> {
            None
        }
    }
}
