//! What foreign code panicked with.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops it. Its destructor is foreign too, and may panic: what with is forgotten, since that could go on for ever.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;
    use std::sync::Arc;

    struct Panics(Option<Arc<()>>);

    impl Drop for Panics {
        fn drop(&mut self) {
            if let Some(held) = self.0.take() {
                drop(held);
                panic_any(Self(Some(Arc::default())));
            }
        }
    }

    #[test]
    fn a_payload_is_dropped_though_its_destructor_panics() {
        let held = Arc::new(());
        discard(Box::new(held.clone()));
        assert_eq!(Arc::strong_count(&held), 1);
        discard(Box::new(Panics(Some(held.clone()))));
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
