//! As `leaves`: futures that wait for whoever is at the other end, beyond plain reads and writes.

use super::cases::cases;
use super::leaves::connected;
use futures::{SinkExt, StreamExt};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream as StdUnixStream;
use tokio::io::AsyncWriteExt;
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpSocket, UnixDatagram, UnixStream};
use tokio_util::codec::{BytesCodec, Framed, FramedRead, FramedWrite, LinesCodec};

cases! { "peers.rs":
    fd_readable: "tokio::io::unix::AsyncFd::readable";
    fd_writable: "tokio::io::unix::AsyncFd::writable";
    fd_io: "tokio::io::unix::AsyncFd::async_io";
    tcp_connect: "tokio::net::TcpStream::connect";
    unix_write: "tokio::io::WriteAll";
    unix_writable: "tokio::net::unix::UnixStream::writable";
    datagram_send: "tokio::net::unix::UnixDatagram::send";
    both_ways: "tokio::io::copy_bidirectional";
    process_output: "tokio::process::Command::output";
    framed_next: "tokio::net::TcpStream::poll_read";
    framed_send: "tokio::net::unix::UnixStream::poll_write_vectored";
    framed_read: "tokio::net::unix::UnixStream::poll_read";
    framed_write: "tokio::net::unix::UnixStream::poll_write_vectored";
    split_next: "tokio::net::TcpStream::poll_read";
    split_send: "tokio::net::unix::UnixStream::poll_write_vectored";
}

/// One end of a pair that does not block, and the other one.
fn pair() -> (StdUnixStream, StdUnixStream) {
    let (near, far) = StdUnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

/// The same, after so much was written to it that nothing more fits.
fn full_pair() -> (StdUnixStream, StdUnixStream) {
    let (near, far) = pair();
    while (&near).write(&[0; 4096]).is_ok() {}
    (near, far)
}

#[allow(
    deprecated,
    reason = "its successor is unsafe code, and tokio's older versions lack it"
)]
fn watched(stream: StdUnixStream) -> AsyncFd<StdUnixStream> {
    AsyncFd::new(stream).unwrap()
}

async fn fd_readable() {
    let (near, _far) = pair();
    let near = watched(near);
    let _ready = near.readable().await.unwrap(); //~ fd_readable
}

async fn fd_writable() {
    let (near, _far) = full_pair();
    let near = watched(near);
    let _ready = near.writable().await.unwrap(); //~ fd_writable
}

async fn fd_io() {
    let (near, _far) = pair();
    let near = watched(near);
    let read = |mut near: &StdUnixStream| near.read(&mut [0]);
    let _ = near.async_io(tokio::io::Interest::READABLE, read).await; //~ fd_io
}

/// Nobody accepts, and the kernel keeps but a few connections for who might.
async fn tcp_connect() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut connected = Vec::new();
    loop {
        let next = tokio::net::TcpStream::connect(address).await; //~ tcp_connect
        connected.push(next.unwrap());
    }
}

async fn unix_write() {
    let (mut near, _far) = UnixStream::pair().unwrap();
    let much = vec![0; 16 << 20];
    near.write_all(&much).await.unwrap(); //~ unix_write
}

async fn unix_writable() {
    let (near, _far) = full_pair();
    let near = UnixStream::from_std(near).unwrap();
    let _ = near.try_write(&[0]);
    near.writable().await.unwrap(); //~ unix_writable
}

async fn datagram_send() {
    let (near, _far) = UnixDatagram::pair().unwrap();
    loop {
        near.send(&[0; 512]).await.unwrap(); //~ datagram_send
    }
}

async fn both_ways() {
    let ((mut one, _far_one), (mut other, _far_other)) = (connected().await, connected().await);
    let copied = tokio::io::copy_bidirectional(&mut one, &mut other);
    copied.await.unwrap(); //~ both_ways
}

async fn process_output() {
    let mut sleep = tokio::process::Command::new("sleep");
    sleep.arg("60").kill_on_drop(true).output().await.unwrap(); //~ process_output
}

async fn framed_next() {
    let (near, _far) = connected().await;
    Framed::new(near, LinesCodec::new()).next().await; //~ framed_next
}

async fn framed_send() {
    let (near, _far) = UnixStream::pair().unwrap();
    let mut lines = Framed::new(near, LinesCodec::new());
    lines.send("x".repeat(4 << 20)).await.unwrap(); //~ framed_send
}

async fn framed_read() {
    let (near, _far) = UnixStream::pair().unwrap();
    FramedRead::new(near, BytesCodec::new()).next().await; //~ framed_read
}

async fn framed_write() {
    let (near, _far) = UnixStream::pair().unwrap();
    let mut lines = FramedWrite::new(near, LinesCodec::new());
    lines.send("x".repeat(4 << 20)).await.unwrap(); //~ framed_write
}

async fn split_next() {
    let (near, _far) = connected().await;
    let (_sink, mut stream) = Framed::new(near, LinesCodec::new()).split::<String>();
    stream.next().await; //~ split_next
}

async fn split_send() {
    let (near, _far) = UnixStream::pair().unwrap();
    let (mut sink, _stream) = Framed::new(near, LinesCodec::new()).split::<String>();
    sink.send("x".repeat(4 << 20)).await.unwrap(); //~ split_send
}
