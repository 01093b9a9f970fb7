//! One kind of leaf future, and how a file lists its kinds.

use std::future::Future;
use std::pin::Pin;

/// One kind of leaf.
pub struct Case {
    pub name: &'static str,
    pub leaves: &'static [&'static str],
    pub spawn: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The name of the file that it is in, and what that says.
    pub file: &'static str,
    pub source: &'static str,
}

/// The kinds of a file: each a function of that name, and what the leaves of its trace are called.
macro_rules! cases {
    ($file:literal: $($name:ident: $($leaf:literal)|*;)*) => {
        /// Each kind, and what the leaves of its trace are called.
        pub const CASES: &[crate::cases::Case] = &[
            $(crate::cases::Case {
                name: stringify!($name),
                leaves: &[$($leaf),*],
                spawn: || Box::pin($name()),
                file: $file,
                source: include_str!($file),
            },)*
        ];
    };
}

pub(crate) use cases;
