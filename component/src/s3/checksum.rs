//! Checksums beside the signed SHA-256, which S3 keeps with the object.
//!
//! None is the default. The payload's hash is signed, so every store already refuses bytes that changed on
//! their way; and several stores refuse a checksum that they do not know, which broke uploads to them when
//! boto3 1.36 began to send one (botocore issue 3352).
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc};
use sha2::{Digest, Sha256};

/// An algorithm by its names: of the option and header, and of the XML.
#[derive(Debug, Clone, Copy)]
pub struct Checksum {
    pub name: &'static str,
    pub algorithm: &'static str,
    of: fn(&[u8]) -> Vec<u8>,
}

const ALGORITHMS: &[Checksum] = &[
    Checksum { name: "crc32", algorithm: "CRC32", of: crc32 },
    Checksum { name: "crc32c", algorithm: "CRC32C", of: crc32c },
    Checksum { name: "crc64nvme", algorithm: "CRC64NVME", of: crc64nvme },
    Checksum { name: "sha256", algorithm: "SHA256", of: |bytes| Sha256::digest(bytes).to_vec() },
];

impl Checksum {
    /// None for `none`.
    pub fn parse(name: &str) -> Result<Option<Checksum>, String> {
        let known = ALGORITHMS.iter().find(|known| known.name == name).copied();
        match known {
            None if name != "none" => {
                Err(format!("{name:?} is none of crc32, crc32c, crc64nvme, sha256, none"))
            }
            known => Ok(known),
        }
    }

    /// The name of the header that holds it.
    pub fn header(&self) -> String {
        format!("x-amz-checksum-{}", self.name)
    }

    /// The checksum as S3 writes it: base64 of the big-endian bytes.
    pub fn of(&self, bytes: &[u8]) -> String {
        STANDARD.encode((self.of)(bytes))
    }
}

fn crc32(bytes: &[u8]) -> Vec<u8> {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    CRC.checksum(bytes).to_be_bytes().to_vec()
}

fn crc32c(bytes: &[u8]) -> Vec<u8> {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    CRC.checksum(bytes).to_be_bytes().to_vec()
}

fn crc64nvme(bytes: &[u8]) -> Vec<u8> {
    const CRC: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);
    CRC.checksum(bytes).to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_the_catalogue() {
        // <https://reveng.sourceforge.io/crc-catalogue/>: of "123456789".
        let table: [(&str, &[u8]); 3] = [
            ("crc32", &[0xcb, 0xf4, 0x39, 0x26]),
            ("crc32c", &[0xe3, 0x06, 0x92, 0x83]),
            ("crc64nvme", &[0xae, 0x8b, 0x14, 0x86, 0x0a, 0x79, 0x98, 0x88]),
        ];
        for (name, bytes) in table {
            let checksum = Checksum::parse(name).unwrap().unwrap();
            assert_eq!(checksum.of(b"123456789"), STANDARD.encode(bytes), "{name}");
        }
        let empty = Checksum::parse("sha256").unwrap().unwrap().of(b"");
        assert_eq!(empty, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(Checksum::parse("none").unwrap().is_none());
        assert!(Checksum::parse("md5").is_err());
    }
}
