//! The kinds of functions that make unwinding hard.
use std::cell::RefCell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use super::Tree;

type Shape = fn(&Tree, u32) -> u64;

const SHAPES: &[Shape] = &[
    plain,
    inlined,
    many_arguments,
    register_pressure,
    small_frame,
    medium_frame,
    big_frame,
    aligned::<Align32>,
    aligned::<Align64>,
    aligned::<Align4096>,
    aligned_with_pressure,
    through_sort,
    through_iterators,
    through_dyn,
    through_once,
    through_thread_local,
    through_c_sort,
    recursion,
    caught,
    panicking,
    panicking_for_real,
    twice,
];

pub fn call_random(tree: &Tree, depth: u32) -> u64 {
    let shape = SHAPES[tree.random.below(SHAPES.len() as u64) as usize];
    black_box(shape)(tree, depth)
}

#[inline(never)]
fn plain(tree: &Tree, depth: u32) -> u64 {
    tree.grow(depth) + 1
}

#[inline(never)]
fn inlined(tree: &Tree, depth: u32) -> u64 {
    #[inline(always)]
    fn inner(tree: &Tree, depth: u32) -> u64 {
        #[inline(always)]
        fn innermost(tree: &Tree, depth: u32) -> u64 {
            tree.grow(depth) ^ 3
        }
        innermost(tree, depth) + 1
    }
    inner(tree, depth) + 1
}

#[inline(never)]
fn many_arguments(tree: &Tree, depth: u32) -> u64 {
    #[inline(never)]
    #[allow(clippy::too_many_arguments)]
    fn callee(
        a: u64,
        b: u64,
        c: u64,
        d: u64,
        e: u64,
        f: u64,
        x: f64,
        g: [u64; 5],
        h: u64,
        tree: &Tree,
        i: u64,
        depth: u32,
    ) -> u64 {
        let grown = tree.grow(depth);
        black_box(a + b + c + d + e + f + g[3] + h + i + x as u64 + grown)
    }
    let n = tree.random.below(9);
    callee(n, 2, 3, n, 5, 6, n as f64, [n; 5], 8, tree, 9, depth)
}

#[inline(never)]
fn register_pressure(tree: &Tree, depth: u32) -> u64 {
    // More values alive across the calls than there are registers, so that the frame pointer is used for one.
    let r = &tree.random;
    let (a, b, c, d, e, f) = (r.next(), r.next(), r.next(), r.next(), r.next(), r.next());
    let grown = tree.grow(depth);
    let more = if a % 3 == 0 { tree.grow(depth / 2) } else { b };
    black_box((a ^ grown).wrapping_mul(b | 1) ^ (c.wrapping_add(more)) ^ d ^ e.rotate_left(3) ^ f)
}

fn framed<const N: usize>(tree: &Tree, depth: u32) -> u64 {
    let mut frame = [0_u8; N];
    black_box(&mut frame)[tree.random.below(N as u64) as usize] = 1;
    let grown = tree.grow(depth);
    grown + u64::from(black_box(&frame)[N / 2])
}

#[inline(never)]
fn small_frame(tree: &Tree, depth: u32) -> u64 {
    framed::<24>(tree, depth)
}

#[inline(never)]
fn medium_frame(tree: &Tree, depth: u32) -> u64 {
    framed::<3000>(tree, depth)
}

#[inline(never)]
fn big_frame(tree: &Tree, depth: u32) -> u64 {
    framed::<40_000>(tree, depth)
}

#[derive(Default)]
#[repr(align(32))]
struct Align32(u64);
#[derive(Default)]
#[repr(align(64))]
struct Align64(u64);
#[derive(Default)]
#[repr(align(4096))]
struct Align4096(u64);

trait Aligned: Default {
    fn value(&mut self) -> &mut u64;
}

macro_rules! aligned {
    ($($name:ident)*) => {$(
        impl Aligned for $name {
            fn value(&mut self) -> &mut u64 {
                &mut self.0
            }
        }
    )*};
}
aligned!(Align32 Align64 Align4096);

#[inline(never)]
fn aligned<T: Aligned>(tree: &Tree, depth: u32) -> u64 {
    let mut value = T::default();
    *black_box(&mut value).value() = tree.random.next();
    let grown = tree.grow(depth);
    assert_eq!((&raw const value).addr() % align_of::<T>(), 0);
    grown ^ *black_box(&mut value).value()
}

#[inline(never)]
fn aligned_with_pressure(tree: &Tree, depth: u32) -> u64 {
    let r = &tree.random;
    let (a, b, c, d, e) = (r.next(), r.next(), r.next(), r.next(), r.next());
    let mut value = Align64(a);
    let grown = tree.grow(depth) ^ register_pressure(tree, depth / 2);
    black_box(
        (a ^ grown) ^ b.wrapping_mul(c | 1) ^ d.wrapping_add(e) ^ *black_box(&mut value).value(),
    )
}

#[inline(never)]
fn through_sort(tree: &Tree, depth: u32) -> u64 {
    let mut items = [3, 1, 2];
    let mut grown = false;
    items.sort_by(|a, b| {
        if !grown {
            grown = true;
            black_box(tree.grow(depth));
        }
        b.cmp(a)
    });
    items[0]
}

#[inline(never)]
fn through_iterators(tree: &Tree, depth: u32) -> u64 {
    (0..2_u32)
        .filter(|n| black_box(*n) != 1)
        .flat_map(|n| [n, n + 1].into_iter().take(1))
        .map(|_| tree.grow(depth))
        .fold(0, u64::wrapping_add)
}

#[inline(never)]
fn through_dyn(tree: &Tree, depth: u32) -> u64 {
    let function: Box<dyn Fn(u32) -> u64 + '_> = Box::new(move |depth| tree.grow(depth));
    black_box(function)(depth)
}

#[inline(never)]
fn through_once(tree: &Tree, depth: u32) -> u64 {
    let mut grown = 0;
    Once::new().call_once_force(|_| grown = tree.grow(depth));
    grown
}

#[inline(never)]
fn through_thread_local(tree: &Tree, depth: u32) -> u64 {
    thread_local!(static COUNT: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) });
    COUNT.with(|count| {
        if let Ok(mut count) = count.try_borrow_mut() {
            count.push(1);
        }
        tree.grow(depth)
    })
}

/// Through the C library's `qsort`, whose frame is sized at run time.
#[inline(never)]
fn through_c_sort(tree: &Tree, depth: u32) -> u64 {
    struct Item<'a> {
        key: u64,
        tree: *const Tree<'a>,
        depth: u32,
    }
    extern "C" fn order(a: *const libc::c_void, b: *const libc::c_void) -> libc::c_int {
        // SAFETY: `qsort` passes pointers to two of the items.
        let (a, b) = unsafe { (&*a.cast::<Item<'_>>(), &*b.cast::<Item<'_>>()) };
        if a.key + b.key == 1 {
            // SAFETY: the tree outlives the sort. No panic may leave this function, so none is thrown below it.
            let tree = unsafe { &*a.tree };
            let panics = tree.panics.replace(false);
            black_box(tree.grow(a.depth));
            tree.panics.set(panics);
        }
        (a.key as libc::c_int) - (b.key as libc::c_int)
    }
    let mut items = [1, 0].map(|key| Item { key, tree, depth });
    // SAFETY: the array is as long and its items as big as said.
    unsafe {
        libc::qsort(
            items.as_mut_ptr().cast(),
            items.len(),
            size_of::<Item<'_>>(),
            Some(order),
        );
    }
    items[0].key
}

#[inline(never)]
fn recursion(tree: &Tree, depth: u32) -> u64 {
    #[inline(never)]
    fn down(tree: &Tree, levels: u64, depth: u32) -> u64 {
        if levels == 0 {
            tree.grow(depth)
        } else {
            black_box(down(tree, levels - 1, depth)) + 1
        }
    }
    down(tree, tree.random.below(30), depth)
}

#[inline(never)]
fn caught(tree: &Tree, depth: u32) -> u64 {
    catch_unwind(AssertUnwindSafe(|| tree.grow(depth))).unwrap_or(7)
}

/// Compares when it is dropped, which is during unwinding.
struct Guard<'a>(&'a Tree<'a>, u32);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // A panic out of a destructor during unwinding aborts.
        let panics = self.0.panics.replace(false);
        black_box(self.0.grow(self.1.min(2)));
        self.0.panics.set(panics);
    }
}

struct Thrown;

#[inline(never)]
fn panicking(tree: &Tree, depth: u32) -> u64 {
    if !tree.may_panic() {
        return tree.grow(depth);
    }
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _outer = Guard(tree, depth);
        let grown = guarded(tree, depth);
        black_box(grown)
    }));
    tree.compare();
    caught.unwrap_or(9)
}

#[inline(never)]
fn guarded(tree: &Tree, depth: u32) -> u64 {
    let _guard = Guard(tree, depth);
    let aligned = Align64(tree.random.next());
    black_box(&aligned);
    let grown = tree.grow(depth);
    if tree.random.below(2) == 0 {
        resume_unwind(Box::new(Thrown));
    }
    grown
}

/// With the panic hook, which compares too, see the tests that set it.
#[inline(never)]
fn panicking_for_real(tree: &Tree, depth: u32) -> u64 {
    if !tree.may_panic() {
        return tree.grow(depth);
    }
    catch_unwind(AssertUnwindSafe(|| {
        let _guard = Guard(tree, depth);
        let empty: &[u64] = black_box(&[]);
        empty[tree.grow(depth) as usize]
    }))
    .unwrap_or(11)
}

#[inline(never)]
fn twice(tree: &Tree, depth: u32) -> u64 {
    tree.grow(depth / 2).wrapping_add(tree.grow(depth))
}
