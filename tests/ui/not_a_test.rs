//! Items that are no functions, and functions that are no tests.
use taskleak::leak_test;

#[leak_test]
mod module {}

#[leak_test]
struct Structure;

#[leak_test]
async fn without_a_body();

#[leak_test]
#[tokio::main]
async fn program() {}

struct Methods;

impl Methods {
    #[leak_test]
    async fn method(&self) {}
}

fn main() {}
