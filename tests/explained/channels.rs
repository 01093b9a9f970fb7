//! What tokio builds on channels of its own is called by what it is.

use std::future::Future;
use std::time::Duration;
use taskleak::{Options, WaitsFor, find};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What a task that runs `future` is said to wait for.
async fn waits_for(future: impl Future<Output = ()> + Send + 'static) -> Option<WaitsFor> {
    let guard = taskleak::verify_none();
    let task = taskleak::spawn(future);
    let report = find(Options::new().grace(Duration::from_millis(50))).unwrap_err();
    task.abort();
    guard.finish().await;
    report.leaks()[0].waits_for()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_no_channel() {
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap() };
    assert_eq!(waits_for(ctrl_c).await, Some(WaitsFor::Signal));
    let hangup = async {
        signal(SignalKind::hangup()).unwrap().recv().await;
    };
    assert_eq!(waits_for(hangup).await, Some(WaitsFor::Signal));
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_one_beside_an_accept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = async move {
        tokio::select! {
            _ = listener.accept() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    assert_eq!(waits_for(server).await, Some(WaitsFor::Accept));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_no_signal() {
    let mut sleeper = Command::new("sleep");
    let mut sleeper = sleeper.arg("3600").kill_on_drop(true).spawn().unwrap();
    let child = async move {
        sleeper.wait().await.unwrap();
    };
    assert_eq!(waits_for(child).await, Some(WaitsFor::Process));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_ones_own_is_one() {
    let (sender, mut receiver) = watch::channel(1);
    let change = async move { receiver.changed().await.unwrap() };
    assert_eq!(waits_for(change).await, Some(WaitsFor::ChannelReceive));
    drop(sender);
}
