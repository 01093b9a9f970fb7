//! Looking for types by what they are called.

use super::debug_info::DebugInfo;
use super::die::Value;
use super::types::{Type, TypeRef};
use gimli::constants::*;

impl DebugInfo {
    /// A type by its path, wherever it is described: that takes a walk through every unit up to there.
    pub(in crate::census) fn find_type(&mut self, path: &str) -> Option<TypeRef> {
        if let Some(known) = self.found.get(path) {
            return *known;
        }
        let found = self.look_for_type(path);
        self.found.insert(path.to_owned(), found);
        found
    }

    fn look_for_type(&mut self, path: &str) -> Option<TypeRef> {
        let name = path.rsplit("::").next()?;
        let mut next = 0;
        loop {
            let extent = self.extent_of_unit(next)?;
            if let Some(unit) = self.unit(extent.start) {
                for offset in self.units[unit].scopes() {
                    let at = TypeRef { unit, offset };
                    if self.is_called(at, name)
                        && self.path(at) == Some(path)
                        && self.ty(at).is_some_and(|ty| !ty.fields().is_empty())
                    {
                        return Some(at);
                    }
                }
            }
            next = extent.end;
        }
    }

    fn is_called(&mut self, at: TypeRef, name: &str) -> bool {
        match self.units[at.unit]
            .die(at.offset)
            .and_then(|die| die.get(DW_AT_name))
        {
            Some(Value::Text(offset)) => self.strings.is(&self.image, offset, name),
            Some(value) => self.text(at.unit, value).as_deref() == Some(name),
            None => false,
        }
    }

    /// The types in the unit of another that are called so, whatever their generic arguments.
    pub(in crate::census) fn types_called(
        &mut self,
        beside: TypeRef,
        name: &str,
    ) -> Vec<&'static Type> {
        let unit = beside.unit;
        let scopes = self.units[unit].scopes();
        let called = |text: &String| text.split('<').next() == Some(name);
        let mut found = Vec::new();
        for offset in scopes {
            if self.name(unit, offset).as_ref().is_some_and(called) {
                found.extend(self.ty(TypeRef { unit, offset }));
            }
        }
        found
    }
}
