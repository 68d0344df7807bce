//! Due or not, and why: slots, digests, history → [`Plan`]. Pure; the clock is an argument.

mod due;
mod slots;

pub use due::{Candidate, Selection, plan};
pub use slots::{SlotError, Slots};
