//! tokio, with the tracked twins in place.
