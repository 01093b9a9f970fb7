//! A runtime's task hooks: taskleak's own, and beside each the user's.

use crate::config;
use crate::registry::TrackedRuntime;
use crate::registry::hooked::{self, HookedRuntime};
use crate::registry::spawned_at;
use crate::registry::tokio_ids::id_number;
use std::fmt;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle, TaskMeta};

/// A task hook, as tokio takes it.
type Hook = Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>;

/// What a builder of runtimes sets as its task hooks.
///
/// tokio's builder has one place for each hook, and tells nobody what lies there. So every hook that is
/// set here keeps hold of a token: if the token is gone, somebody has given tokio's builder a hook of
/// his own in its place, which is then left alone.
#[derive(Default)]
pub(crate) struct Hooks {
    spawn: Place,
    before_poll: Place,
    after_poll: Place,
    terminate: Place,
}

/// One of the four.
#[derive(Default)]
struct Place {
    user: Option<Hook>,
    /// None until a hook is set here.
    token: Option<Arc<()>>,
}

impl Place {
    /// Whether nobody else has set a hook here since ours was set; or none was.
    fn is_ours(&self) -> bool {
        let token = self.token.as_ref();
        token.is_none_or(|token| Arc::strong_count(token) > 1)
    }

    /// A new token, for a hook that is set anew.
    fn claim(&mut self) -> (Option<Hook>, Arc<()>) {
        let token = Arc::new(());
        self.token = Some(token.clone());
        (self.user.clone(), token)
    }
}

/// A runtime that is hooked, if it is.
#[derive(Debug)]
pub(crate) struct Hooked(Option<Arc<HookedRuntime>>);

impl Hooked {
    pub(crate) const NOT: Self = Self(None);

    /// Tells the hooks which runtime they are of, once it is built.
    pub(crate) fn is(&self, runtime: &Handle) {
        let runtime = TrackedRuntime::built(runtime);
        if let Some(hooked) = &self.0 {
            hooked.is(runtime);
        }
    }

    /// The runtime's shutdown begins.
    pub(crate) fn close(&self) {
        if let Some(hooked) = &self.0 {
            hooked.close();
        }
    }
}

impl Hooks {
    /// For a builder that nobody has touched yet.
    pub(crate) fn new(builder: &mut Builder) -> Self {
        let mut hooks = Self::default();
        if config::is_on() {
            hooks.set(builder, None, true);
        }
        hooks
    }

    pub(crate) fn on_spawn(&mut self, hook: Hook) {
        self.spawn.user = Some(hook);
    }

    pub(crate) fn on_before_poll(&mut self, hook: Hook) {
        self.before_poll.user = Some(hook);
    }

    pub(crate) fn on_after_poll(&mut self, hook: Hook) {
        self.after_poll.user = Some(hook);
    }

    pub(crate) fn on_terminate(&mut self, hook: Hook) {
        self.terminate.user = Some(hook);
    }

    /// Sets the hooks for one runtime, which is built next.
    pub(crate) fn install(&mut self, builder: &mut Builder) -> Hooked {
        if !config::is_on() {
            self.set(builder, None, false);
            return Hooked::NOT;
        }
        let places = [
            &self.spawn,
            &self.before_poll,
            &self.after_poll,
            &self.terminate,
        ];
        if !places.into_iter().all(Place::is_ours) {
            crate::note::say(
                "a task hook was set on tokio's own builder, so that this runtime's tasks are \
                 counted, not named; set it on taskleak's builder, which calls both",
            );
            self.set(builder, None, true);
            return Hooked::NOT;
        }
        let runtime = Arc::new(HookedRuntime::default());
        self.set(builder, Some(&runtime), true);
        Hooked(Some(runtime))
    }

    /// Once the runtime is built, which keeps its hooks and so their tokens: the builder may be used again, and gets
    /// others.
    pub(crate) fn renew(&mut self, builder: &mut Builder) {
        if config::is_on() {
            self.set(builder, None, true);
        }
    }

    /// Sets those hooks that are still ours; `also_without_user` says whether also those that only
    /// hold their place.
    fn set(
        &mut self,
        builder: &mut Builder,
        runtime: Option<&Arc<HookedRuntime>>,
        also_without_user: bool,
    ) {
        #[allow(unused_imports, reason = "needed where tokio lacks them")]
        use Missing as _;
        let is_due = |place: &Place| place.is_ours() && (also_without_user || place.user.is_some());
        if is_due(&self.spawn) {
            let ((user, token), runtime) = (self.spawn.claim(), runtime.cloned());
            builder.on_task_spawn(move |task| {
                let _ = &token;
                // First, so that the task is known if the user's panics: the runtime has it by now.
                if let Some(runtime) = &runtime {
                    runtime.spawned(id_number(&task.id()), spawned_at::of(task));
                }
                call(&user, task);
            });
        }
        if is_due(&self.before_poll) {
            let ((user, token), is_hooked) = (self.before_poll.claim(), runtime.is_some());
            let is_wanted = user.is_some();
            let hook = builder.on_before_task_poll(move |task| {
                let _ = &token;
                // Ours are the inner ones, so that nothing panics between them.
                call(&user, task);
                if is_hooked {
                    hooked::poll_begins(id_number(&task.id()));
                }
            });
            assert!(
                hook.is_set() || !is_wanted,
                "`on_before_task_poll` needs tokio 1.44 or newer"
            );
        }
        if is_due(&self.after_poll) {
            let ((user, token), is_hooked) = (self.after_poll.claim(), runtime.is_some());
            let is_wanted = user.is_some();
            let hook = builder.on_after_task_poll(move |task| {
                let _ = &token;
                if is_hooked {
                    hooked::poll_ended(id_number(&task.id()));
                }
                call(&user, task);
            });
            assert!(
                hook.is_set() || !is_wanted,
                "`on_after_task_poll` needs tokio 1.44 or newer"
            );
        }
        if is_due(&self.terminate) {
            let ((user, token), runtime) = (self.terminate.claim(), runtime.cloned());
            builder.on_task_terminate(move |task| {
                let _ = &token;
                // Last, since the user's may want to look at the task; and in any case.
                let _ours = runtime.as_ref().map(|runtime| Terminated {
                    runtime,
                    id: id_number(&task.id()),
                });
                call(&user, task);
            });
        }
    }
}

fn call(user: &Option<Hook>, task: &TaskMeta<'_>) {
    if let Some(user) = user {
        user(task);
    }
}

/// Says in the end that a task has ended.
struct Terminated<'a> {
    runtime: &'a HookedRuntime,
    id: u64,
}

impl Drop for Terminated<'_> {
    fn drop(&mut self) {
        self.runtime.terminated(self.id);
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("spawn", &self.spawn.user.is_some())
            .field("before_poll", &self.before_poll.user.is_some())
            .field("after_poll", &self.after_poll.user.is_some())
            .field("terminate", &self.terminate.user.is_some())
            .finish()
    }
}

// What tokio lacks before 1.44; an inherent method comes before these. Our own poll hooks are not missed there: without
// its spawn site, no task is known by its hooks.
#[allow(dead_code, reason = "used if tokio has no method of that name")]
trait Missing {
    fn on_before_task_poll(&mut self, hook: impl Fn(&TaskMeta<'_>)) -> Lacking {
        std::mem::forget(hook);
        Lacking
    }

    fn on_after_task_poll(&mut self, hook: impl Fn(&TaskMeta<'_>)) -> Lacking {
        std::mem::forget(hook);
        Lacking
    }
}

impl Missing for Builder {}

struct Lacking;

trait IfSet {
    fn is_set(&self) -> bool;
}

impl IfSet for Builder {
    fn is_set(&self) -> bool {
        true
    }
}

impl IfSet for Lacking {
    fn is_set(&self) -> bool {
        false
    }
}
