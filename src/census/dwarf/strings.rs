//! The strings of the debug info.

use super::image::{Image, Section};
use std::collections::HashMap;

const PAGE: u64 = 1 << 16;

/// Reads strings from a section, a page at a time.
#[derive(Debug, Default)]
pub(super) struct Strings {
    section: Section,
    pages: HashMap<u64, Vec<u8>>,
}

impl Strings {
    pub(super) fn new(section: Option<Section>) -> Self {
        Self {
            section: section.unwrap_or_default(),
            pages: HashMap::new(),
        }
    }

    pub(super) fn get(&mut self, image: &Image, offset: u64) -> Option<String> {
        let mut text = Vec::new();
        let mut at = offset;
        loop {
            let (page, within) = (at / PAGE, (at % PAGE) as usize);
            let rest = self.page(image, page)?.get(within..)?;
            if let Some(end) = find_zero(rest) {
                text.extend_from_slice(&rest[..end]);
                return String::from_utf8(text).ok();
            }
            text.extend_from_slice(rest);
            at = (page + 1) * PAGE;
        }
    }

    /// Whether the string there is this one.
    pub(super) fn is(&mut self, image: &Image, offset: u64, text: &str) -> bool {
        let (page, within) = (offset / PAGE, (offset % PAGE) as usize);
        let whole = self
            .page(image, page)
            .and_then(|page| page.get(within..within + text.len() + 1))
            .map(|bytes| &bytes[..text.len()] == text.as_bytes() && bytes[text.len()] == 0);
        whole.unwrap_or_else(|| self.get(image, offset).as_deref() == Some(text))
    }

    fn page(&mut self, image: &Image, page: u64) -> Option<&[u8]> {
        let section = self.section;
        if let std::collections::hash_map::Entry::Vacant(entry) = self.pages.entry(page) {
            let start = page * PAGE;
            let length = PAGE.min(section.size.checked_sub(start)?);
            entry.insert(image.read_in(section, start, length as usize)?);
        }
        self.pages.get(&page).map(Vec::as_slice)
    }
}

/// The standard library's search, which is optimised also where this code is not.
fn find_zero(bytes: &[u8]) -> Option<usize> {
    std::ffi::CStr::from_bytes_until_nul(bytes)
        .ok()
        .map(|text| text.count_bytes())
}
