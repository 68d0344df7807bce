//! From an address to a registry.

use std::io;
use std::sync::Arc;

use ::object_store::memory::InMemory;
use camino::Utf8Path;
use tokio::fs;

use crate::model::Address;

use super::{ObjectStoreRegistry, Registry, RegistryError};

/// Opens the registry at `address`. A folder that is missing is made.
///
/// Refuses a registry that a later goldsmith has changed the layout of.
pub async fn open(address: &Address) -> Result<Box<dyn Registry>, RegistryError> {
    match address {
        Address::Directory(folder) => {
            create(folder)
                .await
                .map_err(|error| RegistryError::access("create", folder.as_str(), error))?;
            Ok(Box::new(ObjectStoreRegistry::open_folder(folder).await?))
        }
        Address::Objects(objects) => {
            Err(RegistryError::Unreachable { address: objects.location() })
        }
        Address::Git(git) => Err(RegistryError::Unreachable { address: git.to_string() }),
    }
}

/// Opens the registry at `address` for reading. A folder that is missing is a registry without
/// images, and is not made.
pub async fn look(address: &Address) -> Result<Box<dyn Registry>, RegistryError> {
    let Address::Directory(folder) = address else { return open(address).await };
    match folder.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // One that cannot be looked at is not taken for one without images.
        Err(error) => return Err(RegistryError::access("open", folder.as_str(), error)),
        Ok(_) => return open(address).await,
    }
    let nothing = Arc::new(InMemory::new());
    Ok(Box::new(ObjectStoreRegistry::open(nothing, folder.as_str()).await?))
}

/// Makes `folder` and those around it. What is written into it must not be lost with it.
async fn create(folder: &Utf8Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !folder.exists());
    let missing: Vec<&Utf8Path> = missing.collect();
    fs::create_dir_all(folder).await?;
    for parent in missing.iter().filter_map(|folder| folder.parent()) {
        fs::File::open(parent).await?.sync_all().await?;
    }
    Ok(())
}
