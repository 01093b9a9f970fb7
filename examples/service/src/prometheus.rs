//! A Prometheus of one's own.

use serde_json::Value;
use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The alert rules that are shipped with this example.
pub const RULES: &str = include_str!("../prometheus/taskleak.rules.yml");

/// How long it may take to be ready: a busy machine takes its time.
const LONGEST: Duration = Duration::from_secs(180);
/// How often it is started if it ends at once.
const STARTS: usize = 5;

/// A Prometheus on a free loopback port that scrapes one address every half second; it ends when this
/// is dropped.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    process: Child,
    // Removed after the process is gone.
    _folder: Option<TempDir>,
}

impl Prometheus {
    /// Whether there is one to be started.
    pub fn is_installed() -> bool {
        Command::new("prometheus")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Starts it with the [`RULES`], and waits until it is ready.
    ///
    /// # Errors
    /// If it is not installed, or not ready after three minutes.
    pub fn start(scraped: SocketAddr) -> Result<Self> {
        Self::start_with(RULES, scraped)
    }

    /// The same with alert rules of one's own.
    ///
    /// # Errors
    /// If it is not installed, or not ready after three minutes: also if it does not understand the rules.
    pub fn start_with(rules: &str, scraped: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("prometheus.yml");
        std::fs::write(folder.path().join("taskleak.rules.yml"), rules)?;
        std::fs::write(
            &config,
            format!(
                "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }}\n\
                 rule_files: [taskleak.rules.yml]\n\
                 scrape_configs:\n  \
                   - job_name: shop\n    \
                     static_configs: [{{ targets: [\"{scraped}\"] }}]\n"
            ),
        )?;
        let begin = Instant::now();
        let mut ended = 0;
        loop {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let process = Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    folder.path().join("data").display()
                ))
                .arg(format!("--web.listen-address={address}"))
                .arg("--log.level=error")
                .stdin(Stdio::null())
                .spawn()?;
            let mut prometheus = Self {
                address,
                process,
                _folder: None,
            };
            if prometheus.becomes_ready(begin)? {
                prometheus._folder = Some(folder);
                return Ok(prometheus);
            }
            // Somebody else may have taken the port by then.
            ended += 1;
            if ended == STARTS {
                return Err(Error::other("Prometheus was started and has ended"));
            }
        }
    }

    /// Waits until it answers; false if it ended instead.
    fn becomes_ready(&mut self, begin: Instant) -> Result<bool> {
        let ready = format!("http://{}/-/ready", self.address);
        loop {
            let is_ready = ureq::get(&ready).call().is_ok();
            if self.process.try_wait()?.is_some() {
                return Ok(false);
            }
            if is_ready {
                return Ok(true);
            }
            if begin.elapsed() > LONGEST {
                return Err(Error::other(format!(
                    "Prometheus was started and is not ready after {LONGEST:?}"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where its pages are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer of its HTTP API: what stands under `data`.
    ///
    /// # Errors
    /// If it does not answer, or by an error.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let mut answer = ureq::get(format!("http://{}/api/v1/{path}", self.address))
            .query_pairs(parameters.iter().copied())
            .config()
            .http_status_as_error(false)
            .build()
            .call()
            .map_err(Error::other)?;
        let mut answer: Value = answer.body_mut().read_json().map_err(Error::other)?;
        if answer["status"] != "success" {
            return Err(Error::other(format!("Prometheus answers {answer}")));
        }
        Ok(answer["data"].take())
    }

    /// What a query finds.
    ///
    /// # Errors
    /// If Prometheus does not answer, or does not understand the query.
    pub fn query(&self, query: &str) -> Result<Vec<Value>> {
        let mut data = self.api("query", &[("query", query)])?;
        Ok(data["result"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default())
    }

    /// The alerts of this name that are firing.
    ///
    /// # Errors
    /// If Prometheus does not answer.
    pub fn firing(&self, alert: &str) -> Result<Vec<Value>> {
        let mut data = self.api("alerts", &[])?;
        let mut alerts = data["alerts"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        alerts.retain(|one| one["state"] == "firing" && one["labels"]["alertname"] == alert);
        Ok(alerts)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
