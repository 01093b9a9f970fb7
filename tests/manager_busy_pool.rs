//! Every thread of a runtime's blocking pool is busy for good: the growth watch goes on, and the metrics
//! are told.
#![cfg(feature = "http")]

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use taskleak::manager::{Observer, Snapshot};

const LONG: Duration = Duration::from_secs(60);

struct Tell(Mutex<Sender<u64>>);

impl Observer for Tell {
    fn snapshot_taken(&self, snapshot: &Snapshot) {
        let _ = self.0.lock().unwrap().send(snapshot.number());
    }
}

#[test]
fn snapshots_are_taken_and_metrics_told_beside_a_full_pool() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (go_on, wait) = channel::<()>();
    let (began, has_begun) = channel();
    runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        let _ = wait.recv();
    });
    has_begun.recv().unwrap();

    let (tell, told) = channel();
    let observing = taskleak::manager().add_observer(Tell(Mutex::new(tell)));
    let monitor = taskleak::manager().monitor();
    monitor.set_interval(Duration::from_millis(1));
    monitor.start_on(runtime.handle());
    for _ in 0..3 {
        told.recv_timeout(LONG).unwrap();
    }

    let answer = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app: axum::Router = axum::Router::new().merge(taskleak::export::http::router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        tokio::time::timeout(LONG, ask(address, "/metrics")).await
    });
    let answer = answer.expect("the metrics are told");
    let value_of = |metric: &str| {
        let mut lines = answer.lines();
        let value = lines.find_map(|line| line.strip_prefix(&format!("{metric} ")));
        value.map(|value| value.parse::<f64>().unwrap())
    };
    assert_eq!(value_of("taskleak_monitor_running"), Some(1.0));
    let age = value_of("taskleak_last_snapshot_age_seconds").unwrap();
    assert!(age < LONG.as_secs_f64());
    assert_eq!(value_of("taskleak_snapshot_interval_seconds"), Some(0.001));

    monitor.stop();
    let metrics = taskleak::export::prometheus::text();
    assert!(metrics.contains("\ntaskleak_monitor_running 0\n"));
    assert!(!metrics.contains("\ntaskleak_last_snapshot_age_seconds "));
    drop(observing);
    drop(go_on);
}

async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
