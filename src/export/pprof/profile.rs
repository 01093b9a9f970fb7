//! The tasks of a snapshot, counted by stack and label.

use super::super::stack::{self, Step};
use super::encode;
use super::labels::{self, Data};
use crate::escaped::escaped;
use crate::manager::{Snapshot, TaskRecord};
use crate::registry::origin::OriginId;
use crate::wait::AwaitTrace;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// How many tasks there are of each stack and label, and how old they are together.
///
/// A stack goes from the program's start to the spawn, and on to where the task waits, as far as both
/// are known. Where spawns captured no backtrace
/// ([`Manager::set_backtraces`](crate::manager::Manager::set_backtraces)), the tasks above the task and
/// their spawn sites stand for it.
///
/// Labels are `name`, `state`, `kind`, `fingerprint` and the task's [data](crate::task::Builder::data): all of it,
/// or [that of chosen keys](Self::with_data). A label of data has the key's name, with underscores for what
/// Prometheus does not allow, and `data_` before it if it is taken, empty or begins otherwise than with a letter
/// or one underscore; of keys that make one label, the first counts. Values of more than 200
/// characters are cut there and end in `…`; an empty one is no label.
///
/// A profile that is served (feature `http`) asks at most 4096 tasks what they wait for, some of each stack. Of
/// the others the stack ends at the spawn, and the text (and the format's comment) says how many they are.
///
/// Its `Display` is the text that Go's profiles have under `debug=1`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use taskleak::export::pprof::Profile;
///
/// let mut tasks = taskleak::task::JoinSet::new();
/// for _ in 0..3 {
///     tasks.spawn(std::future::pending::<()>());
/// }
/// let profile = Profile::of(&taskleak::manager().snapshot());
/// assert!(profile.to_string().starts_with("task profile: total 3\n3 @ "));
/// assert_eq!(profile.to_gzip()[..2], [0x1f, 0x8b]);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) taken_at: SystemTime,
    /// Each distinct one once.
    pub(super) steps: Vec<Step>,
    /// Most tasks first.
    pub(super) samples: Vec<Sample>,
    pub(super) not_asked: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Indices into the steps, innermost first.
    pub(super) stack: Vec<usize>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) count: usize,
    pub(super) age: Duration,
}

/// Numbers the steps, and keeps those of spawns, which many tasks have in common.
#[derive(Default)]
struct Steps {
    all: Vec<Step>,
    numbers: HashMap<Step, usize>,
    spawned: HashMap<SpawnedAs, Vec<usize>>,
    /// By where the trace is in memory: tasks that wait alike share it.
    awaits: HashMap<*const AwaitTrace, Vec<usize>>,
}

/// Tasks for which this is equal were spawned by equal stacks.
type SpawnedAs = (OriginId, Option<u32>);

impl Steps {
    fn number(&mut self, step: Step) -> usize {
        let next = self.all.len();
        *self.numbers.entry(step).or_insert_with_key(|step| {
            self.all.push(step.clone());
            next
        })
    }

    fn of(&mut self, task: &TaskRecord) -> Vec<usize> {
        let mut steps = Vec::new();
        if let Some(trace) = task.await_trace() {
            let key = std::ptr::from_ref(trace);
            if !self.awaits.contains_key(&key) {
                let awaits = stack::awaits(trace);
                let awaits = awaits.into_iter().map(|step| self.number(step)).collect();
                self.awaits.insert(key, awaits);
            }
            steps.extend_from_slice(&self.awaits[&key]);
        }
        let key = (task.origin(), task.stack_id());
        if !self.spawned.contains_key(&key) {
            let spawned = stack::spawned(task);
            let spawned = spawned.into_iter().map(|step| self.number(step)).collect();
            self.spawned.insert(key, spawned);
        }
        steps.extend_from_slice(&self.spawned[&key]);
        steps
    }
}

impl Profile {
    /// Of all the tasks of a snapshot.
    ///
    /// The first look at backtraces reads debug info, which takes some tens of milliseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::export::pprof::Profile;
    /// println!("{}", Profile::of(&taskleak::manager().snapshot()));
    /// ```
    pub fn of(snapshot: &Snapshot) -> Self {
        Self::new(snapshot, Data::All)
    }

    /// The same with only these keys of the tasks' data as labels, as they were given or as the labels that they
    /// make. Choose some where each set of labels costs, as Pyroscope's do, and a key tells one task from
    /// another.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use taskleak::export::pprof::Profile;
    ///
    /// let handler = taskleak::task::Builder::new().data("tenant", "acme").data("request", 17);
    /// let handler = handler.spawn(std::future::pending::<()>());
    /// let snapshot = taskleak::manager().snapshot();
    /// let profile = Profile::with_data(&snapshot, &["tenant"]).to_string();
    /// assert!(profile.contains(r#""tenant":"acme""#) && !profile.contains("\"request\""));
    /// let without = Profile::with_data(&snapshot, &[]).to_string();
    /// assert!(!without.contains("tenant"));
    /// # handler.abort(); }
    /// ```
    pub fn with_data(snapshot: &Snapshot, keys: &[&str]) -> Self {
        Self::new(snapshot, Data::Only(keys))
    }

    fn new(snapshot: &Snapshot, data: Data<'_>) -> Self {
        let mut steps = Steps::default();
        let mut places: HashMap<_, usize> = HashMap::new();
        let mut samples: Vec<Sample> = Vec::new();
        for task in snapshot.tasks() {
            let stack = steps.of(task);
            let key = (stack, labels::of(task, data));
            let place = *places.entry(key).or_insert_with_key(|(stack, labels)| {
                samples.push(Sample {
                    stack: stack.clone(),
                    labels: labels
                        .iter()
                        .map(|(key, value)| (key.to_string(), value.to_string()))
                        .collect(),
                    count: 0,
                    age: Duration::ZERO,
                });
                samples.len() - 1
            });
            samples[place].count += 1;
            samples[place].age = samples[place].age.saturating_add(task.age());
        }
        samples.sort_by(|one, other| {
            let order = |sample: &Sample| std::cmp::Reverse(sample.count);
            order(one)
                .cmp(&order(other))
                .then_with(|| one.labels.cmp(&other.labels))
        });
        Self {
            taken_at: snapshot.taken_at(),
            steps: steps.all,
            samples,
            not_asked: snapshot.not_asked(),
        }
    }

    /// The profile as pprof's `profile.proto`, compressed by gzip: what a `.pb.gz` file holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::export::pprof::Profile;
    /// let bytes = Profile::of(&taskleak::manager().snapshot()).to_gzip();
    /// ```
    pub fn to_gzip(&self) -> Vec<u8> {
        encode::gzip(self)
    }
}

/// What there is to say of tasks that were not asked.
pub(super) fn not_asked(count: usize) -> String {
    format!("{count} tasks were not asked what they wait for")
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: usize = self.samples.iter().map(|sample| sample.count).sum();
        writeln!(f, "task profile: total {total}")?;
        if self.not_asked > 0 {
            writeln!(f, "# {}", not_asked(self.not_asked))?;
        }
        for sample in &self.samples {
            write!(f, "{} @", sample.count)?;
            for step in &sample.stack {
                write!(f, " {:#x}", step + 1)?;
            }
            f.write_str("\n# labels: {")?;
            for (number, (key, value)) in sample.labels.iter().enumerate() {
                let comma = if number == 0 { "" } else { ", " };
                write!(f, "{comma}{key:?}:{value:?}")?;
            }
            f.write_str("}\n")?;
            for number in &sample.stack {
                let Step {
                    function,
                    file,
                    line,
                } = &self.steps[*number];
                write!(f, "#\t{:#x}\t{}", number + 1, escaped(function))?;
                // Library code that was inlined has no place.
                if !file.is_empty() {
                    write!(f, "\t{file}:{line}")?;
                }
                f.write_str("\n")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
