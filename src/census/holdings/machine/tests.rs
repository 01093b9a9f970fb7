use super::*;

/// Where the code is taken to be, and what is handed to it.
const CODE: u64 = 0x10_0000;
const ARGUMENT: u64 = CODE + 0x800;

/// What this code calls, with a value of these bytes.
fn calls_of(code: &[u8], value: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut bytes = vec![0; 0x1000];
    bytes[..code.len()].copy_from_slice(code);
    bytes[0x800..][..value.len()].copy_from_slice(value);
    calls(&mut Snapshot::of(CODE, bytes), CODE, ARGUMENT)
}

#[test]
fn a_part_is_dropped_where_it_lies() {
    let code = [
        0x48, 0x8d, 0x7f, 0x10, // lea rdi, [rdi + 0x10]
        0xe8, 0x20, 0, 0, 0,    // call 0x20 further on
        0xc3, // ret
    ];
    assert_eq!(
        calls_of(&code, &[]),
        Some(vec![(CODE + 0x29, ARGUMENT + 0x10)])
    );
}

#[test]
fn what_was_put_on_the_stack_is_found_there() {
    let code = [
        0x50, // push rax, which nobody knows
        0x48, 0x89, 0x3c, 0x24, // mov [rsp], rdi
        0x31, 0xff, // xor edi, edi
        0x48, 0x8b, 0x3c, 0x24, // mov rdi, [rsp]
        0xe8, 0, 0, 0, 0,    // call
        0x58, // pop rax
        0xc3, // ret
    ];
    assert_eq!(calls_of(&code, &[]), Some(vec![(CODE + 16, ARGUMENT)]));
}

#[test]
fn a_variant_has_parts_of_its_own() {
    let code = [
        0x80, 0x3f, 3, // cmp byte [rdi], 3
        0x75, 5, // jne to the end
        0xe8, 0, 0, 0, 0,    // call
        0xc3, // ret
    ];
    assert_eq!(calls_of(&code, &[3]), Some(vec![(CODE + 10, ARGUMENT)]));
    assert_eq!(calls_of(&code, &[4]), Some(Vec::new()));
}

#[test]
fn a_byte_may_come_into_any_register() {
    let code = [
        0x0f, 0xb6, 0x37, // movzx esi, byte [rdi]
        0x48, 0x89, 0xf7, // mov rdi, rsi
        0xe8, 0, 0, 0, 0,    // call
        0xc3, // ret
    ];
    assert_eq!(calls_of(&code, &[200]), Some(vec![(CODE + 11, 200)]));
}

#[test]
fn a_table_of_jumps_is_followed() {
    let code = [
        0x0f, 0xb6, 0x07, // movzx eax, byte [rdi]
        0x48, 0x8d, 0x0d, 9, 0, 0, 0, // lea rcx, [rip + 9], the table
        0x48, 0x63, 0x04, 0x81, // movsxd rax, [rcx + 4 * rax]
        0x48, 0x01, 0xc8, // add rax, rcx
        0xff, 0xe0, // jmp rax
        8, 0, 0, 0, // of the table: to the return
        9, 0, 0, 0,    // to the call
        0xc3, // ret
        0xe8, 0, 0, 0, 0,    // call
        0xc3, // ret
    ];
    assert_eq!(calls_of(&code, &[0]), Some(Vec::new()));
    assert_eq!(calls_of(&code, &[1]), Some(vec![(CODE + 33, ARGUMENT)]));
}

#[test]
fn a_boxed_trait_object_is_dropped_by_its_table() {
    let code = [
        0x48, 0x8b, 0x47, 8, // mov rax, [rdi + 8]
        0x48, 0x8b, 0x3f, // mov rdi, [rdi]
        0xff, 0x10, // call [rax]
        0xc3, // ret
    ];
    let words = [0x1234_u64, ARGUMENT + 16, 0x5678];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(calls_of(&code, &value), Some(vec![(0x5678, 0x1234)]));
}

#[test]
fn nothing_is_said_where_something_is_not_known() {
    let unknown: [&[u8]; 7] = [
        // The second byte of a register: mov dh, [rdi]; mov rdi, rsi; call.
        &[0x8a, 0x37, 0x48, 0x89, 0xf7, 0xe8, 0, 0, 0, 0, 0xc3],
        // cpuid is not understood.
        &[0x0f, 0xa2, 0xc3],
        // Nobody compared anything.
        &[0x75, 0, 0xc3],
        // What the function that was called returned: call, mov rdi, rax, call.
        &[0xe8, 0, 0, 0, 0, 0x48, 0x89, 0xc7, 0xe8, 0, 0, 0, 0, 0xc3],
        // Of rax but one byte is known: mov al, [rdi]; mov rdi, rax; call.
        &[0x8a, 0x07, 0x48, 0x89, 0xc7, 0xe8, 0, 0, 0, 0, 0xc3],
        // An argument that was not given: call [rsi].
        &[0xff, 0x16, 0xc3],
        // It never returns.
        &[0xeb, 0xfe],
    ];
    for code in unknown {
        assert_eq!(calls_of(code, &[3]), None, "{code:x?}");
    }
}

/// Of all pairs of bytes, each way to compare them.
#[test]
fn conditions_hold_as_numbers_compare() {
    let mut memory = Snapshot::of(CODE, Vec::new());
    for one in 0..=u8::MAX {
        for another in 0..=u8::MAX {
            let mut machine = Machine::new(&mut memory, CODE, 0);
            let place = Place::Register(RAX);
            machine.write(place, u64::from(one), 1).unwrap();
            let from = u64::from(another);
            machine.calculate(arithmetic::CMP, place, from, 1).unwrap();
            let (signed, other) = (one.cast_signed(), another.cast_signed());
            let conditions = [
                (0x0, signed.overflowing_sub(other).1),
                (0x2, one < another),
                (0x4, one == another),
                (0x6, one <= another),
                (0x8, signed.wrapping_sub(other) < 0),
                (0xc, signed < other),
                (0xe, signed <= other),
            ];
            for (condition, is_so) in conditions {
                let asked = format!("{one} {another} {condition:x}");
                assert_eq!(machine.holds(condition), Some(is_so), "{asked}");
                assert_eq!(machine.holds(condition + 1), Some(!is_so), "{asked}");
            }
        }
    }
}
