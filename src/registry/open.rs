//! From an address to a registry.

use std::io;
use std::sync::Arc;

use ::object_store::memory::InMemory;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::fs;

use crate::model::Address;

use super::{GitRegistry, ObjectStoreRegistry, Registry, RegistryError};
use crate::environment::Environment;
use crate::process::Launcher;

/// What a registry is reached with that is no folder of this machine.
#[derive(Clone)]
pub struct Reach {
    /// Who may, and the way out.
    pub environment: Environment,
    /// Starts git.
    pub launcher: Launcher,
    /// Where what was fetched is kept, if there is a place for it.
    pub state: Option<Utf8PathBuf>,
}

impl Reach {
    /// Reaches folders of this machine and nothing else.
    pub fn folders() -> Self {
        let environment = Environment::default();
        Self { environment, launcher: Launcher::new("goldsmith"), state: None }
    }
}

/// Opens the registry at `address`. A folder that is missing is made.
///
/// Refuses a registry that a later goldsmith has changed the layout of.
pub async fn open(address: &Address, reach: &Reach) -> Result<Box<dyn Registry>, RegistryError> {
    match address {
        Address::Directory(folder) => {
            create(folder)
                .await
                .map_err(|error| RegistryError::access("create", folder.as_str(), error))?;
            Ok(Box::new(ObjectStoreRegistry::open_folder(folder).await?))
        }
        Address::Objects(objects) => {
            Ok(Box::new(ObjectStoreRegistry::open_objects(objects, &reach.environment).await?))
        }
        Address::Git(git) => Ok(Box::new(GitRegistry::open(git, reach).await?)),
    }
}

/// Opens the registry at `address` for reading. A folder that is missing is a registry without
/// images, and is not made.
pub async fn look(address: &Address, reach: &Reach) -> Result<Box<dyn Registry>, RegistryError> {
    let Address::Directory(folder) = address else { return open(address, reach).await };
    match folder.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // One that cannot be looked at is not taken for one without images.
        Err(error) => return Err(RegistryError::access("open", folder.as_str(), error)),
        Ok(_) => return open(address, reach).await,
    }
    let nothing = Arc::new(InMemory::new());
    Ok(Box::new(ObjectStoreRegistry::open(nothing, folder.as_str()).await?))
}

/// The same, for consumers, who may be told what was so a moment ago: where that takes a question to a
/// server, what another process of this machine has just heard will do.
pub async fn glance(address: &Address, reach: &Reach) -> Result<Box<dyn Registry>, RegistryError> {
    match address {
        Address::Git(git) => Ok(Box::new(GitRegistry::glance(git, reach).await?)),
        Address::Directory(_) | Address::Objects(_) => look(address, reach).await,
    }
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
