//! Strategy `sbom`: an inventory that the maker of the image has published.

use super::without::nothing;
use super::{EvidenceError, sbom};
use crate::model::{Basis, Digest, Evidence, Inventory, StrategyName};

/// The evidence that the inventory `text`, called `name`, is about the artifact with the digest
/// `subject`.
pub fn of_document(subject: Digest, name: &str, text: String) -> Result<Evidence, EvidenceError> {
    let read = sbom::read(&text);
    let sbom::Sbom { os, packages, libraries, .. } =
        read.map_err(|source| EvidenceError::Document { name: name.to_owned(), source })?;
    let inventory = Inventory { packages, libraries, document: text };
    if inventory.packages.is_empty() && inventory.libraries.is_empty() {
        let why = "it names no package".to_owned();
        return Err(EvidenceError::Inventory { name: name.to_owned(), why });
    }
    Ok(Evidence { os, inventory, ..nothing(StrategyName::Sbom, Basis::Document, subject) })
}
