use super::Standing;

/// What a verdict found out about a task beside the task's record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    pub(crate) standing: Standing,
}
