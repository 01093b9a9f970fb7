//! What a report says of tasks that wait for whoever is at the other end: the kind, the cause and the help.

use super::peers::CASES;
use super::{Case, answered_report, wrong_of};
use taskleak::WaitsFor;

/// Of each: the kind, and parts of the cause and of the help.
const SAID: &[(&str, WaitsFor, &str, &str)] = &[
    (
        "fd_readable",
        WaitsFor::Read,
        "a file descriptor to become readable",
        "see that the other end makes it ready",
    ),
    (
        "fd_writable",
        WaitsFor::Write,
        "a file descriptor to become writable",
        "see that the other end makes it ready",
    ),
    (
        "fd_io",
        WaitsFor::Read,
        "a file descriptor to become ready",
        "see that the other end makes it ready",
    ),
    (
        "tcp_connect",
        WaitsFor::Write,
        "a connection that the peer has not accepted",
        "around the connecting",
    ),
    (
        "unix_write",
        WaitsFor::Write,
        "room to write: the peer does not read",
        "let the peer read",
    ),
    (
        "unix_writable",
        WaitsFor::Write,
        "room to write: the peer does not read",
        "let the peer read",
    ),
    (
        "datagram_send",
        WaitsFor::Write,
        "room to write: the peer does not read",
        "let the peer read",
    ),
    (
        "both_ways",
        WaitsFor::Read,
        "bytes from a peer that is still connected",
        "close both peers' sides",
    ),
    (
        "process_output",
        WaitsFor::Process,
        "the end of a child process",
        "kill the child",
    ),
    (
        "framed_next",
        WaitsFor::Read,
        "bytes from a peer that is still connected",
        "close the peer's side",
    ),
    (
        "framed_send",
        WaitsFor::Write,
        "room to write: the peer does not read",
        "let the peer read",
    ),
    (
        "framed_read",
        WaitsFor::Read,
        "bytes from a peer that is still connected",
        "close the peer's side",
    ),
    (
        "framed_write",
        WaitsFor::Write,
        "room to write: the peer does not read",
        "let the peer read",
    ),
    (
        "split_next",
        WaitsFor::Read,
        "bytes from a peer that is still connected",
        "close the peer's side",
    ),
    (
        "split_send",
        WaitsFor::Write,
        "room to write: the peer does not read",
        "let the peer read",
    ),
];

fn line<'a>(report: &'a str, key: &str) -> &'a str {
    let key = format!(" = {key}: ");
    let mut lines = report.lines();
    lines
        .find_map(|line| Some(line.split_once(&key)?.1))
        .unwrap_or_default()
}

#[test]
fn what_waits_for_a_peer_is_explained() {
    let check = |case: &'static Case| {
        let (_, kind, cause, help) = SAID.iter().find(|said| said.0 == case.name)?;
        let report = answered_report(case);
        let text = report.to_string();
        let is_right = report.leaks()[0].waits_for() == Some(*kind)
            && line(&text, "waits for").contains(cause)
            && line(&text, "help").contains(help);
        (!is_right).then(|| format!("{}: {:?}\n{text}", case.name, report.leaks()[0].waits_for()))
    };
    let wrong = wrong_of(&CASES.iter().collect::<Vec<_>>(), check);
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(SAID.len(), CASES.len(), "each is told");
}
