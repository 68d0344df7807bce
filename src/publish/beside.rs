//! What lies beside the bytes of a version: `manifest.json`, which lists it, and the documents.

use url::Url;

use super::manifest::{MANIFEST, Manifest, is_safe};
use super::{Store, StoreError};

/// The largest `manifest.json` or document that is read as a whole, in bytes.
pub const LARGEST_DOCUMENT: u64 = 64 << 20;

/// Where the file `other` lies that is beside `name` at `location`.
pub fn beside(location: &str, name: &str, other: &str) -> Option<String> {
    if !is_safe(other) {
        return None;
    }
    if location.starts_with("file:") {
        let path = Url::parse(location).ok()?.to_file_path().ok()?;
        return Url::from_file_path(path.with_file_name(other)).ok().map(String::from);
    }
    location.strip_suffix(name).map(|folder| format!("{folder}{other}"))
}

/// The list of what a version consists of, as it lies beside its file `name` at `location`, with the bytes
/// that it was read from.
pub async fn listing(
    store: &dyn Store,
    location: &str,
    name: &str,
) -> Result<(Vec<u8>, Manifest), StoreError> {
    let place = beside(location, name, MANIFEST)
        .ok_or_else(|| StoreError::NoPlace { location: location.to_owned() })?;
    let content = store.read(&place, 0).await?.whole(&place, LARGEST_DOCUMENT).await?;
    let listing: Manifest =
        serde_json::from_slice(&content).map_err(|error| StoreError::Damaged {
            path: place.clone().into(),
            difference: format!("it cannot be read: {error}"),
        })?;
    // It says where documents are looked for, and what they are called here.
    let leading_elsewhere = listing.all().find(|file| !is_safe(&file.name));
    if let Some(file) = leading_elsewhere {
        let name = file.name.clone();
        return Err(StoreError::UnsafeName { name, why: "it leads elsewhere" });
    }
    Ok((content, listing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_a_file_lies_in_its_folder() {
        let at = |location, name, other| beside(location, name, other).unwrap_or_default();
        let told = [
            at("file:///srv/a%20b/1.0/disk%23.raw", "disk#.raw", "report.json"),
            at("s3://bucket/images/1.0/disk.raw", "disk.raw", "report.json"),
            at("oci://host/images/debian:1.0#disk.raw", "disk.raw", "report.json"),
            at("s3://bucket/images/1.0/disk.raw", "other.raw", "report.json"),
            at("s3://bucket/images/1.0/disk.raw", "disk.raw", "../report.json"),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        file:///srv/a%20b/1.0/report.json
        s3://bucket/images/1.0/report.json
        oci://host/images/debian:1.0#report.json
        ");
    }
}
