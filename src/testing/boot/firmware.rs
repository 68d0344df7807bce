//! Which firmware starts a disk: UEFI where the disk has a partition for it and this host has the
//! firmware, else BIOS.

use camino::{Utf8Path, Utf8PathBuf};

/// Where distributions keep OVMF: code, and the variables that go with it.
const OVMF: [(&str, &str); 6] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
];

/// What starts a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Firmware {
    /// QEMU's own.
    Bios,
    /// OVMF.
    Uefi {
        /// Its code.
        code: Utf8PathBuf,
        /// The variables that a machine begins with.
        variables: Utf8PathBuf,
    },
}

impl Firmware {
    /// What starts a disk with this beginning, of an artifact that brings these firmware variables
    /// along or none.
    pub(super) fn of(begin: &[u8], own: Option<&Utf8Path>) -> Self {
        if own.is_none() && !has_esp(begin) {
            return Self::Bios;
        }
        let size = |path: &Utf8Path| fs_err::metadata(path).map(|file| file.len()).ok();
        let mut known =
            OVMF.map(|(code, variables)| (Utf8Path::new(code), Utf8Path::new(variables)));
        // Variables are good only for the build of the firmware whose layout they have.
        if let Some(own) = own {
            known.sort_by_key(|(_, variables)| size(variables) != size(own));
        }
        let found = known.into_iter().find(|(code, variables)| code.exists() && variables.exists());
        found.map_or(Self::Bios, |(code, variables)| Self::Uefi {
            code: code.to_owned(),
            variables: own.unwrap_or(variables).to_owned(),
        })
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::Uefi { .. } => "UEFI",
        }
    }
}

/// Bytes of the beginning of a disk that tell: the GPT's header and its 128 entries.
pub(super) const BEGIN: u64 = 34 * 512;

/// Whether the disk with this beginning has an EFI system partition (UEFI 2.10, 5.3).
fn has_esp(begin: &[u8]) -> bool {
    const ESP: [u8; 16] = [
        0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9,
        0x3b,
    ];
    let gpt = begin.get(512..520) == Some(b"EFI PART")
        && begin
            .get(1024..)
            .is_some_and(|entries| entries.chunks_exact(128).any(|entry| entry.starts_with(&ESP)));
    // An MBR's partition of this kind, where there is no GPT.
    let mbr = begin.get(510..512) == Some(&[0x55, 0xaa])
        && begin
            .get(446..510)
            .is_some_and(|table| table.chunks_exact(16).any(|entry| entry[4] == 0xef));
    gpt || mbr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_an_efi_system_partition_wants_uefi() {
        let mut gpt = vec![0; 34 * 512];
        gpt[512..520].copy_from_slice(b"EFI PART");
        assert!(!has_esp(&gpt));
        gpt[1024 + 128..1024 + 132].copy_from_slice(&[0x28, 0x73, 0x2a, 0xc1]);
        assert!(!has_esp(&gpt), "that is but the beginning of its kind");
        gpt[1024 + 132..1024 + 144].copy_from_slice(&[
            0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
        ]);
        assert!(has_esp(&gpt));

        let mut mbr = vec![0; 512];
        mbr[446 + 16 + 4] = 0xef;
        assert!(!has_esp(&mbr), "no signature");
        mbr[510..].copy_from_slice(&[0x55, 0xaa]);
        assert!(has_esp(&mbr));
        assert!(!has_esp(&mbr[..100]));
    }
}
