//! Calculations, and the flags that they leave.

use super::decode::{Operands, Place};
use super::{Machine, cut, extended};

const ADD: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 4;
const SUB: u8 = 5;
pub(super) const XOR: u8 = 6;
pub(super) const CMP: u8 = 7;

#[derive(Clone, Copy)]
pub(super) struct Flags {
    pub(super) zero: bool,
    pub(super) sign: bool,
    pub(super) carry: bool,
    pub(super) overflow: bool,
}

impl Machine<'_> {
    /// `operation` is as the opcodes have it.
    pub(super) fn calculate(
        &mut self,
        operation: u8,
        to: Place,
        from: u64,
        size: usize,
    ) -> Option<()> {
        let (one, another) = (self.read(to, size)?, cut(from, size));
        let sign = |value: u64| value >> (8 * size - 1) & 1 == 1;
        let (value, flags) = match operation {
            ADD => {
                let sum = cut(one.wrapping_add(another), size);
                let overflow = sign(one) == sign(another) && sign(sum) != sign(one);
                (
                    sum,
                    Flags {
                        carry: sum < one,
                        overflow,
                        ..logic(sum, size)
                    },
                )
            }
            SUB | CMP => {
                let rest = cut(one.wrapping_sub(another), size);
                let overflow = sign(one) != sign(another) && sign(rest) != sign(one);
                (
                    rest,
                    Flags {
                        carry: one < another,
                        overflow,
                        ..logic(rest, size)
                    },
                )
            }
            OR => (one | another, logic(one | another, size)),
            AND => (one & another, logic(one & another, size)),
            XOR => (one ^ another, logic(one ^ another, size)),
            _ => return None,
        };
        self.flags = Some(flags);
        if operation != CMP {
            self.write(to, value, size)?;
        }
        Some(())
    }

    pub(super) fn shift(&mut self, operands: &Operands, by: u8, size: usize) -> Option<()> {
        let value = self.read(operands.place, size)?;
        let by = u32::from(by) & if size == 8 { 63 } else { 31 };
        let value = match operands.register & 7 {
            4 => cut(value << by, size),
            5 => value >> by,
            7 => cut(
                (extended(value, size).cast_signed() >> by).cast_unsigned(),
                size,
            ),
            _ => return None,
        };
        self.flags = None;
        self.write(operands.place, value, size)
    }

    /// Whether a condition of a jump holds.
    pub(super) fn holds(&self, condition: u8) -> Option<bool> {
        let Flags {
            zero,
            sign,
            carry,
            overflow,
        } = self.flags?;
        let is = match condition >> 1 {
            0 => overflow,
            1 => carry,
            2 => zero,
            3 => carry || zero,
            4 => sign,
            6 => sign != overflow,
            7 => zero || sign != overflow,
            _ => return None,
        };
        Some(is != (condition & 1 == 1))
    }
}

/// The flags that `and`, `or` and `xor` leave.
pub(super) fn logic(value: u64, size: usize) -> Flags {
    Flags {
        zero: value == 0,
        sign: value >> (8 * size - 1) & 1 == 1,
        carry: false,
        overflow: false,
    }
}
