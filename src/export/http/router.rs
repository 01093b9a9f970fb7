//! The routes.

use super::answer::{answer, failure, worked_out};
use super::choice::Choice;
use super::listing::Listing;
use crate::export::{flamegraph, pprof, prometheus};
use axum::Router;
use axum::extract::Query;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const TEXT: &str = "text/plain; charset=utf-8";
const PAGE: &str = include_str!("page.html");

/// The pages as routes, to be merged into a service's router or nested below a path of it.
///
/// They show names and data of tasks: do not mount them where the public can reach them. They are
/// answered on the runtime that serves the router; [`serve`](super::serve) answers also when that is
/// stuck.
///
/// # Examples
///
/// ```
/// # async fn run() -> std::io::Result<()> {
/// let app = axum::Router::new()
///     .route("/", axum::routing::get(|| async { "hello" }))
///     .merge(taskleak::export::http::router());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, app).await
/// # }
/// ```
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/debug/tasks", get(page))
        .route("/debug/tasks.json", get(tasks))
        .route("/debug/pprof/tasks", get(profile))
        .route("/debug/flamegraph", get(graph))
        .route("/metrics", get(metrics))
}

async fn page() -> Response {
    answer("text/html; charset=utf-8", PAGE)
}

async fn tasks(Query(choice): Query<Choice>) -> Response {
    worked_out(move || {
        let snapshot = crate::manager().snapshot();
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
    /// As for Go's profiles: 0 the profile, 1 the profile as text, 2 each task as text.
    debug: u32,
}

async fn profile(Query(form): Query<ProfileForm>) -> Response {
    worked_out(move || {
        let snapshot = crate::manager().snapshot();
        match form.debug {
            0 => {
                let bytes = pprof::Profile::of(&snapshot).to_gzip();
                let name = [(CONTENT_DISPOSITION, "attachment; filename=\"tasks.pb.gz\"")];
                answer("application/octet-stream", (name, bytes).into_response())
            }
            1 => answer(TEXT, pprof::Profile::of(&snapshot).to_string()),
            _ => answer(TEXT, pprof::Dump::of(&snapshot).to_string()),
        }
    })
    .await
}

async fn graph(Query(choice): Query<Choice>) -> Response {
    worked_out(move || {
        let snapshot = crate::manager().snapshot();
        let mut tasks = choice.of(&snapshot);
        tasks.truncate(choice.limit.unwrap_or(usize::MAX));
        match flamegraph::svg(tasks) {
            Ok(svg) => answer("image/svg+xml", svg),
            Err(error) => failure(error),
        }
    })
    .await
}

async fn metrics() -> Response {
    worked_out(|| answer(prometheus::CONTENT_TYPE, prometheus::text())).await
}
