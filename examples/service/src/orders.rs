//! Orders on their way to the warehouse.

use std::net::SocketAddr;
use std::time::Duration;
use taskleak::task::Builder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Hands orders to the warehouse, one after the other, over one connection.
#[derive(Clone, Debug)]
pub struct Orders {
    // The smallest that tokio has: a sender waits until the order before its own was taken.
    queue: mpsc::Sender<String>,
    gives_up: bool,
}

impl Orders {
    /// Connects to a warehouse that stops acknowledging after a few orders.
    ///
    /// The leak: the one task that reads the queue then waits for that acknowledgement for ever, and so
    /// does each task that wants to put a further order into it. With `gives_up` they don't.
    ///
    /// # Errors
    /// If the warehouse cannot be reached.
    pub async fn connect(gives_up: bool) -> std::io::Result<Self> {
        let warehouse = TcpStream::connect(warehouse().await?).await?;
        let (queue, orders) = mpsc::channel(1);
        Builder::new()
            .name("warehouse-connection")
            .background()
            .spawn(deliver(orders, warehouse, gives_up));
        Ok(Self { queue, gives_up })
    }

    /// Sees to it that an order is delivered; does not wait until it is.
    pub fn place(&self, shop: &str, order: String) {
        let queue = self.queue.clone();
        let gives_up = self.gives_up;
        Builder::new()
            .name("place-order")
            .data("shop", shop)
            .spawn(async move {
                if gives_up {
                    let _ = queue.send_timeout(order, Duration::from_millis(100)).await;
                } else {
                    let _ = queue.send(order).await;
                }
            });
    }
}

async fn deliver(mut orders: mpsc::Receiver<String>, mut warehouse: TcpStream, gives_up: bool) {
    while let Some(order) = orders.recv().await {
        let acknowledged = acknowledged(&mut warehouse, &order);
        let outcome = if gives_up {
            let patience = Duration::from_millis(20);
            tokio::time::timeout(patience, acknowledged)
                .await
                .unwrap_or(Ok(()))
        } else {
            acknowledged.await
        };
        if outcome.is_err() {
            return;
        }
    }
}

async fn acknowledged(warehouse: &mut TcpStream, order: &str) -> std::io::Result<()> {
    warehouse.write_all(order.as_bytes()).await?;
    warehouse.write_all(b"\n").await?;
    warehouse.read_u8().await.map(drop)
}

/// A warehouse that acknowledges ten orders and then only listens.
async fn warehouse() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Builder::new()
        .name("warehouse")
        .background()
        .spawn(async move {
            let (mut connection, _) = listener.accept().await?;
            let mut acknowledgements = 10;
            let mut orders = [0; 1024];
            loop {
                let read = connection.read(&mut orders).await?;
                if read == 0 {
                    return std::io::Result::Ok(());
                }
                for _ in orders[..read].iter().filter(|byte| **byte == b'\n') {
                    if acknowledgements > 0 {
                        acknowledgements -= 1;
                        connection.write_all(b"+").await?;
                    }
                }
            }
        });
    Ok(address)
}
