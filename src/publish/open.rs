//! From an address to a store.

use crate::model::StoreAddress;

use super::{DirectoryStore, Store, StoreError};

/// The store at `address`. Nothing is touched before something is stored.
pub fn open(address: &StoreAddress) -> Result<Box<dyn Store>, StoreError> {
    match address {
        StoreAddress::Directory(root) => Ok(Box::new(DirectoryStore::new(root.clone()))),
        StoreAddress::Objects(objects) => {
            Err(StoreError::Unreachable { address: objects.location() })
        }
        StoreAddress::Oci(reference) => {
            Err(StoreError::Unreachable { address: reference.to_string() })
        }
    }
}
