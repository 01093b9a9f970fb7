//! Customers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Customers on a thread of their own, until it is dropped.
#[derive(Debug)]
pub struct Load {
    is_over: Arc<AtomicBool>,
    customers: Option<JoinHandle<()>>,
}

impl Load {
    /// About forty requests a second, a third of them orders.
    pub fn on(shop: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = is_over.clone();
        let customers = std::thread::spawn(move || {
            let agent = ureq::Agent::new_with_defaults();
            let mut number = 0;
            while !until.load(Ordering::Relaxed) {
                number += 1;
                // What is answered is of no interest here; a shop that is closing answers nothing.
                let _ = match number % 6 {
                    0 => agent.get(format!("http://{shop}/report")).call(),
                    1 | 2 => agent
                        .post(format!("http://{shop}/orders?shop=town-{}", number % 4))
                        .send_empty(),
                    _ => agent.get(format!("http://{shop}/")).call(),
                };
                std::thread::sleep(Duration::from_millis(15));
            }
        });
        Self {
            is_over,
            customers: Some(customers),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(customers) = self.customers.take() {
            let _ = customers.join();
        }
    }
}
