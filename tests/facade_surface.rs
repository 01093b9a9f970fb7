//! The façade has tokio's own types where nothing is tracked, and the twins where something is.

use std::any::TypeId;

use taskleak_tokio as tokio;

fn same<A: 'static, B: 'static>() -> bool {
    TypeId::of::<A>() == TypeId::of::<B>()
}

#[test]
fn handles_are_tokios_own() {
    assert!(same::<
        tokio::task::JoinHandle<()>,
        ::tokio::task::JoinHandle<()>,
    >());
    assert!(same::<tokio::task::AbortHandle, ::tokio::task::AbortHandle>());
    assert!(same::<tokio::task::JoinError, ::tokio::task::JoinError>());
    assert!(same::<tokio::task::Id, ::tokio::task::Id>());
    assert!(same::<tokio::runtime::Handle, ::tokio::runtime::Handle>());
    assert!(same::<tokio::sync::Notify, ::tokio::sync::Notify>());
    assert!(same::<tokio::time::Instant, ::tokio::time::Instant>());
}

#[test]
fn what_spawns_is_the_twin() {
    assert!(same::<tokio::task::JoinSet<()>, taskleak::task::JoinSet<()>>());
    assert!(same::<tokio::task::LocalSet, taskleak::task::LocalSet>());
    assert!(same::<tokio::task::Builder, taskleak::task::Builder>());
    assert!(same::<tokio::runtime::Builder, taskleak::runtime::Builder>());
    assert!(same::<tokio::runtime::Runtime, taskleak::runtime::Runtime>());
}

/// The line that a crate's root would have, here in a module of a crate that knows the real tokio, too.
mod by_extern_crate {
    extern crate taskleak_tokio as tokio;

    use self::tokio::sync::mpsc;

    self::tokio::task_local! {
        static NUMBER: u32;
    }

    #[taskleak_tokio::test(start_paused = true)]
    async fn macros() {
        let (send, mut receive) = mpsc::channel(1);
        let sending = tokio::spawn(async move { send.send(1).await });
        let received = tokio::select! {
            received = receive.recv() => received,
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => None,
        };
        assert_eq!(received, Some(1));
        let (sent, scoped) = tokio::join!(sending, NUMBER.scope(2, async { NUMBER.get() }));
        assert_eq!((sent.unwrap(), scoped), (Ok(()), 2));
        let both = tokio::try_join!(async { Ok::<_, ()>(1) }, async { Ok(2) });
        assert_eq!(both, Ok((1, 2)));
        let pinned = async { 3 };
        tokio::pin!(pinned);
        assert_eq!(pinned.await, 3);
    }
}

async fn stranded_function() {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "stranded_function")]
async fn a_test_fails_for_what_it_leaves_behind() {
    tokio::spawn(stranded_function());
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "stranded_function")]
async fn so_does_one_on_many_threads() {
    tokio::task::spawn(stranded_function());
}

#[tokio::test(flavor = "local", start_paused = true)]
#[should_panic(expected = "stranded_function")]
async fn so_does_one_on_a_local_runtime() {
    tokio::task::spawn_local(stranded_function());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "stranded_function")]
async fn so_does_one_with_a_forgotten_join_set() {
    let mut set = tokio::task::JoinSet::new();
    set.extend([stranded_function()]);
    std::mem::forget(set);
}

#[taskleak::leak_test(ignore = "pool-*")]
#[tokio::test]
async fn unless_it_is_ignored() {
    tokio::task::Builder::new()
        .name("pool-1")
        .spawn(stranded_function());
}
