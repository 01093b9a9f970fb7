//! The binary's debug info, as far as a census asks for it.
//!
//! Dev builds run this code unoptimised, and a test binary has tens of megabytes of debug info. So as little as possible
//! is read: `.debug_aranges` says which unit describes an address, only those units are loaded, a unit is walked once by
//! precomputed strides, and types are read when somebody follows a reference to them.
#![allow(
    non_upper_case_globals,
    reason = "the constants have the names that the standard gives them"
)]

mod abbrevs;
mod aranges;
mod debug_info;
mod die;
mod drop_glue;
mod files;
mod find_type;
mod image;
mod read_types;
mod strings;
mod types;
mod unit;

pub(super) use debug_info::{DebugInfo, REMEDY};
pub(super) use image::is_constant;
pub(super) use types::{Field, Shape, Type, TypeRef, Variant};
