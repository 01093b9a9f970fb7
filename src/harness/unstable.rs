//! What needs the unstable parts of tokio, and says so where it is asked for without them.

/// Holds for `()` in builds with `--cfg tokio_unstable`. As the bound of a generic function, it lets
/// the user's crate fail to compile, at the argument that asked for it, rather than this one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`unhandled_panic = \"shutdown_runtime\"` is unstable in tokio",
    label = "needs `RUSTFLAGS=\"--cfg tokio_unstable\"`; leave it out otherwise"
)]
pub trait TokioUnstable {}

#[cfg(tokio_unstable)]
impl TokioUnstable for () {}
