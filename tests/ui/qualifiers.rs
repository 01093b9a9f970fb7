//! Qualifiers that a test cannot have.
use taskleak::leak_test;

#[leak_test]
const fn constant() {}

#[leak_test]
async unsafe fn unsafe_and_async() {}

#[leak_test]
unsafe fn unsafe_and_sync() {}

#[leak_test]
extern "C" fn with_an_abi() {}

fn main() {}
