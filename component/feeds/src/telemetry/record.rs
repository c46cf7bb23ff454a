//! One record of a `.z` feed: base64 of raw deflate of JSON, unpacked as leniently as FastF1's `_api.parse`.

use base64::alphabet::STANDARD;
use base64::engine::general_purpose::PAD;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose};
use flate2::{Decompress, FlushDecompress, Status};

/// The longest JSON text that a record may hold, in bytes. A real one has some ten thousand; this bounds what
/// a crafted one costs.
const LONGEST: usize = 2 << 20;

/// Python does not care which bits the last symbol has too many.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    PAD.with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Unpacks record after record in the same buffers.
pub struct Unpacker {
    inflate: Decompress,
    symbols: Vec<u8>,
    deflated: Vec<u8>,
    json: Vec<u8>,
}

impl Unpacker {
    pub fn new() -> Unpacker {
        let (symbols, deflated, json) = Default::default();
        Unpacker { inflate: Decompress::new(false), symbols, deflated, json }
    }

    /// The text of the object that a record holds, packed or plain. None if it holds none.
    pub fn unpack<'a>(&'a mut self, record: &'a str) -> Option<&'a str> {
        if record.starts_with('{') {
            return Some(record);
        }
        self.decode(record.trim_matches('"'))?;
        self.inflate()?;
        let json = std::str::from_utf8(&self.json).ok()?;
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        json.starts_with('{').then_some(json)
    }

    /// Python's `b64decode`: foreign characters are skipped, missing padding is an error, and what follows the
    /// padding is not read.
    fn decode(&mut self, record: &str) -> Option<()> {
        if !record.is_ascii() {
            return None;
        }
        self.deflated.clear();
        if record.len().is_multiple_of(4) && BASE64.decode_vec(record, &mut self.deflated).is_ok() {
            return Some(());
        }
        self.symbols.clear();
        let mut padding = 0;
        for byte in record.bytes() {
            let open = self.symbols.len() % 4;
            match byte {
                b'=' if open >= 2 => {
                    padding += 1;
                    if open + padding == 4 {
                        break;
                    }
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                    padding = 0;
                    self.symbols.push(byte);
                }
                _ => {}
            }
        }
        let open = self.symbols.len() % 4;
        if open != 0 && open + padding != 4 {
            return None;
        }
        self.deflated.clear();
        BASE64.decode_vec(&self.symbols, &mut self.deflated).ok()
    }

    /// Python's `zlib.decompress`: a stream that stops early is an error, bytes after its end are not.
    fn inflate(&mut self) -> Option<()> {
        self.inflate.reset(false);
        self.json.clear();
        loop {
            self.json.reserve(32 << 10);
            let before = (self.inflate.total_in(), self.json.len());
            let input = self.deflated.get(usize::try_from(before.0).ok()?..)?;
            let status = self.inflate.decompress_vec(input, &mut self.json, FlushDecompress::None).ok()?;
            let stuck = before == (self.inflate.total_in(), self.json.len());
            match status {
                _ if self.json.len() > LONGEST => return None,
                Status::StreamEnd => return Some(()),
                _ if stuck => return None,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(record: &str) -> Option<String> {
        Unpacker::new().unpack(record).map(str::to_owned)
    }

    /// `{"a":1}`, deflated; every other form of it as Python takes it.
    #[test]
    fn is_as_lenient_as_python() {
        let object = Some("{\"a\":1}".to_owned());
        for record in [
            "{\"a\":1}",
            "\"q1ZKVLIyrAUA\"",
            "q1ZKVLIyrAUA",
            "\"\"q1ZK VLIy*=rAUA\"",
            "\"q1ZKVLIyrAUAAA==\"",
            "\"q1ZKVLIyrAUAAA==/not read\"",
            "\"q1ZKVLIyrAUAAB==\"",
        ] {
            assert_eq!(unpack(record), object, "{record}");
        }
        for record in
            ["", "\"", "\"q1ZKVLIyrAU\"", "\"q1ZKVLIy\"", "\"q1ZKVLIyrAUAA\"", "\"é1ZKVLIyrAUA\"", "\"AwA=\""]
        {
            assert_eq!(unpack(record), None, "{record}");
        }
    }

    #[test]
    fn a_record_that_inflates_without_end_is_none() {
        let bomb = {
            use std::io::Write;
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            deflate.write_all(&vec![b'{'; 2 * LONGEST]).expect("a vector takes everything");
            deflate.finish().expect("a vector takes everything")
        };
        assert!(unpack(&BASE64.encode(bomb)).is_none());
    }
}
