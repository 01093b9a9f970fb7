//! What a report notes beside the leaks.

use super::leak::Leak;
use super::leak_report::LeakReport;
use super::paint::Paint;
use super::project;
use super::quantity::tasks_of;
use super::sight_text::SightText;
use super::text::MOST_LEAKS;
use super::unseen::MERGED;
use crate::census;
use crate::registry::TaskKind;
use crate::wait::WaitsFor;

/// Says of tasks that nobody saw spawned that they may be leaks.
pub(super) fn unseen_undecided(count: usize) -> String {
    let (plural, are) = if count == 1 { ("", "is") } else { ("s", "are") };
    format!(
        "{count} task{plural} that taskleak did not see spawned {are} alive, and may be about to end: \
         the guard was dropped inside a current-thread runtime, where they cannot. \
         End it by `guard.finish().await`, or use `#[taskleak::leak_test]`, to know."
    )
}

/// Says of hooked tasks that they may be leaks.
pub(super) fn undecided(report: &LeakReport, paint: Paint) -> String {
    let tasks = &report.hooked.undecided;
    let count: usize = tasks.iter().map(Leak::count).sum();
    let are = if count == 1 { "is" } else { "are" };
    let mut text = format!(
        "{} {are} alive, and may be about to end: the guard was dropped inside a current-thread \
         runtime, where they cannot. End it by `guard.finish().await`, or use \
         `#[taskleak::leak_test]`, to know.",
        tasks_of(count)
    );
    for leak in tasks.iter().take(MOST_LEAKS) {
        text += &listed(std::slice::from_ref(leak));
        if let Some(sight) = leak.oldest().sight() {
            text.push('\n');
            text += SightText { sight, paint }.to_string().trim_end();
        }
    }
    for note in on_names(report, tasks) {
        text += &format!("\n{} {note}", paint.strong("note:"));
    }
    text
}

/// Says why nobody knows who holds the locks that tasks wait for, if there are such and nobody does. That all of them
/// wait is no sign of a deadlock: a guard may be kept outside of any task.
pub(super) fn holders_unknown(report: &LeakReport) -> Option<String> {
    let reason = report.blockers.holders_unknown.as_ref()?;
    let waiting = |kind| {
        let of_kind = report
            .leaks
            .iter()
            .filter(move |leak| leak.waits_for() == Some(kind));
        of_kind.map(Leak::count).sum::<usize>()
    };
    let (for_locks, for_ends) = (waiting(WaitsFor::Lock), waiting(WaitsFor::Join));
    let who = match (for_locks, for_ends) {
        (0, _) => return None,
        (1, 0) => "1 task waits for a lock".to_owned(),
        (locks, 0) => format!("{locks} tasks wait for locks"),
        (locks, ends) => format!(
            "{} wait for locks or for other tasks' ends",
            tasks_of(locks + ends)
        ),
    };
    let (locks, it) = if for_locks == 1 {
        ("that lock", "it")
    } else {
        ("those locks", "them")
    };
    Some(format!(
        "{who}. Who holds {locks}, and whether anybody but the waiting tasks could release {it}, cannot be told here: {reason}."
    ))
}

/// What is to be known of the names of hooked tasks, or of their want.
pub(super) fn on_names(report: &LeakReport, tasks: &[Leak]) -> Vec<String> {
    let mut hooked = tasks
        .iter()
        .map(Leak::oldest)
        .filter(|task| task.kind() == TaskKind::Hooked);
    let some_seen = hooked.clone().any(|task| task.sight().is_some());
    let mut notes = Vec::new();
    if let Some(reason) = &report.hooked.unexplained
        && hooked.any(|task| task.sight().is_none())
    {
        notes.push(format!(
            "tasks that are called by where they were spawned have no names here: {reason}"
        ));
    }
    if some_seen && census::names_may_be_merged() {
        notes.push(MERGED.to_owned());
    }
    notes
}

/// One line for each kind.
pub(super) fn listed(tasks: &[Leak]) -> String {
    let mut text = String::new();
    for leak in tasks.iter().take(MOST_LEAKS) {
        let times = if leak.count() > 1 {
            format!("{} x ", leak.count())
        } else {
            String::new()
        };
        let task = project::name_and_line(leak.name(), leak.location());
        text += &format!("\n  {times}{task}");
    }
    text
}
