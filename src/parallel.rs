//! One job for each item, on several threads that take the next item as they become free.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Large enough to make system calls cheap, small enough to stay in a core's cache between reading and hashing.
const BUFFER: usize = 256 << 10;

/// All cores, unless told otherwise.
pub(crate) fn threads(wanted: Option<NonZeroUsize>) -> usize {
    wanted
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
}

/// Runs `job` on each item, largest `weight` first, and returns the results in the items' order. The buffer is for what
/// a job reads.
pub(crate) fn map<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    weight: impl Fn(&T) -> u64,
    job: impl Fn(&T, &mut [u8]) -> R + Sync,
) -> Vec<R> {
    let mut queue: Vec<(usize, &T)> = items.iter().enumerate().collect();
    queue.sort_by_key(|(_, item)| std::cmp::Reverse(weight(item)));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffer = vec![0; BUFFER];
        let mut results = Vec::new();
        while let Some((index, item)) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push((*index, job(item, &mut buffer)));
        }
        results
    };
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for other in others {
            match other.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
