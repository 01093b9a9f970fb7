//! What compiles against tokio compiles against the façade: one source, built twice.
//!
//! The source uses every function and trait of tokio's that the façade replaces, in the way that
//! code which names its types does.

macro_rules! source {
    ($module:ident, $tokio:ident) => {
        mod $module {
            use std::future::Future;
            use std::panic::{RefUnwindSafe, UnwindSafe};
            use std::rc::Rc;
            use std::time::Duration;

            use $tokio as tokio;

            use tokio::runtime::{self, Handle, Runtime, RuntimeMetrics};
            use tokio::task::{self, AbortHandle, Id, JoinError, JoinHandle, JoinSet, LocalSet};

            fn send_and_sync<T: Send + Sync>() {}
            fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
            fn debug<T: std::fmt::Debug>() {}
            fn default<T: Default>() -> T {
                T::default()
            }
            fn future<F: Future<Output = ()>>(future: F) -> F {
                future
            }

            #[test]
            fn traits() {
                send_and_sync::<JoinSet<()>>();
                send_and_sync::<Runtime>();
                send_and_sync::<runtime::Builder>();
                unwind_safe::<Runtime>();
                debug::<JoinSet<()>>();
                debug::<LocalSet>();
                debug::<Runtime>();
                debug::<runtime::Builder>();
                default::<JoinSet<Rc<()>>>();
                default::<LocalSet>();
            }

            #[test]
            fn builder() {
                let mut builder: runtime::Builder = runtime::Builder::new_multi_thread();
                let builder: &mut runtime::Builder = builder
                    .enable_all()
                    .enable_io()
                    .enable_time()
                    .worker_threads(1)
                    .max_blocking_threads(4)
                    .name("drop-in")
                    .thread_name("drop-in")
                    .thread_name_fn(|| "drop-in".to_owned())
                    .thread_stack_size(2 << 20)
                    .on_thread_start(|| {})
                    .on_thread_stop(|| {})
                    .on_thread_park(|| {})
                    .on_thread_unpark(|| {})
                    .thread_keep_alive(Duration::from_secs(1))
                    .global_queue_interval(31)
                    .event_interval(61)
                    .max_io_events_per_tick(64);
                let runtime: Runtime = builder.build().unwrap();
                runtime.shutdown_timeout(Duration::from_secs(1));
                let mut builder = runtime::Builder::new_current_thread();
                builder.start_paused(true).enable_all();
                let local = builder
                    .build_local(runtime::LocalOptions::default())
                    .unwrap();
                local
                    .block_on(async { task::spawn_local(async {}).await })
                    .unwrap();
            }

            #[test]
            fn runtime() {
                let runtime: Runtime = Runtime::new().unwrap();
                let handle: &Handle = runtime.handle();
                let _: RuntimeMetrics = runtime.metrics();
                let _: RuntimeMetrics = handle.metrics();
                let entered = runtime.enter();
                let spawned: JoinHandle<u8> = tokio::spawn(async { 1 });
                drop(entered);
                let by_runtime: JoinHandle<u8> = runtime.spawn(async { 2 });
                let by_handle: JoinHandle<u8> = handle.spawn(async { 3 });
                let blocking: JoinHandle<u8> = runtime.spawn_blocking(|| 4);
                let sum = runtime.block_on(async {
                    spawned.await.unwrap()
                        + by_runtime.await.unwrap()
                        + by_handle.await.unwrap()
                        + blocking.await.unwrap()
                });
                assert_eq!(sum, 10);
                runtime.shutdown_background();
            }

            #[test]
            fn functions() {
                let runtime = Runtime::new().unwrap();
                runtime.block_on(async {
                    let handle: JoinHandle<Option<Id>> = task::spawn(async { task::try_id() });
                    let id: Id = handle.id();
                    assert_eq!(handle.await.unwrap(), Some(id));
                    let blocking: JoinHandle<u8> = task::spawn_blocking(|| 1);
                    assert_eq!(blocking.await.unwrap(), 1);
                    assert_eq!(task::block_in_place(|| 2), 2);
                    task::yield_now().await;
                    let aborted: JoinHandle<()> = tokio::spawn(std::future::pending());
                    let abort: AbortHandle = aborted.abort_handle();
                    abort.abort();
                    let error: JoinError = aborted.await.unwrap_err();
                    assert!(error.is_cancelled());
                    task::coop::unconstrained(async {}).await;
                    // Functions as values.
                    let spawn: fn(std::future::Ready<u8>) -> JoinHandle<u8> = tokio::spawn;
                    assert_eq!(spawn(std::future::ready(3)).await.unwrap(), 3);
                });
            }

            #[test]
            fn join_set() {
                let runtime = Runtime::new().unwrap();
                runtime.block_on(async {
                    let local = LocalSet::new();
                    let mut set: JoinSet<usize> = JoinSet::new();
                    let abort: AbortHandle = set.spawn(async { 1 });
                    assert!(!abort.is_finished() || set.len() == 1);
                    set.spawn_on(async { 2 }, &Handle::current());
                    set.spawn_blocking(|| 3);
                    set.spawn_blocking_on(|| 4, &Handle::current());
                    set.spawn_local_on(async { 5 }, &local);
                    let inside = local.run_until(async {
                        set.spawn_local(async { 6 });
                        let mut sum = 0;
                        while let Some(joined) = set.join_next().await {
                            let joined: Result<usize, JoinError> = joined;
                            sum += joined.unwrap();
                        }
                        sum
                    });
                    assert_eq!(inside.await, 21);
                    assert!(set.is_empty());
                    set.spawn(async { 7 });
                    let with_id: Option<Result<(Id, usize), JoinError>> =
                        set.join_next_with_id().await;
                    assert_eq!(with_id.unwrap().unwrap().1, 7);
                    assert!(set.try_join_next().is_none());
                    assert!(set.try_join_next_with_id().is_none());
                    let joined = std::future::poll_fn(|cx| set.poll_join_next(cx)).await;
                    assert!(joined.is_none());
                    set.abort_all();
                    set.detach_all();
                    set.shutdown().await;
                    let mut collected: JoinSet<usize> =
                        [8, 9].map(std::future::ready).into_iter().collect();
                    collected.extend([std::future::ready(10)]);
                    let mut all = collected.join_all().await;
                    all.sort();
                    assert_eq!(all, [8, 9, 10]);
                });
            }

            #[test]
            fn local_set() {
                let runtime = runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let local = LocalSet::new();
                let here = Rc::new(1);
                let there = here.clone();
                let by_method: JoinHandle<u8> = local.spawn_local(async move { *there });
                assert_eq!(local.block_on(&runtime, by_method).unwrap(), 1);
                let entered: task::LocalEnterGuard = local.enter();
                let by_function: JoinHandle<u8> = task::spawn_local(async move { *here });
                drop(entered);
                runtime.block_on(future(local));
                assert_eq!(runtime.block_on(by_function).unwrap(), 1);
            }

            tokio::task_local! {
                static NUMBER: u8;
            }

            #[tokio::test]
            async fn task_locals() {
                assert_eq!(NUMBER.scope(1, async { NUMBER.get() }).await, 1);
                assert_eq!(NUMBER.sync_scope(2, || NUMBER.get()), 2);
            }
        }
    };
}

source!(stock, tokio);
source!(twin, taskleak_tokio);
