//! Nobody touches the header of a task that has ended.

use crate::models::slot::{birth, slot};
use crate::pins::Pins;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// loom reports a reader of `freed` beside its writer.
#[test]
fn a_header_is_touched_only_before_its_task_has_ended() {
    loom::model(|| {
        let slot = slot();
        let pins = Arc::new(Pins::new());
        let freed = Arc::new(UnsafeCell::new(false));
        slot.occupy(&birth(1));
        slot.set_header(std::ptr::dangling());
        let id = slot.id();
        let reader = {
            let (pins, freed) = (pins.clone(), freed.clone());
            thread::spawn(move || {
                pins.with_header(slot, id, |_| {
                    freed.with(|freed| {
                        // SAFETY: loom checks that nobody writes meanwhile.
                        assert!(!unsafe { *freed });
                    });
                });
            })
        };
        slot.vacate_in_sight();
        pins.wait();
        freed.with_mut(|freed| {
            // SAFETY: loom checks that nobody reads meanwhile.
            unsafe { *freed = true };
        });
        reader.join().unwrap();
    });
}

#[test]
fn the_header_of_the_next_task_in_the_slot_is_not_taken_for_this_one_s() {
    loom::model(|| {
        let slot = slot();
        let pins = Arc::new(Pins::new());
        slot.occupy(&birth(1));
        let first = std::ptr::without_provenance(8);
        let second = std::ptr::without_provenance(16);
        slot.set_header(first);
        let id = slot.id();
        let reader = {
            let pins = pins.clone();
            thread::spawn(move || pins.with_header(slot, id, |header| assert_eq!(header, first)))
        };
        slot.vacate_in_sight();
        pins.wait();
        slot.occupy(&birth(2));
        slot.set_header(second);
        reader.join().unwrap();
    });
}
