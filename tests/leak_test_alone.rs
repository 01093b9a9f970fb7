//! `#[leak_test]` as a whole test: its arguments, and every shape that a test can have.
#![deny(warnings)]

use std::process::{ExitCode, Termination};
use std::rc::Rc;
use std::time::Duration;

use taskleak::leak_test;
use tokio::runtime::{Handle, RuntimeFlavor};

#[leak_test]
async fn bare() {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::CurrentThread
    );
    taskleak::spawn(async {}).await.unwrap();
}

#[leak_test()]
async fn no_arguments() {}

#[leak_test(flavor = "current_thread")]
async fn current_thread() {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::CurrentThread
    );
}

#[leak_test(flavor = "multi_thread")]
async fn multi_thread() {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::MultiThread
    );
}

#[leak_test(flavor = "multi_thread", worker_threads = 3)]
async fn worker_threads() {
    assert_eq!(Handle::current().metrics().num_workers(), 3);
}

#[leak_test(flavor = "local")]
async fn local() {
    let here = Rc::new(1);
    assert_eq!(
        taskleak::task::spawn_local(async move { *here })
            .await
            .unwrap(),
        1
    );
}

#[leak_test(start_paused = true)]
async fn start_paused() {
    let before = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(before.elapsed(), Duration::from_secs(3600));
}

#[leak_test(name = "runtime-of-named")]
async fn named() {
    assert_eq!(Handle::current().name(), Some("runtime-of-named"));
}

#[leak_test(unhandled_panic = "ignore")]
async fn unhandled_panic_ignored() {
    taskleak::spawn(async { panic!("nobody minds") })
        .await
        .unwrap_err();
}

#[cfg(tokio_unstable)]
#[leak_test(unhandled_panic = "shutdown_runtime")]
#[should_panic]
async fn unhandled_panic_ends_the_test() {
    let _ = taskleak::spawn(async { panic!("the runtime goes down") }).await;
    std::future::pending::<()>().await;
}

#[leak_test(
    flavor = "multi_thread",
    worker_threads = 1,
    name = "all",
    grace = "1.5s",
    timeout = "1m",
    ignore = ["pool-*", "janitor[0-9]"],
    background = true,
    crate = "::taskleak",
)]
async fn every_argument() {}

#[leak_test(grace = "750ms", ignore = "pool-?")]
async fn one_name_ignored() {}

#[leak_test(crate = "renamed::deep")]
async fn crate_by_another_path() {}

mod renamed {
    pub use taskleak as deep;
}

#[leak_test]
async fn result() -> Result<(), Box<dyn std::error::Error>> {
    let one: u32 = "1".parse()?;
    assert_eq!(taskleak::spawn(async move { one }).await?, 1);
    // The type of this comes from the signature alone.
    Ok(())
}

#[leak_test]
async fn exit_code() -> ExitCode {
    ExitCode::SUCCESS
}

#[leak_test]
async fn termination() -> impl Termination {
    ExitCode::SUCCESS
}

#[leak_test]
async fn impl_inside() -> Result<impl Termination, std::io::Error> {
    Ok(ExitCode::SUCCESS)
}

/// With a doc comment.
#[leak_test]
#[should_panic(expected = "as it should")]
#[allow(clippy::unused_async)]
async fn panics() {
    panic!("as it should");
}

#[should_panic(expected = "as it should")]
#[leak_test]
async fn panics_by_an_attribute_above() {
    panic!("as it should");
}

#[leak_test]
#[ignore = "never ends"]
async fn ignored() {
    std::future::pending::<()>().await;
}

#[cfg(any())]
#[leak_test]
async fn configured_away() {
    compile_error!("not even read")
}

#[leak_test]
async fn early_return() {
    if Handle::try_current().is_ok() {
        return;
    }
    unreachable!("a test runs inside a runtime");
}

#[leak_test]
async fn inner_attributes() {
    #![allow(unused_variables)]
    let unused = 1;
}

#[leak_test]
async fn r#match() {}

#[leak_test]
async fn lifetimes<'a>() -> Result<(), &'a str> {
    Ok(())
}

#[leak_test]
async fn items_in_the_body() {
    const TWO: u32 = 2;
    async fn double(number: u32) -> u32 {
        number * TWO
    }
    assert_eq!(double(2).await, 4);
}

#[leak_test]
async fn is_send_or_not() {
    let here = Rc::new(1);
    tokio::task::yield_now().await;
    assert_eq!(*here, 1);
}

macro_rules! tests_by_macro {
    ($($name:ident: $body:block)*) => {
        $(
            #[leak_test(grace = "2s")]
            async fn $name() $body
        )*
    };
}

tests_by_macro! {
    made_by_a_macro: { taskleak::spawn(async {}).await.unwrap() }
    made_by_a_macro_too: {}
}

mod nested {
    mod deeper {
        #[taskleak::leak_test]
        async fn by_its_path() {}
    }
}

mod no_prelude {
    #![no_implicit_prelude]

    #[::taskleak::leak_test(flavor = "multi_thread", grace = "1s", timeout = "9s", ignore = ["a"])]
    async fn without_a_prelude() -> ::std::io::Result<()> {
        ::std::result::Result::Ok(())
    }

    #[::taskleak::leak_test]
    fn sync_without_a_prelude() -> ::std::io::Result<()> {
        ::std::result::Result::Ok(())
    }
}

#[allow(non_snake_case, unused_imports)]
mod shadowed {
    // Names that the expansion must not fall over.
    mod core {}
    mod std {}
    mod taskleak {}
    use super::bare as test;

    #[::taskleak::leak_test]
    async fn by_names_of_its_own() {
        let output = 1;
        assert_eq!(output, 1);
    }
}

/// libtest's own list of this binary: a test that was made twice, or not at all, shows there and nowhere else.
#[test]
fn each_is_one_test() {
    let mut without = vec!["configured_away"];
    if cfg!(not(tokio_unstable)) {
        without.push("unhandled_panic_ends_the_test");
    }
    let with = ["made_by_a_macro", "made_by_a_macro_too"];
    support::assert_listed_once(include_str!("leak_test_alone.rs"), &without, &with);
}

mod support;
