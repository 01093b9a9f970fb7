//! One resolved frame.
use std::fmt;
use std::path::Path;

use super::origin::FrameOrigin;

/// A frame of a resolved stack; an inlined call is a frame of its own.
///
/// # Examples
///
/// ```
/// use taskleak::Frame;
///
/// fn short(frame: &Frame) -> String {
///     format!("{}:{}", frame.function(), frame.line().unwrap_or(0))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    pub(super) symbol: &'static str,
    pub(super) function: &'static str,
    pub(super) file: Option<&'static Path>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    pub(super) origin: FrameOrigin,
    pub(super) package: Option<&'static str>,
}

impl Frame {
    /// The function's name as a person calls it: demangled, without its hash, and a closure or async body by the name
    /// of the function it is written in.
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// The demangled name with `{{closure}}` parts left in.
    pub fn symbol(&self) -> &'static str {
        self.symbol
    }

    /// The source file as the debug info has it, most often absolute.
    pub fn file(&self) -> Option<&'static Path> {
        self.file
    }

    /// The line of the call.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column of the call.
    pub fn column(&self) -> Option<u32> {
        self.column
    }

    /// Whose code this is.
    pub fn origin(&self) -> FrameOrigin {
        self.origin
    }

    /// The name and version of the registry package this is in, such as `hyper-1.4.1`.
    pub fn package(&self) -> Option<&'static str> {
        self.package
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function)?;
        if let Some(file) = self.file {
            write!(f, " at {}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
                if let Some(column) = self.column {
                    write!(f, ":{column}")?;
                }
            }
        }
        Ok(())
    }
}
