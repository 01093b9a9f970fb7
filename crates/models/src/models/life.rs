//! A scope is freed once a life, when nobody is left in it, and nobody gets into its next life by a
//! name of the last.

use crate::life::{IsOver, Life};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::thread;
use std::sync::atomic::Ordering::Relaxed;

/// A scope, as far as its life goes: whoever is told that it is over puts it on the list.
struct Scope {
    life: Life,
    listed: AtomicU32,
    begun_again: AtomicBool,
}

impl Scope {
    fn begun() -> (Arc<Self>, u32) {
        let scope = Self {
            life: Life::new(),
            listed: AtomicU32::new(0),
            begun_again: AtomicBool::new(false),
        };
        let generation = scope.life.begin();
        (Arc::new(scope), generation)
    }

    fn free_if(&self, IsOver(is_over): IsOver) {
        if is_over {
            self.listed.fetch_add(1, Relaxed);
        }
    }

    /// The same, where somebody takes it from the list at once and begins its next life.
    fn begin_again_if(&self, IsOver(is_over): IsOver) {
        if is_over {
            assert!(
                !self.begun_again.swap(true, Relaxed),
                "taken from the list twice"
            );
            self.life.begin();
        }
    }
}

#[test]
fn the_last_member_and_the_end_free_a_scope_once() {
    loom::model(|| {
        let (scope, generation) = Scope::begun();
        scope.life.admit(generation, false).unwrap();
        let member = {
            let scope = scope.clone();
            thread::spawn(move || scope.free_if(scope.life.leave(false)))
        };
        scope.free_if(scope.life.end());
        member.join().unwrap();
        assert_eq!(scope.listed.load(Relaxed), 1);
    });
}

#[test]
fn two_last_members_and_the_end_free_a_scope_once() {
    loom::model(|| {
        let (scope, generation) = Scope::begun();
        let members = [false, true].map(|background| {
            scope.life.admit(generation, background).unwrap();
            let scope = scope.clone();
            thread::spawn(move || scope.free_if(scope.life.leave(background)))
        });
        scope.free_if(scope.life.end());
        for member in members {
            member.join().unwrap();
        }
        assert_eq!(scope.listed.load(Relaxed), 1);
    });
}

#[test]
fn who_is_admitted_keeps_the_scope() {
    loom::model(|| {
        let (scope, generation) = Scope::begun();
        let newcomer = {
            let scope = scope.clone();
            thread::spawn(move || match scope.life.admit(generation, false) {
                Ok(()) => {
                    // Inside, as long as it pleases.
                    assert_eq!(scope.listed.load(Relaxed), 0, "freed under a member");
                    scope.free_if(scope.life.leave(false));
                }
                Err(is_over) => scope.free_if(is_over),
            })
        };
        scope.free_if(scope.life.end());
        newcomer.join().unwrap();
        assert_eq!(scope.listed.load(Relaxed), 1);
    });
}

#[test]
fn nobody_gets_into_the_next_life_by_a_name_of_the_last() {
    loom::model(|| {
        let (scope, stale) = Scope::begun();
        let latecomer = {
            let scope = scope.clone();
            thread::spawn(move || match scope.life.admit(stale, false) {
                Ok(()) => {
                    assert!(!scope.begun_again.load(Relaxed), "let into a later life");
                    scope.begin_again_if(scope.life.leave(false));
                }
                Err(is_over) => scope.begin_again_if(is_over),
            })
        };
        scope.begin_again_if(scope.life.end());
        latecomer.join().unwrap();
        // The scope is in its second life, open, with nobody in it, and on no list.
        assert!(scope.begun_again.load(Relaxed));
        assert_eq!(scope.life.generation(), stale + 2);
        assert_eq!(scope.life.gate.count().members, 0);
        assert_eq!(scope.life.end(), IsOver(true));
    });
}
