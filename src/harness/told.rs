//! Telling what a test's body returned, if there is anything to tell.

use std::process::Termination;

/// What a body returned whose test fails for another reason.
///
/// The expansions know no types: they call `Returned(output).tell()` with both traits in scope, and rustc takes the one
/// by value where the output is one that libtest could tell, else the one by reference.
#[doc(hidden)]
#[derive(Debug)]
#[allow(missing_docs, reason = "not public: the attributes' expansions need it")]
pub struct Returned<T>(pub T);

/// For what libtest could tell.
#[doc(hidden)]
pub trait TellsError {
    #[allow(missing_docs, reason = "not public: the attributes' expansions need it")]
    fn tell(self);
}

impl<T: Termination> TellsError for Returned<T> {
    fn tell(self) {
        self.0.report();
    }
}

/// For anything else.
#[doc(hidden)]
pub trait TellsNothing {
    #[allow(missing_docs, reason = "not public: the attributes' expansions need it")]
    fn tell(&self) {}
}

impl<T> TellsNothing for Returned<T> {}
