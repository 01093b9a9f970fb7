//! Whom a loopback port answers.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Refuses requests that another site's page makes a browser send, and those that were addressed to a domain name. A foreign page that a browser on this
/// machine shows may have its own name resolve to the loopback address, and would then read what the
/// port answers.
pub(super) async fn only_addresses(request: Request, next: Next) -> Response {
    if is_of_another_site(&request) && !is_followed_link(&request) {
        return (
            StatusCode::FORBIDDEN,
            "taskleak's pages are not for other sites to ask for: open them by their address.\n",
        )
            .into_response();
    }
    let host = request.headers().get(HOST);
    let host = host.map(|host| host.to_str().unwrap_or("?"));
    match host {
        Some(host) if !is_address(host) => (
            StatusCode::FORBIDDEN,
            "taskleak's pages are for this machine, and answer only under its address: ask for \
             127.0.0.1 or localhost.\n",
        )
            .into_response(),
        _ => next.run(request).await,
    }
}

fn says(request: &Request, header: &str, what: &str) -> bool {
    let value = request.headers().get(header);
    value.is_some_and(|value| value == what)
}

fn is_of_another_site(request: &Request) -> bool {
    says(request, "sec-fetch-site", "cross-site")
}

/// Whether the browser shows the answer to its user, in a window of its own: no other site can read it
/// there, nor put it into a frame.
fn is_followed_link(request: &Request) -> bool {
    request.method() == Method::GET
        && says(request, "sec-fetch-mode", "navigate")
        && says(request, "sec-fetch-dest", "document")
}

fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next(),
        None => host.split(':').next(),
    };
    name.is_some_and(|name| {
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn domain_names_are_no_addresses() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.0.0.1:9185",
            "[::1]:9185",
        ] {
            assert!(is_address(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9185",
            "localhost.evil.example",
            "",
            "[evil]",
        ] {
            assert!(!is_address(host), "{host}");
        }
    }
}
