//! What a function is called, without what it is generic over.

use super::name::outside_generics;

/// `a::b::C<D>::e` is `a::b::C::e`, and `<a::B<C> as core::future::Future>::poll` is `a::B`.
pub(crate) fn function_path(path: &str) -> String {
    if let Some((ty, method)) = qualified(path) {
        let (ty, of_trait) = match outside_arguments(ty, " as ") {
            Some((ty, of_trait)) => (ty, Some(of_trait)),
            None => (ty, None),
        };
        let ty = ty.trim_start_matches(['&', '*']).trim_start_matches("mut ");
        // A parameter's name says nothing: `<&mut S as hub::Service<R>>::poll_ready` is `hub::Service::poll_ready`.
        let ty = match of_trait {
            Some(of_trait) if is_parameter(ty) => function_path(of_trait),
            _ => function_path(ty),
        };
        return match method.trim_start_matches("::") {
            "" | "poll" | "poll_next" => ty,
            method => ty + "::" + &function_path(method),
        };
    }
    let plain = outside_generics(path);
    match plain.strip_suffix("::") {
        Some(plain) => plain.to_owned(),
        None => plain,
    }
}

/// What is before and after the first of these words that is in no generic arguments.
fn outside_arguments<'a>(path: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in path.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 && path[at..].starts_with(words) => {
                return Some((&path[..at], &path[at + words.len()..]));
            }
            _ => {}
        }
        before = c;
    }
    None
}

/// Whether it is the name of a type's parameter, as in `impl<S> Service for &mut S`.
fn is_parameter(ty: &str) -> bool {
    ty.starts_with(|c: char| c.is_ascii_uppercase())
        && ty.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `<A as B>::c` as `A as B` and `::c`.
fn qualified(path: &str) -> Option<(&str, &str)> {
    let inner = path.strip_prefix('<')?;
    let mut depth = 1_usize;
    let mut before = ' ';
    for (at, c) in inner.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inner[..at], &inner[at + 1..]));
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generics_are_left_out() {
        for (function, name) in [
            ("app::Pool<C>::reap", "app::Pool::reap"),
            ("<app::Pool<C> as app::Reap>::reap", "app::Pool::reap"),
            (
                "<&mut app::Leaf as core::future::future::Future>::poll",
                "app::Leaf",
            ),
            (
                "<&mut S as hub::Service<Request>>::poll_ready",
                "hub::Service::poll_ready",
            ),
            ("<S as hub::Stream>::poll_next", "hub::Stream"),
            (
                "<app::Pool<S as hub::Key> as app::Reap>::reap",
                "app::Pool::reap",
            ),
            ("app::run<fn(u8) -> u8>", "app::run"),
            ("app::run::<fn(u8) -> u8>", "app::run"),
            ("<app::Pool<app::Conn>>::reap::<u8>", "app::Pool::reap"),
        ] {
            assert_eq!(function_path(function), name);
        }
    }
}
