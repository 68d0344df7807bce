//! The clock as a value, so that a test can say what day it is.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Tells the time. Goes on ticking also when it was set.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Timestamp,
    since: Instant,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that shows `origin` now: `--now`.
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, since: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.origin.saturating_add(self.since.elapsed()).unwrap_or(self.origin)
    }

    /// How long this clock has been going.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}
