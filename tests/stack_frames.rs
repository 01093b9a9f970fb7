//! What a person gets to see of a captured stack.
use pretty_assertions::assert_eq;
use taskleak::stack::{self, FrameOrigin, Stack};

#[inline(never)]
fn helper() -> Stack {
    let stack = stack::capture().expect("a stack");
    std::hint::black_box(stack)
}

/// Function names with the crate's name cut off, and whether the line is known.
fn shown(stack: Stack) -> Vec<String> {
    stack
        .user_frames()
        .iter()
        .map(|frame| {
            let file = frame.file().expect("a file");
            assert!(file.ends_with("tests/stack_frames.rs"), "{frame}");
            assert!(frame.line().is_some());
            frame.function().replace("stack_frames::", "")
        })
        .collect()
}

#[test]
fn sync_test() {
    assert_eq!(shown(helper()), ["helper", "sync_test"]);
}

#[tokio::test]
async fn current_thread_test() {
    assert_eq!(shown(helper()), ["helper", "current_thread_test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn spawned_in_multi_thread_test() {
    let stack = tokio::spawn(async { helper() }).await.unwrap();
    assert_eq!(shown(stack), ["helper", "spawned_in_multi_thread_test"]);
}

#[tokio::test]
async fn nested_async_fns() {
    async fn outer() -> Stack {
        middle().await
    }
    async fn middle() -> Stack {
        tokio::task::yield_now().await;
        Box::pin(async { helper() }).await
    }
    assert_eq!(
        shown(outer().await),
        [
            "helper",
            "nested_async_fns::middle",
            "nested_async_fns::outer",
            "nested_async_fns"
        ]
    );
}

#[test]
fn closures_through_std() {
    let mut stacks: Vec<Stack> = Vec::new();
    [1].iter().for_each(|_| stacks.push(helper()));
    assert_eq!(shown(stacks[0]), ["helper", "closures_through_std"]);
}

#[test]
fn a_thread_ends_at_its_closure() {
    let stack = std::thread::spawn(helper_on_thread).join().unwrap();
    assert_eq!(
        shown(stack),
        ["helper", "a_thread_ends_at_its_closure::helper_on_thread"]
    );

    fn helper_on_thread() -> Stack {
        let stack = helper();
        std::hint::black_box(stack)
    }
}

#[test]
fn inlined_calls_are_frames() {
    #[inline(always)]
    fn inlined() -> Stack {
        helper()
    }
    assert_eq!(
        shown(inlined()),
        [
            "helper",
            "inlined_calls_are_frames::inlined",
            "inlined_calls_are_frames"
        ]
    );
}

#[test]
fn the_full_stack_starts_at_the_caller() {
    let frames = helper().frames();
    assert_eq!(frames[0].function(), "stack_frames::helper");
    assert!(
        frames
            .iter()
            .any(|frame| frame.origin() == FrameOrigin::Std)
    );
    assert!(
        frames
            .iter()
            .all(|frame| frame.origin() != FrameOrigin::Taskleak)
    );
}
