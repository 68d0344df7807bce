//! Checksums of metadata: CRC-32C without the inversions, from a seed of the file system.

/// Goes on with a checksum.
pub(super) fn crc32c(start: u32, bytes: &[u8]) -> u32 {
    !::crc32c::crc32c_append(!start, bytes)
}

/// The seed for what belongs to an inode.
pub(super) fn of_inode(seed: u32, number: u64, generation: u32) -> u32 {
    let number = u32::try_from(number).unwrap_or(0);
    crc32c(crc32c(seed, &number.to_le_bytes()), &generation.to_le_bytes())
}
