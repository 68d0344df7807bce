//! Work on many things that keeps every core busy.

use std::num::NonZero;

/// Does `work` on shares of `things`, none of fewer than `least`, side by side. Returns what came of
/// each share, in order. Blocks.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    things: &[T],
    least: usize,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = things.len().div_ceil(cores).max(least);
    if things.len() <= share {
        return vec![work(things)];
    }
    let (first, others) = things.split_at(share);
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            others.chunks(share).map(|share| scope.spawn(move || work(share))).collect();
        let first = work(first);
        let others =
            threads.into_iter().map(|thread| thread.join().expect("the work does not panic"));
        std::iter::once(first).chain(others).collect()
    })
}
