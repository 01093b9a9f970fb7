//! What several test files share.

use std::collections::BTreeMap;
use std::process::Command;

/// Asserts that libtest lists exactly the functions that `source` declares tests, each once.
///
/// A function counts as a test if it stands at most eight spaces deep below a line that holds `test` in an attribute.
/// `without` are exceptions; `with` are names of tests that only exist after expansion.
pub fn assert_listed_once(source: &str, without: &[&str], with: &[&str]) {
    let executable = std::env::current_exe().expect("a test binary knows itself");
    let list = Command::new(executable)
        .arg("--list")
        .output()
        .expect("it runs");
    let list = String::from_utf8(list.stdout).expect("names are text");
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    for name in list.lines().filter_map(|line| line.strip_suffix(": test")) {
        *listed.entry(name).or_default() += 1;
    }
    let twice: Vec<_> = listed.iter().filter(|(_, times)| **times > 1).collect();
    assert!(
        twice.is_empty(),
        "these are two tests of one name: {twice:?}"
    );

    let mut expected: Vec<String> = declared(source);
    expected.retain(|name| !without.contains(&name.as_str()));
    expected.extend(with.iter().map(|name| (*name).to_owned()));
    expected.sort();
    let mut found: Vec<String> = listed
        .keys()
        .map(|name| {
            name.rsplit_once("::")
                .map_or(*name, |(_, name)| name)
                .to_owned()
        })
        .collect();
    found.sort();
    pretty_assertions::assert_eq!(expected, found);
}

/// The names of the functions below a test attribute.
fn declared(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut attributes = String::new();
    for line in source.lines() {
        let line = line.trim();
        let function = line.trim_start_matches("pub ").trim_start_matches("async ");
        if let Some(rest) = function.strip_prefix("fn ") {
            if attributes.contains("test") {
                let end = rest.find(['(', '<']).expect("a list of arguments");
                if !rest.starts_with('$') {
                    names.push(rest[..end].to_owned());
                }
            }
            attributes.clear();
        } else if line.starts_with("#[") {
            attributes.push_str(line);
        } else if line.is_empty() || line.ends_with('}') || line.ends_with(';') {
            attributes.clear();
        }
    }
    names
}
