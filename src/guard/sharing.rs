//! Keeping what ten thousand tasks have alike once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values that are equal share one place.
pub(super) struct Sharing<T>(HashSet<Arc<T>>);

impl<T> Default for Sharing<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: Eq + Hash> Sharing<T> {
    /// The value, where one that is equal already is.
    pub(super) fn share(&mut self, value: T) -> Arc<T> {
        match self.0.get(&value) {
            Some(known) => known.clone(),
            None => {
                let value = Arc::new(value);
                self.0.insert(value.clone());
                value
            }
        }
    }
}
