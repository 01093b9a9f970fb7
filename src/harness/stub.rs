//! TEMPORARY: enough of a harness to compile and run expansions. The core's replaces it.
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

#[allow(dead_code)]
trait WithoutTestUtil {
    fn start_paused(&mut self, _: bool) -> &mut Self {
        panic!(
            "`start_paused` needs tokio's feature `test-util`: add it to the dev-dependency on tokio"
        )
    }
}
impl WithoutTestUtil for Builder {}

#[allow(dead_code)]
trait WithoutMultiThread: Sized {
    fn new_multi_thread() -> Self {
        panic!("`flavor = \"multi_thread\"` needs tokio's feature `rt-multi-thread`")
    }
    fn worker_threads(&mut self, _: usize) -> &mut Self {
        panic!("`worker_threads` needs tokio's feature `rt-multi-thread`")
    }
}
impl WithoutMultiThread for Builder {}

/// Implemented for `()` where tokio's unstable parts are there.
#[diagnostic::on_unimplemented(
    message = "`unhandled_panic = \"shutdown_runtime\"` is unstable in tokio",
    label = "needs `RUSTFLAGS=\"--cfg tokio_unstable\"`; leave it out otherwise"
)]
pub trait UnstableTokio {}
#[cfg(tokio_unstable)]
impl UnstableTokio for () {}

#[allow(missing_docs)]
pub struct Harness {
    test: &'static str,
    flavor: u8,
    workers: Option<usize>,
    paused: bool,
    name: Option<String>,
    grace: Duration,
    timeout: Option<Duration>,
    check: bool,
}

#[allow(missing_docs)]
impl Harness {
    pub fn new(test: &'static str) -> Self {
        Self {
            test,
            flavor: 0,
            workers: None,
            paused: false,
            name: None,
            grace: Duration::from_secs(1),
            timeout: None,
            check: true,
        }
    }
    pub fn current_thread(self) -> Self {
        Self { flavor: 0, ..self }
    }
    pub fn multi_thread(self) -> Self {
        Self { flavor: 1, ..self }
    }
    pub fn local(self) -> Self {
        Self { flavor: 2, ..self }
    }
    pub fn worker_threads(self, n: usize) -> Self {
        Self {
            workers: Some(n),
            ..self
        }
    }
    pub fn start_paused(self, b: bool) -> Self {
        Self { paused: b, ..self }
    }
    pub fn runtime_name(self, n: &str) -> Self {
        Self {
            name: Some(n.to_owned()),
            ..self
        }
    }
    pub fn unhandled_panic_shutdown<U: UnstableTokio>(self) -> Self {
        self
    }
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
    pub fn ignore(self, _: &str) -> Self {
        self
    }
    pub fn background(self, _: bool) -> Self {
        self
    }
    pub fn timeout(self, d: Duration) -> Self {
        Self {
            timeout: Some(d),
            ..self
        }
    }
    pub fn check(self, check: bool) -> Self {
        Self { check, ..self }
    }

    pub fn run<F: Future>(self, body: F) -> F::Output {
        let mut builder = if self.flavor == 1 {
            Builder::new_multi_thread()
        } else {
            Builder::new_current_thread()
        };
        if let Some(workers) = self.workers {
            builder.worker_threads(workers);
        }
        if self.paused {
            builder.start_paused(true);
        }
        if let Some(name) = &self.name {
            builder.name(name);
        }
        builder.enable_all();
        let handle;
        let output;
        macro_rules! go {
            ($rt:expr) => {{
                let rt = $rt;
                handle = rt.handle().clone();
                output = rt.block_on(async {
                    let out = match self.timeout {
                        Some(t) => tokio::time::timeout(t, body)
                            .await
                            .unwrap_or_else(|_| panic!("{} timed out", self.test)),
                        None => body.await,
                    };
                    if self.check {
                        self.settle(&handle, 0).await;
                    }
                    out
                });
            }};
        }
        if self.flavor == 2 {
            go!(builder.build_local(Default::default()).unwrap())
        } else {
            go!(builder.build().unwrap())
        }
        output
    }

    async fn settle(&self, handle: &tokio::runtime::Handle, base: usize) {
        let start = Instant::now();
        while handle.metrics().num_alive_tasks() > base {
            assert!(
                start.elapsed() < self.grace,
                "{}: leaked {} tasks",
                self.test,
                handle.metrics().num_alive_tasks() - base
            );
            tokio::task::yield_now().await;
            if !self.paused {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    pub async fn wrap<F: Future>(self, body: F) -> F::Output {
        let handle = tokio::runtime::Handle::current();
        let base = handle.metrics().num_alive_tasks();
        let out = body.await;
        self.settle(&handle, base).await;
        out
    }

    pub fn run_sync<T>(self, body: impl FnOnce() -> T) -> T {
        body()
    }
}
