//! More names than anybody should have.

use std::future::pending;
use taskleak::manager::{Config, NameCounts};
use taskleak::task::{Builder, JoinSet};

const NAMES: usize = 100_000;
const KEPT: usize = 10_000;

/// The sum over all names of what came and went.
fn sum(names: &[NameCounts]) -> (u64, u64) {
    names.iter().fold((0, 0), |(started, ended), name| {
        (
            started + name.counts().started,
            ended + name.counts().ended(),
        )
    })
}

/// One test, since the bound on names is the process's.
#[tokio::test]
async fn a_hundred_thousand_names() {
    taskleak::manager().configure(Config::new().names(KEPT));
    let mut live = JoinSet::new();
    for number in 0..NAMES {
        let name = format!("connection {number}");
        Builder::new()
            .name(name)
            .spawn_into(&mut live, pending::<()>());
    }
    let snapshot = taskleak::manager().snapshot();
    assert_eq!(snapshot.total(), NAMES);
    // Live tasks have their names, be their totals kept under them or not.
    assert_eq!(snapshot.live("connection 99999"), 1);
    assert_eq!(
        snapshot.name("connection 99999").unwrap().counts().started,
        0
    );
    assert_eq!(snapshot.name("connection 9").unwrap().counts().started, 1);
    assert_eq!(snapshot.cut_off(), (NAMES - KEPT) as u64);
    assert_eq!(sum(snapshot.names()), (NAMES as u64, 0));

    live.shutdown().await;
    let snapshot = taskleak::manager().snapshot();
    assert_eq!(snapshot.total(), 0);
    assert_eq!(
        snapshot.names().len(),
        KEPT + 1,
        "only names that are kept are left"
    );
    assert_eq!(
        snapshot.name("(other names)").unwrap().counts().aborted,
        (NAMES - KEPT) as u64
    );
    assert_eq!(sum(snapshot.names()), (NAMES as u64, NAMES as u64));

    // Names in the source are not bounded.
    Builder::new().name("fixed").spawn(async {}).await.unwrap();
    assert_eq!(
        taskleak::manager()
            .snapshot()
            .name("fixed")
            .unwrap()
            .counts()
            .finished,
        1
    );
}
