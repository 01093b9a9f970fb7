//! Asking the pages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use taskleak::export::http::{self, Server};

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub fn get_as(address: SocketAddr, host: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let body = bytes.split_off(end.expect("there is a head") + 4);
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, head, body })
}

#[track_caller]
pub fn get(server: &Server, path: &str) -> Answer {
    get_as(server.address(), "localhost", path).unwrap()
}

pub fn run(test: impl AsyncFnOnce(&Server)) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = http::serve(0).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(&server));
    drop(runtime);
    drop(turn);
}
