//! Strategy `sbom`: an inventory that the maker of the image has published.

use super::without::nothing;
use super::{EvidenceError, cyclonedx};
use crate::model::{Basis, Digest, Evidence, StrategyName};

/// The evidence that the inventory `text`, called `name`, is about the artifact with the digest
/// `subject`.
pub fn of_document(subject: Digest, name: &str, text: String) -> Result<Evidence, EvidenceError> {
    let (os, inventory) = cyclonedx::read(text)?;
    if inventory.packages.is_empty() && inventory.libraries.is_empty() {
        let why = "it names no package".to_owned();
        return Err(EvidenceError::Inventory { name: name.to_owned(), why });
    }
    Ok(Evidence { os, inventory, ..nothing(StrategyName::Sbom, Basis::Document, subject) })
}
