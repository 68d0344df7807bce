//! What has changed between two inventories. Pure.

mod diff;

pub use crate::formats::version_order::VersionOrder;
pub use diff::diff;
