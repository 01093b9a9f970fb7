//! Looking at a scope and saying which of its tasks should be gone.

use super::continued::continue_traces;
use super::unseen::Unseen;
use super::{Deadlocks, Options, Rule, Strangers, threads};
use crate::registry::slot::Reading;
use crate::registry::{self, Scope, Slot, TaskInfo, current};
use crate::report::Settled;
use crate::thread::LiveThread;
use crate::wait::trace::Answers;

/// What is still alive in a scope.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// Tasks that should be gone.
    pub(crate) leaks: Vec<TaskInfo>,
    /// Tasks that may live on: declared so, or ignored by a rule.
    pub(crate) tolerated: Vec<TaskInfo>,
    /// The tasks that the scope's runtimes count as alive and nobody tracked.
    pub(crate) unseen: Unseen,
    /// Threads that should be gone.
    pub(crate) threads: Vec<LiveThread>,
    /// Why threads were not judged, although they should be.
    pub(crate) threads_undecided: Option<String>,
    /// Which of them wait for each other.
    pub(crate) deadlocks: Deadlocks,
    /// Who else holds the threads that they need.
    pub(crate) strangers: Strangers,
    /// Tasks that had no chance to end.
    pub(crate) undecided: Vec<TaskInfo>,
    /// Why hooked tasks among the leaks are known by their spawn sites only, if they are.
    pub(crate) unexplained: Option<String>,
}

/// The live tasks that the scope answers for, but the one that asks: a task that ends its own guard
/// cannot end before that.
pub(super) fn members(scope: &'static Scope) -> impl Iterator<Item = Reading> {
    let asking = current::task().map(Slot::id);
    registry::live().filter(move |task| task.scope == scope.index() && Some(task.id) != asking)
}

/// Looks at every task of the scope; of one that has settled, only at what was killed meanwhile.
pub(crate) fn judge(
    scope: &'static Scope,
    options: &Options,
    how: Settled,
    answers: &Answers,
) -> Judgement {
    let settled = how == Settled::Clean;
    let mut judgement = Judgement {
        threads_undecided: options
            .threads
            .as_ref()
            .and_then(|threads| threads.undecided()),
        ..Judgement::default()
    };
    if settled && !options.forbid_shutdown {
        return judgement;
    }
    let rules = options.all_rules();
    let mut tasks = if options.forbid_shutdown {
        scope.take_killed()
    } else {
        Vec::new()
    };
    if !settled {
        if how != Settled::Stuck {
            // There were none then; who came since had no time to end.
            judgement.unseen = super::unseen::name(scope, &rules, how);
        }
        let sights =
            super::blocked::look(members(scope), options.blocked_after_or_default(), answers);
        tasks.extend(
            members(scope)
                .filter_map(|task| TaskInfo::of(&task))
                .map(|task| {
                    let blocked = sights.get(task.id());
                    task.with_answer(answers).with_blocked(blocked)
                })
                .map(|task| {
                    let thread = task.poller().and_then(crate::thread::describe);
                    task.with_thread(thread)
                }),
        );
        // Last, since it may read debug info, and tasks end meanwhile.
        if options.threads.is_some() {
            judgement.threads = threads::left(scope, &rules);
        }
    }
    let (tolerated, leaks): (Vec<_>, Vec<_>) = tasks
        .into_iter()
        .partition(|task| is_tolerated(task, options.allows_background(), &rules));
    judgement.leaks = leaks;
    judgement.tolerated = tolerated;
    if !settled {
        judgement.explain_hooked(scope, options.allows_background(), &rules);
        if !judgement.leaks.is_empty() {
            let after = options.blocked_after_or_default();
            judgement.strangers = Strangers::before(&judgement.leaks, after);
            continue_traces(&mut judgement.leaks);
            judgement.deadlocks = Deadlocks::among(scope, &judgement.leaks);
        }
    }
    judgement
}

pub(super) fn is_tolerated(task: &TaskInfo, allows_background: bool, rules: &[Rule]) -> bool {
    (task.is_background() && allows_background) || rules.iter().any(|rule| rule.matches(task))
}

/// Whether a task may live on whoever asks: a background task, or by a rule of the whole process.
pub(crate) fn is_tolerated_everywhere(task: &TaskInfo) -> bool {
    let options = Options::new();
    is_tolerated(task, options.allows_background(), &options.all_rules())
}
