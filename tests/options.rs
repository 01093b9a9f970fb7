//! Everything that can be said to a guard, and every variable of the environment.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskleak::task::Builder;
use taskleak::{Action, Guard, LeakReport, Options, Rule, find, leak_test, verify_none};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

const GRACE: Duration = Duration::from_millis(50);

taskleak::ignore!(named = "registered: by name *");
taskleak::ignore!(spawned_in = "options::registered_module::*");
taskleak::ignore!(spawned_by = "options::registered_function");

fn stuck(name: &'static str) {
    Builder::new().name(name).spawn(pending::<()>());
}

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// The names of the leaks that a guard so set finds in the body.
fn found(set: impl FnOnce(Guard) -> Guard, body: impl AsyncFnOnce()) -> Vec<String> {
    let names = Arc::new(Mutex::new(None));
    let report = names.clone();
    current_thread().block_on(async {
        let guard = set(verify_none().grace(GRACE).on_leak(Action::Warn));
        let guard = guard.cleanup(move |found| *report.lock().unwrap() = Some(names_of(found)));
        body().await;
        guard.finish().await;
    });
    names
        .lock()
        .unwrap()
        .take()
        .expect("the cleanup was called")
}

fn names_of(report: &LeakReport) -> Vec<String> {
    let names = report.leaks().iter().map(|leak| leak.name().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn message_of(test: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().unwrap().to_string(),
    })
}

mod registered_module {
    pub fn start() {
        taskleak::spawn(std::future::pending::<()>());
    }
}

fn registered_function() {
    taskleak::spawn(pending::<()>());
}

fn starts_a_pool() {
    Builder::new().name("pool").spawn(pending::<()>());
}

#[test]
fn ignored_by_name() {
    let body = async || {
        stuck("pool-1");
        stuck("pool-22");
        stuck("[pool]");
    };
    assert_eq!(found(|guard| guard, body), ["[pool]", "pool-1", "pool-22"]);
    assert_eq!(
        found(|guard| guard.ignore_named("pool-?"), body),
        ["[pool]", "pool-22"]
    );
    assert_eq!(
        found(|guard| guard.ignore_named("pool-*"), body),
        ["[pool]"]
    );
    assert_eq!(
        found(|guard| guard.ignore_named("[[]pool]"), body),
        ["pool-1", "pool-22"]
    );
    assert_eq!(found(|guard| guard.ignore_named("pool"), body).len(), 3);
    let all = |guard: Guard| guard.ignore_named("pool-*").ignore(Rule::named("?pool?"));
    assert_eq!(found(all, body), [""; 0]);
}

#[test]
fn ignored_by_where_it_was_spawned() {
    let body = async || {
        starts_a_pool();
        taskleak::spawn(async { starts_a_pool() }).await.unwrap();
    };
    assert_eq!(found(|guard| guard, body).len(), 2);
    // Any frame of the backtrace counts, and a path may begin at any of its folders.
    for glob in [
        "tests/options.rs",
        "*/options.rs",
        "options::starts_a_pool",
        "options::*",
    ] {
        assert_eq!(
            found(|guard| guard.ignore_spawned_in(glob), body),
            [""; 0],
            "{glob}"
        );
    }
    for glob in [
        "options.r",
        "tests/*.py",
        "starts_a_pool",
        "options::starts",
    ] {
        assert_eq!(
            found(|guard| guard.ignore_spawned_in(glob), body).len(),
            2,
            "{glob}"
        );
    }
}

#[test]
fn ignored_by_who_spawned_it() {
    let body = async || {
        starts_a_pool();
        stuck("other");
    };
    let by = |function: &'static str| found(move |guard| guard.ignore_spawned_by(function), body);
    assert_eq!(by("options::starts_a_pool"), ["other"]);
    assert_eq!(by("*::starts_a_pool"), ["other"]);
    assert_eq!(by("options::ignored_by_who_spawned_it*"), ["other", "pool"]);
}

#[test]
fn ignored_if_a_function_says_so() {
    let body = async || {
        Builder::new()
            .data("tenant", 1)
            .name("one")
            .spawn(pending::<()>());
        Builder::new()
            .data("tenant", 2)
            .name("two")
            .spawn(pending::<()>());
    };
    let of_one = |task: &taskleak::TaskInfo| task.data().any(|pair| pair == ("tenant", "1"));
    assert_eq!(found(|guard| guard.ignore_if(of_one), body), ["two"]);
}

/// A guard does not wait for what it ignores, and waits for the rest.
#[leak_test(start_paused = true, grace = "60m", ignore = "pool")]
async fn ignored_tasks_are_not_waited_for() {
    let before = tokio::time::Instant::now();
    let guard = verify_none()
        .grace(Duration::from_secs(3600))
        .ignore_named("pool");
    starts_a_pool();
    taskleak::spawn(async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        starts_a_pool();
    });
    guard.finish().await;
    assert!(before.elapsed() < Duration::from_secs(61));
}

#[test]
fn ignored_by_registered_rules() {
    let body = async || {
        stuck("registered: by name and number");
        registered_module::start();
        registered_function();
        stuck("not registered");
    };
    assert_eq!(found(|guard| guard, body), ["not registered"]);
}

#[test]
fn malformed_globs_are_refused() {
    let expected = "the glob \"pool-[\" is malformed at character 5: ";
    let refused = |test: fn()| {
        let message = message_of(test).unwrap();
        assert!(message.starts_with(expected), "{message}");
        assert!(message.contains("`*` stands for any text"), "{message}");
    };
    refused(|| drop(verify_none().ignore_named("pool-[")));
    refused(|| drop(verify_none().ignore_spawned_in("pool-[")));
    refused(|| drop(verify_none().ignore_spawned_by("pool-[")));
    refused(|| drop(Options::new().ignore_named("pool-[")));
    refused(|| drop(Options::new().ignore_spawned_in("pool-[")));
    refused(|| drop(Options::new().ignore_spawned_by("pool-[")));
    refused(|| drop(Rule::named("pool-[")));
}

#[test]
fn background_tasks() {
    let body = async || {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        Builder::new()
            .name("background")
            .background()
            .spawn(async move {
                let _stop = stop;
                pending::<()>().await;
            });
        // Until the runtime drops the task.
        Builder::new()
            .name("closure")
            .background()
            .spawn_blocking(move || _ = stopped.recv());
        stuck("leak");
    };
    assert_eq!(found(|guard| guard, body), ["leak"]);
    assert_eq!(found(|guard| guard.allow_background(true), body), ["leak"]);
    let all = ["background", "closure", "leak"];
    assert_eq!(found(|guard| guard.allow_background(false), body), all);
    // They are listed beside the leaks.
    current_thread().block_on(async {
        let guard = verify_none();
        Builder::new()
            .name("background")
            .background()
            .spawn(pending::<()>());
        assert!(find(Options::new()).is_ok());
        stuck("leak");
        let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
        assert_eq!(report.tolerated()[0].name(), "background");
        assert!(
            report
                .to_string()
                .contains("alive too, and allowed to be:\n  background (")
        );
        drop(guard.on_leak(Action::Warn));
    });
}

#[test]
fn the_shutdown_of_a_runtime() {
    // What a task spawns, holds or did before does not matter: it was killed.
    let body = async || {
        stuck("killed");
        stuck("never polled");
        Builder::new().name("ended").spawn(async {}).await.unwrap();
        let in_background = Builder::new().name("background").background();
        in_background.spawn(pending::<()>());
        let aborted = Builder::new().name("aborted").spawn(pending::<()>());
        aborted.abort();
        let _ = aborted.await;
        let mut set = taskleak::task::JoinSet::from_iter([pending::<()>()]);
        set.shutdown().await;
    };
    let runtimes: [fn() -> Runtime; 2] = [current_thread, || Runtime::new().unwrap()];
    for runtime in runtimes {
        let guard = verify_none().grace(GRACE);
        runtime().block_on(body());
        // Its owner stopped it.
        guard.finish_blocking();

        let names = Arc::new(Mutex::new(Vec::new()));
        let found = names.clone();
        let guard = verify_none().forbid_shutdown().on_leak(Action::Warn);
        let guard = guard.cleanup(move |report| *found.lock().unwrap() = names_of(report));
        runtime().block_on(body());
        guard.finish_blocking();
        assert_eq!(*names.lock().unwrap(), ["killed", "never polled"]);

        // The twin: nothing is killed.
        let guard = verify_none().forbid_shutdown();
        runtime().block_on(async {
            let task = taskleak::spawn(pending::<()>());
            yield_now().await;
            task.abort();
            let _ = task.await;
        });
        guard.finish_blocking();
    }
}

#[test]
fn what_a_leak_does() {
    let end = |action: Option<Action>| {
        message_of(|| {
            current_thread().block_on(async {
                let guard = verify_none().grace(Duration::ZERO);
                let guard = match action {
                    Some(action) => guard.on_leak(action),
                    None => guard,
                };
                stuck("leak");
                guard.finish().await;
            });
        })
    };
    assert!(end(None).unwrap().starts_with("taskleak: 1 task outlived"));
    assert!(end(Some(Action::Fail)).unwrap().contains("`leak`"));
    assert_eq!(end(Some(Action::Warn)), None);
}

#[tokio::test]
#[should_panic(expected = "taskleak: 1 task outlived `should_panic_matches_the_report`")]
async fn should_panic_matches_the_report() {
    let _guard = verify_none();
    stuck("leak");
}

#[leak_test(grace = "50ms")]
#[should_panic(expected = "leak: `leak`")]
async fn should_panic_matches_the_report_of_a_leak_test() {
    stuck("leak");
}

#[test]
fn the_cleanup_is_called_once_whatever_is_found() {
    for leaks in [false, true] {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let called = calls.clone();
        current_thread().block_on(async {
            let guard = verify_none().grace(Duration::ZERO).on_leak(Action::Warn);
            let guard = guard.cleanup(move |report| {
                called
                    .lock()
                    .unwrap()
                    .push((report.is_empty(), report.task_count()));
            });
            if leaks {
                stuck("leak");
            }
            guard.finish().await;
        });
        assert_eq!(*calls.lock().unwrap(), [(!leaks, usize::from(leaks))]);
    }
    // One that panics hides no leak.
    let message = message_of(|| {
        current_thread().block_on(async {
            let guard = verify_none().grace(Duration::ZERO);
            let guard = guard.cleanup(|_| panic!("in the cleanup"));
            stuck("leak");
            guard.finish().await;
        });
    });
    assert!(message.unwrap().contains("`leak`"));
}

#[test]
fn a_test_that_panics_keeps_its_panic() {
    for run in [false, true] {
        let checked = Arc::new(Mutex::new(false));
        let was_checked = checked.clone();
        let message = message_of(|| {
            current_thread().block_on(async {
                let guard = verify_none().grace(Duration::ZERO).run_on_failure(run);
                let _guard = guard.cleanup(move |_| *checked.lock().unwrap() = true);
                stuck("leak");
                panic!("its own");
            });
        });
        assert_eq!(message.unwrap(), "its own");
        assert_eq!(*was_checked.lock().unwrap(), run);
    }
}

#[test]
fn the_report_is_data_and_an_error() {
    current_thread().block_on(async {
        let guard = verify_none().on_leak(Action::Warn);
        for number in 0..3 {
            let task = Builder::new().name(format!("connection {number}"));
            task.data("number", number).spawn(pending::<()>());
        }
        yield_now().await;
        let error: Box<dyn std::error::Error> =
            find(Options::new().grace(GRACE)).unwrap_err().into();
        let report = error.downcast_ref::<LeakReport>().unwrap();
        assert_eq!(report.test(), "the_report_is_data_and_an_error");
        assert_eq!((report.task_count(), report.unseen_count()), (3, 0));
        let [leak] = report.leaks() else {
            panic!("{report}")
        };
        assert_eq!(leak.count(), 3);
        let number = leak.data().next().unwrap();
        assert_eq!(
            (number.0, leak.name()),
            ("number", &*format!("connection {}", number.1))
        );
        assert_eq!(leak.kind(), taskleak::TaskKind::Task);
        assert_eq!(leak.state(), taskleak::TaskState::Pending);
        assert_eq!(leak.location().file(), file!());
        assert!(
            leak.user_frames()[0]
                .function()
                .contains("the_report_is_data_and_an_error")
        );
        assert!(
            leak.tasks()
                .iter()
                .all(|task| task.polls() > 0 && task.tokio_id().is_some())
        );
        drop(guard);
    });
}

#[test]
fn find_without_a_guard_finds_nothing() {
    current_thread().block_on(async {
        stuck("nobody's");
        assert!(find(Options::new().grace(Duration::ZERO)).is_ok());
    });
}

// What follows is run again by the tests below it, in a process with other variables.

/// Runs one of this binary's tests in a process of its own.
fn in_a_process(test: &str, variables: &[(&str, &str)]) -> Output {
    let executable = std::env::current_exe().expect("a test binary knows itself");
    let mut command = Command::new(executable);
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    for variable in [
        "TASKLEAK",
        "TASKLEAK_GRACE",
        "TASKLEAK_RUN_ON_FAILURE",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(variable);
    }
    command
        .envs(variables.iter().copied())
        .output()
        .expect("it runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
async fn child_leaks() {
    stuck("leak");
    eprintln!("{} tracked", taskleak::live_tasks().len());
}

#[leak_test]
#[ignore = "run in a process of its own"]
async fn child_leaks_for_the_default_grace() {
    // Not `stuck`, which nobody has to wait for.
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    std::mem::forget(sender);
    Builder::new()
        .name("leak")
        .spawn(async { drop(receiver.await) });
}

#[leak_test]
#[ignore = "run in a process of its own"]
async fn child_panics() {
    stuck("leak");
    panic!("its own");
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
async fn child_aborts() {
    stuck("leak");
    let guard = verify_none().on_leak(Action::Abort).grace(Duration::ZERO);
    stuck("leak of the guard");
    guard.finish().await;
}

#[test]
#[ignore = "run in a process of its own"]
fn child_opens_a_guard() {
    drop(verify_none());
}

#[test]
fn a_leak_fails_and_is_printed_once() {
    let output = in_a_process("child_leaks", &[]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(101), "{said}");
    assert_eq!(said.matches("leak: `leak`").count(), 1, "{said}");
    assert!(!said.contains("panicked at"), "{said}");
    assert!(said.contains("1 tracked"), "{said}");
}

#[test]
fn taskleak_is_fail_warn_or_off() {
    for value in ["fail", ""] {
        assert!(
            !in_a_process("child_leaks", &[("TASKLEAK", value)])
                .status
                .success()
        );
    }
    let warned = in_a_process("child_leaks", &[("TASKLEAK", "warn")]);
    assert!(warned.status.success(), "{}", stderr(&warned));
    assert!(stderr(&warned).contains("leak: `leak`"));
    let off = in_a_process("child_leaks", &[("TASKLEAK", "off")]);
    assert!(off.status.success(), "{}", stderr(&off));
    assert!(stderr(&off).contains("0 tracked"), "{}", stderr(&off));
}

#[test]
fn taskleak_grace() {
    let output = in_a_process(
        "child_leaks_for_the_default_grace",
        &[("TASKLEAK_GRACE", "20ms")],
    );
    assert!(
        stderr(&output).contains("and 20ms of grace"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn taskleak_run_on_failure() {
    for (value, reported) in [("0", false), ("1", true), ("", false)] {
        let variables = [
            ("TASKLEAK_RUN_ON_FAILURE", value),
            ("TASKLEAK_GRACE", "20ms"),
        ];
        let output = in_a_process("child_panics", &variables);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(101), "{said}");
        assert!(said.contains("its own"), "{said}");
        assert_eq!(said.contains("leak: `leak`"), reported, "{said}");
        if reported {
            assert!(said.find("its own") < said.find("leak: `leak`"), "{said}");
        }
    }
}

#[test]
fn taskleak_backtrace() {
    for (value, shown) in [("guarded", true), ("always", true), ("off", false)] {
        let output = in_a_process("child_leaks", &[("TASKLEAK_BACKTRACE", value)]);
        let said = stderr(&output);
        assert_eq!(said.contains("spawn backtrace:"), shown, "{value}: {said}");
        assert!(said.contains("tests/options.rs:"), "{value}: {said}");
    }
    let variables = [("TASKLEAK_BACKTRACE_STYLE", "full")];
    let said = stderr(&in_a_process("child_leaks", &variables));
    assert!(said.contains("tokio::runtime"), "{said}");
}

#[test]
fn a_bad_value_fails_whatever_uses_it() {
    for (variable, value, accepted) in [
        ("TASKLEAK", "yes", "`fail`, `warn` or `off`"),
        ("TASKLEAK_GRACE", "750", "a duration with its unit"),
        ("TASKLEAK_RUN_ON_FAILURE", "yes", "`0` or `1`"),
        ("TASKLEAK_BACKTRACE", "1", "`guarded`, `always` or `off`"),
        ("TASKLEAK_BACKTRACE_STYLE", "long", "`short` or `full`"),
        ("TASKLEAK_COLOR", "red", "`auto`, `always` or `never`"),
    ] {
        for test in ["child_leaks", "child_opens_a_guard"] {
            let output = in_a_process(test, &[(variable, value)]);
            let said = stderr(&output);
            assert!(!output.status.success(), "{said}");
            let expected = format!("the environment variable {variable} is set to {value:?}");
            assert!(
                said.contains(&expected) && said.contains(accepted),
                "{said}"
            );
        }
    }
}

#[test]
fn aborting_ends_the_process_after_the_report() {
    let output = in_a_process("child_aborts", &[]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), None, "{said}");
    assert!(said.contains("leak: `leak of the guard`"), "{said}");
    assert!(!said.contains("leak: `leak`"), "{said}");
}
