//! Futures that wait in vain, one for each kind of leaf. The line that waits ends in `//~` and the function's name; where
//! there are several levels, each is marked.

use super::cases::cases;
use futures::channel as futures_channel;
use futures::future::{FutureExt, join_all, select_all};
use futures::stream::{FuturesUnordered, StreamExt};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use tokio::task::{JoinSet, yield_now};
use tokio::time;

const LONG: Duration = Duration::from_secs(3600);

cases! { "leaves.rs":
    mpsc_recv: "tokio::sync::mpsc::Receiver::recv";
    mpsc_send: "tokio::sync::mpsc::Sender::send";
    mpsc_reserve: "tokio::sync::mpsc::Sender::reserve";
    mpsc_closed: "tokio::sync::mpsc::Sender::closed";
    unbounded_recv: "tokio::sync::mpsc::UnboundedReceiver::recv";
    oneshot_recv: "tokio::sync::oneshot::Receiver";
    oneshot_closed: "tokio::sync::oneshot::Sender::closed";
    broadcast_recv: "tokio::sync::broadcast::Receiver::recv";
    watch_changed: "tokio::sync::watch::Receiver::changed";
    watch_wait_for: "tokio::sync::watch::Receiver::wait_for";
    mutex_lock: "tokio::sync::Mutex::lock";
    mutex_lock_owned: "tokio::sync::Mutex::lock_owned";
    rw_lock_read: "tokio::sync::RwLock::read";
    rw_lock_write: "tokio::sync::RwLock::write";
    semaphore: "tokio::sync::Semaphore::acquire";
    barrier: "tokio::sync::Barrier::wait";
    notify: "tokio::sync::Notified";
    once_cell: "tokio::sync::OnceCell::get_or_init";
    sleep: "tokio::time::Sleep";
    interval: "tokio::time::Interval::tick";
    timeout: "tokio::sync::mpsc::Receiver::recv" | "tokio::time::Sleep";
    accept: "tokio::net::TcpListener::accept";
    tcp_read: "tokio::io::Read";
    tcp_write: "tokio::io::WriteAll";
    udp_recv: "tokio::net::UdpSocket::recv_from";
    duplex: "tokio::io::ReadExact";
    signal: "tokio::signal::unix::Signal::recv";
    process: "tokio::process::Child::wait";
    fifo: "tokio::fs::File::open";
    spawn_blocking: "tokio::task::JoinHandle";
    join_handle: "tokio::task::JoinHandle";
    join_set: "tokio::task::JoinSet::join_next";
    yields: "tokio::task::yield_now";
    by_hand: "await_traces::leaves::ByHand";
    poll_function: "await_traces::leaves::poll_function::{closure}";
    nested: "tokio::sync::Notified";
    boxed: "tokio::sync::Notified";
    select: "tokio::sync::Notified" | "tokio::time::Sleep" | "tokio::sync::Mutex::lock";
    joined: "tokio::sync::Notified" | "tokio::time::Sleep";
    equal_branches: "tokio::sync::Notified";
    futures_select_all: "tokio::sync::Notified";
    futures_join_all: "tokio::sync::Notified";
    futures_unordered: "futures_util::stream::Next";
    futures_shared: "futures_util::future::Shared";
    futures_mpsc: "futures_channel::mpsc::Receiver";
    futures_oneshot: "futures_channel::oneshot::Receiver";
    futures_lock: "futures_util::lock::mutex::MutexLockFuture";
    recv_many: "tokio::sync::mpsc::Receiver::recv_many";
    acquire_many: "tokio::sync::Semaphore::acquire_many";
    acquire_owned: "tokio::sync::Semaphore::acquire_owned";
    notified_owned: "tokio::sync::OwnedNotified";
    set_once: "tokio::sync::SetOnce::wait";
    sender_watch_closed: "tokio::sync::watch::Sender::closed";
    cancelled: "tokio::sync::Notified";
    tcp_readable: "tokio::net::TcpStream::readable";
    udp_readable: "tokio::net::UdpSocket::readable";
    unix_accept: "tokio::net::unix::UnixListener::accept";
    unix_read: "tokio::io::Read";
    unix_datagram: "tokio::net::unix::UnixDatagram::recv";
    copy: "tokio::io::copy";
    line: "tokio::io::ReadLine";
    futures_mpsc_send: "futures_channel::mpsc::sink_impl::poll_ready";
    futures_unbounded: "futures_channel::mpsc::UnboundedReceiver";
    futures_buffered: "futures_util::stream::Next";
    futures_abortable: "tokio::sync::Notified";
}

async fn mpsc_recv() {
    let (_sender, mut receiver) = mpsc::channel::<u8>(1);
    receiver.recv().await; //~ mpsc_recv
}

async fn mpsc_send() {
    let (sender, _receiver) = mpsc::channel::<u8>(1);
    sender.try_send(1).unwrap();
    sender.send(2).await.unwrap(); //~ mpsc_send
}

async fn mpsc_reserve() {
    let (sender, _receiver) = mpsc::channel::<u8>(1);
    sender.try_send(1).unwrap();
    sender.reserve().await.unwrap(); //~ mpsc_reserve
}

async fn mpsc_closed() {
    let (sender, _receiver) = mpsc::channel::<u8>(1);
    sender.closed().await; //~ mpsc_closed
}

async fn unbounded_recv() {
    let (_sender, mut receiver) = mpsc::unbounded_channel::<u8>();
    receiver.recv().await; //~ unbounded_recv
}

async fn oneshot_recv() {
    let (_sender, receiver) = oneshot::channel::<u8>();
    receiver.await.unwrap(); //~ oneshot_recv
}

async fn oneshot_closed() {
    let (mut sender, _receiver) = oneshot::channel::<u8>();
    sender.closed().await; //~ oneshot_closed
}

async fn broadcast_recv() {
    let (_sender, mut receiver) = broadcast::channel::<u8>(1);
    receiver.recv().await.unwrap(); //~ broadcast_recv
}

async fn watch_changed() {
    let (_sender, mut receiver) = watch::channel(1);
    receiver.changed().await.unwrap(); //~ watch_changed
}

async fn watch_wait_for() {
    let (_sender, mut receiver) = watch::channel(1);
    receiver.wait_for(|value| *value == 2).await.unwrap(); //~ watch_wait_for
}

async fn mutex_lock() {
    let mutex = Mutex::new(());
    let _held = mutex.lock().await;
    let _again = mutex.lock().await; //~ mutex_lock
}

async fn mutex_lock_owned() {
    let mutex = Arc::new(Mutex::new(()));
    let _held = mutex.lock().await;
    let _again = mutex.clone().lock_owned().await; //~ mutex_lock_owned
}

async fn rw_lock_read() {
    let lock = RwLock::new(());
    let _held = lock.write().await;
    let _again = lock.read().await; //~ rw_lock_read
}

async fn rw_lock_write() {
    let lock = RwLock::new(());
    let _held = lock.read().await;
    let _again = lock.write().await; //~ rw_lock_write
}

async fn semaphore() {
    let semaphore = Semaphore::new(0);
    let _permit = semaphore.acquire().await.unwrap(); //~ semaphore
}

async fn barrier() {
    Barrier::new(2).wait().await; //~ barrier
}

async fn notify() {
    Notify::new().notified().await; //~ notify
}

async fn once_cell() {
    let cell = OnceCell::new();
    let first = cell.get_or_init(pending::<u8>);
    let mut first = std::pin::pin!(first);
    assert!(futures::poll!(first.as_mut()).is_pending());
    cell.get_or_init(pending).await; //~ once_cell
}

async fn sleep() {
    time::sleep(LONG).await; //~ sleep
}

async fn interval() {
    let mut interval = time::interval(LONG);
    interval.tick().await;
    interval.tick().await; //~ interval
}

async fn timeout() {
    let (_sender, mut receiver) = mpsc::channel::<u8>(1);
    time::timeout(LONG, receiver.recv()).await.unwrap(); //~ timeout
}

async fn accept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.accept().await.unwrap(); //~ accept
}

pub(super) async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(client, listener.accept());
    (client.unwrap(), server.unwrap().0)
}

async fn tcp_read() {
    let (mut client, _server) = connected().await;
    let _ = client.read(&mut [0]).await.unwrap(); //~ tcp_read
}

async fn tcp_write() {
    let (mut client, _server) = connected().await;
    let much = vec![0; 64 << 20];
    client.write_all(&much).await.unwrap(); //~ tcp_write
}

async fn udp_recv() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.recv_from(&mut [0]).await.unwrap(); //~ udp_recv
}

async fn duplex() {
    let (mut one, _other) = tokio::io::duplex(8);
    one.read_exact(&mut [0]).await.unwrap(); //~ duplex
}

async fn signal() {
    let kind = tokio::signal::unix::SignalKind::user_defined2();
    let mut signal = tokio::signal::unix::signal(kind).unwrap();
    signal.recv().await; //~ signal
}

async fn process() {
    let mut sleep = tokio::process::Command::new("sleep");
    let mut child = sleep.arg("60").kill_on_drop(true).spawn().unwrap();
    child.wait().await.unwrap(); //~ process
}

/// Opening a named pipe for reading holds a thread of the blocking pool until somebody writes.
async fn fifo() {
    let path = super::fifo();
    tokio::fs::File::open(path).await.unwrap(); //~ fifo
    pending::<()>().await;
}

async fn spawn_blocking() {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let closure = tokio::task::spawn_blocking(move || receiver.recv());
    let _ = closure.await; //~ spawn_blocking
}

async fn join_handle() {
    let task = tokio::spawn(pending::<()>());
    task.await.unwrap(); //~ join_handle
}

async fn join_set() {
    let mut set = JoinSet::new();
    set.spawn(pending::<()>());
    set.join_next().await; //~ join_set
}

async fn yields() {
    loop {
        yield_now().await; //~ yields
    }
}

/// A future that a person wrote.
#[derive(Default)]
struct ByHand(Option<Waker>);

impl Future for ByHand {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0 = Some(cx.waker().clone()); //~ by_hand
        Poll::Pending
    }
}

async fn by_hand() {
    ByHand::default().await; //~ by_hand
}

async fn poll_function() {
    let mut kept = None;
    poll_fn(|cx| {
        kept = Some(cx.waker().clone()); //~ poll_function
        Poll::<()>::Pending
    })
    .await; //~ poll_function
}

async fn nested() {
    outer(1).await; //~ nested
}

async fn outer(depth: u8) {
    if depth == 0 {
        let notify = Notify::new();
        async {
            notify.notified().await; //~ nested
        }
        .await; //~ nested
    } else {
        Box::pin(outer(depth - 1)).await; //~ nested
    }
}

async fn boxed() {
    let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(notify_of_boxed());
    future.await; //~ boxed
}

async fn notify_of_boxed() {
    Notify::new().notified().await; //~ boxed
}

async fn select() {
    let (notify, mutex) = (Notify::new(), Mutex::new(()));
    let _held = mutex.lock().await;
    let sleep = time::sleep(LONG);
    #[rustfmt::skip]
    tokio::select! { //~ select
        () = notify.notified() => {}
        () = sleep => {}
        () = lock_in_select(&mutex) => {}
    }
}

async fn lock_in_select(mutex: &Mutex<()>) {
    let _again = mutex.lock().await; //~ select
}

async fn joined() {
    let notify = Notify::new();
    tokio::join!(notify.notified(), time::sleep(LONG)); //~ joined
}

async fn equal_branches() {
    let notify = Notify::new();
    tokio::join!(notify.notified(), notify.notified()); //~ equal_branches
}

async fn wait_for(notify: Arc<Notify>) {
    notify.notified().await; //~ futures_select_all futures_join_all futures_abortable
}

async fn futures_select_all() {
    let notify = Arc::new(Notify::new());
    let many = (0..3).map(|_| Box::pin(wait_for(notify.clone())));
    select_all(many).await; //~ futures_select_all
}

async fn futures_join_all() {
    let notify = Arc::new(Notify::new());
    join_all((0..3).map(|_| wait_for(notify.clone()))).await; //~ futures_join_all
}

async fn futures_unordered() {
    let notify = Arc::new(Notify::new());
    let mut many: FuturesUnordered<_> = (0..3).map(|_| wait_for(notify.clone())).collect();
    many.next().await; //~ futures_unordered
}

async fn futures_shared() {
    let notify = Arc::new(Notify::new());
    let shared = wait_for(notify).shared();
    shared.await; //~ futures_shared
}

async fn futures_mpsc() {
    let (_sender, mut receiver) = futures_channel::mpsc::channel::<u8>(1);
    receiver.next().await; //~ futures_mpsc
}

async fn futures_oneshot() {
    let (_sender, receiver) = futures_channel::oneshot::channel::<u8>();
    receiver.await.unwrap(); //~ futures_oneshot
}

async fn futures_lock() {
    let mutex = futures::lock::Mutex::new(());
    let _held = mutex.lock().await;
    let _again = mutex.lock().await; //~ futures_lock
}

async fn recv_many() {
    let (_sender, mut receiver) = mpsc::channel::<u8>(1);
    receiver.recv_many(&mut Vec::new(), 4).await; //~ recv_many
}

async fn acquire_many() {
    let semaphore = Semaphore::new(1);
    semaphore.acquire_many(2).await.unwrap().forget(); //~ acquire_many
}

async fn acquire_owned() {
    let semaphore = Arc::new(Semaphore::new(0));
    semaphore.acquire_owned().await.unwrap().forget(); //~ acquire_owned
}

async fn notified_owned() {
    Arc::new(Notify::new()).notified_owned().await; //~ notified_owned
}

async fn set_once() {
    tokio::sync::SetOnce::<u8>::new().wait().await; //~ set_once
}

async fn sender_watch_closed() {
    let (sender, _receiver) = watch::channel(1);
    sender.closed().await; //~ sender_watch_closed
}

async fn cancelled() {
    let token = tokio_util::sync::CancellationToken::new();
    token.cancelled().await; //~ cancelled
}

async fn tcp_readable() {
    let (near, _far) = connected().await;
    near.readable().await.unwrap(); //~ tcp_readable
}

async fn udp_readable() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.readable().await.unwrap(); //~ udp_readable
}

async fn unix_accept() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    listener.accept().await.unwrap(); //~ unix_accept
}

async fn unix_read() {
    let (mut near, _far) = tokio::net::UnixStream::pair().unwrap();
    let _ = near.read(&mut [0]).await.unwrap(); //~ unix_read
}

async fn unix_datagram() {
    let (near, _far) = tokio::net::UnixDatagram::pair().unwrap();
    near.recv(&mut [0]).await.unwrap(); //~ unix_datagram
}

async fn copy() {
    let (mut near, _far) = connected().await;
    let mut sink = tokio::io::sink();
    tokio::io::copy(&mut near, &mut sink).await.unwrap(); //~ copy
}

async fn line() {
    let (near, _far) = connected().await;
    let (mut near, mut line) = (tokio::io::BufReader::new(near), String::new());
    near.read_line(&mut line).await.unwrap(); //~ line
}

async fn futures_mpsc_send() {
    use futures::SinkExt;
    let (mut sender, _receiver) = futures_channel::mpsc::channel::<u8>(0);
    sender.try_send(1).unwrap();
    sender.send(2).await.unwrap(); //~ futures_mpsc_send
}

async fn futures_unbounded() {
    let (_sender, mut receiver) = futures_channel::mpsc::unbounded::<u8>();
    receiver.next().await; //~ futures_unbounded
}

async fn futures_buffered() {
    let notify = Arc::new(Notify::new());
    let many = futures::stream::iter((0..3).map(|_| wait_for(notify.clone())));
    many.buffer_unordered(2).next().await; //~ futures_buffered
}

async fn futures_abortable() {
    let (waits, _handle) = futures::future::abortable(Box::pin(wait_for(Arc::default())));
    let _ = waits.await; //~ futures_abortable
}
