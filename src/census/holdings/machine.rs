//! Following a function's machine code (x86-64) without running it: which functions it would call, and with what.
//!
//! Only what unoptimised drop glue consists of is understood: moving numbers about, comparing them, and jumping. Nothing is
//! written anywhere but in here, and whatever is not understood ends the attempt.

use super::super::future::Snapshot;
use std::collections::HashMap;

const MOST_INSTRUCTIONS: usize = 1 << 12;
/// Where the stack is taken to be: no program has memory there.
const STACK: u64 = 0x7a5c_0000_0000_0000;
const LONGEST_INSTRUCTION: u64 = 15;
const LONGEST_FUNCTION: u64 = 1 << 11;

const RSP: usize = 4;
const RDI: usize = 7;
/// The registers that a called function may change.
const CLOBBERED: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];

/// The calls that the function would make if it was called with this argument: each function with its first argument.
pub(super) fn calls(
    memory: &mut Snapshot,
    function: u64,
    argument: u64,
) -> Option<Vec<(u64, u64)>> {
    // At once, since it is read by the byte.
    let _ = memory.bytes(function, LONGEST_FUNCTION);
    let mut machine = Machine {
        memory,
        registers: [None; 16],
        at: function,
        flags: None,
        written: HashMap::new(),
        calls: Vec::new(),
    };
    machine.registers[RSP] = Some(STACK);
    machine.registers[RDI] = Some(argument);
    for _ in 0..MOST_INSTRUCTIONS {
        if machine.step()? {
            return Some(machine.calls);
        }
    }
    None
}

struct Machine<'a> {
    memory: &'a mut Snapshot,
    /// None of those that hold what is not known.
    registers: [Option<u64>; 16],
    at: u64,
    flags: Option<Flags>,
    /// What it would have written, by the byte.
    written: HashMap<u64, u8>,
    calls: Vec<(u64, u64)>,
}

#[derive(Clone, Copy)]
struct Flags {
    zero: bool,
    sign: bool,
    carry: bool,
    overflow: bool,
}

/// The bytes of one instruction.
struct Code {
    bytes: Vec<u8>,
    used: usize,
    /// The bits of its REX prefix.
    rex: u8,
    has_rex: bool,
}

impl Code {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.used)?;
        self.used += 1;
        Some(byte)
    }

    /// A signed number of so many bytes.
    fn signed(&mut self, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(self.used..self.used + size)?;
        self.used += size;
        let mut all = [0; 8];
        all[..size].copy_from_slice(bytes);
        Some(extended(u64::from_le_bytes(all), size))
    }
}

/// What an instruction works on.
#[derive(Clone, Copy)]
enum Place {
    Register(usize),
    Memory(u64),
}

/// The two operands that a ModRM byte names.
struct Operands {
    register: usize,
    place: Place,
}

fn cut(value: u64, size: usize) -> u64 {
    if size >= 8 {
        value
    } else {
        value & ((1 << (8 * size)) - 1)
    }
}

/// The same number in eight bytes.
fn extended(value: u64, size: usize) -> u64 {
    let unused = 64 - 8 * size.min(8) as u32;
    ((value << unused).cast_signed() >> unused).cast_unsigned()
}

impl Machine<'_> {
    /// Does one instruction; whether the function has returned.
    fn step(&mut self) -> Option<bool> {
        let bytes = match self.memory.bytes(self.at, LONGEST_INSTRUCTION) {
            Some(bytes) => bytes.to_vec(),
            None => return None,
        };
        let mut code = Code {
            bytes,
            used: 0,
            rex: 0,
            has_rex: false,
        };
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
            0x00..=0x3f if opcode & 7 < 6 => {
                let operation = opcode >> 3;
                match opcode & 7 {
                    4 | 5 => {
                        let number = code.signed(size.min(4))?;
                        self.next(&code);
                        self.calculate(operation, Place::Register(0), number, size)?;
                    }
                    form => {
                        let operands = self.operands(&mut code, size == 1, 0)?;
                        self.next(&code);
                        let register = Place::Register(operands.register);
                        let (to, from) = if form < 2 {
                            (operands.place, register)
                        } else {
                            (register, operands.place)
                        };
                        let is_zeroing = operation == 6
                            && matches!((to, from), (Place::Register(to), Place::Register(from)) if to == from);
                        if is_zeroing {
                            self.write(to, 0, size)?;
                            self.flags = Some(Flags {
                                zero: true,
                                sign: false,
                                carry: false,
                                overflow: false,
                            });
                        } else {
                            let from = self.read(from, size)?;
                            self.calculate(operation, to, from, size)?;
                        }
                    }
                }
            }
            0x50..=0x57 => {
                self.next(&code);
                let value = self.registers[low];
                let top = self.registers[RSP]?.wrapping_sub(8);
                self.registers[RSP] = Some(top);
                self.write_or_forget(Place::Memory(top), value, 8)?;
            }
            0x58..=0x5f => {
                self.next(&code);
                let top = self.registers[RSP]?;
                self.registers[low] = self.read(Place::Memory(top), 8);
                self.registers[RSP] = Some(top.wrapping_add(8));
            }
            0x63 => {
                let operands = self.operands(&mut code, false, 0)?;
                self.next(&code);
                let value = self.read(operands.place, 4)?;
                self.write(Place::Register(operands.register), extended(value, 4), size)?;
            }
            0x70..=0x7f => {
                let by = code.signed(1)?;
                self.next(&code);
                if self.holds(opcode & 0xf)? {
                    self.at = self.at.wrapping_add(by);
                }
            }
            0x80 | 0x81 | 0x83 => {
                let length = if opcode == 0x81 { size.min(4) } else { 1 };
                let operands = self.operands(&mut code, size == 1, length)?;
                let number = code.signed(length)?;
                self.next(&code);
                self.calculate(operands.register as u8 & 7, operands.place, number, size)?;
            }
            0x84 | 0x85 => {
                let operands = self.operands(&mut code, size == 1, 0)?;
                self.next(&code);
                let one = self.read(operands.place, size)?;
                let another = self.read(Place::Register(operands.register), size)?;
                self.flags = Some(logic(one & another, size));
            }
            0x88 | 0x89 => {
                let operands = self.operands(&mut code, size == 1, 0)?;
                self.next(&code);
                let value = self.read(Place::Register(operands.register), size);
                self.write_or_forget(operands.place, value, size)?;
            }
            0x8a | 0x8b => {
                let operands = self.operands(&mut code, size == 1, 0)?;
                self.next(&code);
                let value = self.read(operands.place, size);
                self.write_or_forget(Place::Register(operands.register), value, size)?;
            }
            0x8d => {
                let operands = self.operands(&mut code, false, 0)?;
                self.next(&code);
                let Place::Memory(address) = operands.place else {
                    return None;
                };
                self.write(Place::Register(operands.register), address, size)?;
            }
            0x90 => self.next(&code),
            0xa8 | 0xa9 => {
                let number = code.signed(size.min(4))?;
                self.next(&code);
                let value = self.read(Place::Register(0), size)?;
                self.flags = Some(logic(value & number, size));
            }
            0xb8..=0xbf => {
                let value = code.signed(size)?;
                self.next(&code);
                self.write(Place::Register(low), value, size)?;
            }
            0xc1 => {
                let operands = self.operands(&mut code, false, 1)?;
                let by = code.byte()?;
                self.next(&code);
                self.shift(&operands, by, size)?;
            }
            0xc3 => return Some(true),
            0xc6 | 0xc7 => {
                let length = if size == 1 { 1 } else { size.min(4) };
                let operands = self.operands(&mut code, size == 1, length)?;
                let number = code.signed(length)?;
                self.next(&code);
                self.write(operands.place, number, size)?;
            }
            0xe8 => {
                let by = code.signed(4)?;
                self.next(&code);
                self.call(self.at.wrapping_add(by))?;
            }
            0xe9 | 0xeb => {
                let by = code.signed(if opcode == 0xe9 { 4 } else { 1 })?;
                self.next(&code);
                self.at = self.at.wrapping_add(by);
            }
            0xf6 | 0xf7 => {
                let length = size.min(4);
                let operands = self.operands(&mut code, size == 1, length)?;
                if operands.register & 7 != 0 {
                    return None;
                }
                let number = code.signed(length)?;
                self.next(&code);
                let value = self.read(operands.place, size)?;
                self.flags = Some(logic(value & number, size));
            }
            0xff => {
                let operands = self.operands(&mut code, false, 0)?;
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

    fn two_bytes(&mut self, mut code: Code, size: usize) -> Option<bool> {
        let opcode = code.byte()?;
        match opcode {
            0x1f => {
                self.operands(&mut code, false, 0)?;
                self.next(&code);
            }
            0x40..=0x4f => {
                let operands = self.operands(&mut code, false, 0)?;
                self.next(&code);
                if self.holds(opcode & 0xf)? {
                    let value = self.read(operands.place, size);
                    self.write_or_forget(Place::Register(operands.register), value, size)?;
                }
            }
            0x80..=0x8f => {
                let by = code.signed(4)?;
                self.next(&code);
                if self.holds(opcode & 0xf)? {
                    self.at = self.at.wrapping_add(by);
                }
            }
            0x90..=0x9f => {
                let operands = self.operands(&mut code, true, 0)?;
                self.next(&code);
                let value = u64::from(self.holds(opcode & 0xf)?);
                self.write(operands.place, value, 1)?;
            }
            0xb6 | 0xb7 | 0xbe | 0xbf => {
                let from = if opcode & 1 == 0 { 1 } else { 2 };
                let operands = self.operands(&mut code, from == 1, 0)?;
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

    fn next(&mut self, code: &Code) {
        self.at = self.at.wrapping_add(code.used as u64);
    }

    fn call(&mut self, function: u64) -> Option<()> {
        self.calls.push((function, self.registers[RDI]?));
        for register in CLOBBERED {
            self.registers[register] = None;
        }
        self.flags = None;
        Some(())
    }

    /// `rest` is how many bytes of the instruction come after these operands.
    fn operands(&mut self, code: &mut Code, are_bytes: bool, rest: usize) -> Option<Operands> {
        let modrm = code.byte()?;
        let (mode, low) = (modrm >> 6, usize::from(modrm & 7));
        let register = usize::from(modrm >> 3 & 7) | usize::from(code.rex & 4) << 1;
        // Without a prefix these are the second bytes of other registers.
        let is_high = |register: usize| are_bytes && !code.has_rex && (4..8).contains(&register);
        if is_high(register) || (mode == 3 && is_high(low)) {
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
                address = self.registers[index]?.wrapping_mul(1 << (sib >> 6));
            }
            if base & 7 == 5 && mode == 0 {
                address = address.wrapping_add(code.signed(4)?);
            } else {
                address = address.wrapping_add(self.registers[base]?);
            }
        } else if low == 5 && mode == 0 {
            address = code.signed(4)?;
            is_relative = true;
        } else {
            address = self.registers[low | usize::from(code.rex & 1) << 3]?;
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

    fn read(&mut self, place: Place, size: usize) -> Option<u64> {
        match place {
            Place::Register(register) => Some(cut(self.registers[register]?, size)),
            Place::Memory(address) => {
                let mut value = 0;
                for at in (0..size as u64).rev() {
                    let byte = address.wrapping_add(at);
                    let known = match self.written.get(&byte) {
                        Some(known) => *known,
                        // Of a stack that nobody has written nothing is known.
                        None if byte.abs_diff(STACK) < 1 << 20 => return None,
                        None => self.memory.number(byte, 1)? as u8,
                    };
                    value = value << 8 | u64::from(known);
                }
                Some(value)
            }
        }
    }

    fn write(&mut self, place: Place, value: u64, size: usize) -> Option<()> {
        self.write_or_forget(place, Some(value), size)
    }

    /// Writes what is perhaps not known.
    fn write_or_forget(&mut self, place: Place, value: Option<u64>, size: usize) -> Option<()> {
        match place {
            Place::Register(register) => {
                self.registers[register] = match (value, size) {
                    (Some(value), 8) => Some(value),
                    // Four bytes clear the others, fewer leave them.
                    (Some(value), 4) => Some(cut(value, 4)),
                    (Some(value), _) => {
                        let rest = self.registers[register].unwrap_or(0);
                        Some(rest & !cut(u64::MAX, size) | cut(value, size))
                    }
                    (None, _) => None,
                };
            }
            Place::Memory(address) => {
                for at in 0..size as u64 {
                    let byte = address.wrapping_add(at);
                    match value {
                        Some(value) => _ = self.written.insert(byte, (value >> (8 * at)) as u8),
                        // What would be written outside of the stack must be known.
                        None if byte.abs_diff(STACK) < 1 << 20 => _ = self.written.remove(&byte),
                        None => return None,
                    }
                }
            }
        }
        Some(())
    }

    fn calculate(&mut self, operation: u8, to: Place, from: u64, size: usize) -> Option<()> {
        let (one, another) = (self.read(to, size)?, cut(from, size));
        let sign = |value: u64| value >> (8 * size - 1) & 1 == 1;
        let (value, flags) = match operation {
            0 => {
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
            5 | 7 => {
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
            1 => (one | another, logic(one | another, size)),
            4 => (one & another, logic(one & another, size)),
            6 => (one ^ another, logic(one ^ another, size)),
            _ => return None,
        };
        self.flags = Some(flags);
        if operation != 7 {
            self.write(to, value, size)?;
        }
        Some(())
    }

    fn shift(&mut self, operands: &Operands, by: u8, size: usize) -> Option<()> {
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
    fn holds(&self, condition: u8) -> Option<bool> {
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

fn logic(value: u64, size: usize) -> Flags {
    Flags {
        zero: value == 0,
        sign: value >> (8 * size - 1) & 1 == 1,
        carry: false,
        overflow: false,
    }
}
