//! Stores on real servers: what every store must hold, and whole runs.

mod oci;

#[path = "../../../src/publish/contract.rs"]
mod contract;

pub(crate) use goldsmith::publish::{Manifest, Store, StoreError, Unpublished};
