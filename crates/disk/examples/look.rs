//! Looks into an image and tells what is there, and how long it took:
//! `cargo run --release -p goldsmith-disk --example look IMAGE [FOLDER OF BACKING FILES]`.

#![expect(clippy::print_stdout, clippy::use_debug, reason = "it tells what it found")]

use std::time::Instant;

use camino::Utf8Path;
use goldsmith_disk::{Disk, Limits};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let image = arguments.next().unwrap_or_default();
    let limits = Limits { backing: arguments.map(Into::into).collect(), ..Limits::default() };
    let started = Instant::now();
    let disk = match Disk::open(Utf8Path::new(&image), &limits) {
        Ok(disk) => disk,
        Err(unreadable) => return println!("{unreadable}; {}", unreadable.way_out()),
    };
    println!("{} bytes, opened in {:?}", disk.size(), started.elapsed());
    for part in disk.parts() {
        println!("{}: {} bytes, {:?}", part.place, part.size, part.content);
    }
    for unreadable in disk.unreadable() {
        println!("not read: {unreadable}");
    }
    for root in disk.roots() {
        println!("{}: {}", root.name(), root.os.get("PRETTY_NAME"));
        let started = Instant::now();
        for database in
            ["/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/lib/apk/db/installed"]
        {
            if let Ok(database) = root.tree().read(database, 1 << 30) {
                println!("  database of {} bytes in {:?}", database.len(), started.elapsed());
            }
        }
        let started = Instant::now();
        let (mut files, mut bytes, mut failed) = (0_u64, 0_u64, 0_u64);
        for entry in root.tree().walk("/").into_iter().flatten() {
            match entry {
                Ok(entry) => (files, bytes) = (files + 1, bytes + entry.metadata.size),
                Err(error) => {
                    failed += 1;
                    println!("  {error}");
                }
            }
        }
        println!("  {files} files of {bytes} bytes, {failed} errors, in {:?}", started.elapsed());
        let started = Instant::now();
        let (mut read, mut bytes) = (0_u64, 0_u64);
        for entry in root.tree().walk("/").into_iter().flatten().flatten() {
            let copied = entry.copy(u64::MAX, |part| bytes += part.len() as u64);
            read += u64::from(copied.is_ok());
        }
        println!("  {read} files of {bytes} bytes read in {:?}", started.elapsed());
    }
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("most memory: {}", peak.unwrap_or_default().trim());
}
