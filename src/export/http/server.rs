//! The pages on a port of their own.

use super::host::only_addresses;
use super::pages::Pages;
use super::patient::Patient;
use axum::Router;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::get;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// The pages on a port of their own, until it is dropped; see [`serve`].
///
/// # Examples
///
/// ```
/// taskleak::export::http::serve(0)?.keep(); // for as long as the process runs
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "the port is closed when its server is dropped; `keep` it for good, or bind it"]
pub struct Server {
    address: SocketAddr,
    /// Its thread ends when this is dropped.
    until: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Serves the pages at 127.0.0.1, on a thread and a runtime of their own: they answer also when the
/// service's runtime is stuck. Nobody on another machine can reach them. Port 0 is any free port.
///
/// # Errors
/// If the port is taken, or no thread could be started.
///
/// # Examples
///
/// ```
/// let server = taskleak::export::http::serve(0)?;
/// println!("see http://{}/debug/tasks", server.address());
/// # std::io::Result::Ok(())
/// ```
pub fn serve(port: u16) -> io::Result<Server> {
    Pages::new().serve(port)
}

/// Serves the pages at an address of your choice. Whoever can reach it sees the names and data of all
/// tasks; there is no password.
///
/// # Errors
/// If the address is taken or not this machine's, or no thread could be started.
///
/// # Examples
///
/// ```
/// let server = taskleak::export::http::serve_at("[::1]:0".parse().unwrap())?;
/// # std::io::Result::Ok(())
/// ```
pub fn serve_at(address: SocketAddr) -> io::Result<Server> {
    Pages::new().serve_at(address)
}

pub(super) fn serve_pages(pages: Router, address: SocketAddr) -> io::Result<Server> {
    let listener = TcpListener::bind(address).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!(
                "taskleak's pages cannot be served at {address}: {error}. Choose another port, or 0 \
                 for any free one."
            ),
        )
    })?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (until, ended) = oneshot::channel();
    let (begin, begun) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("taskleak-http".to_owned())
        .spawn(move || {
            // Made here: were there no thread, it would be dropped by who calls, and panics in async code.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(begin.send(Err(error))),
            };
            runtime.spawn(run(listener, pages));
            let _ = begin.send(Ok(()));
            // It ends by the sender's end: nobody sends.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
    begun.recv().map_err(io::Error::other)??;
    Ok(Server {
        address,
        until: Some(until),
        thread: Some(thread),
    })
}

async fn run(listener: TcpListener, pages: Router) {
    let is_loopback = listener
        .local_addr()
        // Also 127.0.0.1 as an IPv6 socket writes it.
        .is_ok_and(|address| address.ip().to_canonical().is_loopback());
    let start = get(|| async { Redirect::temporary("/debug/tasks") });
    let mut pages = pages.route("/", start);
    if is_loopback {
        pages = pages.layer(from_fn(only_addresses));
    }
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => axum::serve(Patient(listener), pages).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        crate::note::say(format_args!(
            "the pages are not served any more: {error}. Call `serve` again."
        ));
    }
}

impl Server {
    /// Where the pages are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves them for as long as the process runs.
    pub fn keep(mut self) {
        if let Some(until) = self.until.take() {
            std::mem::forget(until);
        }
    }

    /// Closes the port, and returns when it is closed; answers that are under way are broken off.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // None if it is kept.
        let Some(until) = self.until.take() else {
            return;
        };
        drop(until);
        // It is at most in the midst of one short poll: what takes long is worked out elsewhere.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
