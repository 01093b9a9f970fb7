//! What each instruction does, by its opcode.

use super::arithmetic::{XOR, logic};
use super::decode::{Bytes, Code, Place};
use super::{LONGEST_INSTRUCTION, Machine, RAX, RSP, Register, extended};

impl Machine<'_> {
    /// Does one instruction; whether the function has returned.
    pub(super) fn step(&mut self) -> Option<bool> {
        let bytes = self.memory.bytes(self.at, LONGEST_INSTRUCTION)?;
        let mut code = Code::new(bytes.to_vec());
        let mut size = 4;
        let mut opcode = code.byte()?;
        if opcode == 0x66 {
            size = 2;
            opcode = code.byte()?;
        }
        if opcode & 0xf0 == 0x40 {
            (code.rex, code.has_rex) = (opcode & 0xf, true);
            opcode = code.byte()?;
            if code.rex & 8 != 0 {
                size = 8;
            }
        }
        let low = usize::from(opcode & 7) | (usize::from(code.rex & 1) << 3);
        let size = match opcode {
            0x88 | 0x8a | 0x84 | 0x80 | 0xc6 | 0xf6 | 0xa8 => 1,
            // The short forms for bytes are those whose lowest bit is unset.
            0x00..=0x3f if opcode & 1 == 0 && opcode != 0x0f => 1,
            _ => size,
        };
        match opcode {
            0x0f => return self.two_bytes(code, size),
            // add, or, and, sub, xor, cmp
            0x00..=0x3f if opcode & 7 < 6 => {
                let operation = opcode >> 3;
                match opcode & 7 {
                    4 | 5 => {
                        let number = code.signed(size.min(4))?;
                        self.next(&code);
                        self.calculate(operation, Place::Register(RAX), number, size)?;
                    }
                    form => {
                        let operands = self.operands(&mut code, Bytes::both_if(size == 1), 0)?;
                        self.next(&code);
                        let register = Place::Register(operands.register);
                        let (to, from) = if form < 2 {
                            (operands.place, register)
                        } else {
                            (register, operands.place)
                        };
                        let is_zeroing = operation == XOR
                            && matches!((to, from), (Place::Register(to), Place::Register(from)) if to == from);
                        if is_zeroing {
                            self.write(to, 0, size)?;
                            self.flags = Some(logic(0, size));
                        } else {
                            let from = self.read(from, size)?;
                            self.calculate(operation, to, from, size)?;
                        }
                    }
                }
            }
            // push
            0x50..=0x57 => {
                self.next(&code);
                let value = self.register(low);
                let top = self.register(RSP)?.wrapping_sub(8);
                self.registers[RSP] = Register::of(top);
                self.write_or_forget(Place::Memory(top), value, 8)?;
            }
            // pop
            0x58..=0x5f => {
                self.next(&code);
                let top = self.register(RSP)?;
                let value = self.read(Place::Memory(top), 8);
                self.registers[RSP] = Register::of(top.wrapping_add(8));
                self.write_or_forget(Place::Register(low), value, 8)?;
            }
            // movsxd
            0x63 => {
                let operands = self.operands(&mut code, Bytes::None, 0)?;
                self.next(&code);
                let value = self.read(operands.place, 4)?;
                self.write(Place::Register(operands.register), extended(value, 4), size)?;
            }
            // jumps on a condition, short
            0x70..=0x7f => {
                let by = code.signed(1)?;
                self.next(&code);
                if self.holds(opcode & 0xf)? {
                    self.at = self.at.wrapping_add(by);
                }
            }
            // the same calculations with a number in the code
            0x80 | 0x81 | 0x83 => {
                let length = if opcode == 0x81 { size.min(4) } else { 1 };
                let operands = self.operands(&mut code, Bytes::place_if(size == 1), length)?;
                let number = code.signed(length)?;
                self.next(&code);
                self.calculate(operands.register as u8 & 7, operands.place, number, size)?;
            }
            // test
            0x84 | 0x85 => {
                let operands = self.operands(&mut code, Bytes::both_if(size == 1), 0)?;
                self.next(&code);
                let one = self.read(operands.place, size)?;
                let another = self.read(Place::Register(operands.register), size)?;
                self.flags = Some(logic(one & another, size));
            }
            // mov, to the place
            0x88 | 0x89 => {
                let operands = self.operands(&mut code, Bytes::both_if(size == 1), 0)?;
                self.next(&code);
                let value = self.read(Place::Register(operands.register), size);
                self.write_or_forget(operands.place, value, size)?;
            }
            // mov, to the register
            0x8a | 0x8b => {
                let operands = self.operands(&mut code, Bytes::both_if(size == 1), 0)?;
                self.next(&code);
                let value = self.read(operands.place, size);
                self.write_or_forget(Place::Register(operands.register), value, size)?;
            }
            // lea
            0x8d => {
                let operands = self.operands(&mut code, Bytes::None, 0)?;
                self.next(&code);
                let Place::Memory(address) = operands.place else {
                    return None;
                };
                self.write(Place::Register(operands.register), address, size)?;
            }
            // nop
            0x90 if code.rex & 1 == 0 => self.next(&code),
            // test of rax with a number
            0xa8 | 0xa9 => {
                let number = code.signed(size.min(4))?;
                self.next(&code);
                let value = self.read(Place::Register(RAX), size)?;
                self.flags = Some(logic(value & number, size));
            }
            // mov of a number to a register
            0xb8..=0xbf => {
                let value = code.signed(size)?;
                self.next(&code);
                self.write(Place::Register(low), value, size)?;
            }
            // shifts
            0xc1 => {
                let operands = self.operands(&mut code, Bytes::None, 1)?;
                let by = code.byte()?;
                self.next(&code);
                self.shift(&operands, by, size)?;
            }
            // ret
            0xc3 => return Some(true),
            // mov of a number
            0xc6 | 0xc7 => {
                let length = if size == 1 { 1 } else { size.min(4) };
                let operands = self.operands(&mut code, Bytes::place_if(size == 1), length)?;
                let number = code.signed(length)?;
                self.next(&code);
                self.write(operands.place, number, size)?;
            }
            // call
            0xe8 => {
                let by = code.signed(4)?;
                self.next(&code);
                self.call(self.at.wrapping_add(by))?;
            }
            // jmp
            0xe9 | 0xeb => {
                let by = code.signed(if opcode == 0xe9 { 4 } else { 1 })?;
                self.next(&code);
                self.at = self.at.wrapping_add(by);
            }
            // test with a number; not, neg, mul and div are not understood
            0xf6 | 0xf7 => {
                let length = size.min(4);
                let operands = self.operands(&mut code, Bytes::place_if(size == 1), length)?;
                if operands.register & 7 != 0 {
                    return None;
                }
                let number = code.signed(length)?;
                self.next(&code);
                let value = self.read(operands.place, size)?;
                self.flags = Some(logic(value & number, size));
            }
            // call and jmp by a place
            0xff => {
                let operands = self.operands(&mut code, Bytes::None, 0)?;
                self.next(&code);
                let target = self.read(operands.place, 8)?;
                match operands.register & 7 {
                    2 => self.call(target)?,
                    4 => self.at = target,
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(false)
    }

    /// The instructions whose opcode is two bytes.
    fn two_bytes(&mut self, mut code: Code, size: usize) -> Option<bool> {
        let opcode = code.byte()?;
        match opcode {
            // nop, a long one
            0x1f => {
                self.operands(&mut code, Bytes::None, 0)?;
                self.next(&code);
            }
            // cmov
            0x40..=0x4f => {
                let operands = self.operands(&mut code, Bytes::None, 0)?;
                self.next(&code);
                if self.holds(opcode & 0xf)? {
                    let value = self.read(operands.place, size);
                    self.write_or_forget(Place::Register(operands.register), value, size)?;
                }
            }
            // jumps on a condition
            0x80..=0x8f => {
                let by = code.signed(4)?;
                self.next(&code);
                if self.holds(opcode & 0xf)? {
                    self.at = self.at.wrapping_add(by);
                }
            }
            // set
            0x90..=0x9f => {
                let operands = self.operands(&mut code, Bytes::Place, 0)?;
                self.next(&code);
                let value = u64::from(self.holds(opcode & 0xf)?);
                self.write(operands.place, value, 1)?;
            }
            // movzx, movsx
            0xb6 | 0xb7 | 0xbe | 0xbf => {
                let from = if opcode & 1 == 0 { 1 } else { 2 };
                let operands = self.operands(&mut code, Bytes::place_if(from == 1), 0)?;
                self.next(&code);
                let value = self.read(operands.place, from)?;
                let value = if opcode & 8 == 0 {
                    value
                } else {
                    extended(value, from)
                };
                self.write(Place::Register(operands.register), value, size)?;
            }
            _ => return None,
        }
        Some(false)
    }
}
