//! Fixtures that have no lock file take this project's versions, which are built already.

use std::path::Path;

/// Gives the fixture a lock file if it has none.
pub fn copy_to(fixture: &Path) {
    let lock = fixture.join("Cargo.lock");
    if !lock.exists() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        std::fs::copy(own, &lock).expect("the project has a lock file");
    }
}
