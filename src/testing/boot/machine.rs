//! The arguments of QEMU. Pure. All files lie in the machine's folder, where QEMU runs.

use super::accelerator::Accelerator;
use super::firmware::Firmware;
use crate::model::Resources;

/// The memory of a machine, in MiB.
const MEMORY: u32 = 1024;

/// The processors of a machine. Emulated, more of them cost more than they give.
fn cpus(accelerator: Accelerator) -> u32 {
    match accelerator {
        Accelerator::Kvm => 2,
        Accelerator::Tcg => 1,
    }
}

/// What so many machines need of this one, side by side.
pub(super) fn needs(machines: u32, accelerator: Accelerator) -> Resources {
    Resources {
        cpus: machines * cpus(accelerator),
        memory: u64::from(machines * MEMORY) << 20,
        disk: 0,
    }
}

/// The arguments of a machine: the disk `disk.qcow2`, the seed `seed.iso`, its console on standard
/// output, its report in the file `report`, and sockets for QEMU and the guest agent.
pub(super) fn arguments(accelerator: Accelerator, firmware: &Firmware) -> Vec<String> {
    let cpu = match accelerator {
        Accelerator::Kvm => "host",
        Accelerator::Tcg => "max",
    };
    let mut arguments: Vec<String> = [
        "-no-user-config",
        "-nodefaults",
        "-name",
        "goldsmith-test",
        "-machine",
        &format!("q35,accel={}", accelerator.as_str()),
        "-cpu",
        cpu,
        "-smp",
        &cpus(accelerator).to_string(),
        "-m",
        &MEMORY.to_string(),
        "-display",
        "none",
        // For the picture of the console.
        "-device",
        "VGA",
        "-qmp",
        "unix:qmp.sock,server=on,wait=off",
        "-chardev",
        "stdio,id=console,signal=off",
        "-serial",
        "chardev:console",
        "-serial",
        "file:report",
        "-drive",
        "if=none,id=disk,file=disk.qcow2,format=qcow2,cache=unsafe,discard=unmap",
        "-device",
        "virtio-blk-pci,drive=disk,bootindex=0",
        "-drive",
        "if=none,id=seed,file=seed.iso,format=raw,readonly=on",
        "-device",
        "virtio-blk-pci,drive=seed",
        // An address, and no way out: the image is not trusted yet.
        "-netdev",
        "user,id=net,restrict=on",
        "-device",
        "virtio-net-pci,netdev=net,romfile=",
        "-device",
        "virtio-rng-pci",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        "socket,id=agent,path=agent.sock,server=on,wait=off",
        "-device",
        "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
    ]
    .map(str::to_owned)
    .into();
    if let Firmware::Uefi { code, .. } = firmware {
        let drives = [
            format!("if=pflash,unit=0,format=raw,readonly=on,file={code}"),
            "if=pflash,unit=1,format=raw,file=vars.fd".to_owned(),
        ];
        arguments.extend(drives.into_iter().flat_map(|drive| ["-drive".to_owned(), drive]));
    }
    arguments
}
