//! A reader gets each record that there was room for, whole, once and in its writer's order.

use crate::ring::Ring;
use loom::sync::Arc;
use loom::thread;

const WORDS: usize = 2;
type Records = Arc<Ring<u64, WORDS>>;

/// Whether a record of this model keeps something: those of an odd number.
fn keeps(words: &[u64; WORDS]) -> bool {
    words[0] % 2 == 1
}

fn put(ring: &Records, number: u64) -> bool {
    if keeps(&[number; WORDS]) {
        ring.put([number, number], Some(number))
    } else {
        // A short one: what the place held before is left in the second word.
        ring.put([number], None)
    }
}

/// The numbers of those there are, each found to be whole.
fn take_all(ring: &Records) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some((words, kept)) = ring.take(keeps) {
        let number = words[0];
        assert_eq!(kept, keeps(&words).then_some(number));
        assert!(kept.is_none() || words[1] == number);
        numbers.push(number);
    }
    numbers
}

fn model(preemptions: usize) -> loom::model::Builder {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model
}

#[test]
fn two_writers_beside_a_reader() {
    model(2).check(|| {
        let ring: Records = Arc::new(Ring::new(4));
        let writers = [10, 20].map(|first| {
            let ring = ring.clone();
            thread::spawn(move || assert!(put(&ring, first) && put(&ring, first + 1)))
        });
        let mut taken = take_all(&ring);
        for writer in writers {
            writer.join().unwrap();
        }
        taken.extend(take_all(&ring));
        let of = |ten| {
            let of_ten = taken.iter().copied().filter(move |one| one / 10 == ten);
            of_ten.collect::<Vec<_>>()
        };
        assert_eq!((of(1), of(2)), (vec![10, 11], vec![20, 21]), "{taken:?}");
    });
}

#[test]
fn a_full_one_takes_no_more_and_is_written_anew_where_it_was_read() {
    model(3).check(|| {
        let ring: Records = Arc::new(Ring::new(2));
        assert!(put(&ring, 1) && put(&ring, 2) && !put(&ring, 3));
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || [4, 5].map(|number| put(&ring, number)))
        };
        let mut taken = take_all(&ring);
        let put = writer.join().unwrap();
        taken.extend(take_all(&ring));
        let mut expected = vec![1, 2];
        for (number, was_put) in [4, 5].into_iter().zip(put) {
            expected.extend(was_put.then_some(number));
        }
        assert_eq!(taken, expected);
    });
}

#[test]
fn what_was_put_in_before_it_was_empty_was_taken_out() {
    model(3).check(|| {
        let ring: Records = Arc::new(Ring::new(4));
        let writers = [2, 4].map(|number| {
            let ring = ring.clone();
            thread::spawn(move || put(&ring, number))
        });
        let [one, other] = writers;
        assert!(one.join().unwrap());
        // The other may have its place and not have written it: not a reason to stop before the one.
        let taken = take_all(&ring);
        assert!(taken.contains(&2), "{taken:?}");
        assert!(other.join().unwrap());
    });
}
