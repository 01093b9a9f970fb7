//! Following a function's machine code (x86-64) without running it: which functions it would call, and with what.
//!
//! Only what unoptimised drop glue consists of is understood: moving numbers about, comparing them, and jumping. Nothing is
//! written anywhere but in here, and whatever is not understood ends the attempt.

mod arithmetic;
mod decode;
mod step;
#[cfg(test)]
mod tests;

use super::super::future::Snapshot;
use arithmetic::Flags;
use decode::{Code, Place};
use std::collections::HashMap;

const MOST_INSTRUCTIONS: usize = 1 << 12;
/// Where the stack is taken to be: no program has memory there.
const STACK: u64 = 0x7a5c_0000_0000_0000;
const LONGEST_INSTRUCTION: u64 = 15;
const LONGEST_FUNCTION: u64 = 1 << 11;

const RAX: usize = 0;
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
    let mut machine = Machine::new(memory, function, argument);
    for _ in 0..MOST_INSTRUCTIONS {
        if machine.step()? {
            return Some(machine.calls);
        }
    }
    None
}

struct Machine<'a> {
    memory: &'a mut Snapshot,
    registers: [Register; 16],
    at: u64,
    flags: Option<Flags>,
    /// What it would have written, by the byte.
    written: HashMap<u64, u8>,
    calls: Vec<(u64, u64)>,
}

/// What a register holds, as far as that is known.
#[derive(Clone, Copy)]
struct Register {
    value: u64,
    /// How many of its low bytes are.
    known: usize,
}

impl Register {
    const UNKNOWN: Self = Self { value: 0, known: 0 };

    fn of(value: u64) -> Self {
        Self { value, known: 8 }
    }

    fn read(self, size: usize) -> Option<u64> {
        (size <= self.known).then(|| cut(self.value, size))
    }

    fn write(&mut self, value: Option<u64>, size: usize) {
        *self = match value {
            None => Self::UNKNOWN,
            // Four bytes clear the others, fewer leave them.
            Some(value) if size >= 4 => Self::of(cut(value, size)),
            Some(value) => Self {
                value: self.value & !cut(u64::MAX, size) | cut(value, size),
                known: self.known.max(size),
            },
        }
    }
}

impl<'a> Machine<'a> {
    fn new(memory: &'a mut Snapshot, function: u64, argument: u64) -> Self {
        let mut registers = [Register::UNKNOWN; 16];
        registers[RSP] = Register::of(STACK);
        registers[RDI] = Register::of(argument);
        Self {
            memory,
            registers,
            at: function,
            flags: None,
            written: HashMap::new(),
            calls: Vec::new(),
        }
    }

    fn next(&mut self, code: &Code) {
        self.at = self.at.wrapping_add(code.used as u64);
    }

    fn call(&mut self, function: u64) -> Option<()> {
        self.calls.push((function, self.register(RDI)?));
        for register in CLOBBERED {
            self.registers[register] = Register::UNKNOWN;
        }
        self.flags = None;
        Some(())
    }

    /// The whole of a register.
    fn register(&self, register: usize) -> Option<u64> {
        self.registers[register].read(8)
    }

    fn read(&mut self, place: Place, size: usize) -> Option<u64> {
        match place {
            Place::Register(register) => self.registers[register].read(size),
            Place::Memory(address) => {
                let mut bytes = (0..size as u64).map(|at| address.wrapping_add(at));
                let is_as_it_was =
                    |byte: u64| !is_on_stack(byte) && !self.written.contains_key(&byte);
                if bytes.all(is_as_it_was) {
                    return self.memory.number(address, size as u64);
                }
                let mut value = 0;
                for at in (0..size as u64).rev() {
                    let byte = address.wrapping_add(at);
                    let known = match self.written.get(&byte) {
                        Some(known) => *known,
                        // Of a stack that nobody has written nothing is known.
                        None if is_on_stack(byte) => return None,
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
            Place::Register(register) => self.registers[register].write(value, size),
            Place::Memory(address) => {
                for at in 0..size as u64 {
                    let byte = address.wrapping_add(at);
                    match value {
                        Some(value) => _ = self.written.insert(byte, (value >> (8 * at)) as u8),
                        // What would be written outside of the stack must be known.
                        None if is_on_stack(byte) => _ = self.written.remove(&byte),
                        None => return None,
                    }
                }
            }
        }
        Some(())
    }
}

fn is_on_stack(byte: u64) -> bool {
    byte.abs_diff(STACK) < 1 << 20
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
