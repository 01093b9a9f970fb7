//! With a paused clock the grace is virtual: the verdict is the same in every run and takes no time of the wall.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use taskleak::leak_test;
use taskleak::task::Builder;
use tokio::task::yield_now;
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(3600);
const TICK: Duration = Duration::from_millis(1);

/// The message of a test on a paused clock, with an hour of grace.
fn report_of<F: Future>(body: F) -> Option<String> {
    let harness = taskleak::__private::Harness::new("crate::paused");
    let harness = harness.current_thread().start_paused(true).grace(HOUR);
    let outcome = catch_unwind(AssertUnwindSafe(|| harness.run(body)));
    outcome.err().map(|panic| *panic.downcast().unwrap())
}

#[test]
fn a_tick_decides_each_time() {
    for _ in 0..200 {
        let in_time = report_of(async {
            Builder::new().name("in time").spawn(sleep(HOUR - TICK));
        });
        assert_eq!(in_time, None);
        let late = report_of(async {
            Builder::new().name("late").spawn(sleep(HOUR + TICK * 2));
        });
        assert!(late.unwrap().contains("leak: `late`"));
    }
}

#[test]
fn the_grace_begins_when_the_body_ends() {
    let late = report_of(async {
        Builder::new().name("late").spawn(sleep(HOUR * 3));
        sleep(HOUR).await;
    });
    assert!(late.unwrap().contains("leak: `late`"));
    let in_time = report_of(async {
        taskleak::spawn(sleep(HOUR * 3));
        sleep(HOUR * 2 + TICK).await;
    });
    assert_eq!(in_time, None);
}

#[leak_test(start_paused = true, grace = "60m")]
async fn chains_of_timers_end_in_virtual_time() {
    taskleak::spawn(async {
        for _ in 0..60 {
            sleep(Duration::from_secs(59)).await;
            taskleak::spawn(sleep(Duration::from_secs(30)));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn finish_waits_in_virtual_time() {
    let guard = taskleak::verify_none().grace(HOUR);
    taskleak::spawn(sleep(HOUR - TICK));
    guard.finish().await;
}

#[tokio::test]
async fn the_clock_may_be_paused_on_the_way() {
    let guard = taskleak::verify_none().grace(HOUR);
    tokio::time::pause();
    taskleak::spawn(sleep(HOUR - TICK));
    guard.finish().await;
}

/// tokio's clock stands still as long as a closure runs, so the grace is a real one then.
#[test]
fn a_closure_that_never_ends_is_reported() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let harness = taskleak::__private::Harness::new("crate::paused");
    let harness = harness.current_thread().start_paused(true).grace(TICK * 50);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        harness.run(async move {
            let closure = Builder::new().name("stuck closure");
            closure.spawn_blocking(move || released.recv());
        })
    }));
    let report = *outcome.unwrap_err().downcast::<String>().unwrap();
    assert!(report.contains("leak: `stuck closure`"), "{report}");
    drop(release);
}

/// Nor does it go on as long as any task is due.
#[test]
fn a_task_that_yields_for_ever_is_reported() {
    let harness = taskleak::__private::Harness::new("crate::paused");
    let harness = harness.current_thread().start_paused(true).grace(TICK * 50);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        harness.run(async move {
            Builder::new().name("busy").spawn(async {
                loop {
                    yield_now().await;
                }
            });
        })
    }));
    let report = *outcome.unwrap_err().downcast::<String>().unwrap();
    assert!(report.contains("leak: `busy`"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_dump_that_waits_for_a_silent_task_leaves_the_clock_where_it_is() {
    // Nobody runs this set any more.
    let local = taskleak::task::LocalSet::new();
    let silent = Builder::new().name("silent");
    drop(silent.spawn_local_on(std::future::pending::<()>(), &local));
    local.run_until(yield_now()).await;
    let sleeper = Builder::new().name("sleeper").spawn(sleep(TICK));
    yield_now().await;

    let before = tokio::time::Instant::now();
    let dump = taskleak::dump().await;
    assert_eq!(tokio::time::Instant::now(), before);
    let find = |name| dump.tasks().find(|task| task.name() == name).unwrap();
    assert!(find("silent").is_silent());
    assert!(find("sleeper").await_trace().is_some());

    // The twin: it goes on when it is waited for.
    sleeper.await.unwrap();
    assert_eq!(tokio::time::Instant::now(), before + TICK);
}

/// How a test on a paused clock ends that may take so long.
fn timed<F: Future<Output = ()>>(timeout: Duration, body: F) -> Option<String> {
    let harness = taskleak::__private::Harness::new("crate::paused");
    let harness = harness.current_thread().start_paused(true);
    let harness = harness.timeout(timeout);
    let outcome = catch_unwind(AssertUnwindSafe(|| harness.run(body)));
    outcome.err().map(|panic| *panic.downcast().unwrap())
}

/// A runtime that waits for a socket is idle, and a paused clock goes on to the next timer then: the limit is none.
#[test]
fn what_takes_real_time_only_is_in_time() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    let echoed = timed(Duration::from_secs(60), async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            for byte in 0..3 {
                std::thread::sleep(Duration::from_millis(30));
                stream.write_all(&[byte]).unwrap();
                stream.read_exact(&mut [0]).unwrap();
            }
        });
        let mut stream: TcpStream = listener.accept().await.unwrap().0;
        for _ in 0..3 {
            let byte = stream.read_u8().await.unwrap();
            // And the clock has not come any nearer to the limit by that.
            sleep(Duration::from_secs(10)).await;
            stream.write_u8(byte).await.unwrap();
        }
        client.join().unwrap();
    });
    assert_eq!(echoed, None);
}

#[test]
fn what_takes_virtual_time_is_in_time_to_the_tick() {
    assert_eq!(timed(HOUR, async { sleep(HOUR).await }), None);
    let late = timed(HOUR, async { sleep(HOUR + TICK * 3).await });
    assert!(late.unwrap().contains("did not end within 60min"));
}

/// Its own timers tell that the time is over although nobody polls the body.
#[test]
fn a_body_that_waits_beside_a_clock_that_goes_on_is_late() {
    let late = timed(HOUR, async {
        let ticker = Builder::new().name("ticker").spawn(async {
            loop {
                sleep(Duration::from_secs(60)).await;
            }
        });
        ticker.await.unwrap();
    });
    let report = late.unwrap();
    assert!(report.contains("`ticker`"), "{report}");
}

/// Nothing tells but real time.
#[test]
fn a_body_that_hangs_is_late() {
    let late = timed(TICK * 50, std::future::pending());
    assert!(late.unwrap().contains("did not end within 50ms"));
}
