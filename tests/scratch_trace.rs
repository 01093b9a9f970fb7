//! Scratch.
use std::time::Duration;
use tokio::sync::mpsc;
async fn inner(mut rx: mpsc::Receiver<u32>) {
    rx.recv().await;
}
async fn outer(rx: mpsc::Receiver<u32>) {
    let y = 1;
    inner(rx).await;
    println!("{y}");
}
async fn sel(mut rx: mpsc::Receiver<u32>, m: std::sync::Arc<tokio::sync::Mutex<()>>) {
    tokio::select! {
        _ = rx.recv() => {}
        _ = m.lock() => {}
        _ = tokio::time::sleep(Duration::from_secs(1000)) => {}
        _ = tokio::time::timeout(Duration::from_secs(100), inner2(m.clone())) => {}
    }
}
async fn inner2(m: std::sync::Arc<tokio::sync::Mutex<()>>) {
    let _ = m.lock().await;
}
async fn yielding() {
    loop {
        tokio::task::yield_now().await;
    }
}
#[taskleak::leak_test(grace = "50ms")]
async fn ct() {
    let (tx, rx) = mpsc::channel(1);
    let (tx2, rx2) = mpsc::channel(1);
    taskleak::spawn(outer(rx));
    let m = std::sync::Arc::new(tokio::sync::Mutex::new(()));
    let g = m.clone().try_lock_owned().unwrap();
    taskleak::spawn(sel(rx2, m.clone()));
    taskleak::spawn(async move {
        let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        l.accept().await.unwrap();
    });
    taskleak::spawn(yielding());
    taskleak::spawn(std::future::pending::<()>());
    tokio::time::sleep(Duration::from_millis(10)).await;
    std::mem::forget((tx, tx2, g));
}
#[tokio::test]
async fn dropped() {
    let _g = taskleak::verify_none();
    let (tx, rx) = mpsc::channel(1);
    taskleak::spawn(outer(rx));
    tokio::task::yield_now().await;
    std::mem::forget(tx);
}
#[tokio::test(flavor = "multi_thread")]
async fn mt() {
    let g = taskleak::verify_none().grace(Duration::from_millis(50));
    let (tx, rx) = mpsc::channel(1);
    taskleak::spawn(outer(rx));
    tokio::task::yield_now().await;
    std::mem::forget(tx);
    g.finish().await;
}
