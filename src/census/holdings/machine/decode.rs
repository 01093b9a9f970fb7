//! The operands of an instruction, out of its bytes.

use super::{Machine, extended};

/// The bytes of one instruction.
pub(super) struct Code {
    bytes: Vec<u8>,
    pub(super) used: usize,
    /// The bits of its REX prefix.
    pub(super) rex: u8,
    pub(super) has_rex: bool,
}

impl Code {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            used: 0,
            rex: 0,
            has_rex: false,
        }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.used)?;
        self.used += 1;
        Some(byte)
    }

    /// A signed number of so many bytes.
    pub(super) fn signed(&mut self, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(self.used..self.used + size)?;
        self.used += size;
        let mut all = [0; 8];
        all[..size].copy_from_slice(bytes);
        Some(extended(u64::from_le_bytes(all), size))
    }
}

/// What an instruction works on.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Register(usize),
    Memory(u64),
}

/// The two operands that a ModRM byte names.
pub(super) struct Operands {
    /// A register, or three more bits of the opcode.
    pub(super) register: usize,
    pub(super) place: Place,
}

/// Which of the operands are bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    None,
    /// In place of a register there are more bits of the opcode, or it is longer.
    Place,
    Both,
}

impl Bytes {
    pub(super) fn both_if(are: bool) -> Self {
        if are { Self::Both } else { Self::None }
    }

    pub(super) fn place_if(is: bool) -> Self {
        if is { Self::Place } else { Self::None }
    }
}

impl Machine<'_> {
    /// `rest` is how many bytes of the instruction come after these operands.
    pub(super) fn operands(
        &mut self,
        code: &mut Code,
        bytes: Bytes,
        rest: usize,
    ) -> Option<Operands> {
        let modrm = code.byte()?;
        let (mode, low) = (modrm >> 6, usize::from(modrm & 7));
        let register = usize::from(modrm >> 3 & 7) | usize::from(code.rex & 4) << 1;
        // Without a prefix these are the second bytes of other registers.
        let is_high = |register: usize| !code.has_rex && (4..8).contains(&register);
        if (bytes == Bytes::Both && is_high(register))
            || (bytes != Bytes::None && mode == 3 && is_high(low))
        {
            return None;
        }
        if mode == 3 {
            let place = Place::Register(low | usize::from(code.rex & 1) << 3);
            return Some(Operands { register, place });
        }
        let mut address = 0_u64;
        let mut is_relative = false;
        if low == 4 {
            let sib = code.byte()?;
            let index = usize::from(sib >> 3 & 7) | usize::from(code.rex & 2) << 2;
            let base = usize::from(sib & 7) | usize::from(code.rex & 1) << 3;
            if index != 4 {
                address = self.register(index)?.wrapping_mul(1 << (sib >> 6));
            }
            if base & 7 == 5 && mode == 0 {
                address = address.wrapping_add(code.signed(4)?);
            } else {
                address = address.wrapping_add(self.register(base)?);
            }
        } else if low == 5 && mode == 0 {
            address = code.signed(4)?;
            is_relative = true;
        } else {
            address = self.register(low | usize::from(code.rex & 1) << 3)?;
        }
        match mode {
            1 => address = address.wrapping_add(code.signed(1)?),
            2 => address = address.wrapping_add(code.signed(4)?),
            _ => {}
        }
        if is_relative {
            address = address
                .wrapping_add(self.at)
                .wrapping_add((code.used + rest) as u64);
        }
        Some(Operands {
            register,
            place: Place::Memory(address),
        })
    }
}
