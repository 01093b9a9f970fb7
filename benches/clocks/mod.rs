//! What runs take by two clocks: the wall's, which is what a person waits for, and the CPU time of the
//! thread, which a busy machine disturbs less.

use criterion::{BenchmarkGroup, measurement::WallTime};
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The CPU time that this thread has used.
pub fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live, writable timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What each run took by one clock.
#[derive(Default)]
struct Times(Vec<Duration>);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.0.clone();
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        write!(
            f,
            "least {:.2?}, median {:.2?}, 90 % {:.2?} of {}",
            at(0.0),
            at(0.5),
            at(0.9),
            times.len()
        )
    }
}

/// Measures one thread's work by both clocks: criterion's figures of each, and the least and the median
/// run of all.
pub fn bench_by_both<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut work: impl FnMut() -> T,
) {
    let (mut by_wall, mut by_cpu) = (Times::default(), Times::default());
    for clock in ["wall", "CPU"] {
        group.bench_function(format!("{name}/{clock} time"), |bencher| {
            bencher.iter_custom(|runs| {
                let mut all = Duration::ZERO;
                for _ in 0..runs {
                    let begin = (Instant::now(), cpu_time());
                    let done = black_box(work());
                    let (wall, cpu) = (begin.0.elapsed(), cpu_time() - begin.1);
                    drop(done);
                    by_wall.0.push(wall);
                    by_cpu.0.push(cpu);
                    all += if clock == "wall" { wall } else { cpu };
                }
                all
            });
        });
    }
    if !by_wall.0.is_empty() {
        println!("{name}: wall {by_wall}; CPU {by_cpu}");
    }
}
