//! Which strategy fits a builder, or an artifact.

use std::io::{self, Read as _};

use camino::Utf8Path;

use super::source::{Container, is_tar};
use crate::model::StrategyName;

/// What an artifact looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// A disk image: anything that is nothing else.
    Disk,
    /// A container image.
    Container,
    /// A root file system.
    Rootfs,
    /// A CycloneDX or SPDX document.
    Inventory,
}

impl Looks {
    /// The strategy that reads it.
    pub fn strategy(self) -> StrategyName {
        match self {
            Self::Disk => StrategyName::Disk,
            Self::Container => StrategyName::Container,
            Self::Rootfs => StrategyName::Rootfs,
            Self::Inventory => StrategyName::Sbom,
        }
    }
}

/// What the file or folder at `path` looks like. Blocks.
pub fn looks(path: &Utf8Path) -> io::Result<Looks> {
    if Container::is_at(path)? {
        return Ok(Looks::Container);
    }
    if path.is_dir() || is_tar(path)? {
        return Ok(Looks::Rootfs);
    }
    let mut beginning = Vec::new();
    fs_err::File::open(path)?.take(4096).read_to_end(&mut beginning)?;
    let text = String::from_utf8_lossy(&beginning);
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    Ok(if json { Looks::Inventory } else { Looks::Disk })
}

/// Whether what a builder of Packer makes is never on this machine: then only the guest can be asked.
pub fn is_cloud(builder: &str) -> bool {
    const CLOUDS: &[&str] = &[
        "alicloud-",
        "amazon-",
        "azure-",
        "cloudstack",
        "digitalocean",
        "exoscale",
        "googlecompute",
        "hcloud",
        "hyperone",
        "ibmcloud",
        "jdcloud",
        "linode",
        "ncloud",
        "oci-",
        "oneandone",
        "openstack",
        "oracle-",
        "osc-",
        "profitbricks",
        "scaleway",
        "tencentcloud-",
        "triton",
        "ucloud",
        "upcloud",
        "vsphere-",
        "vultr",
        "yandex",
    ];
    CLOUDS.iter().any(|cloud| builder.starts_with(cloud))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_told_by_their_builders() {
        let all = ["amazon-ebs", "azure-arm", "vsphere-iso", "qemu", "docker", "proxmox-clone"];
        assert_eq!(all.map(is_cloud), [true, true, true, false, false, false]);
    }

    #[test]
    fn artifacts_are_told_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let file = |name: &str, content: &[u8]| {
            fs_err::write(folder.join(name), content).unwrap();
            looks(&folder.join(name)).unwrap()
        };
        assert_eq!(file("a.qcow2", b"QFI\xfb"), Looks::Disk);
        assert_eq!(file("empty", b""), Looks::Disk);
        assert_eq!(file("not-gzip", b"\x1f\x8bnonsense"), Looks::Disk);
        assert_eq!(file("sbom", b"\n { \"bomFormat\": 1 }"), Looks::Inventory);
        assert_eq!(looks(folder).unwrap(), Looks::Rootfs);
        fs_err::write(folder.join("oci-layout"), "{}").unwrap();
        assert_eq!(looks(folder).unwrap(), Looks::Container);
    }
}
