//! What a report says of each kind of future that a task can wait in: of what kind it is, the cause, and the help.
#![cfg(target_os = "linux")]

mod cases;
mod channels;
mod wakers;

use std::time::Duration;
use taskleak::{Leak, LeakReport, Options, find};

const SHORT: Duration = Duration::from_millis(15);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn leak<'a>(report: &'a LeakReport, name: &str) -> &'a Leak {
    let leak = report.leaks().iter().find(|leak| leak.name() == name);
    leak.unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// What is found of the task of that name once it is as it should be; or what is found in the end.
fn report_of(name: &str, is_so: impl Fn(&Leak) -> bool) -> LeakReport {
    let mut tries = 100;
    loop {
        let report = find(Options::new().grace(SHORT)).unwrap_err();
        tries -= 1;
        if tries == 0
            || report
                .leaks()
                .iter()
                .any(|leak| leak.name() == name && is_so(leak))
        {
            return report;
        }
    }
}
