//! What well-known crates leave behind: named where the runtime has task hooks, counted on stable.

mod projects;

use std::path::Path;

use projects::Project;

fn hooked() -> Project {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures/hooked");
    let target = target.into_os_string().into_string().expect("a plain path");
    Project::new("real-software")
        .env("RUSTFLAGS", "--cfg tokio_unstable")
        .env("CARGO_TARGET_DIR", target.leak())
}

#[test]
fn hyper() {
    hooked()
        .cargo_test("hyper")
        .is("real-software/hyper-hooked");
    Project::new("real-software")
        .cargo_test("hyper")
        .is("real-software/hyper");
}

#[test]
fn axum() {
    hooked().cargo_test("axum").is("real-software/axum-hooked");
    Project::new("real-software")
        .cargo_test("axum")
        .is("real-software/axum");
}

#[test]
fn tower() {
    hooked()
        .cargo_test("tower")
        .is("real-software/tower-hooked");
    Project::new("real-software")
        .cargo_test("tower")
        .is("real-software/tower");
}
