//! A reader gets one task's record or none, never a mix of two tasks.

use crate::origin::OriginId;
use crate::slot::{Birth, Slot};
use loom::thread;

fn birth(number: u32) -> Birth {
    Birth {
        origin: OriginId::from_bits(number),
        stack: number,
        scope: number,
        runtime: number,
        flags: number << 2,
        parent: u64::from(number) << 32 | 1,
    }
}

/// A slot for one run of the model; slots are never freed.
fn slot() -> &'static Slot {
    Box::leak(Box::new(Slot::vacant(7)))
}

/// Asserts that what is read is the record of one task: the one with this number for each id.
fn assert_is_of_one_task(slot: &'static Slot) {
    let Some(reading) = slot.read() else { return };
    let number = reading.id.sequence().div_ceil(2);
    let read = [
        reading.origin.to_bits(),
        reading.stack,
        reading.scope,
        reading.runtime,
        reading.flags >> 2,
    ];
    assert_eq!(read, [number; 5]);
    assert_eq!(reading.parent.unwrap().sequence(), number);
}

#[test]
fn a_reader_beside_a_birth_sees_all_of_it_or_nothing() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let slot = slot();
        let reader = thread::spawn(move || assert_is_of_one_task(slot));
        slot.occupy(&birth(1));
        reader.join().unwrap();
    });
}

#[test]
fn a_reader_beside_a_death_and_a_birth_never_mixes_the_two() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let slot = slot();
        slot.occupy(&birth(1));
        let reader = thread::spawn(move || assert_is_of_one_task(slot));
        slot.vacate();
        slot.occupy(&birth(2));
        reader.join().unwrap();
    });
}
