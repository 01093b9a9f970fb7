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
//! [`router`] is for a service that has a router already:
//!
//! ```
//! let app: axum::Router = axum::Router::new().merge(taskleak::export::http::router());
//! # let app: axum::Router = axum::Router::new().nest("/internal", taskleak::export::http::router());
//! ```
//!
//! [`Pages`] serves either with metrics of your own choice, and guards a router as `serve` is guarded
//! ([`Pages::only_addresses`]).
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
//! has all). Being asked is a spurious wake for a task.
//!
//! In the JSON, `matching` and `names_matching` say how many tasks and names were chosen, whatever the limit, and `total` and
//! `names_total` how many there are. A name is chosen with one of its tasks; and, though none of them is alive, if it
//! contains `q`.
//!
//! # Scraping
//!
//! Prometheus, in `prometheus.yml`:
//!
//! ```yaml
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
//!     params: { data: ["tenant,region"] } # keys of few values; "": none
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
//!   params     = {"data" = ["tenant,region"]} // keys of few values; "": none
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

mod answer;
mod choice;
mod host;
mod listing;
mod order;
mod pages;
mod patient;
mod router;
mod server;

pub use pages::Pages;
pub use router::router;
pub use server::{Server, serve, serve_at};
