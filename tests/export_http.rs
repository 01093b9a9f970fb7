//! The pages, as a program reads them.

mod pages;

use pages::{Answer, get, get_as, run};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::future::{Future, pending, poll_fn};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use taskleak::task::{Builder, JoinSet};

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
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

/// Of very many tasks some of each kind are woken, and it is said how many were not.
#[test]
fn a_profile_asks_some_of_very_many_tasks() {
    run(async |server| {
        let polls = Arc::new([const { AtomicUsize::new(0) }; 2]);
        let mut tasks = JoinSet::new();
        for number in 0..5000 {
            let polls = polls.clone();
            let kind = usize::from(number % 1000 == 0);
            let mut wait = Box::pin(pending::<()>());
            let future = poll_fn(move |cx| {
                polls[kind].fetch_add(1, Relaxed);
                wait.as_mut().poll(cx)
            });
            let name = ["usual", "rare"][kind];
            Builder::new().name(name).spawn_into(&mut tasks, future);
        }
        // Some of them are polled each time.
        let poll_all = async || {
            for _ in 0..500 {
                tokio::task::yield_now().await;
            }
        };
        poll_all().await;
        assert_eq!(polls[0].load(Relaxed) + polls[1].load(Relaxed), 5000);
        let address = server.address();
        let asked = async |path: &'static str| {
            let before = [&polls[0], &polls[1]].map(|polls| polls.load(Relaxed));
            // This runtime has to be free: its tasks are asked.
            let answer =
                tokio::task::spawn_blocking(move || get_as(address, "localhost", path).unwrap());
            let answer = answer.await.unwrap();
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            // Those that are too late to answer were woken all the same.
            poll_all().await;
            let polls = [0, 1].map(|kind| polls[kind].load(Relaxed) - before[kind]);
            (polls, text)
        };
        for (path, said) in [
            (
                "pprof/tasks?debug=1",
                "\n# 904 tasks were not asked what they wait for\n",
            ),
            (
                "pprof/tasks?debug=2",
                "\n# 904 tasks were not asked what they wait for\n",
            ),
            ("flamegraph", ">904 tasks were not asked where they wait<"),
            ("tasks.json?trace=true&limit=5000", "\"not_asked\":904"),
        ] {
            let path: &str = &*format!("/debug/{path}").leak();
            let (polls, text) = asked(path).await;
            assert_eq!(polls, [4091, 5], "{path}");
            assert!(text.contains(said), "{path}");
        }
        let (polls, text) = asked("/debug/pprof/tasks?debug=1&trace=false").await;
        assert_eq!(polls, [0, 0]);
        assert!(!text.contains("not asked"));
        let (_, text) = asked("/debug/tasks.json?trace=true").await;
        assert!(text.contains("\"not_asked\":0"));
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
