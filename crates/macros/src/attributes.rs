//! Which of a function's other attributes make it a test, and how.

use syn::{Attribute, Meta, Path};

/// What an attribute does to the test that it stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// `#[tokio::test]`, the stock one or the façade's: it can be replaced.
    TokioTest,
    /// The attribute of core's prelude, written out by a macro.
    WrittenTest,
    /// `#[test]`: core's, or any other that was imported under this name.
    PlainTest,
    /// Makes tests out of cases and hands its further attributes on to each of them: `#[rstest]`, `#[test_case]`.
    Cases,
    /// `#[test_log::test]` without another test attribute in its parentheses: leaves the running to one below.
    LogTest,
    /// Any other attribute that runs tests: `#[sqlx::test]`, `#[actix_rt::test]`.
    OtherTest,
    /// `#[tokio::main]` and its like.
    Main,
    /// `#[leak_test]` once more.
    LeakTest,
    /// No business of a test attribute.
    Other,
}

impl Role {
    pub(crate) fn of(attribute: &Attribute) -> Self {
        Self::of_meta(&attribute.meta)
    }

    pub(crate) fn of_meta(meta: &Meta) -> Self {
        let names: Vec<String> = meta
            .path()
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names.as_slice() {
            [.., "tokio" | "taskleak_tokio", "test"] => Self::TokioTest,
            ["core" | "std", "prelude", _, "test"] => Self::WrittenTest,
            ["test"] => Self::PlainTest,
            [.., "test_log", "test"] if matches!(meta, Meta::Path(_)) => Self::LogTest,
            [.., "rstest" | "test_case" | "test_matrix"] => Self::Cases,
            [.., "leak_test"] => Self::LeakTest,
            // Captures the log of a test that another attribute runs.
            [.., "traced_test"] => Self::Other,
            [_, .., "main"] => Self::Main,
            [.., name] if name.ends_with("test") => Self::OtherTest,
            _ => Self::Other,
        }
    }

    /// Whether the attribute makes a sync function a test.
    pub(crate) fn makes_test(self) -> bool {
        self.runs_async() || matches!(self, Self::LogTest | Self::Cases)
    }

    /// Whether the attribute runs the body of an async function.
    pub(crate) fn runs_async(self) -> bool {
        matches!(
            self,
            Self::TokioTest | Self::WrittenTest | Self::PlainTest | Self::OtherTest
        )
    }
}

/// Whether the path, however it is written, ends in this name.
pub(crate) fn is_called(path: &Path, name: &str) -> bool {
    path.segments
        .last()
        .is_some_and(|segment| segment.ident == name)
}

/// An attribute's path as it was written, for messages.
pub(crate) fn display(path: &Path) -> String {
    let colons = if path.leading_colon.is_some() {
        "::"
    } else {
        ""
    };
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    format!("{colons}{}", names.join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(attribute: Attribute) -> Role {
        Role::of(&attribute)
    }

    #[test]
    fn tests_by_their_names() {
        assert_eq!(role(syn::parse_quote!(#[tokio::test])), Role::TokioTest);
        assert_eq!(
            role(syn::parse_quote!(#[::tokio::test(flavor = "multi_thread")])),
            Role::TokioTest
        );
        assert_eq!(
            role(syn::parse_quote!(#[taskleak_tokio::test])),
            Role::TokioTest
        );
        assert_eq!(
            role(syn::parse_quote!(#[::core::prelude::v1::test])),
            Role::WrittenTest
        );
        assert_eq!(role(syn::parse_quote!(#[test])), Role::PlainTest);
        assert_eq!(role(syn::parse_quote!(#[rstest::rstest])), Role::Cases);
        assert_eq!(role(syn::parse_quote!(#[test_case(1; "one")])), Role::Cases);
        assert_eq!(
            role(syn::parse_quote!(#[sqlx::test(migrations = "db")])),
            Role::OtherTest
        );
        assert_eq!(
            role(syn::parse_quote!(#[test_log::test(tokio::test)])),
            Role::OtherTest
        );
        assert_eq!(role(syn::parse_quote!(#[test_log::test])), Role::LogTest);
        assert_eq!(
            role(syn::parse_quote!(#[wasm_bindgen_test])),
            Role::OtherTest
        );
        assert_eq!(role(syn::parse_quote!(#[tokio::main])), Role::Main);
        assert_eq!(
            role(syn::parse_quote!(#[taskleak::leak_test])),
            Role::LeakTest
        );
    }

    #[test]
    fn what_makes_no_test() {
        assert_eq!(
            role(syn::parse_quote!(#[should_panic(expected = "test")])),
            Role::Other
        );
        assert_eq!(role(syn::parse_quote!(#[serial_test::serial])), Role::Other);
        assert_eq!(
            role(syn::parse_quote!(#[tracing_test::traced_test])),
            Role::Other
        );
    }
}
