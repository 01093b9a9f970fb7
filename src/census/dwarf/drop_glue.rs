//! The functions that drop values of one type, as compilers make them.

use super::debug_info::DebugInfo;
use super::die::number;
use super::types::{Type, TypeRef};

/// As many functions whose names fit are looked at.
const MOST_CANDIDATES: usize = 32;
const SYMBOL: usize = 24;
const FUNCTION: u8 = 2;

/// The drop glue of the image, by its symbols.
#[derive(Debug, Default)]
pub(super) struct Symbols(Vec<(String, u64)>);

impl DebugInfo {
    /// The function that drops values of the type, in memory.
    pub(in crate::census) fn drop_glue(&mut self, ty: &Type) -> Option<u64> {
        let path = self.path(ty.at)?;
        if let Some(known) = self.glues.get(path) {
            return *known;
        }
        let found = self.look_for_glue(path);
        self.glues.insert(path, found);
        found
    }

    /// The type whose values the function drops, if it is such a function.
    pub(in crate::census) fn dropped_by(&mut self, function: u64) -> Option<TypeRef> {
        if let Some(known) = self.dropped.get(&function) {
            return *known;
        }
        let found = self.look_for_dropped(function);
        self.dropped.insert(function, found);
        found
    }

    fn look_for_dropped(&mut self, function: u64) -> Option<TypeRef> {
        let at = self.function_at(function)?;
        let name = self.name(at.unit, at.offset)?;
        if !name.starts_with("drop_in_place<") {
            return None;
        }
        let types = self.types_in(at);
        let (_, ty) = types.into_iter().find(|(name, _)| name == "T")?;
        if let Some(path) = self.path(ty) {
            self.glues.insert(path, Some(function));
        }
        Some(ty)
    }

    fn look_for_glue(&mut self, path: &str) -> Option<u64> {
        // Of `server::conn::{impl#3}::run::{async_fn_env#0}<u8>` a mangled name has these, however it is mangled.
        let plain = path.split('<').next()?;
        let words: Vec<_> = plain
            .split("::")
            .filter(|word| !word.starts_with('{'))
            .collect();
        if self.symbols.is_none() {
            self.symbols = Some(Symbols(self.read_symbols().unwrap_or_default()));
        }
        let symbols = self.symbols.as_ref()?;
        let fits = |name: &String| words.iter().all(|word| name.contains(word));
        let all = symbols.0.iter().filter(|(name, _)| fits(name));
        let mut candidates: Vec<_> = all.map(|(name, address)| (name.len(), *address)).collect();
        // What drops it within something else has a longer name.
        candidates.sort_unstable();
        candidates
            .into_iter()
            .take(MOST_CANDIDATES)
            .map(|(_, address)| self.image.to_memory(address))
            .collect::<Vec<_>>()
            .into_iter()
            .find(|function| {
                let of = self.dropped_by(*function);
                of.and_then(|of| self.path(of)) == Some(path)
            })
    }

    fn read_symbols(&self) -> Option<Vec<(String, u64)>> {
        let (table, names) = (
            self.image.section(".symtab")?,
            self.image.section(".strtab")?,
        );
        let length = |size: u64| usize::try_from(size).ok();
        let symbols = self.image.read_in(table, 0, length(table.size)?)?;
        let names = self.image.read_in(names, 0, length(names.size)?)?;
        let symbol = |symbol: &[u8]| {
            let start = number(symbol, 0, 4)?;
            if symbol[4] & 0xf != FUNCTION {
                return None;
            }
            let name = names.get(start as usize..)?;
            let name = name.split(|byte| *byte == 0).next()?;
            let name = std::str::from_utf8(name).ok()?;
            let address = number(symbol, 8, 8)?;
            name.contains("drop_in_place")
                .then(|| (name.to_owned(), address))
        };
        Some(symbols.chunks_exact(SYMBOL).filter_map(symbol).collect())
    }
}
