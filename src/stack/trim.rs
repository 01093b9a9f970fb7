//! Leaves out the frames that nobody asked for.
use super::frame::Frame;
use super::origin::FrameOrigin;

/// The frames of a stack, innermost first, that a person wants to see. See
/// [`Stack::user_frames`](super::Stack::user_frames).
pub(crate) fn user_frames(frames: &[Frame]) -> Vec<&Frame> {
    let mut kept: Vec<&Frame> = Vec::new();
    for frame in frames {
        match frame.origin {
            FrameOrigin::Tokio | FrameOrigin::Std | FrameOrigin::Taskleak => {}
            // Of a package's run of frames the outermost one replaces those further in.
            FrameOrigin::Dependency => match kept.last_mut() {
                Some(last) if last.package == frame.package && frame.package.is_some() => {
                    *last = frame;
                }
                _ => kept.push(frame),
            },
            FrameOrigin::User => match kept.last() {
                Some(inner) if is_shell_of(frame, inner) => {}
                _ => kept.push(frame),
            },
        }
    }
    // Whatever called the outermost user code, such as a test framework, is not of interest; unless there is no user
    // code at all.
    if let Some(outermost) = kept
        .iter()
        .rposition(|frame| frame.origin == FrameOrigin::User)
    {
        kept.truncate(outermost + 1);
    }
    // `#[test]` wraps a test in a closure, whose frame stays when the test's own was a shell.
    if let [.., inner, outer] = kept[..]
        && outer.symbol != outer.function
        && is_written_in_same(outer, inner)
    {
        kept.pop();
    }
    kept
}

/// Whether `outer` is only what `inner` is wrapped in: the function that an async body or closure is written in, once
/// what lies between them is gone, or the closure that `#[test]` makes around a test.
fn is_shell_of(outer: &Frame, inner: &Frame) -> bool {
    is_written_in_same(outer, inner) && outer.symbol != inner.symbol
}

fn is_written_in_same(outer: &Frame, inner: &Frame) -> bool {
    outer.function == inner.function && outer.file == inner.file
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::path::Path;

    fn frame(
        symbol: &'static str,
        origin: FrameOrigin,
        package: Option<&'static str>,
        line: u32,
    ) -> Frame {
        Frame {
            symbol,
            function: symbol.split("::{{").next().unwrap(),
            file: Some(Path::new("src/app.rs")),
            line: Some(line),
            column: None,
            origin,
            package,
        }
    }

    fn user(symbol: &'static str, line: u32) -> Frame {
        frame(symbol, FrameOrigin::User, None, line)
    }

    fn dependency(symbol: &'static str, package: &'static str) -> Frame {
        frame(symbol, FrameOrigin::Dependency, Some(package), 1)
    }

    fn std(symbol: &'static str) -> Frame {
        frame(symbol, FrameOrigin::Std, None, 1)
    }

    fn shown(frames: &[Frame]) -> Vec<String> {
        user_frames(frames)
            .iter()
            .map(|frame| format!("{}:{}", frame.symbol, frame.line.unwrap()))
            .collect()
    }

    #[test]
    fn a_sync_test_ends_at_its_function() {
        let frames = [
            frame("taskleak::spawn", FrameOrigin::Taskleak, None, 1),
            user("app::helper", 30),
            user("app::test", 12),
            user("app::test::{{closure}}", 10),
            std("core::ops::function::FnOnce::call_once"),
            std("test::run_test"),
        ];
        assert_eq!(shown(&frames), ["app::helper:30", "app::test:12"]);
    }

    #[test]
    fn an_async_test_is_shown_once_where_it_awaits() {
        let frames = [
            user("app::helper", 30),
            user("app::test::{{closure}}", 12),
            frame(
                "tokio::runtime::Runtime::block_on",
                FrameOrigin::Tokio,
                Some("tokio-1.54.1"),
                1,
            ),
            user("app::test", 10),
            user("app::test::{{closure}}", 9),
            std("core::ops::function::FnOnce::call_once"),
        ];
        assert_eq!(
            shown(&frames),
            ["app::helper:30", "app::test::{{closure}}:12"]
        );
    }

    #[test]
    fn recursion_is_kept() {
        let frames = [
            user("app::walk", 3),
            user("app::walk", 4),
            user("app::main", 9),
        ];
        assert_eq!(
            shown(&frames),
            ["app::walk:3", "app::walk:4", "app::main:9"]
        );
    }

    #[test]
    fn of_a_dependency_only_where_it_was_entered_is_kept() {
        let frames = [
            user("app::on_event", 7),
            dependency("hub::deliver", "hub-1.0.0"),
            std("core::iter::for_each"),
            dependency("hub::run", "hub-1.0.0"),
            dependency("axle::turn", "axle-2.0.0"),
            user("app::main", 9),
            dependency("frame::start", "frame-0.1.0"),
        ];
        assert_eq!(
            shown(&frames),
            [
                "app::on_event:7",
                "hub::run:1",
                "axle::turn:1",
                "app::main:9"
            ]
        );
    }

    #[test]
    fn without_user_code_the_dependencies_are_shown() {
        let frames = [
            dependency("hub::deliver", "hub-1.0.0"),
            std("std::thread::run"),
        ];
        assert_eq!(shown(&frames), ["hub::deliver:1"]);
    }
}
