//! From a recorded location to the store that it lies in.

use camino::Utf8PathBuf;
use url::Url;

use crate::environment::Environment;
use crate::model::{ObjectsAddress, OciReference, StoreAddress};

use super::{Store, StoreError, Surroundings, holding, open};

/// Variables with which everybody is told who asks: only for registries that `images.yml` or the
/// command line names. A record is written by others.
const OF_THE_USER: [&str; 2] = ["GOLDSMITH_OCI_USERNAME", "GOLDSMITH_OCI_PASSWORD"];

/// Opens the store that the file at `location` lies in: one of `known`, which say how it is reached,
/// or else the one that the location itself names.
pub fn open_for(
    location: &str,
    known: &[StoreAddress],
    surroundings: Surroundings<'_>,
) -> Result<Box<dyn Store>, StoreError> {
    if let Some(address) = holding(known, location) {
        return open(address, surroundings);
    }
    let address = address_of(location).map(|address| reached_as(address, known));
    let address = address.ok_or_else(|| StoreError::NoPlace { location: location.to_owned() })?;
    // It goes to a server, and only to one that somebody here has named.
    let trusted = known.iter().any(|known| match (known, &address) {
        (StoreAddress::Oci(known), StoreAddress::Oci(found)) => known.host() == found.host(),
        _ => false,
    });
    let others = || {
        let pairs = surroundings.environment.iter();
        let pairs = pairs.filter(|(name, _)| !OF_THE_USER.contains(name));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Environment>()
    };
    if trusted {
        open(&address, surroundings)
    } else {
        open(&address, Surroundings { environment: &others(), ..surroundings })
    }
}

/// `address`, reached as other places in the same bucket are.
fn reached_as(address: StoreAddress, known: &[StoreAddress]) -> StoreAddress {
    let StoreAddress::Objects(own) = &address else { return address };
    let same = known.iter().find_map(|known| match known {
        StoreAddress::Objects(it) => {
            ((it.scheme(), it.bucket()) == (own.scheme(), own.bucket())).then(|| it.to_string())
        }
        _ => None,
    });
    let query = same.as_deref().and_then(|same| same.split_once('?')).map(|(_, query)| query);
    let reached = query.and_then(|query| format!("{own}?{query}").parse().ok());
    reached.map_or(address, StoreAddress::Objects)
}

/// A store that `location` lies in, as far as the location says so itself.
fn address_of(location: &str) -> Option<StoreAddress> {
    if let Some(place) = location.strip_prefix("oci://") {
        // The last part of the path is the image.
        let (reference, _) = place.split_once('#')?.0.rsplit_once('/')?;
        return reference.parse::<OciReference>().ok().map(StoreAddress::Oci);
    }
    if ObjectsAddress::claims(location) {
        let (scheme, rest) = location.split_once("://")?;
        let (bucket, _) = rest.split_once('/')?;
        let address = format!("{scheme}://{bucket}");
        return address.parse::<ObjectsAddress>().ok().map(StoreAddress::Objects);
    }
    let path = Url::parse(location).ok()?.to_file_path().ok()?;
    let path = Utf8PathBuf::from_path_buf(path).ok()?;
    path.parent().map(|folder| StoreAddress::Directory(folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_leads_to_the_store_that_knows_how_to_reach_it() {
        let objects = |text: &str| StoreAddress::Objects(text.parse().unwrap());
        let stores = [
            StoreAddress::Directory("/srv/images".into()),
            objects("s3://bucket/images?endpoint=http://127.0.0.1:9000"),
            objects("s3://bucket/images/new?region=eu-1"),
            StoreAddress::Oci("registry.example.org/team".parse().unwrap()),
        ];
        let told = |location: &str| {
            let known = holding(&stores, location);
            let own = || address_of(location).map(|own| reached_as(own, &stores));
            let (how, found) = match known {
                Some(known) => ("known ", Some(known.clone())),
                None => ("", own()),
            };
            let found = found.map(|address| match address {
                StoreAddress::Directory(folder) => folder.to_string(),
                StoreAddress::Objects(objects) => objects.to_string(),
                StoreAddress::Oci(reference) => reference.to_string(),
            });
            format!("{location}\n  {how}{}\n", found.unwrap_or_else(|| "nowhere".to_owned()))
        };
        let locations = [
            "file:///srv/images/debian-12/1.0.20261123/disk.qcow2",
            "file:///srv/images-old/debian-12/1.0.20261123/disk.qcow2",
            "s3://bucket/images/debian-12/1.0.20261123/disk.qcow2",
            "s3://bucket/images/new/debian-12/1.0.20261123/disk.qcow2",
            "s3://bucket/old/debian-12/1.0.20261123/disk.qcow2",
            "s3://other/debian-12/1.0.20261123/disk.qcow2",
            "oci://registry.example.org/team/debian-12:1.0.20261123#disk.qcow2",
            "oci://evil.example.org/team/debian-12:1.0.20261123#disk.qcow2",
            "oci://registry.example.org/debian-12#disk.qcow2",
            "https://example.org/disk.qcow2",
            "/etc/passwd",
            "s3://bucket",
            "",
        ];
        insta::assert_snapshot!(locations.map(told).concat(), @"
        file:///srv/images/debian-12/1.0.20261123/disk.qcow2
          known /srv/images
        file:///srv/images-old/debian-12/1.0.20261123/disk.qcow2
          /srv/images-old/debian-12/1.0.20261123
        s3://bucket/images/debian-12/1.0.20261123/disk.qcow2
          known s3://bucket/images?endpoint=http://127.0.0.1:9000
        s3://bucket/images/new/debian-12/1.0.20261123/disk.qcow2
          known s3://bucket/images/new?region=eu-1
        s3://bucket/old/debian-12/1.0.20261123/disk.qcow2
          s3://bucket?endpoint=http://127.0.0.1:9000
        s3://other/debian-12/1.0.20261123/disk.qcow2
          s3://other
        oci://registry.example.org/team/debian-12:1.0.20261123#disk.qcow2
          known registry.example.org/team
        oci://evil.example.org/team/debian-12:1.0.20261123#disk.qcow2
          evil.example.org/team
        oci://registry.example.org/debian-12#disk.qcow2
          nowhere
        https://example.org/disk.qcow2
          nowhere
        /etc/passwd
          nowhere
        s3://bucket
          nowhere

          nowhere
        ");
    }
}
