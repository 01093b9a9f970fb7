//! The pages, as a program reads them.

use pretty_assertions::assert_eq;
use serde_json::Value;
use std::future::{Future, pending, poll_fn};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use taskleak::export::http::{self, Pages, Server};
use taskleak::export::prometheus::TaskCollector;
use taskleak::task::{Builder, JoinSet};

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn get_as(address: SocketAddr, host: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let body = bytes.split_off(end.expect("there is a head") + 4);
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, head, body })
}

#[track_caller]
fn get(server: &Server, path: &str) -> Answer {
    get_as(server.address(), "localhost", path).unwrap()
}

fn run(test: impl AsyncFnOnce(&Server)) {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let server = http::serve(0).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(&server));
    drop(runtime);
    drop(turn);
}

#[test]
fn every_page_answers() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        Builder::new()
            .name("waiter")
            .spawn_into(&mut tasks, pending::<()>());
        for (path, content_type, part) in [
            (
                "/debug/tasks",
                "text/html; charset=utf-8",
                "<title>Tasks</title>",
            ),
            ("/debug/tasks.json", "application/json", "\"waiter\""),
            (
                "/debug/pprof/tasks?debug=1",
                "text/plain; charset=utf-8",
                "task profile: total 1\n",
            ),
            (
                "/debug/pprof/tasks?debug=2",
                "text/plain; charset=utf-8",
                "\"name\":\"waiter\"",
            ),
            ("/debug/flamegraph", "image/svg+xml", "[waiter]"),
            (
                "/metrics",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                "taskleak_live_tasks{name=\"waiter\"} 1\n",
            ),
        ] {
            let answer = get(server, path);
            assert_eq!(answer.status, 200, "{path}");
            assert!(
                answer
                    .head
                    .contains(&format!("content-type: {content_type}\r\n")),
                "{}",
                answer.head
            );
            assert!(
                answer.head.contains("x-content-type-options: nosniff\r\n"),
                "{path}"
            );
            assert!(
                answer
                    .head
                    .contains("content-security-policy: default-src 'none';"),
                "{path}"
            );
            assert!(answer.text().contains(part), "{path}: {}", answer.text());
        }
        let profile = get(server, "/debug/pprof/tasks");
        assert_eq!(profile.body[..2], [0x1f, 0x8b], "gzip begins so");
        // As Go takes it.
        let empty = get(server, "/debug/pprof/tasks?debug=");
        assert_eq!(empty.body[..2], [0x1f, 0x8b]);
        assert_eq!(get(server, "/debug/pprof/tasks?debug=yes").status, 400);
        assert_eq!(get(server, "/").status, 307);
        assert_eq!(get(server, "/debug/nothing").status, 404);
        assert_eq!(get(server, "/debug/tasks.json?limit=many").status, 400);
        let unknown = get(server, "/debug/tasks.json?sort=size");
        assert_eq!(unknown.status, 400);
        assert!(
            unknown.text().contains("sort by newest, name"),
            "{}",
            unknown.text()
        );
    });
}

#[test]
fn tasks_are_chosen() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let name = if number % 2 == 0 { "even" } else { "odd" };
            Builder::new()
                .name(name)
                .data("Number", format!("n{number}x"))
                .spawn_into(&mut tasks, pending::<()>());
        }
        let names = |path: &str| -> Vec<String> {
            let answer = get(server, path).json();
            let tasks = answer["tasks"].as_array().unwrap();
            // Of all that are alive, also where few are listed.
            assert!(tasks.iter().all(|task| task["live_of_same_name"] == 10));
            tasks
                .iter()
                .map(|task| task["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names("/debug/tasks.json?q=EVEN").len(), 10);
        assert_eq!(names("/debug/tasks.json?q=export_http.rs").len(), 20);
        assert_eq!(names("/debug/tasks.json?name=odd&limit=3"), ["odd"; 3]);
        assert_eq!(names("/debug/tasks.json?name=od"), [""; 0]);
        assert_eq!(names("/debug/tasks.json?sort=name&limit=2"), ["even"; 2]);
        assert_eq!(names("/debug/tasks.json?q=N19X"), ["odd"]);
        assert_eq!(names("/debug/tasks.json?min_age=3600"), [""; 0]);
        assert_eq!(names("/debug/tasks.json?suspects=true"), [""; 0]);
        let listing = get(server, "/debug/tasks.json?name=odd&limit=3").json();
        assert_eq!(
            (&listing["matching"], &listing["total"]),
            (&10.into(), &20.into())
        );
        assert!(
            get(server, "/debug/flamegraph?name=nobody")
                .text()
                .contains("No tasks to show.")
        );
    });
}

/// The texts at these places of the list that an answer holds.
fn column(answer: &Value, list: &str, key: &str) -> Vec<String> {
    let list = answer[list].as_array().unwrap();
    list.iter()
        .map(|one| one[key].as_str().unwrap().to_owned())
        .collect()
}

/// A limit leaves the first of all that there are, and not of some.
#[test]
fn all_are_sorted_before_some_are_left_out() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        for (name, count) in [("aaa", 3), ("bbb", 1), ("ccc", 2)] {
            for _ in 0..count {
                Builder::new()
                    .name(name)
                    .data("of", name)
                    .spawn_into(&mut tasks, async move {
                        for _ in 0..count {
                            tokio::task::yield_now().await;
                        }
                        pending::<()>().await
                    });
            }
            // So that ages differ by more than a tick of the clock.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        for (sort, first) in [
            ("name", "aaa"),
            ("-name", "ccc"),
            ("oldest", "aaa"),
            ("newest", "ccc"),
            ("polls", "aaa"),
            ("-polls", "bbb"),
            ("live", "aaa"),
            ("-live", "bbb"),
            ("-data", "ccc"),
        ] {
            let listing = get(server, &format!("/debug/tasks.json?limit=1&sort={sort}")).json();
            assert_eq!(column(&listing, "tasks", "name"), [first], "{sort}");
            assert_eq!(listing["matching"], 6);
        }
        for (sort, first) in [
            ("", "aaa"),
            ("name", "aaa"),
            ("-name", "ccc"),
            ("live", "aaa"),
            ("-started", "bbb"),
            // What names have not: the usual order.
            ("polls", "aaa"),
        ] {
            let path = format!("/debug/tasks.json?q=of&limit=1&sort={sort}");
            let listing = get(server, &path).json();
            assert_eq!(column(&listing, "names", "name"), [first], "{sort}");
            assert_eq!(listing["names_matching"], 3);
        }
    });
}

#[test]
fn names_are_chosen_with_their_tasks() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        for (name, tenant) in [("chosen import", "north"), ("chosen export", "south")] {
            Builder::new()
                .name(name)
                .data("tenant", tenant)
                .spawn_into(&mut tasks, pending::<()>());
        }
        let ended = Builder::new().name("chosen and ended").spawn(async {});
        ended.await.unwrap();
        let names = |query: &str| {
            let listing = get(server, &format!("/debug/tasks.json?sort=name&{query}")).json();
            assert!(listing["names_total"].as_u64().unwrap() >= 3);
            column(&listing, "names", "name")
        };
        assert_eq!(
            names("q=chosen"),
            ["chosen and ended", "chosen export", "chosen import"]
        );
        // Also where none of their tasks is listed.
        assert_eq!(names("q=north&tasks=false"), ["chosen import"]);
        assert_eq!(names("name=chosen+and+ended"), ["chosen and ended"]);
        assert_eq!(names("name=chosen+export&q=north"), [""; 0]);
        assert_eq!(names("min_age=3600"), [""; 0]);
        assert_eq!(names("suspects=true"), [""; 0]);
        let listing = get(server, "/debug/tasks.json?tasks=false&q=chosen").json();
        assert_eq!(
            (&listing["matching"], &listing["tasks"]),
            (&2.into(), &Value::Array(Vec::new()))
        );
    });
}

/// To be asked is a wake that nobody else needs to bear.
#[test]
fn only_tasks_that_are_listed_are_asked() {
    run(async |server| {
        let polls = Arc::new([const { AtomicUsize::new(0) }; 2]);
        let mut tasks = JoinSet::new();
        for (number, name) in ["asked", "left alone"].into_iter().enumerate() {
            let polls = polls.clone();
            let mut wait = Box::pin(pending::<()>());
            let future = poll_fn(move |cx| {
                polls[number].fetch_add(1, Relaxed);
                wait.as_mut().poll(cx)
            });
            Builder::new().name(name).spawn_into(&mut tasks, future);
        }
        tokio::task::yield_now().await;
        let address = server.address();
        let count = async |query: &'static str| {
            // This runtime has to be free: its tasks are asked.
            let asked = tokio::task::spawn_blocking(move || {
                let path = format!("/debug/{query}");
                get_as(address, "localhost", &path).unwrap().status
            });
            assert_eq!(asked.await.unwrap(), 200);
            [&polls[0], &polls[1]].map(|polls| polls.load(Relaxed))
        };
        assert_eq!(count("tasks.json").await, [1, 1]);
        assert_eq!(count("tasks.json?trace=true&name=asked").await, [2, 1]);
        assert_eq!(
            count("tasks.json?trace=true&sort=name&limit=1").await,
            [3, 1]
        );
        assert_eq!(count("tasks.json?trace=true&tasks=false").await, [3, 1]);
        assert_eq!(count("flamegraph?name=asked").await, [4, 1]);
        assert_eq!(count("tasks.json?trace=true").await, [5, 2]);
    });
}

#[test]
fn profiles_have_the_data_that_is_asked_for() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        for request in 0..5 {
            Builder::new()
                .name("request")
                .data("tenant", "acme")
                .data("the id", request)
                .spawn_into(&mut tasks, pending::<()>());
        }
        for (data, samples) in [
            ("", 5),
            ("&data=", 1),
            ("&data=tenant", 1),
            ("&data=tenant,the%20id", 5),
            ("&data=the_id", 5),
        ] {
            let path = format!("/debug/pprof/tasks?debug=1&trace=false{data}");
            let answer = get(server, &path);
            let text = answer.text();
            assert_eq!(
                text.matches("# labels: ").count(),
                samples,
                "{data}: {text}"
            );
            let tenants = text.matches("\"tenant\":\"acme\"").count();
            assert_eq!(
                tenants > 0,
                data.is_empty() || data.contains("tenant"),
                "{text}"
            );
        }
    });
}

#[test]
fn a_fingerprint_finds_its_tasks() {
    run(async |server| {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let waiting = Builder::new().name("waiting").spawn(receiver);
        tokio::task::yield_now().await;
        let within = Duration::from_secs(60);
        let snapshot = taskleak::manager().traced_snapshot(within).await;
        let fingerprint = snapshot.tasks()[0].fingerprint();
        let address = server.address();
        // This runtime has to be free: the task is asked.
        let asked = tokio::task::spawn_blocking(move || {
            let path = format!("/debug/tasks.json?q={fingerprint}");
            get_as(address, "localhost", &path).unwrap().json()
        });
        assert_eq!(asked.await.unwrap()["tasks"][0]["name"], "waiting");
        drop((sender, waiting));
    });
}

#[test]
fn hostile_data_comes_through_as_it_is() {
    run(async |server| {
        let hostile = "</script><img src=x onerror=alert(1)>\"'\\\n\u{1}&amp;\u{2028}";
        let mut tasks = JoinSet::new();
        Builder::new()
            .name(hostile)
            .data(hostile, hostile)
            .spawn_into(&mut tasks, pending::<()>());
        let listing = get(server, "/debug/tasks.json").json();
        let task = &listing["tasks"][0];
        assert_eq!(task["name"], hostile);
        assert_eq!(task["data"][0]["key"], hostile);
        assert_eq!(task["data"][0]["value"], hostile);
        let graph = get(server, "/debug/flamegraph");
        assert!(!graph.text().contains("<img"), "{}", graph.text());
        assert!(!graph.text().contains('\u{1}'), "no XML may hold it");
    });
}

#[test]
fn a_stuck_service_is_shown_all_the_same() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        Builder::new()
            .name("waits")
            .spawn_into(&mut tasks, pending::<()>());
        // This runtime does nothing meanwhile: its one thread waits here.
        let address = server.address();
        let (sender, answer) = mpsc::channel();
        std::thread::spawn(move || {
            for path in [
                "/debug/tasks.json?trace=true",
                "/debug/pprof/tasks?debug=2",
                "/metrics",
            ] {
                sender
                    .send(get_as(address, "localhost", path).unwrap().status)
                    .unwrap();
            }
        });
        let statuses: Vec<_> = answer.iter().collect();
        assert_eq!(statuses, [200; 3]);
    });
}

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
    let server = http::serve_at("[::ffff:127.0.0.1]:0".parse().unwrap()).unwrap();
    let answer = get_as(server.address(), "evil.example", "/debug/tasks.json").unwrap();
    assert_eq!(answer.status, 403);
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
    // Its thread closes the port a moment later.
    while TcpStream::connect(address).is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
}
