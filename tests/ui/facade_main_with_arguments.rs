//! The one that the operating system calls.
#[taskleak_tokio::main]
async fn main(arguments: Vec<String>) {}
