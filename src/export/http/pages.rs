//! The pages, set up.

use super::host;
use super::router::routes;
use super::server::{self, Server};
use crate::export::prometheus::{self, TaskCollector};
use axum::Router;
use axum::middleware::from_fn;
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
    shown: Shown,
    only_addresses: bool,
}

/// Which metrics are shown.
#[derive(Debug, Default)]
enum Shown {
    #[default]
    Default,
    Of(Box<TaskCollector>),
    None,
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
        self.shown = Shown::Of(Box::new(collector));
        self
    }

    /// The pages without `/metrics`: for the [`router`](Self::router) of a service that has that route itself, since two of a path
    /// panic when they are merged. Such a service registers a [`TaskCollector`] in the registry of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::http::header::CONTENT_TYPE;
    /// use prometheus_client::registry::Registry;
    /// use std::sync::Arc;
    /// use taskleak::export::http::Pages;
    /// use taskleak::export::prometheus::{CONTENT_TYPE as OPENMETRICS, TaskCollector};
    ///
    /// let mut registry = Registry::default();
    /// registry.register_collector(Box::new(TaskCollector::new()));
    /// let registry = Arc::new(registry);
    /// let metrics = async move || {
    ///     // Off the threads that poll tasks: it takes a while if there are very many.
    ///     let written = tokio::task::spawn_blocking(move || {
    ///         let mut text = String::new();
    ///         prometheus_client::encoding::text::encode(&mut text, &registry).map(|()| text)
    ///     });
    ///     match written.await {
    ///         Ok(Ok(text)) => Ok(([(CONTENT_TYPE, OPENMETRICS)], text)),
    ///         _ => Err(axum::http::StatusCode::INTERNAL_SERVER_ERROR),
    ///     }
    /// };
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/metrics", axum::routing::get(metrics))
    ///     .merge(Pages::new().without_metrics().only_addresses().router());
    /// ```
    pub fn without_metrics(mut self) -> Self {
        self.shown = Shown::None;
        self
    }

    /// Answers only who asks for an IP address or `localhost`, and refuses what another site's page makes a
    /// browser send, but for links that its user follows. For the [`router`](Self::router) of a service on a
    /// loopback port: a page that somebody on this machine looks at may have its own domain name resolve to
    /// 127.0.0.1, and would otherwise read names and data of tasks. Not for a service that is asked for by
    /// its domain name. What is [served](Self::serve) on a loopback port is guarded so without being told.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::export::http::Pages;
    /// let pages = Pages::new().only_addresses();
    /// let app: axum::Router = axum::Router::new().merge(pages.router());
    /// ```
    pub fn only_addresses(mut self) -> Self {
        self.only_addresses = true;
        self
    }

    /// As [`router`](super::router): merging it panics too if both have a route of a path.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::export::http::Pages;
    /// let pages = Pages::new().without_metrics();
    /// let app: axum::Router = axum::Router::new().nest("/internal", pages.router());
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let metrics = match self.shown {
            Shown::Default => Some(Metrics(None)),
            Shown::Of(collector) => {
                let mut registry = Registry::default();
                registry.register_collector(collector);
                Some(Metrics(Some(Arc::new(registry))))
            }
            Shown::None => None,
        };
        let routes = routes(metrics);
        if self.only_addresses {
            // Not what the service answers for paths that are none of these.
            routes.route_layer(from_fn(host::only_addresses))
        } else {
            routes
        }
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
