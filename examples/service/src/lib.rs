//! A shop that leaks a task for most orders it takes, the load that makes it do so, and a Prometheus
//! that tells.
//!
//! ```text
//! $ cargo run -p service
//! ```

mod load;
mod orders;
mod prometheus;
mod shop;

pub use load::Load;
pub use orders::Orders;
pub use prometheus::{Prometheus, RULES};
pub use shop::Shop;
