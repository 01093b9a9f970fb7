//! Answers.

use crate::manager::worker::Worker;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Nothing from elsewhere is loaded, run or sent to.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

pub(super) fn answer(content_type: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    for (header, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    response
}

pub(super) fn failure(what: impl std::fmt::Display) -> Response {
    let text = answer("text/plain; charset=utf-8", format!("{what}\n"));
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// As many pages at a time are more than anybody looks at.
static WORKER: Worker = Worker::new("taskleak-answers", 4);

/// Works an answer out off the runtime's threads, those of its blocking pool too: reading a great many
/// tasks or debug info takes some tens of milliseconds, and the threads may all be busy.
pub(super) async fn worked_out(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    let worked_out = WORKER.run(work).await;
    worked_out.unwrap_or_else(|error| {
        failure(format_args!(
            "the tasks could not be read: {error}. Ask again."
        ))
    })
}
