//! Due or not, and why: slots, digests, history, parents → [`Plan`](crate::model::Plan). Pure; the
//! clock is an argument.

mod attempts;
mod calendar;
mod decision;
mod freshness;
mod inputs;
mod planner;
mod slots;
mod soak;
#[cfg(test)]
mod tests;

pub use freshness::fresh_until;
pub use inputs::{Candidate, ParentNow, PlanInputs, Selection};
pub use planner::plan;
pub use slots::{SlotError, Slots};
pub use soak::soaking;
