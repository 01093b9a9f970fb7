//! Globs of task names, checked where they are written rather than when the test runs.

use glob::Pattern;
use syn::{Error, Expr, Result};

use super::literal;

const WANTS: &str =
    "the name of a task, with `*`, `?` and `[..]` as wildcards, or an array of such names";

/// The value of `name = "glob"` or `name = ["glob", ..]`.
pub(super) fn parse(name: &str, value: &Expr) -> Result<Vec<String>> {
    literal::strings(name, value, WANTS)?
        .into_iter()
        .map(|text| {
            let glob = text.value();
            if glob.is_empty() {
                let message =
                    format!("`{name}` has an empty name, which matches no task; it takes {WANTS}");
                return Err(Error::new(text.span(), message));
            }
            match Pattern::new(&glob) {
                Ok(_) => Ok(glob),
                Err(error) => {
                    let message = format!(
                        "`{name}`: \"{glob}\" is no glob: {} (at character {})",
                        error.msg, error.pos
                    );
                    Err(Error::new(text.span(), message))
                }
            }
        })
        .collect()
}
