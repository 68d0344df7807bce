//! Many stored inventories in few questions to the scanner, and what has changed since the last time.
//! Pure.
//!
//! ```text
//! inventory ─► parts ─► batches ─► (the scanner) ─► answers ─► matches ─► findings of the inventory
//! ```
//!
//! Versions of an image share most packages, and images of one system many. So each package is asked
//! about once, whichever inventories have it, in documents of bounded size; what the scanner says is
//! brought back to each inventory by the reference that a package has in its document. Nothing that
//! decides what the scanner says gets lost on the way: packages are told apart by all that their
//! inventory says of them, and two that the scanner would mix up never stand in one document.

mod batches;
mod change;
mod matches;
mod parts;
#[cfg(test)]
mod tests;

pub use batches::{Batch, Batches, PARTS_OF_A_BATCH};
pub use change::{Seen, advice, blocking, same_findings};
pub use matches::{Answer, Found, Matched, Matches};
pub use parts::{Inventory, Part, read};
