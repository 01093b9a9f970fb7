//! The pages, set up.

use super::router::routes;
use super::server::{self, Server};
use crate::export::prometheus::{self, TaskCollector};
use axum::Router;
use prometheus_client::registry::Registry;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The pages with metrics of your own choice; [`router`](super::router) and [`serve`](super::serve) are the
/// same with the default ones.
///
/// # Examples
///
/// ```
/// use taskleak::export::http::Pages;
/// use taskleak::export::prometheus::TaskCollector;
///
/// let pages = Pages::new().metrics(TaskCollector::new().label("tenant"));
/// let server = pages.serve(0)?;
/// println!("scrape http://{}/metrics", server.address());
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
#[must_use = "pages do nothing until they are served"]
pub struct Pages {
    collector: Option<TaskCollector>,
}

/// What is shown as metrics.
#[derive(Clone)]
pub(super) struct Metrics(Option<Arc<Registry>>);

impl Metrics {
    pub(super) fn text(&self) -> String {
        match &self.0 {
            None => prometheus::text(),
            Some(registry) => prometheus::text_of(registry),
        }
    }
}

impl Pages {
    /// The pages with the default metrics.
    ///
    /// # Examples
    ///
    /// ```
    /// let pages = taskleak::export::http::Pages::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// What `/metrics` shows: by which data tasks are counted too, and how many names.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::export::{http::Pages, prometheus::TaskCollector};
    /// let pages = Pages::new().metrics(TaskCollector::new().most_names(100));
    /// ```
    pub fn metrics(mut self, collector: TaskCollector) -> Self {
        self.collector = Some(collector);
        self
    }

    /// As [`router`](super::router).
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::export::http::Pages;
    /// let app: axum::Router = axum::Router::new().merge(Pages::new().router());
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let registry = self.collector.map(|collector| {
            let mut registry = Registry::default();
            registry.register_collector(Box::new(collector));
            Arc::new(registry)
        });
        routes(Metrics(registry))
    }

    /// As [`serve`](super::serve).
    ///
    /// # Errors
    /// If the port is taken, or no thread could be started.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::export::http::Pages;
    /// let server = Pages::new().serve(0)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn serve(self, port: u16) -> io::Result<Server> {
        self.serve_at((Ipv4Addr::LOCALHOST, port).into())
    }

    /// As [`serve_at`](super::serve_at).
    ///
    /// # Errors
    /// If the address is taken or not this machine's, or no thread could be started.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::export::http::Pages;
    /// let server = Pages::new().serve_at("[::1]:0".parse().unwrap())?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn serve_at(self, address: SocketAddr) -> io::Result<Server> {
        server::serve_pages(self.router(), address)
    }
}
