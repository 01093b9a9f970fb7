//! The routes.

use super::answer::{answer, failure, worked_out};
use super::choice::{ANSWER, Choice};
use super::listing::{Listing, MOST};
use super::pages::{Metrics, Pages};
use crate::export::{flamegraph, pprof, prometheus};
use crate::manager::Snapshot;
use axum::Router;
use axum::extract::Query;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const TEXT: &str = "text/plain; charset=utf-8";
const PAGE: &str = include_str!("page.html");

/// The pages as routes, to be merged into a service's router or nested below a path of it.
///
/// They show names and data of tasks: do not mount them where the public can reach them. Unlike
/// [`serve`](super::serve), they answer under any domain name, which lets foreign pages read them off a
/// loopback port (DNS rebinding): there take [`Pages::only_addresses`] with [`Pages::router`]. They are
/// answered on the runtime that serves the router; [`serve`](super::serve) answers also when that is stuck.
///
/// # Panics
/// Merging panics, as of any two routers, if both have a route of a path: in a service that has `/metrics` already
/// take [`Pages::without_metrics`].
///
/// # Examples
///
/// Below a path of a service that is reached by its domain name, from within a company only:
///
/// ```
/// # async fn run() -> std::io::Result<()> {
/// let app = axum::Router::new()
///     .route("/", axum::routing::get(|| async { "hello" }))
///     .nest("/internal", taskleak::export::http::router());
/// let listener = tokio::net::TcpListener::bind("10.0.0.7:8080").await?;
/// axum::serve(listener, app).await
/// # }
/// ```
///
/// On a loopback port:
///
/// ```
/// # async fn run() -> std::io::Result<()> {
/// use taskleak::export::http::Pages;
///
/// let app = axum::Router::new()
///     .route("/", axum::routing::get(|| async { "hello" }))
///     .merge(Pages::new().only_addresses().router());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, app).await
/// # }
/// ```
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Pages::new().router()
}

pub(super) fn routes<S: Clone + Send + Sync + 'static>(metrics: Option<Metrics>) -> Router<S> {
    let routes = Router::new()
        .route("/debug/tasks", get(page))
        .route("/debug/tasks.json", get(tasks))
        .route("/debug/pprof/tasks", get(profile))
        .route("/debug/flamegraph", get(graph));
    let Some(metrics) = metrics else {
        return routes;
    };
    let metrics = move || {
        let metrics = metrics.clone();
        worked_out(move || answer(prometheus::CONTENT_TYPE, metrics.text()))
    };
    routes.route("/metrics", get(metrics))
}

async fn page() -> Response {
    answer("text/html; charset=utf-8", PAGE)
}

async fn tasks(Query(choice): Query<Choice>) -> Response {
    worked_out(move || {
        let snapshot = choice.snapshot(false, MOST);
        match serde_json::to_vec(&Listing::new(&snapshot, &choice)) {
            Ok(json) => answer("application/json", json),
            Err(error) => failure(format_args!("the tasks could not be written: {error}")),
        }
    })
    .await
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct ProfileForm {
    /// As for Go's profiles: 0 (or empty) the profile, 1 the profile as text, 2 each task as text.
    #[serde(deserialize_with = "empty_is_zero")]
    debug: u32,
    trace: Option<bool>,
    /// Keys of tasks' data, with commas between them.
    data: Option<String>,
}

impl ProfileForm {
    fn profile(&self, snapshot: &Snapshot) -> pprof::Profile {
        match &self.data {
            None => pprof::Profile::of(snapshot),
            Some(keys) => {
                let keys: Vec<_> = keys.split(',').filter(|key| !key.is_empty()).collect();
                pprof::Profile::with_data(snapshot, &keys)
            }
        }
    }
}

fn empty_is_zero<'de, D: serde::Deserializer<'de>>(number: D) -> Result<u32, D::Error> {
    let number = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(number)?;
    if number.is_empty() {
        return Ok(0);
    }
    number.parse().map_err(serde::de::Error::custom)
}

async fn profile(Query(form): Query<ProfileForm>) -> Response {
    worked_out(move || {
        let mut snapshot = crate::manager().snapshot();
        if form.trace.unwrap_or(true) {
            // On this thread, which is none that they need.
            crate::manager().ask_here(&mut snapshot, |_| true, ANSWER);
        }
        match form.debug {
            0 => {
                let bytes = form.profile(&snapshot).to_gzip();
                let name = [(CONTENT_DISPOSITION, "attachment; filename=\"tasks.pb.gz\"")];
                answer("application/octet-stream", (name, bytes).into_response())
            }
            1 => answer(TEXT, form.profile(&snapshot).to_string()),
            _ => answer(TEXT, pprof::TextDump::of(&snapshot).to_string()),
        }
    })
    .await
}

async fn graph(Query(choice): Query<Choice>) -> Response {
    worked_out(move || {
        let snapshot = choice.snapshot(true, usize::MAX);
        let mut tasks = choice.of(&snapshot);
        tasks.truncate(choice.most_tasks(usize::MAX));
        match flamegraph::svg_of(tasks, snapshot.not_asked()) {
            Ok(svg) => answer("image/svg+xml", svg),
            Err(error) => failure(error),
        }
    })
    .await
}
