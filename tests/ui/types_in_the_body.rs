//! Errors in a body are reported where they are. The façade's `#[main]` expands as the tests do, and rustc keeps it
//! in a program.
extern crate taskleak_tokio as tokio;

#[tokio::main]
async fn wrong_value() -> Result<u32, String> {
    let number = 1;
    number
}

#[tokio::main]
async fn missing_value() -> Result<(), String> {
    let number = 1;
    drop(number);
}

#[tokio::main]
async fn wrong_return() -> u32 {
    if std::env::args().count() == 1 {
        return "one";
    }
    1
}

#[tokio::main]
async fn unexpected_value() {
    1
}

#[tokio::main]
async fn question_mark_without_a_result() {
    Err(Theirs)?;
}

struct Ours;
struct Theirs;

#[tokio::main]
async fn wrong_error() -> Result<(), Ours> {
    Err(Theirs)?;
    Ok(())
}

#[tokio::main]
async fn opaque() -> impl Send {
    std::rc::Rc::new(1)
}

#[tokio::main]
async fn unknown_name() {
    missing().await;
}

fn main() {}
