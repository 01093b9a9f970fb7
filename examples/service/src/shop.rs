//! The service.

use crate::Orders;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use taskleak::export::http::Pages;
use taskleak::task::Builder;
use tokio::net::TcpListener;

/// A web shop on a loopback port, with taskleak's pages beside its own.
#[derive(Debug)]
pub struct Shop {
    address: SocketAddr,
}

impl Shop {
    /// Opens it at a port of 127.0.0.1; 0 is any free one.
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn open(port: u16, orders: Orders) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .route(
                "/",
                get(|| taskleak::manager().measured("front-page", front())),
            )
            .route("/report", get(report))
            .route("/orders", post(order))
            .with_state(orders)
            // A foreign page could otherwise read the tasks under a domain name that it has resolve to here.
            .merge(Pages::new().only_addresses().router());
        Builder::new()
            .name("shop")
            .background()
            .spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The front page asks two tasks for its parts, which end. How long it is polled, and waits for its turn, is
/// measured by tokio-metrics.
async fn front() -> Result<String, StatusCode> {
    let part = |name, text: &'static str| {
        Builder::new().name(name).spawn(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            text
        })
    };
    let (head, offers) = (
        part("front-head", "the shop"),
        part("front-offers", "apples"),
    );
    let parts = [head.await, offers.await];
    let parts: Result<Vec<_>, _> = parts.into_iter().collect();
    parts
        .map(|parts| parts.join(": "))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Takes longer than it should, which its time box tells.
async fn report() -> StatusCode {
    let report = Builder::new()
        .name("monthly-report")
        .timebox(Duration::from_millis(10))
        .spawn(tokio::time::sleep(Duration::from_millis(30)));
    match report.await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn order(
    State(orders): State<Orders>,
    Query(form): Query<HashMap<String, String>>,
) -> StatusCode {
    let Some(shop) = form.get("shop") else {
        return StatusCode::BAD_REQUEST;
    };
    orders.place(shop, format!("an apple for {shop}"));
    StatusCode::ACCEPTED
}
