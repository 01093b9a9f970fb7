//! Profiles of live tasks, as [pprof](https://github.com/google/pprof) and what reads its format
//! (Pyroscope, Parca, `go tool pprof`) take them.
//!
//! - [`Profile`] is the profile: `tasks/count` and `age/nanoseconds` by stack and label.
//! - [`TextDump`] is every task as text, as Go prints its goroutines.
//!
//! ```
//! use taskleak::export::pprof::Profile;
//!
//! let profile = Profile::of(&taskleak::manager().snapshot());
//! std::fs::write(std::env::temp_dir().join("tasks.pb.gz"), profile.to_gzip())?;
//! # std::io::Result::Ok(())
//! ```
//!
//! ```text
//! $ go tool pprof -top tasks.pb.gz
//! ```

mod dump;
mod encode;
mod labels;
mod message;
mod profile;

pub use dump::TextDump;
pub use profile::Profile;
