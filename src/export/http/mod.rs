//! Live tasks over HTTP: a page to look at, and what Prometheus, Pyroscope, Parca and `go tool pprof`
//! read.
//!
//! | path | what |
//! |---|---|
//! | `/debug/tasks` | a live page: sort, filter, expand to trees |
//! | `/debug/tasks.json` | the same as data |
//! | `/debug/pprof/tasks` | the [profile](super::pprof::Profile); `?debug=1` and `?debug=2` as text |
//! | `/debug/flamegraph` | the [flame graph](super::flamegraph::svg) |
//! | `/metrics` | the [metrics](super::prometheus) |
//!
//! [`serve`] shows them on a loopback port of its own, in one call:
//!
//! ```
//! let server = taskleak::export::http::serve(0)?;
//! println!("see http://{}/debug/tasks", server.address());
//! # std::io::Result::Ok(())
//! ```
//!
//! A service that has a router already takes them into it; this one is served on a loopback port, where they must be
//! [guarded](Pages::only_addresses):
//!
//! ```
//! use taskleak::export::http::Pages;
//!
//! let app: axum::Router = axum::Router::new().merge(Pages::new().only_addresses().router());
//! ```
//!
//! [`Pages`] serves either with metrics of your own choice, or [without](Pages::without_metrics) where the service has a
//! route `/metrics` already: merged, two of them panic at the start. [`router`] is the pages as they are, for a service
//! that is reached by a domain name.
//!
//! The pages show names and data of tasks to whoever can reach them: do not mount them where the
//! public can.
//!
//! # Choosing tasks
//!
//! `/debug/tasks.json` and `/debug/flamegraph` take
//!
//! | parameter | meaning | default |
//! |---|---|---|
//! | `q` | only tasks whose name, data, spawn site, id or fingerprint contains this, in any case | |
//! | `name` | only tasks of this name | |
//! | `suspects=true` | only tasks of names that keep growing | `false` |
//! | `min_age` | only tasks at least this old, in seconds | 0 |
//! | `sort` | `name`, `oldest` or `live` (both tasks and names); `id`, `state`, `polls`, `location` or `data` (tasks); `started`, `finished`, `panicked`, `aborted` or `over_time` (names). Numbers begin with the largest; a `-` before it turns it round; `newest` is `-oldest` | tasks `oldest`, names `live` |
//! | `limit` | at most so many tasks, and so many names: the first, as they are sorted | 1000 (JSON), none (flame graph) |
//! | `tasks=false` | no tasks, only names and counts | `true` |
//! | `trace` | whether the tasks that are listed are asked [what they wait for](crate::manager::Manager::traced_snapshot) | `false` (JSON), `true` (flame graph) |
//!
//! `/debug/pprof/tasks` takes `trace` too (default: `true`), and `data`: which keys of tasks' data are labels, with
//! commas between them, as they were given or as the labels that they make (default: all; `data=` is none; `?debug=2`
//! has all).
//!
//! Being asked is a spurious wake for a task. Of more than 4096 tasks only so many are asked at a time, some of each spawn site and
//! backtrace, and the answer says how many were not (`not_asked` in the JSON). `trace=false` wakes none: whoever scrapes profiles
//! of a busy service every few seconds, and wants to know only where tasks come from, asks with that.
//!
//! In the JSON, `matching` and `names_matching` say how many tasks and names were chosen, whatever the limit, and `total` and
//! `names_total` how many there are. A name is chosen with one of its tasks; and, though none of them is alive, if it
//! contains `q`.
//!
//! # Scraping
//!
//! Whatever reads the port that [`serve`] opens runs on the same machine, as agents do. [From another
//! machine](#from-another-machine) is below.
//!
//! Prometheus, in `prometheus.yml`; the rules, and a dashboard for Grafana, are in `examples/service/prometheus` of
//! taskleak's repository:
//!
//! ```yaml
//! rule_files: [taskleak.rules.yml]
//! scrape_configs:
//!   - job_name: my-service
//!     static_configs: [{ targets: ["127.0.0.1:9185"] }]
//! ```
//!
//! Parca, in `parca.yaml`:
//!
//! ```yaml
//! scrape_configs:
//!   - job_name: my-service
//!     static_configs: [{ targets: ["127.0.0.1:9185"] }]
//!     params: { data: ["tenant,region"] } # keys of few values; "": none. With trace: ["false"] no task is woken
//!     profiling_config:
//!       pprof_config:
//!         tasks: { enabled: true, path: /debug/pprof/tasks }
//!         # The profiles of Go, which Parca asks for by default:
//!         memory: { enabled: false }
//!         block: { enabled: false }
//!         goroutine: { enabled: false }
//!         mutex: { enabled: false }
//!         process_cpu: { enabled: false }
//! ```
//!
//! Pyroscope, by Grafana Alloy:
//!
//! ```text
//! pyroscope.scrape "my_service" {
//!   targets    = [{"__address__" = "127.0.0.1:9185", "service_name" = "my-service"}]
//!   forward_to = [pyroscope.write.default.receiver]
//!   params     = {"data" = ["tenant,region"]} // keys of few values; "": none. With "trace" = ["false"] no task is woken
//!   profiling_config {
//!     profile.process_cpu { enabled = false }
//!     profile.memory { enabled = false }
//!     profile.mutex { enabled = false }
//!     profile.block { enabled = false }
//!     profile.goroutine { enabled = false }
//!     profile.custom "tasks" {
//!       enabled = true
//!       path    = "/debug/pprof/tasks"
//!     }
//!   }
//! }
//! ```
//!
//! To Pyroscope each set of labels is a series of its own, to Parca each key is a column: name the keys of few values in
//! `data`, since by default all of tasks' data are labels. A key that each task has another value of (a request's id)
//! is a series a task. So is a name made at run time, whatever is chosen: give what tells one
//! task of a kind from another as data.
//!
//! By hand: `go tool pprof http://127.0.0.1:9185/debug/pprof/tasks`.
//!
//! # From another machine
//!
//! A Prometheus elsewhere needs the metrics and nothing else. Give it those on a route of the service's own, which it reaches
//! already, and leave `/debug` on the loopback port: metrics show names of tasks and the data that you choose, the
//! other pages all their data, stacks and states.
//!
//! ```
//! use axum::{Router, http::StatusCode, http::header::CONTENT_TYPE, routing::get};
//! use taskleak::export::prometheus;
//!
//! let metrics = async || {
//!     // Off the threads that poll tasks: it takes a while if there are very many.
//!     let text = tokio::task::spawn_blocking(prometheus::text).await;
//!     text.map(|text| ([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], text))
//!         .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
//! };
//! let app: Router = Router::new().route("/metrics", get(metrics));
//! ```
//!
//! A service that has metrics of prometheus-client registers a [`TaskCollector`](super::prometheus::TaskCollector) among
//! them instead. Profiles are taken off the loopback port by an agent on the machine that sends them on, such as Grafana Alloy (above). To
//! look at the page, `ssh -L 9185:127.0.0.1:9185 host`, or `kubectl port-forward pod/name 9185`.

mod answer;
mod choice;
mod host;
mod listing;
mod order;
mod pages;
mod patient;
mod router;
mod server;

/// The version of the crate whose `Router` [`router()`] returns: a service whose own is another one serves it by this.
pub use axum;
pub use pages::Pages;
pub use router::router;
pub use server::{Server, serve, serve_at};
