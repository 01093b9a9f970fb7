//! Every fast walker finds what the platform's unwinder finds, or declines.
mod call_tree;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use call_tree::{
    Random, Tally, Tree, assert_never_declined, compare, compare_in_panic_hook, trees,
};
use taskleak::stack;

#[test]
fn random_call_trees() {
    let tally = Tally::default();
    for seed in 0..trees() {
        Tree::new(seed, &tally).grow(1 + (seed % 24) as u32);
    }
    assert_never_declined(&tally);
}

#[test]
fn random_call_trees_that_panic() {
    compare_in_panic_hook();
    let tally = Tally::default();
    for seed in 0..trees() {
        Tree::panicking(seed, &tally).grow(1 + (seed % 12) as u32);
    }
    assert_never_declined(&tally);
}

#[test]
fn random_call_trees_on_threads() {
    compare_in_panic_hook();
    let tally = Tally::default();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let tally = &tally;
            scope.spawn(move || {
                for seed in 0..trees() {
                    Tree::panicking(seed * 4 + thread, tally).grow(1 + (seed % 16) as u32);
                }
            });
        }
    });
    assert_never_declined(&tally);
}

#[test]
fn short_lived_threads() {
    let tally = Tally::default();
    for seed in 0..trees() / 4 {
        std::thread::scope(|scope| {
            scope.spawn(|| Tree::new(seed, &tally).grow(6));
            scope.spawn(|| Tree::new(seed, &tally).grow(6));
        });
    }
    assert_never_declined(&tally);
}

#[test]
fn while_a_thread_exits() {
    struct AtExit(Arc<Tally>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            Tree::new(1, &self.0).grow(6);
        }
    }
    thread_local!(static AT_EXIT: std::cell::OnceCell<AtExit> = const { std::cell::OnceCell::new() });

    let tally = Arc::new(Tally::default());
    for _ in 0..8 {
        let tally = Arc::clone(&tally);
        std::thread::spawn(move || AT_EXIT.with(|at_exit| drop(at_exit.set(AtExit(tally)))))
            .join()
            .unwrap();
    }
    assert_never_declined(&tally);
}

/// The unwinder's library is one that no rules are kept for, so a stack through it is the unwinder's.
#[test]
fn through_an_unknown_module() {
    let mut stacks = Vec::new();
    let tally = Tally::default();
    backtrace::trace(|_| {
        compare(&tally, 0);
        stacks.push(stack::capture());
        false
    });
    assert_eq!(tally.compared.load(Ordering::Relaxed), 1);
    let functions: Vec<_> = stacks[0]
        .expect("a stack")
        .frames()
        .iter()
        .map(|frame| frame.function())
        .collect();
    assert!(
        functions[0].ends_with("through_an_unknown_module"),
        "{functions:?}"
    );
    assert!(functions.contains(&"_Unwind_Backtrace"), "{functions:?}");
}

type Grown<'a> = Pin<Box<dyn Future<Output = u64> + Send + 'a>>;

/// Nested async fns and blocks, some of which yield, with a call tree at the bottom.
fn grow_async(seed: u64, depth: u32, tally: &Tally) -> Grown<'_> {
    Box::pin(async move {
        let choice = Random::new(seed ^ u64::from(depth)).below(4);
        if depth == 0 {
            return Tree::new(seed, tally).grow(5);
        }
        if choice == 0 {
            tokio::task::yield_now().await;
        }
        let buffer = [choice; 40];
        let inner = async {
            let grown = grow_async(seed, depth - 1, tally).await;
            Tree::new(seed, tally).grow(2);
            grown
        };
        let grown = match choice {
            1 => tokio::select! { grown = inner => grown, () = std::future::pending() => 0 },
            2 => tokio::join!(inner, async { 1 }).0,
            3 => tokio::task::unconstrained(inner).await,
            _ => inner.await,
        };
        grown.wrapping_add(std::hint::black_box(&buffer)[3])
    })
}

async fn random_async_trees() {
    let tally = Arc::new(Tally::default());
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..trees() / 4 {
        let tally = Arc::clone(&tally);
        tasks.spawn(async move { grow_async(seed, (seed % 14) as u32, &tally).await });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_never_declined(&tally);
}

#[tokio::test]
async fn random_async_trees_on_one_thread() {
    random_async_trees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn random_async_trees_on_many_threads() {
    tokio::spawn(random_async_trees()).await.unwrap();
    let tally = Arc::new(Tally::default());
    let seen = Arc::clone(&tally);
    tokio::task::spawn_blocking(move || Tree::new(5, &seen).grow(9))
        .await
        .unwrap();
    assert_never_declined(&tally);
}
