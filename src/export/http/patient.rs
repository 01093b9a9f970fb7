//! How long a client may take.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

/// So long nothing may come from a client, nor go to it: long enough for the next scrape on a connection
/// that is kept.
const PATIENCE: Duration = Duration::from_secs(150);

/// A listener whose connections are closed when nothing has moved for long: clients that went away without
/// a word would be kept for ever.
pub(super) struct Patient(pub(super) TcpListener);

impl Listener for Patient {
    type Io = Moving<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Moving::new(stream, PATIENCE), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A stream that fails when nothing has moved for so long.
pub(super) struct Moving<Stream> {
    stream: Stream,
    patience: Duration,
    over: Pin<Box<Sleep>>,
}

impl<Stream> Moving<Stream> {
    fn new(stream: Stream, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            over: Box::pin(sleep(patience)),
        }
    }

    /// What came of a read or a write: an error if it has to wait, and has for too long.
    fn or_over<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.over.as_mut().reset(Instant::now() + self.patience);
            return result;
        }
        ready!(self.over.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Moving<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.or_over(read, cx)
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Moving<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_over(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const SOME: Duration = Duration::from_secs(10);

    /// On a paused clock.
    #[tokio::test(start_paused = true)]
    async fn only_who_says_nothing_for_long_is_given_up() {
        let (mut client, stream) = duplex(64);
        let mut stream = Moving::new(stream, SOME);
        for _ in 0..3 {
            tokio::time::sleep(SOME / 2).await;
            client.write_all(b"a").await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'a');
        }
        let begin = Instant::now();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), SOME.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_long_is_given_up_too() {
        let (_client, stream) = duplex(64);
        let mut stream = Moving::new(stream, SOME);
        let error = stream.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
