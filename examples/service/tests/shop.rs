//! Whom the shop shows its tasks.

use service::{Orders, Shop};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

fn status(shop: SocketAddr, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(shop).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_foreign_page_may_shop_and_not_look_at_tasks() {
    let orders = Orders::connect(true).await.unwrap();
    let shop = Shop::open(0, orders).await.unwrap().address();
    for (host, path, expected) in [
        ("127.0.0.1", "/debug/tasks", "200"),
        ("localhost", "/metrics", "200"),
        ("evil.example", "/debug/tasks.json", "403"),
        ("evil.example", "/metrics", "403"),
        ("shop.example", "/", "200"),
    ] {
        assert_eq!(status(shop, host, path), expected, "{host} {path}");
    }
}
