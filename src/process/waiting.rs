//! How long goldsmith waited for its children, so that its own time can be told from theirs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Measures the time during which at least one child ran: the union of their times, not the sum.
/// Clones are the same meter.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<Mutex<Meter>>);

#[derive(Debug, Default)]
struct Meter {
    running: usize,
    since: Option<Instant>,
    total: Duration,
}

/// One running child, or something else that is waited for; it has ended when this is dropped.
#[derive(Debug)]
pub struct Running(Waiting);

impl Waiting {
    /// A meter that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time so far; goes on while a child runs.
    pub fn total(&self) -> Duration {
        let meter = self.meter();
        meter.total + meter.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// From now on goldsmith waits, for a child or for time to pass, until the value is dropped.
    pub fn begin(&self) -> Running {
        let mut meter = self.meter();
        meter.running += 1;
        meter.since.get_or_insert_with(Instant::now);
        Running(self.clone())
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut meter = self.0.meter();
        meter.running -= 1;
        if meter.running == 0
            && let Some(since) = meter.since.take()
        {
            meter.total += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_children_are_counted_once() {
        let waiting = Waiting::new();
        let begun = Instant::now();
        let first = waiting.begin();
        let second = waiting.clone().begin();
        let both = Instant::now();
        while both.elapsed() < Duration::from_millis(5) {}
        drop(first);
        let between = waiting.total();
        drop(second);
        let total = waiting.total();
        assert!(between >= Duration::from_millis(5));
        assert!(total >= between && total <= begun.elapsed());
        assert_eq!(waiting.total(), total, "nothing runs, so the meter stands");
    }
}
