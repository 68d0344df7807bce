//! From an address to a store.

use camino::Utf8Path;

use crate::environment::Environment;
use crate::model::StoreAddress;

use super::{DirectoryStore, ObjectsStore, OciStore, Store, StoreError};

/// What stores on servers need of the machine.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where credentials come from.
    pub environment: &'a Environment,
    /// A folder in which is kept how far uploads are.
    pub state: &'a Utf8Path,
}

/// The store at `address`. Nothing is touched before something is stored.
pub fn open(
    address: &StoreAddress,
    surroundings: Surroundings<'_>,
) -> Result<Box<dyn Store>, StoreError> {
    let Surroundings { environment, state } = surroundings;
    match address {
        StoreAddress::Directory(root) => Ok(Box::new(DirectoryStore::new(root.clone()))),
        StoreAddress::Objects(objects) => Ok(Box::new(ObjectsStore::new(objects, environment)?)),
        StoreAddress::Oci(reference) => {
            let store = OciStore::new(reference.clone(), environment.clone(), state.to_owned());
            Ok(Box::new(store))
        }
    }
}
