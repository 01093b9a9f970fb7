//! A bounded queue of records of a few words, which many put in and one takes out.
//!
//! A record is written into its place word by word, from where it is, and a short one costs less than
//! a long one. Queues of whole values copy each of them twice or more, which is paid by the tasks.

use super::sync::{AtomicU64, Mutex, MutexGuard, yield_now};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

/// Every record has a number, and its place is told by its lowest bits.
pub(super) struct Ring<K, const WORDS: usize> {
    places: Box<[Place<K, WORDS>]>,
    /// The number of the next record to be put in.
    tail: Apart<AtomicU64>,
    /// The number of the next record to be taken out: the one reader's own.
    head: Apart<AtomicU64>,
}

struct Place<K, const WORDS: usize> {
    /// The number of the record that may be written here; once it is there to be read, one more.
    stamp: AtomicU64,
    words: [AtomicU64; WORDS],
    /// What a record keeps beside its words, if it is said to keep anything. Whoever has the place
    /// has this to itself: nobody waits for the lock.
    kept: Mutex<Option<K>>,
}

/// Those who write one do not slow down those who write its neighbour.
#[repr(align(128))]
struct Apart<T>(T);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, const WORDS: usize> Ring<K, WORDS> {
    /// With room for so many records, or some more.
    pub(super) fn new(capacity: usize) -> Self {
        // Of one place alone, "may be written again" and "is there to be read" would be one number.
        let capacity = capacity.max(2).next_power_of_two();
        let place = |number: usize| Place {
            stamp: AtomicU64::new(number as u64),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            kept: Mutex::new(None),
        };
        Self {
            places: (0..capacity).map(place).collect(),
            tail: Apart(AtomicU64::new(0)),
            head: Apart(AtomicU64::new(0)),
        }
    }

    #[inline]
    fn place(&self, number: u64) -> &Place<K, WORDS> {
        &self.places[number as usize & (self.places.len() - 1)]
    }

    /// Puts a record in, of as many words or fewer. Says whether there was room; never waits for it.
    #[inline(always)]
    pub(super) fn put<const SOME: usize>(&self, words: [u64; SOME], kept: Option<K>) -> bool {
        const { assert!(SOME <= WORDS, "a record of more words than a place has") };
        let mut number = self.tail.0.load(Relaxed);
        let place = loop {
            let place = self.place(number);
            // Pairs with the reader's release of the place: what it read there is read.
            let stamp = place.stamp.load(Acquire);
            if stamp == number {
                // For `is_empty`: see there.
                let next = number + 1;
                match (self.tail.0).compare_exchange_weak(number, next, SeqCst, Relaxed) {
                    Ok(_) => break place,
                    Err(now) => number = now,
                }
            } else if stamp < number {
                return false;
            } else {
                number = self.tail.0.load(Relaxed);
            }
        };
        for (word, to) in words.into_iter().zip(&place.words) {
            to.store(word, Relaxed);
        }
        if kept.is_some() {
            *lock(&place.kept) = kept;
        }
        // Pairs with the reader's load: who sees the new stamp sees the record.
        place.stamp.store(number + 1, Release);
        true
    }

    /// Takes the oldest record out, and what it keeps if `keeps` says so of its words; words that it
    /// was put in without are left over from others. Waits for a record that is being written, since
    /// later ones may be there already. For one reader only.
    #[inline]
    pub(super) fn take(
        &self,
        keeps: impl FnOnce(&[u64; WORDS]) -> bool,
    ) -> Option<([u64; WORDS], Option<K>)> {
        let number = self.head.0.load(Relaxed);
        let place = self.place(number);
        while place.stamp.load(Acquire) != number + 1 {
            if self.is_empty() {
                return None;
            }
            yield_now();
        }
        let words = place.words.each_ref().map(|word| word.load(Relaxed));
        let kept = if keeps(&words) {
            lock(&place.kept).take()
        } else {
            None
        };
        let next_here = number + self.places.len() as u64;
        place.stamp.store(next_here, Release);
        self.head.0.store(number + 1, Relaxed);
        Some((words, kept))
    }

    /// The number of the next record to be put in: those that were there have lower ones.
    pub(super) fn next_in(&self) -> u64 {
        self.tail.0.load(SeqCst)
    }

    /// The number of the next record to be taken out. For the reader.
    pub(super) fn next_out(&self) -> u64 {
        self.head.0.load(Relaxed)
    }

    /// Whether nobody has put, or begun to put, anything in that was not taken out. For the reader.
    ///
    /// In one order with `put`: of a reader that says it will sleep and then looks here, and a writer
    /// that puts a record in and then looks whether the reader sleeps, one sees the other, where
    /// exchanging the tail is a full barrier.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.tail.0.load(SeqCst) == self.head.0.load(Relaxed)
    }
}
