//! Identifiers of disks and file systems, which follow from what is in them.

use super::cache_key::CacheKey;

/// The identifiers of one disk image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskIds {
    /// MBR's signature of the disk.
    pub signature: u32,
    /// GPT's identifier of the disk.
    pub disk: String,
    /// Serial number of the FAT file system.
    pub boot_serial: u32,
    /// GPT's identifiers of the partitions.
    pub partitions: [String; 2],
    /// GPT's identifier of the partition from which a PC without UEFI starts.
    pub bios: String,
    /// Identifier of the ext4 file system.
    pub root: String,
    /// Seed of the hashes in its directories.
    pub hash_seed: String,
}

impl DiskIds {
    /// Returns the identifiers of an image with this key.
    pub(crate) fn of(key: &CacheKey) -> Self {
        let number = |purpose: &str| {
            let bytes = key.derive(purpose);
            // Zero would mean that there is none.
            u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).max(1)
        };
        DiskIds {
            signature: number("disk signature"),
            disk: uuid(key.derive("disk")),
            boot_serial: number("boot"),
            partitions: [uuid(key.derive("first partition")), uuid(key.derive("second partition"))],
            bios: uuid(key.derive("bios")),
            root: uuid(key.derive("root")),
            hash_seed: uuid(key.derive("hash seed")),
        }
    }

    /// Returns the FAT file system's serial number as `blkid` and fstab write it.
    pub(crate) fn boot_uuid(&self) -> String {
        format!("{:04X}-{:04X}", self.boot_serial >> 16, self.boot_serial & 0xffff)
    }

    /// Returns the kernel's name of the partition of this number (1 or 2) on a disk with an MBR.
    pub(crate) fn mbr_partition(&self, number: u8) -> String {
        format!("{:08x}-{number:02}", self.signature)
    }
}

/// Writes the bytes as a random UUID, the form that other programs expect.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = super::cache_key::hexadecimal(&bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::recipe::cache_key::CacheKeyBuilder;

    #[test]
    fn identifiers_follow_from_the_key_in_the_usual_forms() {
        let ids = |purpose| DiskIds::of(&CacheKeyBuilder::new(purpose).finish());
        assert_eq!(ids("a"), ids("a"));
        assert_ne!(ids("a"), ids("b"));
        let root = ids("a").root;
        assert_eq!(root.len(), 36);
        assert_eq!(&root[14..15], "4");
        assert!(["8", "9", "a", "b"].contains(&&root[19..20]));
        assert_eq!(ids("a").boot_uuid().len(), 9);
    }
}
