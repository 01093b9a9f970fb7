//! Addresses become frames, once each.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::frame::Frame;
use super::origin::{self, FrameOrigin};

/// What each address that was ever read resolves to, innermost inlined call first.
static RESOLVED: LazyLock<Mutex<HashMap<usize, &'static [Frame]>>> = LazyLock::new(Mutex::default);

/// Where its debug info is installed, reading the C library's takes longer than all the rest; and every stack
/// ends in it, so everybody would pay. So it isn't read.
const C_LIBRARY: Frame = Frame {
    symbol: "(C library)",
    function: "(C library)",
    file: None,
    line: None,
    column: None,
    origin: FrameOrigin::Std,
    package: None,
};

/// The frames at a return address.
pub(super) fn resolve(address: usize) -> &'static [Frame] {
    let mut resolved = RESOLVED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(frames) = resolved.get(&address) {
        return frames;
    }
    if is_in_c_library(address) {
        return &[C_LIBRARY];
    }
    let mut frames = Vec::new();
    // `resolve` itself subtracts one from a return address.
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        let name = symbol.name().map(|name| format!("{name:#}"));
        let file = symbol.filename().map(Path::to_path_buf);
        frames.push(frame(name, file, symbol.lineno(), symbol.colno()));
    });
    if frames.is_empty() {
        frames.push(frame(None, None, None, None));
    }
    let frames: &'static [Frame] = frames.leak();
    resolved.insert(address, frames);
    frames
}

fn is_in_c_library(address: usize) -> bool {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    {
        super::walk::cfi::is_in_c_library(address)
    }
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
    {
        let _ = address;
        false
    }
}

fn frame(
    name: Option<String>,
    file: Option<PathBuf>,
    line: Option<u32>,
    column: Option<u32>,
) -> Frame {
    let symbol: &'static str = name.map_or("<unknown>", |name| name.leak());
    let file: Option<&'static Path> = file.map(|file| &*Box::leak(file.into_boxed_path()));
    let (origin, package) = origin::of(symbol, file);
    Frame {
        symbol,
        function: without_closures(symbol),
        file,
        // Compilers write line 0 for code that belongs to no line.
        line: line.filter(|&line| line != 0),
        column: column.filter(|&column| column != 0),
        origin,
        package,
    }
}

/// Cuts the closure parts out of a name, as both mangling schemes write them: `a::b::{{closure}}` and
/// `a::b::{closure#0}` are `a::b`, also where the closure is an async body.
fn without_closures(symbol: &'static str) -> &'static str {
    if !symbol.contains("::{") {
        return symbol;
    }
    let mut name = String::new();
    let mut rest = symbol;
    while let Some((before, part)) = rest.split_once("::{") {
        name.push_str(before);
        // A part is in one pair of braces or in two.
        let end = part.find('}').map_or(part.len(), |end| end + 1);
        rest = part[end..].trim_start_matches('}');
    }
    name.push_str(rest);
    name.leak()
}

#[cfg(test)]
mod tests {
    use super::without_closures;

    #[test]
    fn closures_are_called_after_their_function() {
        for (symbol, function) in [
            ("app::serve", "app::serve"),
            ("app::serve::{{closure}}", "app::serve"),
            ("app::serve::{{closure}}::{{closure}}", "app::serve"),
            ("app::serve::{closure#0}::{async_block#2}", "app::serve"),
            ("app::test::{{closure}}::helper", "app::test::helper"),
            (
                "<app::S as app::T>::run::{{closure}}",
                "<app::S as app::T>::run",
            ),
            ("main", "main"),
            ("{{closure}}", "{{closure}}"),
        ] {
            assert_eq!(without_closures(symbol), function);
        }
    }
}
