//! A profile as bytes.

use super::message;
use super::profile::{Profile, not_asked};
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use std::collections::HashMap;
use std::io::Write;
use std::time::SystemTime;

pub(super) fn gzip(profile: &Profile) -> Vec<u8> {
    let bytes = message(profile).encode_to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let written = gzip.write_all(&bytes).and_then(|()| gzip.finish());
    written.expect("writing to a vector does not fail")
}

/// The string table.
struct Strings {
    all: Vec<String>,
    numbers: HashMap<String, i64>,
}

impl Strings {
    fn new() -> Self {
        let mut strings = Self {
            all: Vec::new(),
            numbers: HashMap::new(),
        };
        // The format wants the empty string to be the first.
        strings.number("");
        strings
    }

    fn number(&mut self, string: &str) -> i64 {
        if let Some(number) = self.numbers.get(string) {
            return *number;
        }
        let number = self.all.len() as i64;
        self.all.push(string.to_owned());
        self.numbers.insert(string.to_owned(), number);
        number
    }

    fn value_type(&mut self, kind: &str, unit: &str) -> message::ValueType {
        message::ValueType {
            r#type: self.number(kind),
            unit: self.number(unit),
        }
    }
}

fn message(profile: &Profile) -> message::Profile {
    let mut strings = Strings::new();
    let tasks = strings.value_type("tasks", "count");
    let age = strings.value_type("age", "nanoseconds");
    let (function, location) = locations(profile, &mut strings);
    let sample = profile
        .samples
        .iter()
        .map(|sample| message::Sample {
            location_id: sample.stack.iter().map(|&step| id(step)).collect(),
            value: vec![
                sample.count as i64,
                i64::try_from(sample.age.as_nanos()).unwrap_or(i64::MAX),
            ],
            label: sample
                .labels
                .iter()
                .map(|(key, value)| message::Label {
                    key: strings.number(key),
                    str: strings.number(value),
                })
                .collect(),
        })
        .collect();
    let mut comment = Vec::new();
    if profile.not_asked > 0 {
        comment.push(strings.number(&not_asked(profile.not_asked)));
    }
    let since_1970 = profile.taken_at.duration_since(SystemTime::UNIX_EPOCH);
    message::Profile {
        sample_type: vec![tasks, age],
        sample,
        mapping: vec![this_program(&mut strings)],
        location,
        function,
        time_nanos: since_1970
            .ok()
            .and_then(|since| i64::try_from(since.as_nanos()).ok())
            .unwrap_or(0),
        period_type: Some(tasks),
        period: 1,
        comment,
        default_sample_type: tasks.r#type,
        string_table: strings.all,
    }
}

/// Ids begin at 1.
fn id(index: usize) -> u64 {
    index as u64 + 1
}

/// A function for each name and file, a location for each step.
fn locations(
    profile: &Profile,
    strings: &mut Strings,
) -> (Vec<message::Function>, Vec<message::Location>) {
    let mut functions = Vec::new();
    let mut numbers = HashMap::new();
    let locations = profile
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let key = (step.function.as_str(), step.file.as_str());
            let function_id = *numbers.entry(key).or_insert_with(|| {
                let function = message::Function {
                    id: id(functions.len()),
                    name: strings.number(&step.function),
                    filename: strings.number(&step.file),
                };
                functions.push(function);
                function.id
            });
            message::Location {
                id: id(index),
                mapping_id: 1,
                line: vec![message::Line {
                    function_id,
                    line: i64::from(step.line),
                }],
            }
        })
        .collect();
    (functions, locations)
}

/// Says that everything is symbolised already, so that readers don't look for a binary.
fn this_program(strings: &mut Strings) -> message::Mapping {
    let program = std::env::current_exe().ok();
    let name = program
        .as_deref()
        .and_then(|program| program.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    message::Mapping {
        id: 1,
        filename: strings.number(&name.unwrap_or_default()),
        has_functions: true,
        has_filenames: true,
        has_line_numbers: true,
        has_inline_frames: true,
    }
}
