//! The shop's own page in a browser, while the leak rises.

#[allow(dead_code, reason = "here nobody clicks or types")]
#[path = "../../../tests/browser/mod.rs"]
mod browser;
#[path = "../../../tests/tools/mod.rs"]
mod tools;

mod running_shop;

use browser::Browser;
use running_shop::RunningShop;
use serde_json::Value;

/// How many tasks `place-order` are alive, as the table says.
const LIVE: &str = "
    const rows = Array.from(document.querySelectorAll('#content > table > tbody > tr.row'));
    const row = rows.find(row => row.cells[0].textContent === 'place-order');
    return row ? Number(row.cells[1].textContent) : 0";
/// What stands above it of those that keep growing.
const SUSPECTS: &str =
    "return Array.from(document.querySelectorAll('#suspects > p'), one => one.innerText)";

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn whoever_looks_at_the_page_sees_the_leak_rise() {
    let shop = RunningShop::open(&[]);
    let Some(page) = Browser::open(&format!("http://{}/debug/tasks", shop.address)) else {
        return;
    };
    // Nobody loads the page again.
    let first = page.until(LIVE, |live| number(live) > 0.0);
    let later = page.until(LIVE, |live| number(live) > number(&first));
    page.until(LIVE, |live| number(live) > number(&later));
    // On a busy machine they may say only the next time where they wait.
    let is_whole = |told: &Value| told.as_str().unwrap().contains(", waiting in ");
    let suspects = page.until(SUSPECTS, |suspects| {
        suspects.as_array().unwrap().iter().any(is_whole)
    });
    let suspects = suspects.as_array().unwrap();
    assert_eq!(suspects.len(), 1, "{suspects:?}");
    let told = suspects[0].as_str().unwrap();
    assert!(told.starts_with("place-order keeps growing: "), "{told}");
    assert!(told.contains("examples/service/src/orders.rs:"), "{told}");
}
