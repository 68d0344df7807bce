//! Which disks there are: every pair of container, table and file system, in a Latin square.

/// The file that holds the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Container {
    Raw,
    Qcow2V2,
    Qcow2V3,
    Zlib,
    Zstd,
    Chain,
    SmallClusters,
}

/// The partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Gpt,
    GptNamed,
    GptFifth,
    Mbr,
    MbrExtended,
    Hybrid,
    None,
}

/// What holds the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Files {
    Ext4,
    Ext4Small,
    Ext3,
    Xfs,
    Lvm,
    LvmTwo,
    Btrfs,
}

impl Container {
    pub(crate) const ALL: [Self; 7] = [
        Self::Raw,
        Self::Qcow2V2,
        Self::Qcow2V3,
        Self::Zlib,
        Self::Zstd,
        Self::Chain,
        Self::SmallClusters,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2V2 => "qcow2 version 2",
            Self::Qcow2V3 => "qcow2 version 3",
            Self::Zlib => "qcow2, zlib",
            Self::Zstd => "qcow2, zstd",
            Self::Chain => "qcow2 on qcow2 on raw",
            Self::SmallClusters => "qcow2, clusters of 512 bytes",
        }
    }
}

impl Table {
    pub(crate) const ALL: [Self; 7] = [
        Self::Gpt,
        Self::GptNamed,
        Self::GptFifth,
        Self::Mbr,
        Self::MbrExtended,
        Self::Hybrid,
        Self::None,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Gpt => "GPT",
            Self::GptNamed => "GPT, named partitions",
            Self::GptFifth => "GPT, root in partition 5 or later",
            Self::Mbr => "MBR",
            Self::MbrExtended => "MBR, root in a logical partition",
            Self::Hybrid => "GPT with a hybrid MBR",
            Self::None => "none",
        }
    }
}

impl Files {
    pub(crate) const ALL: [Self; 7] =
        [Self::Ext4, Self::Ext4Small, Self::Ext3, Self::Xfs, Self::Lvm, Self::LvmTwo, Self::Btrfs];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Ext4Small => "ext4, blocks of 1 KiB",
            Self::Ext3 => "ext3",
            Self::Xfs => "XFS",
            Self::Lvm => "ext4 on LVM2",
            Self::LvmTwo => "ext4 on LVM2 over two partitions",
            Self::Btrfs => "btrfs, subvolume `@`, zstd",
        }
    }
}

/// A disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) container: Container,
    pub(crate) table: Table,
    pub(crate) files: Files,
}

impl Recipe {
    pub(crate) fn name(self) -> String {
        format!("{:?}-{:?}-{:?}", self.container, self.table, self.files).to_lowercase()
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Recipe> {
    let mut all = Vec::new();
    for (i, container) in Container::ALL.into_iter().enumerate() {
        for (j, table) in Table::ALL.into_iter().enumerate() {
            let files = Files::ALL[(i + j) % 7];
            if (table, files) != (Table::None, Files::LvmTwo) {
                all.push(Recipe { container, table, files });
            }
        }
    }
    all
}
