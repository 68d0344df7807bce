//! From an address to a store.

use crate::model::StoreAddress;

use super::{DirectoryStore, Store};

/// The store at `address`. Nothing is touched before something is stored.
pub fn open(address: &StoreAddress) -> Box<dyn Store> {
    match address {
        StoreAddress::Directory(root) => Box::new(DirectoryStore::new(root.clone())),
    }
}
