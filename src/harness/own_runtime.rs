//! The runtime that a harness builds for its test.

use tokio::runtime::Builder;

/// What a test asked for, as `#[tokio::test]` knows it.
#[derive(Debug, Default)]
pub(super) struct RuntimeSpec {
    pub(super) flavor: Flavor,
    pub(super) worker_threads: Option<usize>,
    pub(super) start_paused: bool,
    pub(super) name: Option<String>,
    #[cfg(tokio_unstable)]
    pub(super) unhandled_panic_shutdown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Flavor {
    #[default]
    CurrentThread,
    MultiThread,
    Local,
}

// What tokio has only with a feature, or only in newer versions, is called as if it were there: an
// inherent method comes before these, which say what is missing.
#[allow(dead_code, reason = "used if tokio has no method of that name")]
trait Missing: Sized {
    fn start_paused(&mut self, _: bool) -> &mut Self {
        panic!(
            "`start_paused` needs tokio's feature `test-util`: add it to the dev-dependency on tokio"
        )
    }

    fn name(&mut self, _: &str) -> &mut Self {
        panic!("`name` needs a newer tokio")
    }
}

impl Missing for Builder {}

#[allow(dead_code, reason = "used if tokio has no method of that name")]
pub(super) trait WithoutLocal {
    fn build_local(&mut self, _: ()) -> std::io::Result<tokio::runtime::Runtime> {
        panic!("`flavor = \"local\"` needs a newer tokio")
    }
}

impl WithoutLocal for Builder {}

/// The options of a local runtime, which tokio takes by reference before 1.46.
pub(super) trait LocalDefaults {
    fn defaults() -> Self;
}

impl LocalDefaults for () {
    fn defaults() -> Self {}
}

const _: () = {
    // What a glob imports into a block comes before what stands in for it here.
    #[allow(unused_imports, reason = "tokio may have no type of that name")]
    use tokio::runtime::*;

    impl LocalDefaults for LocalOptions {
        fn defaults() -> Self {
            Self::default()
        }
    }

    impl LocalDefaults for &'static LocalOptions {
        fn defaults() -> Self {
            // Nothing is lost: in the versions concerned the type has no size.
            Box::leak(Box::default())
        }
    }
};

/// Stands in for tokio's.
#[allow(dead_code, reason = "used if tokio has no type of that name")]
#[derive(Default)]
struct LocalOptions;

impl RuntimeSpec {
    pub(super) fn builder(&self) -> Builder {
        let mut builder = match self.flavor {
            Flavor::CurrentThread | Flavor::Local => Builder::new_current_thread(),
            Flavor::MultiThread => Builder::new_multi_thread(),
        };
        if let Some(workers) = self.worker_threads {
            builder.worker_threads(workers);
        }
        if self.start_paused {
            builder.start_paused(true);
        }
        if let Some(name) = &self.name {
            builder.name(name);
        }
        #[cfg(tokio_unstable)]
        if self.unhandled_panic_shutdown {
            builder.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);
        }
        builder.enable_all();
        builder
    }
}
