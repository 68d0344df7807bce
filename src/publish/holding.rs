//! Which store a recorded location lies in.

use url::Url;

use crate::model::StoreAddress;

/// Of `stores` the one that the file at `location` lies in: that with the longest name, where one lies
/// in another.
pub fn holding<'a>(
    stores: impl IntoIterator<Item = &'a StoreAddress>,
    location: &str,
) -> Option<&'a StoreAddress> {
    let within = stores.into_iter().filter_map(|store| {
        let prefix = prefix(store)?;
        location.starts_with(&prefix).then_some((prefix.len(), store))
    });
    within.max_by_key(|(length, _)| *length).map(|(_, store)| store)
}

/// What the locations of all files in `store` begin with.
fn prefix(store: &StoreAddress) -> Option<String> {
    Some(match store {
        StoreAddress::Directory(root) => Url::from_directory_path(root).ok()?.to_string(),
        StoreAddress::Objects(objects) => format!("{}/", objects.location()),
        StoreAddress::Oci(reference) => format!("oci://{reference}/"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_in_the_innermost_store_that_it_begins_with() {
        let stores = [
            StoreAddress::Directory("/srv/images".into()),
            StoreAddress::Directory("/srv/images/new images".into()),
            StoreAddress::Objects("s3://bucket/images?region=eu-1".parse().unwrap()),
            StoreAddress::Oci("registry.example.org/team".parse().unwrap()),
        ];
        let place = |location: &str| {
            let found = holding(&stores, location)?;
            stores.iter().position(|store| store == found)
        };
        for (location, expected) in [
            ("file:///srv/images/debian-12/1.0.20261123/disk.qcow2", Some(0)),
            ("file:///srv/images/new%20images/debian-12/1.0.20261123/disk.qcow2", Some(1)),
            ("file:///srv/images-old/debian-12/1.0.20261123/disk.qcow2", None),
            ("s3://bucket/images/debian-12/1.0.20261123/disk.qcow2", Some(2)),
            ("s3://bucket/other/debian-12/1.0.20261123/disk.qcow2", None),
            ("oci://registry.example.org/team/debian-12:1.0.20261123#disk.qcow2", Some(3)),
            ("oci://evil.example.org/team/debian-12:1.0.20261123#disk.qcow2", None),
            ("", None),
        ] {
            assert_eq!(place(location), expected, "{location}");
        }
    }
}
