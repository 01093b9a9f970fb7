//! What a person sees who misuses an attribute. `TRYBUILD=overwrite` writes the expected errors anew.

#[test]
fn misuses() {
    let tests = trybuild::TestCases::new();
    for file in std::fs::read_dir("tests/ui").expect("cargo runs tests in the package's folder") {
        let file = file.expect("a folder can be listed").path();
        // With the flag, this one is no misuse.
        let is_fine = cfg!(tokio_unstable) && file.ends_with("stable_only.rs");
        if file.extension().is_some_and(|extension| extension == "rs") && !is_fine {
            tests.compile_fail(file);
        }
    }
}
