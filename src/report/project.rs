//! The project that is tested: paths as its people know them, and lines of its source.

use crate::registry::is_by_place;
use crate::stack::Frame;
use std::env;
use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The workspace's root: the nearest folder from here up that has a `Cargo.lock`; else this one. A
/// workspace may lie in the folder of another, whose files are called the same.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = env::current_dir().unwrap_or_default();
        let locked = here
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file());
        locked.unwrap_or(&here).to_owned()
    })
}

/// The file's path from the workspace's root, so that editors and CI find it; of a package from a
/// registry, from the package's folder.
pub(super) fn relative(file: &str) -> String {
    let path = Path::new(file);
    let short = path
        .strip_prefix(root())
        .map(Path::to_path_buf)
        .ok()
        .or_else(|| in_registry(path));
    short
        .unwrap_or_else(|| path.to_path_buf())
        .display()
        .to_string()
}

/// The same from another folder that the project lies in, if that is so.
pub(super) fn relative_to(file: &str, folder: Option<&Path>) -> String {
    let short = relative(file);
    let within = folder.and_then(|folder| {
        let path = root().join(&short);
        let is_own = has(Path::new(file)) && path.is_file();
        let path = path.strip_prefix(folder).ok()?;
        is_own.then(|| path.display().to_string())
    });
    within.unwrap_or(short)
}

/// `tokio-1.54.0/src/lib.rs` of `.../registry/src/index-name-hash/tokio-1.54.0/src/lib.rs`.
fn in_registry(path: &Path) -> Option<PathBuf> {
    let mut parts = path.iter().skip_while(|part| *part != "registry");
    (parts.nth(1)? == "src" && parts.next().is_some()).then(|| parts.collect())
}

/// The package from a registry that a file is of: `tokio-1.54.0`.
pub(super) fn package(file: &Path) -> Option<String> {
    let path = in_registry(file)?;
    let folder = path.iter().next()?;
    Some(folder.to_string_lossy().into_owned())
}

/// Whether the file is the project's own, not a dependency's.
pub(super) fn has(file: &Path) -> bool {
    file.is_relative() || (file.starts_with(root()) && in_registry(file).is_none())
}

/// A task's name and where it was spawned; of one that is called by that place, only once.
pub(super) fn name_and_place(name: &str, location: &Location<'_>) -> String {
    let column = location.column();
    if is_by_place(name, location) {
        format!("task spawned at {}:{column}", line(location))
    } else {
        format!("{name} ({}:{column})", line(location))
    }
}

/// The same in a list, without the column.
pub(super) fn name_and_line(name: &str, location: &Location<'_>) -> String {
    if is_by_place(name, location) {
        format!("task spawned at {}", line(location))
    } else {
        format!("{name} ({})", line(location))
    }
}

/// The same in a sentence.
pub(super) fn task(name: &str, location: &Location<'_>) -> String {
    if is_by_place(name, location) {
        format!("the task spawned at {}", line(location))
    } else {
        format!("task `{name}` (spawned at {})", line(location))
    }
}

fn line(location: &Location<'_>) -> String {
    format!("{}:{}", relative(location.file()), location.line())
}

/// Where a frame's call is, if known: `src/server.rs:42:9`.
pub(super) fn place(frame: &Frame) -> Option<String> {
    let mut place = relative(&frame.file()?.to_string_lossy());
    if let Some(line) = frame.line() {
        place += &format!(":{line}");
        if let Some(column) = frame.column().filter(|column| *column > 0) {
            place += &format!(":{column}");
        }
    }
    Some(place)
}

/// A line of the project's source, if the source is at hand.
pub(super) fn source_line(file: &str, line: u32) -> Option<String> {
    let path = Path::new(file);
    // The compiler names files from the folder it ran in: the workspace's root, or the package's.
    let here = env::current_dir().unwrap_or_default();
    let found = [root(), &here]
        .into_iter()
        .map(|folder| folder.join(path))
        .find(|path| path.is_file())?;
    let source = fs::read_to_string(found).ok()?;
    let text = source
        .lines()
        .nth((line as usize).checked_sub(1)?)?
        .trim_end();
    // A line this long is generated, and no help.
    (!text.trim().is_empty() && text.chars().count() <= 160).then(|| text.replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_in_a_sub_folder_is_known_from_above() {
        let (file, folder) = ("src/lib.rs", root().file_name().unwrap());
        assert_eq!(relative_to(file, None), file);
        assert_eq!(relative_to(file, Some(root())), file);
        let above = Path::new(folder).join(file).display().to_string();
        assert_eq!(relative_to(file, root().parent()), above);
        assert_eq!(relative_to(file, Some(Path::new("/elsewhere"))), file);
        assert_eq!(relative_to("src/none.rs", root().parent()), "src/none.rs");
    }

    #[test]
    fn a_task_without_a_name_is_called_by_its_place_once() {
        let here = Location::caller();
        let (file, line, column) = (here.file(), here.line(), here.column());
        let unnamed = format!("task spawned at {file}:{line}:{column}");
        assert_eq!(name_and_place(&unnamed, here), unnamed);
        let line_only = format!("task spawned at {file}:{line}");
        assert_eq!(name_and_line(&unnamed, here), line_only);
        assert_eq!(task(&unnamed, here), format!("the {line_only}"));
    }

    #[test]
    fn a_task_with_a_name_is_called_by_both() {
        let here = Location::caller();
        let (file, line, column) = (here.file(), here.line(), here.column());
        let place = format!("{file}:{line}");
        assert_eq!(
            name_and_place("worker", here),
            format!("worker ({place}:{column})")
        );
        assert_eq!(name_and_line("worker", here), format!("worker ({place})"));
        assert_eq!(
            task("worker", here),
            format!("task `worker` (spawned at {place})")
        );
    }
}
