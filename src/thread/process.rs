//! What the system says of the process's threads.

use std::collections::HashSet;
use std::fmt;
use std::fs;

/// How the threads are called that taskleak starts itself.
pub(super) const OWN_NAMES: &str = "taskleak-";

/// How tokio calls its threads, unless it is told otherwise; the system keeps fifteen letters of a name.
const RUNTIME_NAMES: [&str; 2] = ["tokio-rt-worker", "tokio-runtime-w"];

/// The threads that there are at some moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Baseline(HashSet<(u32, String)>);

impl Baseline {
    /// Those that there are now. A thread is its number and the time it was started at, since numbers are given
    /// again.
    pub(crate) fn now() -> Self {
        Self(
            threads()
                .filter_map(|id| Some((id, stat(id)?.start)))
                .collect(),
        )
    }

    /// The names of the threads that were not there then; without tokio's and taskleak's own, by their names.
    pub(crate) fn new_since(&self) -> Vec<String> {
        let mut names: Vec<_> = Self::now()
            .0
            .difference(&self.0)
            .filter_map(|(id, _)| name(*id))
            .filter(|name| !name.starts_with(OWN_NAMES) && !RUNTIME_NAMES.contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

/// What a thread was doing when it was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Doing {
    /// It has a processor, or waits for one.
    Running,
    /// It waits in this system call.
    Waiting(SystemCall),
    /// The system does not tell.
    Unknown,
}

/// As the C library has them.
#[cfg(unix)]
type Number = libc::c_long;
#[cfg(not(unix))]
type Number = i64;

/// A system call by its number on this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SystemCall(Number);

/// What the system says of a thread: "`name` waits in the system call `futex`".
pub(crate) fn describe(id: u32) -> Option<String> {
    let name = name(id)?;
    Some(match Doing::of(id) {
        Doing::Running => format!("`{name}` runs"),
        Doing::Waiting(call) => format!("`{name}` waits in the system call {call}"),
        Doing::Unknown => format!("`{name}`"),
    })
}

impl Doing {
    pub(super) fn of(id: u32) -> Self {
        if let Some(call) = fs::read_to_string(path(id, "syscall")).ok().as_deref() {
            let number = call
                .split_whitespace()
                .next()
                .and_then(|call| call.parse().ok());
            if let Some(number) = number.filter(|number| *number >= 0) {
                return Self::Waiting(SystemCall(number));
            }
        }
        match stat(id) {
            Some(stat) if stat.state == 'R' => Self::Running,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for SystemCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CALLS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => write!(f, "`{name}`"),
            None => write!(f, "number {}", self.0),
        }
    }
}

/// The calls that threads wait in.
#[cfg(target_os = "linux")]
const CALLS: &[(Number, &str)] = &[
    (libc::SYS_futex, "futex"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_epoll_pwait, "epoll_wait"),
    (libc::SYS_ppoll, "poll"),
    (libc::SYS_read, "read"),
    (libc::SYS_write, "write"),
    (libc::SYS_recvfrom, "recv"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendto, "send"),
    // Linux has no such call there.
    #[cfg(not(any(target_arch = "x86", target_arch = "s390x")))]
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, "epoll_wait"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, "poll"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, "select"),
];

#[cfg(not(target_os = "linux"))]
const CALLS: &[(Number, &str)] = &[];

fn threads() -> impl Iterator<Item = u32> {
    let folder = fs::read_dir("/proc/self/task").into_iter().flatten();
    folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn path(id: u32, file: &str) -> String {
    format!("/proc/self/task/{id}/{file}")
}

/// A thread's name, cut after fifteen letters; `None` once it has ended.
pub(super) fn name(id: u32) -> Option<String> {
    let name = fs::read_to_string(path(id, "comm")).ok()?;
    Some(name.trim_end_matches('\n').to_owned())
}

/// The signals that a thread blocks, the first in the lowest bit; `None` once it has ended.
#[cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_env = "gnu",
    not(miri)
))]
pub(super) fn blocked_signals(id: u32) -> Option<u64> {
    let status = fs::read_to_string(path(id, "status")).ok()?;
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigBlk:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

struct Stat {
    state: char,
    /// When it was started, in the system's ticks.
    start: String,
}

fn stat(id: u32) -> Option<Stat> {
    let stat = fs::read_to_string(path(id, "stat")).ok()?;
    // The name may hold anything, a `)` too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        start: fields.nth(18)?.to_owned(),
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;

    fn this_thread() -> u32 {
        // `/proc/thread-self` is `<process>/task/<thread>`.
        let path = fs::read_link("/proc/thread-self").unwrap();
        path.file_name().unwrap().to_str().unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_is_new_while_it_lives() {
        let before = Baseline::now();
        let (ends, waits) = channel::<()>();
        let (tells, told) = channel();
        let named = thread::Builder::new().name("one-more (thread)".to_owned());
        let thread = named.spawn(move || {
            tells.send(this_thread()).unwrap();
            _ = waits.recv();
        });
        let id = told.recv().unwrap();
        assert_eq!(name(id).as_deref(), Some("one-more (threa"));
        assert!(before.new_since().contains(&"one-more (threa".to_owned()));
        assert!(
            !Baseline::now()
                .new_since()
                .contains(&"one-more (threa".to_owned())
        );
        drop(ends);
        thread.unwrap().join().unwrap();
    }

    #[test]
    fn this_thread_is_one_of_them_and_runs() {
        let own = this_thread();
        assert!(threads().any(|id| id == own));
        assert_eq!(stat(own).unwrap().state, 'R');
    }

    #[test]
    fn calls_have_names() {
        let futex = SystemCall(libc::SYS_futex);
        assert_eq!(
            Doing::Waiting(futex),
            Doing::Waiting(SystemCall(libc::SYS_futex))
        );
        assert_eq!(futex.to_string(), "`futex`");
        assert_eq!(SystemCall(99_999).to_string(), "number 99999");
    }
}
