//! What to call a future.

use super::super::dwarf::{DebugInfo, Shape, Type};
use crate::registry::{TaskKind, name_of_type};

/// What to call a coroutine: a method by its type too, if it has a `self`.
pub(in crate::census) fn of_future(debug: &mut DebugInfo, ty: &Type) -> &'static str {
    debug.name_of_future(ty, |debug| {
        let path = debug.path(ty.at).unwrap_or("(unknown)");
        of_coroutine(debug, ty, path)
    })
}

fn of_coroutine(debug: &mut DebugInfo, ty: &Type, path: &str) -> String {
    let name = person(path);
    // `server::conn::{impl#3}::run::{async_fn_env#0}`
    let Some((_, method)) = path.rsplit_once("::{impl#") else {
        return name;
    };
    let Some((_, method)) = method.split_once("}::") else {
        return name;
    };
    let method = person(method);
    match self_type(debug, ty) {
        Some(owner) => format!("{owner}::{method}"),
        None => name,
    }
}

/// The type of the `self` that an async method begins with.
fn self_type(debug: &mut DebugInfo, ty: &Type) -> Option<String> {
    let Shape::Enum { variants, .. } = &ty.shape else {
        return None;
    };
    let unresumed = debug.ty(variants.first()?.field.ty)?;
    let mut owner = debug.ty(unresumed.field("self")?.ty)?;
    while let Shape::Pointer(target) = owner.shape {
        owner = debug.ty(target)?;
    }
    let path = debug.path(owner.at)?;
    let path = path.split('<').next().unwrap_or_default();
    (!path.is_empty() && !path.contains('{') && path.contains("::")).then(|| path.to_owned())
}

/// The name that a person would give a future of this type: `server::handle` of
/// `server::handle::{async_fn_env#0}<u8>`.
pub(in crate::census) fn person(path: &str) -> String {
    let type_name = as_type_name(path);
    name_of_type(&type_name, TaskKind::Task).unwrap_or(type_name)
}

/// The path as the standard library's `type_name` would write it.
fn as_type_name(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('{') {
        name.push_str(&rest[..at]);
        let Some(length) = rest[at..].find('}') else {
            break;
        };
        let part = &rest[at + 1..at + length];
        rest = &rest[at + length + 1..];
        if part.starts_with("impl#") {
            // Which type's methods they are, this path does not tell: `server::conn::{impl#0}::run`.
            rest = rest.strip_prefix("::").unwrap_or(rest);
            continue;
        }
        name.push_str("{{closure}}");
        if part.starts_with("async_block_env") && !name.ends_with("}}::{{closure}}") {
            // The type's name alone would not tell a block in a function from an async function.
            name.push_str("::{{closure}}");
        }
        // The function's generic arguments come after the closure here.
        if rest.starts_with('<') {
            rest = &rest[generics(rest)..];
        }
    }
    name.push_str(rest);
    name
}

/// How long the generic arguments are that the text begins with.
fn generics(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if !text[..at].ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::person;
    use pretty_assertions::assert_eq;

    #[test]
    fn paths_of_the_debug_info() {
        for (path, name) in [
            ("server::handle::{async_fn_env#0}", "server::handle"),
            (
                "server::handle::{async_fn_env#0}<alloc::vec::Vec<u8>, fn(u8) -> u8>",
                "server::handle",
            ),
            (
                "server::conn::{impl#3}::run::{async_fn_env#0}",
                "server::conn::run",
            ),
            (
                "server::main::{async_fn#0}::{async_block_env#1}",
                "server::main::{async block}",
            ),
            (
                "server::start::{async_block_env#1}",
                "server::start::{async block}",
            ),
            (
                "server::start::{async_block_env#1}<u8>",
                "server::start::{async block}",
            ),
            (
                "server::run::{async_fn#0}::handle::{async_fn_env#0}",
                "server::run::handle",
            ),
            (
                "tower::buffer::worker::Worker<tower::util::service_fn::ServiceFn<app::open::{closure_env#0}>, app::Mail>",
                "tower::buffer::worker::Worker",
            ),
            ("tokio::time::sleep::Sleep", "tokio::time::sleep::Sleep"),
            (
                "tokio::time::timeout::Timeout<server::handle::{async_fn_env#0}>",
                "server::handle",
            ),
        ] {
            assert_eq!(person(path), name);
        }
    }
}
