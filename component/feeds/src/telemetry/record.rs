//! One record of a `.z` feed: base64 of raw deflate of JSON, unpacked as leniently as FastF1's `_api.parse`.

use base64::alphabet::STANDARD;
use base64::engine::general_purpose::PAD;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// The longest JSON text that a record may hold, in bytes. A real one has some ten thousand; this bounds what
/// a crafted one costs.
const LONGEST: usize = 2 << 20;

/// The room to begin with; doubled, it is [`LONGEST`] at last.
const SHORTEST: usize = 32 << 10;

/// Python does not care which bits the last symbol has too many.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    PAD.with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Unpacks record after record in the same buffers.
pub struct Unpacker {
    inflate: Box<DecompressorOxide>,
    symbols: Vec<u8>,
    deflated: Vec<u8>,
    /// Room for a record; it grows with the longest one and is never cleared.
    json: Vec<u8>,
}

impl Unpacker {
    pub fn new() -> Unpacker {
        let (inflate, symbols, deflated) = Default::default();
        Unpacker { inflate, symbols, deflated, json: vec![0; SHORTEST] }
    }

    /// The text of the object that a record holds, packed or plain. None if it holds none.
    pub fn unpack<'a>(&'a mut self, record: &'a str) -> Option<&'a str> {
        if record.starts_with('{') {
            return Some(record);
        }
        self.decode(record.trim_matches('"'))?;
        let length = self.inflate()?;
        let json = std::str::from_utf8(self.json.get(..length)?).ok()?;
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

    /// Python's `zlib.decompress`: a stream that stops early is an error, bytes after its end are not. Gives the
    /// length of what it holds.
    ///
    /// Straight into the room for it: a decompressor that takes a stream in pieces keeps a window of its own, cleared
    /// for each record and copied from.
    fn inflate(&mut self) -> Option<usize> {
        self.inflate.init();
        let (mut read, mut written) = (0, 0);
        loop {
            let input = self.deflated.get(read..)?;
            let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
            let (status, taken, made) = decompress(&mut self.inflate, input, &mut self.json, written, flags);
            (read, written) = (read + taken, written + made);
            match status {
                TINFLStatus::Done => return Some(written),
                TINFLStatus::HasMoreOutput if self.json.len() < LONGEST => {
                    self.json.resize(2 * self.json.len(), 0);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, Decompress, FlushDecompress, Status};
    use proptest::prelude::*;

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

    /// `{`, then three bytes from four before: an error in Python too.
    #[test]
    fn what_repeats_bytes_from_before_its_beginning_is_none() {
        assert_eq!(unpack("qwZiAA=="), None);
    }

    #[test]
    fn a_record_that_inflates_without_end_is_none() {
        let bomb = {
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
            deflate.write_all(&vec![b'{'; 2 * LONGEST]).expect("a vector takes everything");
            deflate.finish().expect("a vector takes everything")
        };
        assert!(unpack(&BASE64.encode(bomb)).is_none());
    }

    /// In one piece, into room for all that is allowed.
    fn inflated(stream: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(LONGEST + 1);
        match Decompress::new(false).decompress_vec(stream, &mut out, FlushDecompress::Finish).ok()? {
            Status::StreamEnd => Some(out).filter(|out| out.len() <= LONGEST),
            _ => None,
        }
    }

    /// Whole, cut short, damaged, or with bytes after its end.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::collection::vec(b'a'..=b'z', 0..50);
        let text = (prop::collection::vec(piece, 0..20), 1..200_usize);
        let changes = prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 0..3);
        let end = prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)];
        let after = prop::collection::vec(any::<u8>(), 0..9);
        (text, 0..10_u32, changes, end, after).prop_map(|((pieces, times), level, changes, end, after)| {
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(level));
            deflate.write_all(&pieces.concat().repeat(times)).expect("a vector takes everything");
            let mut stream = deflate.finish().expect("a vector takes everything");
            for (at, bit) in changes {
                let at = at.index(stream.len());
                stream[at] ^= 1 << bit;
            }
            match end {
                Some(end) => stream.truncate(end.index(stream.len())),
                None => stream.extend(after),
            }
            stream
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Nothing of a stream before it is left in the room for one.
        #[test]
        fn inflates_any_stream_as_in_one_piece(streams in prop::collection::vec(stream(), 1..5)) {
            let mut unpacker = Unpacker::new();
            for stream in streams {
                unpacker.deflated.clone_from(&stream);
                let length = unpacker.inflate();
                let read = length.map(|length| unpacker.json[..length].to_vec());
                prop_assert!(read == inflated(&stream), "{stream:?}");
            }
        }
    }
}
