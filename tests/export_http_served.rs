//! Whom the pages answer, and where they are served.
//!
//! One test at a time has ports: who looks whether one is closed must not find it given to another.

mod pages;

use pages::{get, get_as, run};
use pretty_assertions::assert_eq;
use std::future::pending;
use std::io::{Read, Write};
use std::net::TcpStream;
use taskleak::export::http::{self, Pages};
use taskleak::export::prometheus::TaskCollector;
use taskleak::task::{Builder, JoinSet};

/// As a Prometheus that dies in the middle of a scrape, or hangs in it.
#[test]
fn whoever_hangs_up_or_never_reads_keeps_nobody_waiting() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        for number in 0..2000 {
            Builder::new()
                .name(format!("{number} {}", "long ".repeat(200)))
                .spawn_into(&mut tasks, pending::<()>());
        }
        let mut hanging = Vec::new();
        for number in 0..100 {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let sent = match number % 4 {
                0 => 0,
                1 => request.len() / 2,
                _ => request.len(),
            };
            stream.write_all(&request.as_bytes()[..sent]).unwrap();
            if number % 4 == 2 {
                // It goes while its answer is on its way.
                let _ = stream.read(&mut [0; 10]);
                drop(stream);
            } else {
                hanging.push(stream);
            }
        }
        let answer = get(server, "/metrics");
        assert_eq!(answer.status, 200);
        assert!(answer.text().ends_with("# EOF\n"));
        Builder::new()
            .name("meanwhile")
            .spawn(async {})
            .await
            .unwrap();
        drop(hanging);
        assert_eq!(get(server, "/metrics").status, 200);
    });
}

#[test]
fn a_foreign_page_is_refused() {
    run(async |server| {
        let answer = get_as(server.address(), "evil.example", "/debug/tasks.json").unwrap();
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("ask for 127.0.0.1 or localhost"));
        // Under the port's own address, by a page's script or image.
        for (site, status) in [("cross-site", 403), ("same-origin", 200), ("none", 200)] {
            let host = format!("127.0.0.1\r\nSec-Fetch-Site: {site}");
            let answer = get_as(server.address(), &host, "/debug/tasks.json").unwrap();
            assert_eq!(answer.status, status, "{site}");
        }
    });
}

/// As in a chat, or on a page of notes: the browser shows the page to its user and to nobody else.
#[test]
fn a_link_may_be_followed() {
    run(async |server| {
        for (mode, destination, status) in [
            ("navigate", "document", 200),
            ("navigate", "iframe", 403),
            ("navigate", "embed", 403),
            ("no-cors", "image", 403),
            ("no-cors", "script", 403),
            ("cors", "empty", 403),
            ("cors", "document", 403),
        ] {
            let host = format!(
                "127.0.0.1\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {destination}"
            );
            for path in ["/", "/debug/tasks"] {
                let answer = get_as(server.address(), &host, path).unwrap();
                let expected = if path == "/" && status == 200 {
                    307
                } else {
                    status
                };
                assert_eq!(answer.status, expected, "{mode} {destination} {path}");
            }
            // Under a foreign name it stays refused.
            let host = host.replace("127.0.0.1", "evil.example");
            let answer = get_as(server.address(), &host, "/debug/tasks").unwrap();
            assert_eq!(answer.status, 403);
        }
        let page = get(server, "/debug/tasks");
        assert!(
            page.head.contains("frame-ancestors 'none'"),
            "{}",
            page.head
        );
    });
}

/// The loopback address, as a socket for both families writes it.
#[test]
fn a_foreign_page_is_refused_under_a_mapped_address() {
    run(async |_| {
        let server = http::serve_at("[::ffff:127.0.0.1]:0".parse().unwrap()).unwrap();
        let answer = get_as(server.address(), "evil.example", "/debug/tasks.json").unwrap();
        assert_eq!(answer.status, 403);
    });
}

#[test]
fn metrics_are_those_that_were_chosen() {
    run(async |_| {
        let collector = TaskCollector::new().label("tenant");
        let server = Pages::new().metrics(collector).serve(0).unwrap();
        let task = Builder::new().name("serves").data("tenant", "acme");
        let task = task.spawn(pending::<()>());
        let live = "taskleak_live_tasks{name=\"serves\",tenant=\"acme\"} 1\n";
        assert!(get(&server, "/metrics").text().contains(live));
        task.abort();
    });
}

#[test]
fn the_router_can_be_nested() {
    run(async |_| {
        let app: axum::Router = axum::Router::new()
            .nest("/internal", http::router())
            .merge(http::router());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let statuses = tokio::task::spawn_blocking(move || {
            ["/debug/tasks", "/internal/debug/tasks", "/internal/metrics"]
                .map(|path| get_as(address, "any.example", path).unwrap().status)
        });
        assert_eq!(statuses.await.unwrap(), [200; 3]);
        serving.abort();
    });
}

#[test]
fn a_router_can_be_guarded() {
    run(async |_| {
        let app: axum::Router = axum::Router::new()
            .route("/", axum::routing::get(|| async { "the service's own" }))
            .nest("/internal", Pages::new().only_addresses().router())
            .merge(Pages::new().only_addresses().router());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let answers = tokio::task::spawn_blocking(move || {
            let status = |host: &str, path: &str| get_as(address, host, path).unwrap().status;
            for path in ["/debug/tasks", "/internal/debug/tasks.json", "/metrics"] {
                assert_eq!(status("evil.example", path), 403, "{path}");
                assert_eq!(status("127.0.0.1", path), 200, "{path}");
                let foreign = "localhost\r\nSec-Fetch-Site: cross-site";
                assert_eq!(status(foreign, path), 403, "{path}");
            }
            // What is not taskleak's is not guarded.
            assert_eq!(status("any.example", "/"), 200);
            assert_eq!(status("any.example", "/nothing"), 404);
        });
        answers.await.unwrap();
        serving.abort();
    });
}

#[test]
fn a_server_ends_when_it_is_dropped() {
    run(async |_| {
        let server = http::serve(0).unwrap();
        let address = server.address();
        assert!(address.ip().is_loopback());
        let taken = http::serve(address.port()).unwrap_err();
        assert!(
            taken
                .to_string()
                .contains("Choose another port, or 0 for any free one."),
            "{taken}"
        );
        server.stop();
        assert!(TcpStream::connect(address).is_err());
        // Others can have it at once.
        let next = http::serve(address.port()).unwrap();
        drop(next);
        assert!(TcpStream::connect(address).is_err());
    });
}

/// Also in the midst of answers, and where async code runs.
#[test]
fn a_server_that_is_stopped_breaks_answers_off() {
    run(async |_| {
        let server = http::serve(0).unwrap();
        let address = server.address();
        let mut clients: Vec<_> = (0..20)
            .map(|_| {
                let mut client = TcpStream::connect(address).unwrap();
                let request = b"GET /debug/pprof/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n";
                client.write_all(request).unwrap();
                client
            })
            .collect();
        server.stop();
        assert!(TcpStream::connect(address).is_err());
        for client in &mut clients {
            // The end, or an error: the connection is closed, whatever of the answer came before.
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
}

#[test]
fn a_server_that_is_kept_stays() {
    run(async |_| {
        let server = http::serve(0).unwrap();
        let address = server.address();
        server.keep();
        assert_eq!(
            get_as(address, "localhost", "/debug/tasks").unwrap().status,
            200
        );
    });
}

#[test]
fn a_service_may_have_metrics_of_its_own() {
    run(async |_| {
        let app: axum::Router = axum::Router::new()
            .route(
                "/metrics",
                axum::routing::get(|| async { "the service's own" }),
            )
            .merge(Pages::new().without_metrics().router());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let answers = tokio::task::spawn_blocking(move || {
            let metrics = get_as(address, "localhost", "/metrics").unwrap();
            assert_eq!(metrics.text(), "the service's own");
            for path in ["/debug/tasks", "/debug/tasks.json", "/debug/pprof/tasks"] {
                assert_eq!(
                    get_as(address, "localhost", path).unwrap().status,
                    200,
                    "{path}"
                );
            }
        });
        answers.await.unwrap();
        serving.abort();
        // Neither are there any on a port of the pages' own.
        let server = Pages::new().without_metrics().serve(0).unwrap();
        assert_eq!(get(&server, "/metrics").status, 404);
        assert_eq!(get(&server, "/debug/tasks").status, 200);
    });
}

/// In a process of its own, in which a thread asks for more memory than there is.
#[cfg(target_os = "linux")]
#[test]
fn without_a_thread_there_is_an_error_also_in_async_code() {
    const CHILD: &str = "EXPORT_HTTP_WITHOUT_THREADS";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let served = runtime.unwrap().block_on(async { http::serve(0) });
        println!("the error is: {}", served.unwrap_err());
        return;
    }
    let name = "without_a_thread_there_is_an_error_also_in_async_code";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        // One at a time is run on the main thread.
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .env("RUST_MIN_STACK", (1_u64 << 50).to_string())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{printed}{child:?}");
    assert!(printed.contains("the error is: "), "{printed}");
}
