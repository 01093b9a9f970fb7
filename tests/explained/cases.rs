//! One kind of future after the other.

use super::{HOUR, leak, report_of};
use std::fs::File;
use std::future::{Future, pending, poll_fn};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use taskleak::task::Builder;
use taskleak::{Action, WaitsFor, verify_none};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket, UnixStream};
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::sync::{Barrier, Mutex as AsyncMutex, Notify, OnceCell, RwLock, Semaphore};
use tokio::sync::{SetOnce, broadcast, mpsc, oneshot, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_util::task::TaskTracker;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future, of what kind it is said to wait for, and parts of the cause and of the help.
type Case = (fn() -> Boxed, WaitsFor, &'static str, &'static str);

macro_rules! waits {
    ($body:block) => {
        || Box::pin(async move { $body })
    };
}

const CASES: &[(&str, Case)] = &[
    (
        "lock",
        (
            waits! {{
                let lock = Arc::new(AsyncMutex::new(()));
                let _held = lock.clone().lock_owned().await;
                drop(lock.lock().await);
            }},
            WaitsFor::Lock,
            "somebody holds a guard of it",
            "find the guard that is held",
        ),
    ),
    (
        "read-write lock",
        (
            waits! {{
                let lock = Arc::new(RwLock::new(()));
                let _held = lock.clone().write_owned().await;
                drop(lock.read().await);
            }},
            WaitsFor::Lock,
            "somebody holds a guard of it",
            "find the guard that is held",
        ),
    ),
    (
        "semaphore",
        (
            waits! {{
                drop(Semaphore::new(0).acquire().await);
            }},
            WaitsFor::Semaphore,
            "permits of a semaphore: they are taken",
            "never `forget` one",
        ),
    ),
    (
        "once cell",
        (
            waits! {{
                let cell = OnceCell::<u8>::new();
                let set = || cell.get_or_init(pending);
                tokio::join!(set(), set());
            }},
            WaitsFor::Semaphore,
            "the value of a `OnceCell`",
            "look at the task that initialises it",
        ),
    ),
    (
        "set once",
        (
            waits! {{
                SetOnce::<u8>::new().wait().await;
            }},
            WaitsFor::Notify,
            "the value of a `SetOnce`, which nobody has set",
            "`set` it",
        ),
    ),
    (
        "barrier",
        (
            waits! {{
                Barrier::new(2).wait().await;
            }},
            WaitsFor::Barrier,
            "fewer have come than it was made for",
            "`Barrier::new`",
        ),
    ),
    (
        "notify",
        (
            waits! {{
                Notify::new().notified().await;
            }},
            WaitsFor::Notify,
            "a notification that was not sent",
            "`notify_waiters`",
        ),
    ),
    (
        "tracker",
        (
            waits! {{
                let tracker = TaskTracker::new();
                tracker.wait().await;
            }},
            WaitsFor::Join,
            "a `TaskTracker`'s tasks, and its `close`",
            "call `close` on the tracker",
        ),
    ),
    (
        "what is tracked",
        (
            waits! {{
                TaskTracker::new().track_future(sleep(HOUR)).await;
            }},
            WaitsFor::Timer,
            "a point in time",
            "abort the task",
        ),
    ),
    (
        "oneshot",
        (
            waits! {{
                let (_sender, receiver) = oneshot::channel::<()>();
                _ = receiver.await;
            }},
            WaitsFor::Oneshot,
            "its sender is alive and has sent none",
            "whoever keeps the sender",
        ),
    ),
    (
        "oneshot closed",
        (
            waits! {{
                let (mut sender, _receiver) = oneshot::channel::<()>();
                sender.closed().await;
            }},
            WaitsFor::Oneshot,
            "the end of a oneshot channel: its receiver is alive",
            "drop or close the receiver",
        ),
    ),
    (
        "oneshot poll_closed",
        (
            waits! {{
                let (mut sender, _receiver) = oneshot::channel::<()>();
                poll_fn(|cx| sender.poll_closed(cx)).await;
            }},
            WaitsFor::Oneshot,
            "the end of a oneshot channel: its receiver is alive",
            "drop or close the receiver",
        ),
    ),
    (
        "oneshot cancellation",
        (
            waits! {{
                let (mut sender, _receiver) = futures::channel::oneshot::channel::<()>();
                sender.cancellation().await;
            }},
            WaitsFor::Oneshot,
            "the end of a oneshot channel: its receiver is alive",
            "drop or close the receiver",
        ),
    ),
    (
        "receive",
        (
            waits! {{
                let (_sender, mut receiver) = mpsc::channel::<()>(1);
                receiver.recv().await;
            }},
            WaitsFor::ChannelReceive,
            "the channel is empty, and a sender of it is alive",
            "drop every sender",
        ),
    ),
    (
        "send",
        (
            waits! {{
                let (sender, _receiver) = mpsc::channel::<()>(1);
                while sender.send(()).await.is_ok() {}
            }},
            WaitsFor::ChannelSend,
            "it is full, and its receiver is alive",
            "drop the receiver",
        ),
    ),
    (
        "closed",
        (
            waits! {{
                let (sender, _receiver) = mpsc::channel::<()>(1);
                sender.closed().await;
            }},
            WaitsFor::ChannelReceive,
            "the end of a channel: its receiver is alive",
            "drop or close the receiver",
        ),
    ),
    (
        "watch",
        (
            waits! {{
                let (_sender, mut receiver) = watch::channel(());
                _ = receiver.changed().await;
            }},
            WaitsFor::ChannelReceive,
            "a new value in a watch channel",
            "drop the watch channel's sender",
        ),
    ),
    (
        "broadcast",
        (
            waits! {{
                let (_sender, mut receiver) = broadcast::channel::<()>(1);
                _ = receiver.recv().await;
            }},
            WaitsFor::ChannelReceive,
            "the channel is empty",
            "drop every sender",
        ),
    ),
    (
        "sleep",
        (
            waits! {{
                sleep(HOUR).await;
            }},
            WaitsFor::Timer,
            "a point in time that has not come",
            "abort the task",
        ),
    ),
    (
        "tick",
        (
            waits! {{
                let mut ticks = interval(HOUR);
                loop {
                    ticks.tick().await;
                }
            }},
            WaitsFor::Timer,
            "the next tick of a timer, for ever",
            "this loop ticks for ever",
        ),
    ),
    (
        "tick, or a shutdown",
        (
            waits! {{
                let (_sender, mut receiver) = watch::channel(());
                let mut ticks = interval(HOUR);
                loop {
                    tokio::select! {
                        _ = ticks.tick() => {}
                        _ = receiver.changed() => return,
                    }
                }
            }},
            WaitsFor::ChannelReceive,
            "a new value in a watch channel",
            "drop the watch channel's sender",
        ),
    ),
    (
        "closed, or a time",
        (
            waits! {{
                let (sender, _receiver) = mpsc::channel::<()>(1);
                tokio::select! {
                    () = sender.closed() => {}
                    () = sleep(HOUR) => {}
                }
            }},
            WaitsFor::ChannelReceive,
            "the end of a channel: its receiver is alive",
            "drop or close the receiver",
        ),
    ),
    (
        "connect in time",
        (
            waits! {{
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let listener = socket.listen(1).unwrap();
                let address = listener.local_addr().unwrap();
                let mut connected = Vec::new();
                loop {
                    let next = timeout(HOUR, TcpStream::connect(address)).await;
                    connected.push(next.unwrap().unwrap());
                }
            }},
            WaitsFor::Write,
            "a connection that the peer has not accepted",
            "around the connecting",
        ),
    ),
    (
        "write in time",
        (
            waits! {{
                let (mut near, _far) = UnixStream::pair().unwrap();
                let much = vec![0; 16 << 20];
                _ = timeout(HOUR, near.write_all(&much)).await;
            }},
            WaitsFor::Write,
            "room to write: the peer does not read",
            "let the peer read",
        ),
    ),
    (
        "read",
        (
            waits! {{
                let (mut near, _far) = UnixStream::pair().unwrap();
                _ = near.read(&mut [0]).await;
            }},
            WaitsFor::Read,
            "bytes from a peer that is still connected",
            "close the peer's side",
        ),
    ),
    (
        "datagram in time",
        (
            waits! {{
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                _ = timeout(HOUR, socket.recv(&mut [0])).await;
            }},
            WaitsFor::Read,
            "a datagram: none has come",
            "put a `timeout` around it",
        ),
    ),
    (
        "accept",
        (
            waits! {{
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                _ = listener.accept().await;
            }},
            WaitsFor::Accept,
            "the listener is open",
            "beside `accept`",
        ),
    ),
    (
        "process",
        (
            waits! {{
                let mut child = Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
                child.wait().await.unwrap();
            }},
            WaitsFor::Process,
            "the end of a child process, which runs",
            "kill the child",
        ),
    ),
    (
        "output",
        (
            waits! {{
                Command::new("sleep").arg("60").kill_on_drop(true).output().await.unwrap();
            }},
            WaitsFor::Process,
            "the end of a child process, which runs",
            "kill the child",
        ),
    ),
    (
        "what a child says",
        (
            waits! {{
                let mut sleep = Command::new("sleep");
                let sleep = sleep.arg("60").kill_on_drop(true).stdout(std::process::Stdio::piped());
                let mut child = sleep.spawn().unwrap();
                _ = child.stdout.as_mut().unwrap().read(&mut [0]).await;
            }},
            WaitsFor::Read,
            "bytes from a child process",
            "kill the child",
        ),
    ),
    (
        "what a child is told",
        (
            waits! {{
                let mut sleep = Command::new("sleep");
                let sleep = sleep.arg("60").kill_on_drop(true).stdin(std::process::Stdio::piped());
                let mut child = sleep.spawn().unwrap();
                _ = child.stdin.as_mut().unwrap().write_all(&vec![0; 1 << 20]).await;
            }},
            WaitsFor::Write,
            "the child process does not read its standard input",
            "let it read",
        ),
    ),
    (
        "signal",
        (
            waits! {{
                tokio::signal::ctrl_c().await.unwrap();
            }},
            WaitsFor::Signal,
            "a signal to this process",
            "a shutdown signal of your own",
        ),
    ),
    (
        "join",
        (
            waits! {{
                tokio::spawn(pending::<()>()).await.unwrap();
            }},
            WaitsFor::Join,
            "the end of another task, which is alive",
            "look at the task that it joins",
        ),
    ),
    (
        "file",
        (
            waits! {{
                tokio::fs::read(fifo()).await.unwrap();
            }},
            WaitsFor::BlockingIo,
            "an operation on a file",
            "a FIFO or a device may block for ever",
        ),
    ),
    (
        "standard input",
        (
            waits! {{
                silence_standard_input();
                _ = tokio::io::stdin().read(&mut [0]).await;
            }},
            WaitsFor::BlockingIo,
            "a standard stream",
            "read standard input on a thread of your own",
        ),
    ),
    (
        "busy",
        (
            waits! {{
                loop {
                    tokio::task::yield_now().await;
                }
            }},
            WaitsFor::Busy,
            "it wakes itself whenever polled",
            "end the loop",
        ),
    ),
    (
        "pending",
        (
            waits! {{
                pending::<()>().await;
            }},
            WaitsFor::Pending,
            "nothing that could ever happen",
            "await something that can happen",
        ),
    ),
];

/// A named pipe that nobody writes to.
fn fifo() -> PathBuf {
    let path = std::env::temp_dir().join(format!("taskleak-explained-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    PIPES.lock().unwrap().push(path.clone());
    path
}

static PIPES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Makes standard input one to which nobody writes.
#[allow(unsafe_code)]
fn silence_standard_input() {
    let (reader, writer) = std::io::pipe().unwrap();
    // SAFETY: the first is open, and nobody else in this binary reads the second, which it replaces.
    assert_eq!(unsafe { libc::dup2(reader.as_raw_fd(), 0) }, 0);
    std::mem::forget(writer);
}

#[test]
fn every_kind_is_explained() {
    let mut wrong = String::new();
    for (name, (spawn, kind, cause, help)) in CASES {
        let runtime = Runtime::new().unwrap();
        let guard = verify_none();
        let task = {
            let _entered = runtime.enter();
            Builder::new().name(*name).spawn(spawn())
        };
        let report = report_of(name, |leak| leak.waits_for() == Some(*kind));
        let leak = leak(&report, name);
        let (said_cause, said_help) = (
            leak.cause().unwrap_or_default(),
            leak.help().unwrap_or_default(),
        );
        let text = report.to_string();
        let is_right = leak.waits_for() == Some(*kind)
            && said_cause.contains(cause)
            && said_help.contains(help)
            && text.contains(&format!("= waits for: {said_cause}"))
            && text.contains(&format!("= help: {said_help}"));
        if !is_right {
            wrong += &format!(
                "{name}: {:?}, {said_cause}, {said_help}\n{text}\n",
                leak.waits_for()
            );
        }
        task.abort();
        drop(guard.on_leak(Action::Warn));
        runtime.shutdown_background();
    }
    for path in PIPES.lock().unwrap().drain(..) {
        // Lets go of the thread that waits there, or is about to: open as long as the process.
        let both_ends = File::options().read(true).write(true).open(&path).unwrap();
        std::mem::forget(both_ends);
        std::fs::remove_file(path).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
}
