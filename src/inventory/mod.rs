//! What has changed between two inventories. Pure.

mod diff;
mod version_order;

pub use diff::diff;
pub use version_order::VersionOrder;
