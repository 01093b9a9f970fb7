//! Telling what a test's body returned, if there is anything to tell.

use std::process::Termination;

/// What a body returned whose test fails for another reason.
///
/// The expansions know no types: they call `Returned(output).tell()` with both traits in scope, and rustc takes the one
/// by value where the output is one that libtest could tell, else the one by reference.
#[doc(hidden)]
#[derive(Debug)]
#[allow(
    missing_docs,
    reason = "not public: the attributes' expansions need it"
)]
pub struct Returned<T>(pub T);

/// For what libtest could tell.
#[doc(hidden)]
pub trait TellsError {
    #[allow(
        missing_docs,
        reason = "not public: the attributes' expansions need it"
    )]
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
    #[allow(
        missing_docs,
        reason = "not public: the attributes' expansions need it"
    )]
    fn tell(&self) {}
}

impl<T> TellsNothing for Returned<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says so when it is told.
    struct Telling<'a>(&'a std::cell::Cell<bool>);

    impl Termination for Telling<'_> {
        fn report(self) -> std::process::ExitCode {
            self.0.set(true);
            std::process::ExitCode::FAILURE
        }
    }

    #[test]
    fn what_can_be_told_is() {
        let told = std::cell::Cell::new(false);
        Returned(Telling(&told)).tell();
        assert!(told.get());
        // And what cannot be compiles.
        Returned("a string").tell();
    }
}
