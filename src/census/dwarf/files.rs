//! The names of source files.

use super::debug_info::DebugInfo;
use super::die::number;
use super::types::TypeRef;
use gimli::{DebugLine, DebugLineOffset, EndianSlice, LittleEndian};
use std::path::{Path, PathBuf};

impl DebugInfo {
    /// A source file by its number in a unit.
    pub(in crate::census) fn file(&mut self, of: TypeRef, file: u64) -> Option<PathBuf> {
        let key = (of.unit, file);
        if let Some(known) = self.files.get(&key) {
            return known.clone();
        }
        let path = self.read_file_name(of.unit, file);
        self.files.insert(key, path.clone());
        path
    }

    fn read_file_name(&mut self, unit: usize, file: u64) -> Option<PathBuf> {
        let section = self.image.section(".debug_line")?;
        let at = self.units[unit].line_program?;
        let length = 4 + number(&self.image.read_in(section, at, 4)?, 0, 4)?;
        let program = self
            .image
            .read_in(section, at, usize::try_from(length).ok()?)?;
        let program = DebugLine::from(EndianSlice::new(&program, LittleEndian))
            .program(DebugLineOffset(0), 8, None, None)
            .ok()?;
        let header = program.header();
        let entry = header.file(file)?;
        let folder = header.directory(entry.directory_index());
        let mut path = PathBuf::new();
        if let Some(folder) = self.units[unit].folder {
            path.push(self.text(unit, folder)?);
        }
        if let Some(folder) = folder {
            path.push(self.line_text(folder)?);
        }
        path.push(self.line_text(entry.path_name())?);
        Some(path)
    }

    fn line_text(
        &mut self,
        value: gimli::AttributeValue<EndianSlice<'_, LittleEndian>>,
    ) -> Option<PathBuf> {
        use gimli::AttributeValue::{DebugLineStrRef, DebugStrRef, String};
        let text = match value {
            String(text) => text.to_string().ok()?.to_owned(),
            DebugStrRef(offset) => self.strings.get(&self.image, offset.0 as u64)?,
            DebugLineStrRef(offset) => self.line_strings.get(&self.image, offset.0 as u64)?,
            _ => return None,
        };
        Some(Path::new(&text).to_path_buf())
    }
}
