//! What a build needs of the machine, and what a machine can give.

use serde::Serialize;

/// Processors, memory and room on a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Processors.
    pub cpus: u32,
    /// Memory, in bytes.
    pub memory: u64,
    /// Room on the disk that holds scratch space, in bytes.
    pub disk: u64,
}

impl Resources {
    /// Whether all of this is in `available`.
    pub fn fits(self, available: Self) -> bool {
        self.cpus <= available.cpus
            && self.memory <= available.memory
            && self.disk <= available.disk
    }

    /// This and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.saturating_add(other.cpus),
            memory: self.memory.saturating_add(other.memory),
            disk: self.disk.saturating_add(other.disk),
        }
    }

    /// This without `other`; nothing where there is less.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.saturating_sub(other.cpus),
            memory: self.memory.saturating_sub(other.memory),
            disk: self.disk.saturating_sub(other.disk),
        }
    }

    /// As much of this as there is in `limit`.
    #[must_use]
    pub fn at_most(self, limit: Self) -> Self {
        Self {
            cpus: self.cpus.min(limit.cpus),
            memory: self.memory.min(limit.memory),
            disk: self.disk.min(limit.disk),
        }
    }
}

/// What somebody says of the resources that all builds together may take: the rest is the machine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Processors.
    pub cpus: Option<u32>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Room on the disk, in bytes.
    pub disk: Option<u64>,
}

impl Budget {
    /// The resources, on `machine`.
    pub fn on(self, machine: Resources) -> Resources {
        Resources {
            cpus: self.cpus.unwrap_or(machine.cpus),
            memory: self.memory.unwrap_or(machine.memory),
            disk: self.disk.unwrap_or(machine.disk),
        }
    }
}
