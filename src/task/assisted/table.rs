//! Where guards find the cells of assisted tasks.

use super::visit::{Assist, Reach, Visit};
use crate::registry::TaskId;
use crate::registry::numbers::NumberMap;
use crate::registry::slot::Reading;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Anywhere = NumberMap<TaskId, Arc<dyn Assist + Send + Sync>>;

static ANYWHERE: Mutex<Option<Anywhere>> = Mutex::new(None);

thread_local! {
    static HERE: RefCell<NumberMap<TaskId, Arc<dyn Assist>>> = RefCell::default();
}

fn anywhere() -> MutexGuard<'static, Option<Anywhere>> {
    ANYWHERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cell is in the table that this names.
pub(super) enum Registered {
    Anywhere(TaskId),
    OnThisThread(TaskId),
}

impl Registered {
    pub(super) fn anywhere(id: TaskId, cell: Arc<dyn Assist + Send + Sync>) -> Self {
        anywhere().get_or_insert_default().insert(id, cell);
        Self::Anywhere(id)
    }

    pub(super) fn on_this_thread(id: TaskId, cell: Arc<dyn Assist>) -> Self {
        let _ = HERE.try_with(|here| here.borrow_mut().insert(id, cell));
        Self::OnThisThread(id)
    }

    /// Takes the cell out of its table. The caller keeps the cell alive meanwhile, so that nothing is
    /// dropped while the table is locked.
    pub(super) fn remove(&self) {
        match self {
            Self::Anywhere(id) => {
                if let Some(table) = anywhere().as_mut() {
                    table.remove(id);
                }
            }
            Self::OnThisThread(id) => {
                let _ = HERE.try_with(|here| here.borrow_mut().remove(id));
            }
        }
    }
}

/// Whether a local task of this thread may need help: then the thread is no worker's.
pub(crate) fn any_on_this_thread() -> bool {
    HERE.try_with(|here| !here.borrow().is_empty())
        .unwrap_or(false)
}

/// Visits a task, if it is one that this thread may drive; `None` if it is not.
pub(crate) fn visit(task: &Reading, poll_anyway: bool) -> Option<Visit> {
    with_cell(task, |cell| cell.visit(task, poll_anyway))
}

/// Who can wake the task beside those whom its runtime knows; nothing for one that has no cell.
pub(crate) fn reach(task: &Reading) -> Reach {
    with_cell(task, |cell| cell.reach()).unwrap_or_default()
}

fn with_cell<T>(task: &Reading, look: impl FnOnce(&dyn Assist) -> T) -> Option<T> {
    let local = HERE
        .try_with(|here| here.borrow().get(&task.id).cloned())
        .ok()
        .flatten();
    if let Some(cell) = local {
        return Some(look(&*cell));
    }
    let cell = anywhere().as_ref()?.get(&task.id).cloned()?;
    Some(look(&*cell))
}
