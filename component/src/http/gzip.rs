//! gzip, decoded as it comes.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// How every member of a gzip stream begins.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Decodes one member after the other. What follows the last one and is no member (padding, a line end) is passed
/// over, as gzip(1) and urllib3 do.
pub struct Gunzip {
    /// None between two members and behind the last.
    member: Option<GzDecoder<Vec<u8>>>,
    /// How much of [`MAGIC`] has come since the end of a member.
    begun: usize,
    /// Whether the last member has ended for certain.
    over: bool,
}

impl Default for Gunzip {
    fn default() -> Self {
        Gunzip { member: Some(GzDecoder::new(Vec::new())), begun: 0, over: false }
    }
}

impl Gunzip {
    /// What these bytes give. Fails if they are damaged.
    pub fn decode(&mut self, mut bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut decoded = Vec::new();
        while let [first, rest @ ..] = bytes
            && !self.over
        {
            let Some(member) = &mut self.member else {
                self.over = *first != MAGIC[self.begun];
                self.begun += 1;
                if !self.over && self.begun == MAGIC.len() {
                    self.begun = 0;
                    self.member.insert(GzDecoder::new(Vec::new())).write_all(&MAGIC)?;
                }
                bytes = rest;
                continue;
            };
            match member.write(bytes)? {
                // The member has ended before these bytes.
                0 => {
                    decoded.extend(self.member.take().map(GzDecoder::finish).transpose()?.unwrap_or_default())
                }
                written => bytes = &bytes[written..],
            }
        }
        if let Some(member) = &mut self.member {
            decoded.append(member.get_mut());
        }
        Ok(decoded)
    }

    /// The end of the body: what is left. Fails in the middle of a member.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.member.map(GzDecoder::finish).transpose().map(Option::unwrap_or_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// In pieces of every length, which must make no difference.
    fn decoded(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let in_pieces = |length| {
            let mut gunzip = Gunzip::default();
            let mut all = Vec::new();
            for piece in bytes.chunks(length) {
                all.extend(gunzip.decode(piece)?);
            }
            all.extend(gunzip.finish()?);
            io::Result::Ok(all)
        };
        let whole = in_pieces(bytes.len());
        for length in 1..bytes.len() {
            assert_eq!(in_pieces(length).ok(), whole.as_ref().ok().cloned(), "pieces of {length}");
        }
        whole
    }

    #[test]
    fn what_follows_the_last_member_is_passed_over() {
        let member = packed("{\"a\": 1}");
        for behind in [&b""[..], &[0; 512], b"\r\n", b"garbage", &[0x1f], &[0x1f, 0x8b], &[0x1f, 0x8b, 0]] {
            assert_eq!(decoded(&[&member[..], behind].concat()).unwrap(), b"{\"a\": 1}", "{behind:?}");
        }
    }

    #[test]
    fn a_further_member_is_decoded() {
        let two = [packed("one"), packed(", two")].concat();
        assert_eq!(decoded(&[&two[..], b"\0\0"].concat()).unwrap(), b"one, two");
    }

    #[test]
    fn a_member_that_is_cut_short_or_damaged_is_an_error() {
        let member = packed("a document");
        for length in 1..member.len() {
            assert!(decoded(&member[..length]).is_err(), "the first {length} bytes");
        }
        let mut damaged = member.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert!(decoded(&damaged).is_err());
        assert!(decoded(b"{\"a\": 1}").is_err());
        assert!(decoded(&[&member[..], &member[..12]].concat()).is_err());
    }
}
