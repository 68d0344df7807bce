//! Work on many things that keeps every core busy.

use std::num::NonZero;

/// Does `work` on shares of `things`, none of fewer than `least`, side by side. Returns all results
/// in order. Blocks.
pub(super) fn side_by_side<T: Sync, R: Send>(
    things: &[T],
    least: usize,
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = things.len().div_ceil(cores).max(least);
    if things.len() <= share {
        return work(things);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let shares = things.chunks(share);
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || work(share))).collect();
        let done =
            threads.into_iter().map(|thread| thread.join().expect("the work does not panic"));
        done.flatten().collect()
    })
}
