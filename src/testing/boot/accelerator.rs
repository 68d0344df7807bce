//! Whether KVM is good for anything here.
//!
//! That `/dev/kvm` can be opened says nothing: on hosts whose nested virtualisation is emulated,
//! guests crawl. So a boot sector has to come to its end.

use std::time::Duration;

use camino::Utf8Path;

use super::super::TestingError;
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher, Outcome};

/// How long a boot sector may take: emulated it takes a quarter of that.
const LIMIT: Duration = Duration::from_secs(1);
/// Where the kernel offers it.
const DEVICE: &str = "/dev/kvm";

/// What runs a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accelerator {
    /// The processor.
    Kvm,
    /// QEMU.
    Tcg,
}

impl Accelerator {
    /// The best one that works. `folder` is for a file.
    pub(super) async fn probe(
        qemu: &Utf8Path,
        folder: &Utf8Path,
        launcher: &Launcher,
        cancellation: &Cancellation,
    ) -> Result<Self, TestingError> {
        if rustix::fs::access(DEVICE, rustix::fs::Access::WRITE_OK).is_err() {
            return Ok(Self::Tcg);
        }
        fs_err::write(folder.join("sector"), sector())?;
        let command = Command::new(qemu, "find out whether KVM works")
            .arguments(["-accel", "kvm", "-m", "16", "-nodefaults", "-display", "none"])
            .arguments(["-device", "isa-debug-exit,iobase=0xf4,iosize=1"])
            .arguments(["-drive", "file=sector,format=raw,if=ide"])
            .directory(folder)
            .environment(ChildEnvironment::default())
            .timeout(LIMIT)
            .grace(Duration::from_millis(500));
        let finished = launcher.run(&command, cancellation, |_| {}).await?;
        if finished.cancelled.is_some() {
            finished.success()?;
            return Ok(Self::Tcg);
        }
        // The device makes an odd number of what it is told: 0x10 is 33.
        let ran = finished.outcome == Outcome::Exited(33) && finished.timed_out.is_none();
        Ok(if ran { Self::Kvm } else { Self::Tcg })
    }

    /// Its name, as QEMU calls it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// A boot sector that ends the machine: `mov al,0x10; out 0xf4,al; cli; hlt`.
fn sector() -> [u8; 512] {
    let mut sector = [0; 512];
    sector[..6].copy_from_slice(&[0xb0, 0x10, 0xe6, 0xf4, 0xfa, 0xf4]);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}
