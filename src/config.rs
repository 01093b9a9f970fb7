//! Every `TASKLEAK_*` variable, parsed in one place, once.
//!
//! | variable | accepts | default | meaning |
//! |---|---|---|---|
//! | `TASKLEAK` | `fail`, `warn`, `off` | `fail` | what a leak does; of what `warn` printed where libtest keeps it, one line at the process's end says how much; `off` makes the twins plain tokio calls, but for time boxes that abort |
//! | `TASKLEAK_GRACE` | a duration: `750ms`, `2s` | `1s` | how long a guard waits for tasks to end |
//! | `TASKLEAK_BLOCKED` | a duration, or `off` | `1s` | after how long a poll that has not returned is reported with its thread's stack |
//! | `TASKLEAK_BACKTRACE` | `guarded`, `always`, `off` | `guarded` | when spawn backtraces are captured |
//! | `TASKLEAK_BACKTRACE_STYLE` | `short`, `full` | `short` | whether reports show every frame |
//! | `TASKLEAK_RUN_ON_FAILURE` | `0`, `1` | `0` | whether a test that panicked is checked too |
//! | `TASKLEAK_COLOR` | `auto`, `always`, `never` | `auto` | whether reports are coloured |
//! | `TASKLEAK_ABORT` | `0`, `1` | `1` | whether a failing guard aborts what leaked, to say which of it ends by that |
//! | `TASKLEAK_JSON` | a path | none | the file to which each report is appended as a line of JSON (feature `json`) |
//! | `TASKLEAK_ANNOTATIONS` | `off`, `github` | `off` | whether leaks are also printed as annotations of a pull request |
//! | `TASKLEAK_MANAGER` | `on`, `off` | `on` | whether tasks are tracked where no guard is open |
//! | `TASKLEAK_INTERVAL` | a duration: `500ms`, `1min`, or `off` | `10s` | time between the manager's cyclic snapshots; `off`: none are taken, though the monitor is started |
//! | `TASKLEAK_GROWTH` | a number from 2 on | `6` | over how many snapshots a name must grow to be a suspect |
//!
//! An empty variable counts as unset. One whose name is nearly one of these is noted.

use crate::registry::attention;
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Fail,
    Warn,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backtraces {
    Guarded,
    Always,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    Short,
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Annotations {
    Off,
    Github,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) grace: Duration,
    pub(crate) blocked: Option<Duration>,
    pub(crate) backtraces: Backtraces,
    pub(crate) style: Style,
    pub(crate) run_on_failure: bool,
    pub(crate) color: Color,
    pub(crate) abort: bool,
    pub(crate) json: Option<PathBuf>,
    pub(crate) annotations: Annotations,
    pub(crate) manager: bool,
    pub(crate) interval: Option<Duration>,
    pub(crate) growth: usize,
}

/// A variable whose value is not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConfigError {
    variable: &'static str,
    value: OsString,
    accepted: String,
}

/// All of them; at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConfigErrors(Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let begin = if number == 0 { "the" } else { " The" };
            write!(f, "{begin}{error}")?;
        }
        let names: Vec<_> = self.0.iter().map(|error| error.variable).collect();
        match &names[..] {
            [one] => write!(f, " Until then {one} has its default; all others hold."),
            _ => write!(
                f,
                " Until then {} have their defaults; all others hold.",
                names.join(", ")
            ),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            value,
            accepted,
        } = self;
        write!(
            f,
            " environment variable {variable} is set to {value:?}, which taskleak does not \
             understand: it accepts {accepted}. Correct it, or unset it for the default."
        )
    }
}

/// Between two snapshots of the manager's monitor, if nobody says anything else.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Fail,
            grace: Duration::from_secs(1),
            blocked: Some(Duration::from_secs(1)),
            backtraces: Backtraces::Guarded,
            style: Style::Short,
            run_on_failure: false,
            color: Color::Auto,
            abort: true,
            json: None,
            annotations: Annotations::Off,
            manager: true,
            interval: Some(INTERVAL),
            growth: 6,
        }
    }
}

impl Config {
    /// Each variable by itself: what is wrong with one takes nothing from the others.
    fn parse(
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> (Self, Result<(), ConfigErrors>) {
        let read = Reader {
            variable,
            errors: RefCell::default(),
        };
        let default = Self::default();
        let config = Self {
            mode: read.one_of(
                "TASKLEAK",
                default.mode,
                &[
                    ("fail", Mode::Fail),
                    ("warn", Mode::Warn),
                    ("off", Mode::Off),
                ],
            ),
            grace: read.duration("TASKLEAK_GRACE", default.grace),
            blocked: read.duration_or_off("TASKLEAK_BLOCKED", default.blocked, Zero::Taken),
            backtraces: read.one_of(
                "TASKLEAK_BACKTRACE",
                default.backtraces,
                &[
                    ("guarded", Backtraces::Guarded),
                    ("always", Backtraces::Always),
                    ("off", Backtraces::Off),
                ],
            ),
            style: read.one_of(
                "TASKLEAK_BACKTRACE_STYLE",
                default.style,
                &[("short", Style::Short), ("full", Style::Full)],
            ),
            run_on_failure: read.one_of(
                "TASKLEAK_RUN_ON_FAILURE",
                default.run_on_failure,
                &[("0", false), ("1", true)],
            ),
            color: read.one_of(
                "TASKLEAK_COLOR",
                default.color,
                &[
                    ("auto", Color::Auto),
                    ("always", Color::Always),
                    ("never", Color::Never),
                ],
            ),
            abort: read.one_of(
                "TASKLEAK_ABORT",
                default.abort,
                &[("0", false), ("1", true)],
            ),
            json: read.value("TASKLEAK_JSON").map(PathBuf::from),
            annotations: read.one_of(
                "TASKLEAK_ANNOTATIONS",
                default.annotations,
                &[("off", Annotations::Off), ("github", Annotations::Github)],
            ),
            manager: read.one_of(
                "TASKLEAK_MANAGER",
                default.manager,
                &[("on", true), ("off", false)],
            ),
            interval: read.duration_or_off("TASKLEAK_INTERVAL", default.interval, Zero::Refused),
            growth: read.number("TASKLEAK_GROWTH", default.growth, 2),
        };
        let errors = read.errors.into_inner();
        let result = if errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(errors))
        };
        (config, result)
    }
}

/// Whether a duration may be none at all.
#[derive(Clone, Copy)]
enum Zero {
    Taken,
    /// Nothing can be repeated after it.
    Refused,
}

struct Reader<Variable> {
    variable: Variable,
    errors: RefCell<Vec<ConfigError>>,
}

impl<Variable: Fn(&'static str) -> Option<OsString>> Reader<Variable> {
    fn value(&self, variable: &'static str) -> Option<OsString> {
        (self.variable)(variable).filter(|value| !value.is_empty())
    }

    /// What the variable's value means, or the default; `accepted` is said if it means nothing.
    fn meaning<T>(
        &self,
        variable: &'static str,
        default: T,
        meaning: impl FnOnce(&OsStr) -> Option<T>,
        accepted: impl FnOnce() -> String,
    ) -> T {
        let Some(value) = self.value(variable) else {
            return default;
        };
        meaning(&value).unwrap_or_else(|| {
            self.errors.borrow_mut().push(ConfigError {
                variable,
                value,
                accepted: accepted(),
            });
            default
        })
    }

    fn one_of<T: Copy>(&self, variable: &'static str, default: T, accepted: &[(&str, T)]) -> T {
        let meaning = |value: &OsStr| {
            let known = accepted.iter().find(|(word, _)| value == *word);
            known.map(|(_, meaning)| *meaning)
        };
        self.meaning(variable, default, meaning, || {
            let words: Vec<_> = accepted
                .iter()
                .map(|(word, _)| format!("`{word}`"))
                .collect();
            let (last, first) = words
                .split_last()
                .expect("there is always something to accept");
            format!("{} or {last}", first.join(", "))
        })
    }

    fn number(&self, variable: &'static str, default: usize, least: usize) -> usize {
        let meaning = |value: &OsStr| {
            let number = value.to_str()?.parse().ok();
            number.filter(|number| *number >= least)
        };
        self.meaning(variable, default, meaning, || {
            format!("a whole number of {least} or more, such as `6`")
        })
    }

    fn duration_or_off(
        &self,
        variable: &'static str,
        default: Option<Duration>,
        zero: Zero,
    ) -> Option<Duration> {
        let (is_taken, but) = match zero {
            Zero::Taken => (true, ""),
            Zero::Refused => (false, ", longer than nothing"),
        };
        let meaning = |value: &OsStr| {
            if value == "off" {
                return Some(None);
            }
            duration(value)
                .filter(|one| is_taken || !one.is_zero())
                .map(Some)
        };
        self.meaning(variable, default, meaning, || {
            format!("{DURATION}{but}, or `off`")
        })
    }

    fn duration(&self, variable: &'static str, default: Duration) -> Duration {
        self.meaning(variable, default, duration, || DURATION.to_owned())
    }
}

const DURATION: &str = "a duration with its unit, such as `750ms` or `2s`";

fn duration(value: &OsStr) -> Option<Duration> {
    humantime::parse_duration(value.to_str()?).ok()
}

fn parsed() -> &'static (Config, Result<(), ConfigErrors>) {
    static CONFIG: OnceLock<(Config, Result<(), ConfigErrors>)> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let parsed = Config::parse(std::env::var_os);
        if parsed.0.backtraces == Backtraces::Always {
            crate::registry::spawner::request_backtraces();
        }
        parsed
    })
}

/// The settings, or what is wrong with them.
pub(crate) fn checked() -> Result<&'static Config, &'static ConfigErrors> {
    let (config, result) = parsed();
    result.as_ref().map(|()| config)
}

/// The settings; the defaults of those that are wrong (a guard says so when it is opened).
pub(crate) fn get() -> &'static Config {
    &parsed().0
}

/// Says what is wrong with the settings, once: a service must run all the same.
pub(crate) fn note_errors() {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        if let Err(error) = checked() {
            crate::note::say(error);
        }
        let set = std::env::vars_os().map(|(name, _)| name);
        for note in crate::misspelt::notes(&variables(), set) {
            crate::note::say(note);
        }
    });
}

/// The names of all of them.
fn variables() -> Vec<&'static str> {
    let names: RefCell<Vec<_>> = RefCell::default();
    let _ = Config::parse(|name| {
        names.borrow_mut().push(name);
        None
    });
    names.into_inner()
}

/// Whether tasks are tracked at all.
#[inline]
pub(crate) fn is_on() -> bool {
    match SWITCH.load(Relaxed) {
        ON => true,
        OFF => false,
        switch => is_on_otherwise(switch),
    }
}

#[cold]
fn is_on_otherwise(switch: u8) -> bool {
    let switch = if switch == UNKNOWN {
        note_errors();
        switch_to(get().manager, |before| before == UNKNOWN)
    } else {
        switch
    };
    switch == ON || (switch == GUARDED && crate::registry::is_judged())
}

/// Whether tasks are tracked that no guard answers for.
pub(crate) fn set_manager(is_enabled: bool) {
    switch_to(is_enabled, |_| true);
}

/// Says where the switch is afterwards.
fn switch_to(is_enabled: bool, applies: impl FnOnce(u8) -> bool) -> u8 {
    // One at a time: the first look at the settings does not undo what was said meanwhile, and what
    // spawns look at is what the switch says.
    static SWITCHING: Mutex<()> = Mutex::new(());
    let switch = match (get().mode, is_enabled) {
        (Mode::Off, _) => OFF,
        (_, true) => ON,
        (_, false) => GUARDED,
    };
    let _one_at_a_time = SWITCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let switch = moved(&SWITCH, switch, applies);
    attention::set(attention::Flag::NotOn, switch != ON);
    switch
}

fn moved(switch: &AtomicU8, to: u8, applies: impl FnOnce(u8) -> bool) -> u8 {
    let before = switch.load(Relaxed);
    if !applies(before) {
        return before;
    }
    switch.store(to, Relaxed);
    to
}

/// Whether the environment lets tasks be tracked at all.
pub(crate) fn may_track() -> bool {
    get().mode != Mode::Off
}

const UNKNOWN: u8 = 0;
const ON: u8 = 1;
const OFF: u8 = 2;
/// On while a guard is open.
const GUARDED: u8 = 3;
static SWITCH: AtomicU8 = AtomicU8::new(UNKNOWN);

#[cfg(test)]
mod tests;
