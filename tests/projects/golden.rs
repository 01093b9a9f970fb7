use std::{env, fs, path::Path};

use pretty_assertions::StrComparison;

/// Fails if `seen` is not what the golden file says, or writes the file if it is asked to.
#[track_caller]
pub(super) fn compare(golden: &str, seen: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join("golden");
    let path = folder.join(golden).with_extension("txt");
    if env::var_os("GOLDEN").is_some_and(|what| what == "update") {
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
        fs::write(&path, seen).expect("golden files can be written");
        return;
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; GOLDEN=update writes it", path.display()));
    if expected != seen {
        let difference = StrComparison::new(&expected, seen);
        panic!("{golden}.txt differs from what is seen:\n{difference}");
    }
}
