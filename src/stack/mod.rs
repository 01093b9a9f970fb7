//! Capturing, interning and resolving call stacks.
