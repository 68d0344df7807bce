//! What a run did and what it will do, told to people and programs: one model, pure renderers.
//!
//! Text for people says the verdict first and never needs colour to be understood. Text from
//! packages, guests and logs is made harmless by each renderer for its own medium.

mod advisory_row;
pub mod checked;
mod compared;
mod item;
pub mod json;
pub mod markdown;
pub mod mermaid;
mod model;
pub mod plan;
pub mod plan_matrix;
pub mod promotions;
pub mod pruned;
pub mod pulled;
pub mod quantity;
#[cfg(test)]
mod reasons;
pub mod rescan;
pub mod revoked;
#[cfg(test)]
mod samples;
pub mod sarif;
pub mod sentence;
pub mod shown;
pub mod standing;
pub mod steered;
pub mod style;
mod table;
mod tally;
pub mod terminal;
pub mod untrusted;
pub mod verified;
pub mod versions;
mod waiver_entry;
pub mod waivers;

pub use advisory_row::AdvisoryRow;
pub use compared::{Compared, ComparedFindings, ComparedVersion, SizeChange};
pub use model::{
    CaughtUp, ChannelMove, Deed, ImageReport, Looked, Place, Promotion, Reaped, Report, StageReport,
};
pub use standing::{Conclusion, Standing};
pub use tally::Tally;
