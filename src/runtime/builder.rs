//! The twin of tokio's runtime builder.

use super::{Hooks, Runtime};
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A [`tokio::runtime::Builder`] that builds a tracked [`Runtime`].
///
/// It has tokio's methods. Those that it does not repeat (such as `build_local`, and what tokio has
/// under `tokio_unstable` only) are tokio's own, and go on with tokio's builder; to come back to this
/// one, call them in [`configure`](Self::configure).
///
/// # Task hooks
/// With `--cfg tokio_unstable` the runtime has taskleak's task hooks: every task on it is known by its
/// spawn site and spawn backtrace, whoever spawned it, a dependency included. Hooks of your own that are
/// given to this builder are called beside them. Without the cfg such tasks are counted, and named by the
/// census where there is one. So they are with a tokio before 1.46 too, whose hooks don't tell the spawn
/// site; there the census has the spawn backtraces of those that were spawned while a guard was open.
///
/// # Examples
///
/// ```
/// let runtime = taskleak::runtime::Builder::new_multi_thread()
///     .worker_threads(2)
///     .enable_all()
///     .build()
///     .unwrap();
/// ```
#[derive(Debug)]
pub struct Builder {
    inner: tokio::runtime::Builder,
    hooks: Hooks,
}

/// Methods that only pass on what they are given.
macro_rules! pass_on {
    ($($(#[$doc:meta])* $method:ident($($argument:ident: $ty:ty),*) = $example:literal;)*) => {
        impl Builder {
            $(
                // By the type: where tokio lacks the method, a link to it leads to what stands in for it here.
                #[doc = concat!("As `", stringify!($method), "` of [`tokio::runtime::Builder`].")]
                $(#[$doc])*
                ///
                /// # Examples
                ///
                /// ```
                #[doc = concat!("taskleak::runtime::Builder::new_multi_thread().", $example, ";")]
                /// ```
                pub fn $method(&mut self, $($argument: $ty),*) -> &mut Self {
                    #[allow(unused_imports, reason = "needed where tokio lacks the method")]
                    use WithoutFeature as _;
                    self.inner.$method($($argument),*);
                    self
                }
            )*
        }
    };
}

// An inherent method comes before these, which say what is missing where there is none.
#[allow(dead_code, reason = "used where tokio lacks the method")]
trait WithoutFeature: Sized {
    fn enable_io(&mut self) -> &mut Self {
        panic!("`enable_io` needs one of tokio's features `net`, `process` or `signal`")
    }

    fn max_io_events_per_tick(&mut self, _: usize) -> &mut Self {
        panic!(
            "`max_io_events_per_tick` needs one of tokio's features `net`, `process` or `signal`"
        )
    }

    fn start_paused(&mut self, _: bool) -> &mut Self {
        panic!("`start_paused` needs tokio's feature `test-util`")
    }

    fn name(&mut self, _: impl Into<String>) -> &mut Self {
        panic!("`name` needs a newer tokio")
    }
}

impl WithoutFeature for tokio::runtime::Builder {}

pass_on! {
    enable_all() = "enable_all()";
    enable_io() = "enable_io()";
    enable_time() = "enable_time()";
    worker_threads(threads: usize) = "worker_threads(2)";
    max_blocking_threads(threads: usize) = "max_blocking_threads(8)";
    thread_name(name: impl Into<String>) = "thread_name(\"worker\")";
    thread_name_fn(name: impl Fn() -> String + Send + Sync + 'static)
        = "thread_name_fn(|| \"worker\".to_owned())";
    thread_stack_size(bytes: usize) = "thread_stack_size(2 << 20)";
    on_thread_start(call: impl Fn() + Send + Sync + 'static) = "on_thread_start(|| ())";
    on_thread_stop(call: impl Fn() + Send + Sync + 'static) = "on_thread_stop(|| ())";
    on_thread_park(call: impl Fn() + Send + Sync + 'static) = "on_thread_park(|| ())";
    on_thread_unpark(call: impl Fn() + Send + Sync + 'static) = "on_thread_unpark(|| ())";
    thread_keep_alive(time: Duration)
        = "thread_keep_alive(std::time::Duration::from_secs(1))";
    global_queue_interval(interval: u32) = "global_queue_interval(31)";
    event_interval(interval: u32) = "event_interval(61)";
    max_io_events_per_tick(events: usize) = "max_io_events_per_tick(1024)";
    /// Works on current-thread runtimes only, and with tokio's feature `test-util`.
    start_paused(paused: bool) = "start_paused(false)";
    name(name: impl Into<String>) = "name(\"background\")";
}

impl Builder {
    /// As [`tokio::runtime::Builder::new_current_thread`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Builder::new_current_thread().build().unwrap();
    /// ```
    pub fn new_current_thread() -> Self {
        Self::around(tokio::runtime::Builder::new_current_thread())
    }

    /// As [`tokio::runtime::Builder::new_multi_thread`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Builder::new_multi_thread().build().unwrap();
    /// ```
    pub fn new_multi_thread() -> Self {
        Self::around(tokio::runtime::Builder::new_multi_thread())
    }

    /// Calls tokio's builder itself, for what this one does not repeat.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::runtime::Builder::new_current_thread().configure(|tokio| {
    ///     tokio.enable_all();
    /// });
    /// ```
    pub fn configure(&mut self, configure: impl FnOnce(&mut tokio::runtime::Builder)) -> &mut Self {
        configure(&mut self.inner);
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    /// As tokio: if the operating system refuses what it needs.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Builder::new_current_thread().build().unwrap();
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// ```
    pub fn build(&mut self) -> io::Result<Runtime> {
        let hooked = self.hooks.install(&mut self.inner);
        let runtime = self.inner.build()?;
        self.hooks.renew(&mut self.inner);
        hooked.is(runtime.handle());
        Ok(Runtime::adopt(runtime, hooked))
    }

    fn around(mut inner: tokio::runtime::Builder) -> Self {
        let hooks = Hooks::new(&mut inner);
        Self { inner, hooks }
    }
}

/// Task hooks, which come beside taskleak's own. Only with `--cfg tokio_unstable`.
#[cfg(tokio_unstable)]
impl Builder {
    /// As [`tokio::runtime::Builder::on_task_spawn`], called after taskleak knows the task. A later call replaces an
    /// earlier one.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::runtime::Builder::new_multi_thread().on_task_spawn(|task| {
    ///     println!("{}", task.id());
    /// });
    /// ```
    pub fn on_task_spawn<F>(&mut self, hook: F) -> &mut Self
    where
        F: Fn(&tokio::runtime::TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.on_spawn(std::sync::Arc::new(hook));
        self
    }

    /// As [`tokio::runtime::Builder::on_task_terminate`], called while taskleak still knows the task. A later call
    /// replaces an earlier one.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::runtime::Builder::new_multi_thread().on_task_terminate(|task| {
    ///     println!("{}", task.id());
    /// });
    /// ```
    pub fn on_task_terminate<F>(&mut self, hook: F) -> &mut Self
    where
        F: Fn(&tokio::runtime::TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.on_terminate(std::sync::Arc::new(hook));
        self
    }

    /// As `on_before_task_poll` of [`tokio::runtime::Builder`], called before the task is the current one. A later call
    /// replaces an earlier one.
    ///
    /// # Panics
    /// [`build`](Self::build) panics with a tokio before 1.44, which has no such hook.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::runtime::Builder::new_multi_thread().on_before_task_poll(|task| {
    ///     println!("{}", task.id());
    /// });
    /// ```
    pub fn on_before_task_poll<F>(&mut self, hook: F) -> &mut Self
    where
        F: Fn(&tokio::runtime::TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.on_before_poll(std::sync::Arc::new(hook));
        self
    }

    /// As `on_after_task_poll` of [`tokio::runtime::Builder`], called once the task is no longer the current one. A
    /// later call replaces an earlier one.
    ///
    /// # Panics
    /// [`build`](Self::build) panics with a tokio before 1.44, which has no such hook.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::runtime::Builder::new_multi_thread().on_after_task_poll(|task| {
    ///     println!("{}", task.id());
    /// });
    /// ```
    pub fn on_after_task_poll<F>(&mut self, hook: F) -> &mut Self
    where
        F: Fn(&tokio::runtime::TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.hooks.on_after_poll(std::sync::Arc::new(hook));
        self
    }
}

impl Deref for Builder {
    type Target = tokio::runtime::Builder;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for Builder {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}
