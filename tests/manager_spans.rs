//! A tracing span a task.
#![cfg(feature = "tracing")]

use pretty_assertions::assert_eq;
use std::io::Write;
use std::sync::{Arc, Mutex};
use taskleak::task::{Builder, OperationId, TaskSpan};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_lines_of_a_task_say_which_task_it_is_and_who_began_it() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);

    let outer = async {
        let own = OperationId::current().unwrap();
        tracing::info!("outer says");
        let inner = Builder::new().name("inner".to_owned()).spawn(
            async {
                tokio::task::yield_now().await;
                tracing::info!("inner says");
                OperationId::current().unwrap()
            }
            .in_task_span(),
        );
        (own, inner.await.unwrap())
    };
    let (outer, inner) = Builder::new()
        .name("outer")
        .spawn(outer.in_task_span())
        .await
        .unwrap();
    // Not tracked: a span without fields.
    tokio::spawn(async { tracing::info!("plain says") }.in_task_span())
        .await
        .unwrap();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            let (start, rest) = line.split_once("location=").unwrap_or((line, ""));
            let says = rest.rsplit(' ').take(2).collect::<Vec<_>>();
            (
                start.trim().to_owned(),
                says.into_iter().rev().collect::<Vec<_>>().join(" "),
            )
        })
        .collect();
    let expected = [
        (
            format!("INFO task{{name=\"outer\" op={outer}"),
            "outer says",
        ),
        (
            format!("INFO task{{name=\"outer\" op={outer}"),
            "inner says",
        ),
        ("INFO task: plain says".to_owned(), ""),
    ];
    let expected = expected.map(|(start, says)| (start, says.to_owned()));
    assert_eq!(lines, expected);
    let inner_line = text.lines().nth(1).unwrap();
    let own = format!(
        "task{{name=\"inner\" op={inner} originator={outer} location=tests/manager_spans.rs:"
    );
    assert!(inner_line.contains(&own), "{inner_line}");
}

/// Says something when it is dropped.
struct Farewell(&'static str);

impl Drop for Farewell {
    fn drop(&mut self) {
        tracing::info!("{} goes", self.0);
    }
}

#[tokio::test]
async fn what_a_task_drops_is_said_in_its_span() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);

    let spawn = |name: &'static str| {
        let farewell = Farewell(name);
        let task = async move {
            let _farewell = farewell;
            std::future::pending::<()>().await;
        };
        Builder::new().name(name).spawn(task.in_task_span())
    };
    let polled = spawn("polled");
    tokio::task::yield_now().await;
    let never_polled = spawn("never polled");
    for task in [polled, never_polled] {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    for (line, name) in lines.iter().zip(["polled", "never polled"]) {
        let start = format!("INFO task{{name=\"{name}\" op=");
        assert!(line.trim_start().starts_with(&start), "{line}");
        assert!(line.ends_with(&format!("{name} goes")), "{line}");
    }
}
