//! Opens the shop, sends customers, shows the leak rise, and waits for Prometheus to tell; where there is
//! none, for taskleak's own word.
//!
//! ```text
//! cargo run -p service                      # ends when the alert fires, or taskleak names the suspect
//! cargo run -p service -- --keep-running    # to look around; ends by Ctrl-C
//! cargo run -p service -- --fixed           # nothing leaks, and no alert fires
//! ```

use service::{Load, Orders, Prometheus, Shop};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use taskleak::manager::Config;

const ALERT: &str = "TasksKeepGrowing";
/// The alert takes three or four when it is due, and more on a busy machine.
const SECONDS: u32 = 120;
/// How long the repaired shop is watched.
const FIXED_SECONDS: u32 = 8;

#[derive(Clone, Copy, Debug, Default)]
struct Options {
    fixed: bool,
    keep_running: bool,
    without_prometheus: bool,
    port: u16,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--fixed" => options.fixed = true,
                "--keep-running" => options.keep_running = true,
                "--without-prometheus" => options.without_prometheus = true,
                "--port" => {
                    let port = arguments.next().and_then(|port| port.parse().ok());
                    options.port = port.ok_or("--port takes a number, such as 8080")?;
                }
                other => {
                    return Err(format!(
                        "{other} is unknown. There are --fixed, --keep-running, --port <number> and \
                         --without-prometheus."
                    ));
                }
            }
        }
        Ok(options)
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match run(options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether what should be seen was seen.
async fn run(options: Options) -> Result<bool, Box<dyn Error>> {
    // A service takes the default of a snapshot every 10 seconds; nobody wants to watch that long.
    let config = Config::new()
        .backtraces(true)
        .interval(Duration::from_millis(500))
        .growth(4);
    taskleak::manager().configure(config);
    taskleak::manager().monitor().start();
    taskleak::manager().measure_runtime("main", &tokio::runtime::Handle::current());

    let shop = Shop::open(options.port, Orders::connect(options.fixed).await?).await?;
    println!("The tasks: http://{}/debug/tasks", shop.address());
    let load = Load::on(shop.address());
    let prometheus = if options.without_prometheus {
        None
    } else if Prometheus::is_installed() {
        let address = shop.address();
        let prometheus = taskleak::task::Builder::new()
            .name("start-prometheus")
            .spawn_blocking(move || Prometheus::start(address))
            .await??;
        println!("Prometheus: http://{}/alerts", prometheus.address());
        Some(prometheus)
    } else {
        println!(
            "There is no Prometheus here: this ends when taskleak itself names the suspect. To see the \
             alert, install Prometheus (Debian: apt-get install prometheus)."
        );
        None
    };
    let seen = watch(options, prometheus.as_ref()).await?;
    if options.keep_running {
        println!("Press Ctrl-C to end.");
        tokio::signal::ctrl_c().await?;
    }
    tokio::task::block_in_place(|| drop((load, prometheus)));
    Ok(seen)
}

async fn watch(options: Options, prometheus: Option<&Prometheus>) -> Result<bool, Box<dyn Error>> {
    let seconds = if options.fixed {
        FIXED_SECONDS
    } else {
        SECONDS
    };
    for second in 1..=seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let snapshot = taskleak::manager().snapshot();
        let bar = "#".repeat(snapshot.live("place-order") / 4);
        println!(
            "{second:2} s: {:4} tasks place-order {bar}",
            snapshot.live("place-order")
        );
        let told = match prometheus {
            Some(prometheus) => tokio::task::block_in_place(|| prometheus.firing(ALERT))?
                .iter()
                .map(|alert| {
                    let annotations = &alert["annotations"];
                    let text = |key: &str| annotations[key].as_str().unwrap_or("").to_owned();
                    format!("{}. {}", text("summary"), text("description"))
                })
                .collect(),
            None => snapshot
                .suspects()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        };
        for one in &told {
            let by = if prometheus.is_some() {
                "Prometheus: alert"
            } else {
                "taskleak:"
            };
            println!("{by} {one}");
        }
        if !told.is_empty() {
            return Ok(!options.fixed);
        }
    }
    println!("Nothing was told in {seconds} s.");
    Ok(options.fixed)
}
