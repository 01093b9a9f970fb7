//! What tokio has under `tokio_unstable` only. The façade's `#[main]` shows it, since rustc drops a `#[test]` from a
//! program.
#[taskleak_tokio::main(flavor = "current_thread", unhandled_panic = "shutdown_runtime")]
async fn main() {}
