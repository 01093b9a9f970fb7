//! The census beside busy workers: no planted leak is missed, no task is listed that has ended, nothing crashes.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use taskleak::{Action, Options, UnseenState, find, verify_none};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

const PLANTED: usize = 40;
/// How many tasks come and go; `TASKLEAK_STRESS` says how many millions else.
const CHURN: u64 = 200_000;

async fn planted(number: usize) {
    if number.is_multiple_of(2) {
        pending::<()>().await;
    } else {
        Box::pin(pending::<()>()).await;
    }
}

/// Comes and goes, with boxes that are freed while they may be read.
async fn churning(turn: u64) {
    match turn % 4 {
        0 => {}
        1 => yield_now().await,
        2 => {
            let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(yield_now());
            boxed.await;
        }
        _ => {
            futures::future::join_all([yield_now(), yield_now()]).await;
        }
    }
}

/// Nobody waits here.
async fn never_reached() {
    yield_now().await;
}

/// These two are as large as each other, and so come to lie where the other lay; and where one of them waits, the other
/// would wait at what is never reached. So who takes one for the other says what cannot be.
async fn first(never: bool) {
    yield_now().await;
    if never {
        never_reached().await;
    }
}

async fn second(never: bool) {
    if never {
        never_reached().await;
    }
    yield_now().await;
}

/// What the churning tasks have told.
#[derive(Default)]
struct Churn {
    spawned: AtomicU64,
    ended: Mutex<HashSet<u64>>,
    /// What each task is that ended or is about to.
    names: Mutex<HashMap<u64, &'static str>>,
}

async fn churn(churn: Arc<Churn>, most: u64) {
    while churn.spawned.fetch_add(16, Relaxed) < most {
        let tasks = (0..16).map(|turn| match turn % 3 {
            0 => ("census_stress::churning", tokio::spawn(churning(turn / 3))),
            1 => ("census_stress::first", tokio::spawn(first(false))),
            _ => ("census_stress::second", tokio::spawn(second(false))),
        });
        let tasks: Vec<_> = tasks.collect();
        let mut ended = Vec::new();
        for (name, task) in tasks {
            let id = task.id().to_string().parse::<u64>().unwrap();
            ended.push(id);
            churn.names.lock().unwrap().insert(id, name);
            task.await.unwrap();
        }
        churn.ended.lock().unwrap().extend(ended);
    }
}

/// Looks again and again at planted leaks, while tasks come and go beside them.
fn look_beside_churn(runtime: &Runtime, most: u64) {
    let told = Arc::new(Churn::default());
    runtime.block_on(async {
        let guard = verify_none().on_leak(Action::Warn).grace(Duration::ZERO);
        for number in 0..PLANTED {
            tokio::spawn(planted(number));
        }
        let churning: Vec<_> = (0..8)
            .map(|_| tokio::spawn(churn(told.clone(), most)))
            .collect();
        let (mut looks, mut others) = (0, Vec::new());
        while !churning.iter().all(|task| task.is_finished()) {
            let ended = told.ended.lock().unwrap().clone();
            let report =
                find(Options::new().grace(Duration::ZERO)).expect_err("leaks were planted");
            let is_planted = |name: &str| name == "census_stress::planted";
            let (planted, rest): (Vec<_>, Vec<_>) = report
                .unseen()
                .iter()
                .partition(|task| is_planted(task.name()));
            assert_eq!(planted.len(), PLANTED, "{report}");
            for task in rest {
                // A runtime forgets a task some time after its `JoinHandle` was told; and its word tells what it is.
                let is_over = ended.contains(&task.tokio_id());
                let is_ending =
                    matches!(task.state(), UnseenState::Complete | UnseenState::Running);
                assert!(!is_over || is_ending, "{task:?}");
                let trace = task.await_trace().to_string();
                assert!(!trace.contains("never_reached"), "{task:?}");
                others.push((task.tokio_id(), task.name().to_owned()));
            }
            looks += 1;
        }
        println!("{looks} looks, {} other tasks seen", others.len());
        let names = told.names.lock().unwrap();
        for (id, name) in &others {
            if let Some(is) = names.get(id) {
                assert_eq!(name, is);
            }
        }
        assert!(looks > 0);
        drop(guard);
    });
}

#[test]
fn beside_busy_workers() {
    let millions = std::env::var("TASKLEAK_STRESS").ok();
    let most = millions.map_or(CHURN, |millions| {
        millions.parse::<u64>().expect("a number of millions") * 1_000_000
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    look_beside_churn(&runtime, most);
}

extern "C" fn stop_for_a_while(_: libc::c_int) {
    let while_ = libc::timespec {
        tv_sec: 0,
        tv_nsec: 5_000_000,
    };
    // SAFETY: it may be called in a handler, and reads what lives here.
    unsafe { libc::nanosleep(&raw const while_, std::ptr::null_mut()) };
}

/// As on a busy machine: a worker loses its processor anywhere, in the middle of a change to the list too.
#[test]
fn beside_workers_that_are_stopped_anywhere() {
    // SAFETY: a `sigaction` of zeros is one without flags; the handler calls nothing but `nanosleep`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = stop_for_a_while as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        let set = libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut());
        assert_eq!(set, 0);
    }
    let workers = Arc::new(Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .on_thread_start({
            let workers = workers.clone();
            move || {
                // SAFETY: no preconditions.
                let this = unsafe { libc::pthread_self() };
                workers.lock().unwrap().push(this);
            }
        })
        .enable_all()
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        let (going_on, is_over) = mpsc::channel::<()>();
        let workers = &workers;
        scope.spawn(move || {
            let mut turn = 0;
            while is_over.recv_timeout(Duration::from_millis(2)) == Err(RecvTimeoutError::Timeout) {
                let workers = workers.lock().unwrap();
                if !workers.is_empty() {
                    turn += 1;
                    // SAFETY: the workers end with the runtime, which outlives this scope.
                    unsafe { libc::pthread_kill(workers[turn % workers.len()], libc::SIGUSR2) };
                }
            }
        });
        look_beside_churn(&runtime, CHURN / 4);
        drop(going_on);
    });
}
